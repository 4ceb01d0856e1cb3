/** The budget of the next run: its facts, whether it is current, and its automatic measurement. */

import { useEffect, useMemo } from "react";
import type { RunRequest } from "../../protocol/engine.ts";
import { choiceOf } from "../../run/source.ts";
import { budgetKey } from "../../store/budget.ts";
import type { BudgetFacts } from "../../store/state.ts";
import { useFacts, useHone } from "../hone.ts";
import { useSpec } from "../spec.tsx";

/** Models with fewer parameters are measured automatically: it takes seconds. */
const smallModel = 20e6;
/** Milliseconds after the last change. */
const settling = 1000;

export interface BudgetView {
  readonly facts: BudgetFacts;
  /** Null while something is missing or refused. */
  readonly request: RunRequest | null;
  readonly key: string | null;
  /** Whether the budget is of the present settings. */
  readonly current: boolean;
  /** Whether the engine is busy. */
  readonly busy: boolean;
  /** Whether it is measured automatically. */
  readonly byItself: boolean;
}

export function useBudget(): BudgetView {
  const hone = useHone();
  const facts = useFacts((state) => state.budget);
  const chosen = useFacts((state) => state.data.chosen);
  const { recipe, refusals, model, now } = useSpec();
  const busy = useFacts(
    ({ training, compare, exam, model, data, engine, baseLoss }) =>
      training.phase !== "idle" ||
      baseLoss.measuring !== null ||
      training.elsewhere ||
      compare.answering ||
      exam.phase !== "idle" ||
      model.opening ||
      data.opening ||
      engine.status !== "ready",
  );
  const { report, key: reportKey, checking } = useFacts((state) => state.report);
  const checked = report !== null && !checking && now !== null && reportKey === now.key;
  const passed = checked && report.checks.every(({ passed }) => passed);

  const whole = now !== null && Object.keys(refusals).length === 0;
  const request = useMemo<RunRequest | null>(
    () => (whole && model ? { name: "", modelHash: model.hash, sources: chosen.map(choiceOf), recipe } : null),
    [whole, model, chosen, recipe],
  );
  const key = useMemo(() => request && budgetKey(request), [request]);
  const current = key !== null && facts.key === key;
  const byItself = model !== undefined && model.parameters < smallModel;

  // The measured run is not current any more.
  const stale = facts.measuring !== null && facts.measuring !== key;
  useEffect(() => {
    if (stale) hone.budget.cancel();
  }, [hone, stale]);

  const wanted = byItself && passed && !busy && !current && facts.measuring === null && facts.failedKey !== key;
  useEffect(() => {
    if (!wanted || !request || key === null) return;
    const timer = setTimeout(() => void hone.budget.measure(request, key), settling);
    return () => clearTimeout(timer);
  }, [hone, wanted, request, key]);

  return { facts, request, key, current, busy, byItself };
}

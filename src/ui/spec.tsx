/** The data spec of the present choices, built once for all screens. */

import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import type { ModelSummary } from "../protocol/engine.ts";
import type { SourceSummary } from "../records/source.ts";
import { type DataSpec, dataSpecOf } from "../run/dataSpec.ts";
import type { RunRecord } from "../run/record.ts";
import { withStageLambdas } from "../run/stage.ts";
import { lambdasIn } from "../store/stages.ts";
import { startRunOf } from "../store/starting.ts";
import { useFacts } from "./hone.ts";
import { type ReadRecipe, readRecipe, withStart } from "./train/recipe.ts";

interface Spec {
  readonly spec: DataSpec;
  /** Equal for equal specs. */
  readonly key: string;
}

interface SpecFacts extends ReadRecipe {
  readonly model: ModelSummary | undefined;
  /** The run whose weights the next one starts from; null is the base model. */
  readonly start: RunRecord | null;
  /** The known chosen sources, in the order of choice. */
  readonly sources: readonly SourceSummary[];
  /** The spec of the present choices; null while something is missing. */
  readonly now: Spec | null;
  /** The same after a delay, for requests to the worker. */
  readonly settled: Spec | null;
}

/** Milliseconds after the last keystroke. */
const delay = 250;

const SpecContext = createContext<SpecFacts | null>(null);

export function SpecProvider({ children }: { readonly children: ReactNode }) {
  // The run's name is not part of the spec.
  const start = useFacts(startRunOf);
  const typedMethod = useFacts((state) => state.recipe.method);
  const method = start?.recipe.method ?? typedMethod;
  const entries = useFacts((state) => state.recipe.entries);
  const model = useFacts(({ model: { list, selected } }) => list.find(({ hash }) => hash === selected));
  const { list, chosen, model: tokenizerModel, suggested } = useFacts((state) => state.data);
  const details = useFacts((state) => state.model.details);
  const ready = useFacts((state) => state.engine.status === "ready");

  const linears = details !== null && details.hash === model?.hash ? details.linears : undefined;
  const general = useMemo(() => chosen.flatMap((source, index) => (source.general ? [index] : [])), [chosen]);
  const read = useMemo(
    () => readRecipe({ method, entries }, model, tokenizerModel === model?.hash ? suggested : null, linears, general),
    [method, entries, model, tokenizerModel, suggested, linears, general],
  );
  const fixed = useMemo(() => (start ? withStart(read, start.recipe) : read), [read, start]);
  const recipe = useMemo(() => {
    const { stages } = fixed.recipe;
    // No stage trains on the general text itself; a stage's share of it is a setting.
    const bySource = chosen.map((source) => (source.general ? [] : lambdasIn(source, stages.length)));
    return withStageLambdas(
      fixed.recipe,
      stages.map((_, index) => bySource.map((lambdas) => lambdas[index] ?? 0)),
    );
  }, [fixed, chosen]);
  const sources = useMemo(
    () => chosen.flatMap((source) => list.find(({ hash }) => hash === source.hash) ?? []),
    [chosen, list],
  );
  const now = useMemo<Spec | null>(() => {
    if (!ready || !model || tokenizerModel !== model.hash || chosen.length === 0 || sources.length < chosen.length)
      return null;
    const spec = dataSpecOf(model.hash, chosen, recipe);
    return { spec, key: JSON.stringify(spec) };
  }, [ready, model, tokenizerModel, chosen, sources, recipe]);

  const [settled, setSettled] = useState(now);
  const key = now?.key ?? null;
  useEffect(() => {
    if (settled?.key === key) return;
    // No delay for the first spec, or for its removal.
    if (!settled || !now) return setSettled(now);
    const timer = setTimeout(() => setSettled(now), delay);
    return () => clearTimeout(timer);
  }, [key, now, settled]);

  const facts = useMemo(
    () => ({ ...fixed, recipe, model, sources, now, settled, start }),
    [fixed, recipe, model, sources, now, settled, start],
  );
  return <SpecContext value={facts}>{children}</SpecContext>;
}

/** Throws outside the provider. */
export function useSpec(): SpecFacts {
  const facts = useContext(SpecContext);
  if (!facts) throw new Error("useSpec needs a SpecProvider above it.");
  return facts;
}

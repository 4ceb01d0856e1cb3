/** The models that answer: the base model, the chosen run and another checkpoint, each with its training template. */

import { useMemo } from "react";
import type { ModelSummary } from "../../protocol/engine.ts";
import { hasWeights } from "../../run/origin.ts";
import type { Recipe } from "../../run/recipe.ts";
import type { RunRecord } from "../../run/record.ts";
import type { Side } from "../../store/conversation.ts";
import { useFacts } from "../hone.ts";
import { useSpec } from "../spec.tsx";
import { compareWords } from "../words/compare.ts";

interface Sides {
  /** Runs that have a checkpoint. */
  readonly answering: readonly RunRecord[];
  readonly run: RunRecord | null;
  /** Run of the other checkpoint. */
  readonly otherRun: RunRecord | null;
  /** The base model. */
  readonly model: ModelSummary | null;
  /** Template and system prompt of the base model's prompt. */
  readonly recipe: Recipe;
  /** Empty where `missing` has the reason. */
  readonly sides: readonly Side[];
  /** What is missing for an answer; null where nothing is. */
  readonly missing: string | null;
}

export function useSides(): Sides {
  const runs = useFacts((state) => state.runs.list);
  const models = useFacts((state) => state.model.list);
  const selected = useFacts((state) => state.model.selected);
  const runId = useFacts((state) => state.compare.runId);
  const other = useFacts((state) => state.compare.other);
  const typed = useSpec().recipe;

  return useMemo(() => {
    const answering = runs.filter(hasWeights);
    const run = (runId === null ? answering[0] : answering.find(({ id }) => id === runId)) ?? null;
    const otherRun = answering.find(({ id }) => id === other?.runId) ?? null;
    const modelOf = (hash: string | null) => models.find((model) => model.hash === hash) ?? null;
    const model = modelOf(run?.model.hash ?? selected);
    const recipe = run?.recipe ?? typed;

    const lacking = [run, otherRun].find((candidate) => candidate && !modelOf(candidate.model.hash));
    const missing = lacking
      ? compareWords.missing.modelOf(lacking.model.name)
      : model
        ? null
        : compareWords.missing.model;
    const tuned = (name: Side["name"], of: RunRecord, checkpoint: number | null): Side => ({
      name,
      of: of.name,
      modelHash: of.model.hash,
      runId: of.id,
      checkpoint,
      template: of.recipe.template,
      systemPrompt: of.recipe.systemPrompt,
    });
    const base = (of: ModelSummary): Side => ({
      name: "base",
      of: of.name,
      modelHash: of.hash,
      runId: null,
      beside: run?.id ?? null,
      checkpoint: null,
      template: recipe.template,
      systemPrompt: recipe.systemPrompt,
    });
    const sides =
      missing || !model
        ? []
        : [
            base(model),
            ...(run ? [tuned("tuned", run, null)] : []),
            ...(otherRun ? [tuned("other", otherRun, other?.checkpoint ?? null)] : []),
          ];
    return { answering, run, otherRun, model, recipe, sides, missing };
  }, [runs, models, selected, runId, other, typed]);
}

/** Stages on the page: kinds of chosen data, and the present stage of a run. */

import type { DataReport } from "../../quality/report.ts";
import type { TrainableKind } from "../../records/example.ts";
import type { SourceSummary } from "../../records/source.ts";
import type { Recipe } from "../../run/recipe.ts";
import type { RunStage } from "../../run/record.ts";
import type { WeightedSource } from "../../run/source.ts";
import { learns, type Objective, type Stage } from "../../run/stage.ts";

/** The mappings of the sources that a stage may train on: not of general text. */
const mappingsOf = (
  sources: readonly Pick<SourceSummary, "hash" | "detection">[],
  chosen: readonly Pick<WeightedSource, "hash" | "mapping" | "general">[],
) =>
  sources.flatMap(({ hash, detection }) => {
    const choice = chosen.find((source) => source.hash === hash);
    return choice?.general ? [] : [choice?.mapping ?? detection.mapping];
  });

/**
 * Whether the chosen data, without general text, have plain text and chats. Without a report the format decides; a file of mixed formats
 * counts as both.
 */
export function kindsOf(
  sources: readonly Pick<SourceSummary, "hash" | "detection">[],
  chosen: readonly Pick<WeightedSource, "hash" | "mapping" | "general">[],
  report: Pick<DataReport, "sources" | "findings"> | null,
): Readonly<Record<TrainableKind, boolean>> {
  if (report) {
    const some = (kind: TrainableKind) => report.sources.some(({ byKind }) => byKind[kind].training > 0);
    // A report of a run without preferences names their rows as a finding.
    const preference = some("preference") || report.findings.some(({ kind }) => kind === "preference");
    return { text: some("text"), chat: some("chat"), preference };
  }
  const mappings = mappingsOf(sources, chosen);
  const isText = ({ format, columns }: (typeof mappings)[number]) =>
    format === "text" || (format === "columns" && columns.text !== undefined && columns.messages === undefined);
  const mixed = mappings.some(({ format }) => format === "mixed");
  const isPreference = ({ format, columns }: (typeof mappings)[number]) =>
    format === "preference" || [columns.label, columns.chosen, columns.rejected].some((column) => column !== undefined);
  return {
    text: mixed || mappings.some(isText),
    chat: mixed || mappings.some((mapping) => !isText(mapping) && !isPreference(mapping)),
    preference: mixed || mappings.some((mapping) => isPreference(mapping) || mapping.format === "oasst"),
  };
}

/** Whether all preferences of the chosen data are single answers with a label, which only KTO can use. */
export function onlyLabelled(
  sources: readonly Pick<SourceSummary, "hash" | "detection">[],
  chosen: readonly Pick<WeightedSource, "hash" | "mapping" | "general">[],
): boolean {
  const mappings = mappingsOf(sources, chosen);
  const compares = ({ format, columns }: (typeof mappings)[number]) =>
    ["preference", "oasst", "mixed"].includes(format) || columns.chosen !== undefined;
  return mappings.some(({ columns }) => columns.label !== undefined) && !mappings.some(compares);
}

/** The kind of data that a stage needs and the choice lacks; null where nothing is missing. */
export function missingKind(
  { stages }: Pick<Recipe, "stages">,
  kinds: Readonly<Record<TrainableKind, boolean>>,
): TrainableKind | null {
  const needed = stages.map(({ objective }) => objective).filter((objective) => objective !== "mixed");
  return needed.find((kind) => !kinds[kind]) ?? null;
}

/** The kinds of chosen data that no stage trains on. */
export const unusedKinds = (
  { stages }: Pick<Recipe, "stages">,
  kinds: Readonly<Record<TrainableKind, boolean>>,
): TrainableKind[] =>
  (["text", "chat", "preference"] as const).filter(
    (kind) => kinds[kind] && !stages.some(({ objective }) => learns(objective, kind)),
  );

/** Training rows of a stage, from the report. */
export function rowsOf({ objective }: Pick<Stage, "objective">, { sources }: Pick<DataReport, "sources">): number {
  const kinds = (["text", "chat", "preference"] as const).filter((kind) => learns(objective, kind));
  return sources.reduce((sum, { byKind }) => kinds.reduce((rows, kind) => rows + byKind[kind].training, sum), 0);
}

/** Optimizer steps of all stages, estimated without packing. */
export function stepsOfStages(
  { stages, batchSize, accumulation }: Recipe,
  report: Pick<DataReport, "sources">,
): number {
  const stepsOf = (stage: Stage) =>
    stage.steps ??
    Math.max(1, Math.round(stage.epochs * Math.ceil(Math.ceil(rowsOf(stage, report) / batchSize) / accumulation)));
  return stages.reduce((sum, stage) => sum + stepsOf(stage), 0);
}

/** The stage of step `step`, with the number of the step in it; null for a run in one stage. */
export function stageAt(stages: readonly RunStage[], step: number) {
  if (stages.length < 2) return null;
  let before = 0;
  for (const [index, { objective, steps }] of stages.entries()) {
    if (step <= before + steps || index === stages.length - 1) {
      return { index, count: stages.length, objective, step: step - before, steps };
    }
    before += steps;
  }
  return null;
}

/** Stage boundaries: the last step of each stage but the last, with the next objective. */
export function boundariesOf(stages: readonly RunStage[]): { readonly step: number; readonly objective: Objective }[] {
  let before = 0;
  return stages.flatMap(({ objective, steps }, index) => {
    const boundary = index === 0 ? [] : [{ step: before, objective }];
    before += steps;
    return boundary;
  });
}

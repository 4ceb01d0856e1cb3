/** Runs in two stages, as far as the page has to know: which kinds of data are chosen, and in which stage a run stands. */

import type { DataReport } from "../../quality/report.ts";
import type { LearntKind } from "../../records/example.ts";
import type { SourceSummary } from "../../records/source.ts";
import type { Recipe } from "../../run/recipe.ts";
import type { RunStage } from "../../run/record.ts";
import type { SourceChoice } from "../../run/source.ts";

/**
 * Whether there are plain text and chats among the chosen data. The report on them knows; without one it is told from how
 * the rows are read, and files that mix formats may hold both.
 */
export function kindsOf(
  sources: readonly Pick<SourceSummary, "hash" | "detection">[],
  chosen: readonly Pick<SourceChoice, "hash" | "mapping">[],
  report: Pick<DataReport, "sources"> | null,
): Readonly<Record<LearntKind, boolean>> {
  if (report) {
    const some = (kind: LearntKind) => report.sources.some(({ byKind }) => byKind[kind].training > 0);
    return { text: some("text"), chat: some("chat") };
  }
  const mappings = sources.map(
    ({ hash, detection }) => chosen.find((choice) => choice.hash === hash)?.mapping ?? detection.mapping,
  );
  const isText = ({ format, columns }: (typeof mappings)[number]) =>
    format === "text" || (format === "columns" && columns.text !== undefined && columns.messages === undefined);
  const mixed = mappings.some(({ format }) => format === "mixed");
  return { text: mixed || mappings.some(isText), chat: mixed || mappings.some((mapping) => !isText(mapping)) };
}

/** The kind that the recipe's stages need and the chosen data lack; null where nothing is missing. */
export function missingKind(
  { stages }: Pick<Recipe, "stages">,
  kinds: Readonly<Record<LearntKind, boolean>>,
): LearntKind | null {
  if (stages === "together") return null;
  return (["text", "chat"] as const).find((kind) => !kinds[kind]) ?? null;
}

/** Optimizer steps that each kind takes in a stage of its own, as far as they are known before rows are packed. */
export function stepsOfStages(recipe: Recipe, report: Pick<DataReport, "sources">): number {
  const { batchSize, accumulation, textEpochs, epochs, steps } = recipe;
  const stepsOf = (kind: LearntKind, passes: number) => {
    const rows = report.sources.reduce((sum, { byKind }) => sum + byKind[kind].training, 0);
    return Math.max(1, Math.round(passes * Math.ceil(Math.ceil(rows / batchSize) / accumulation)));
  };
  return stepsOf("text", textEpochs) + (steps ?? stepsOf("chat", epochs));
}

/** The stage that step `step` of a run belongs to, with the step's number in it; null for a run in one stage. */
export function stageAt(stages: readonly RunStage[], step: number) {
  let before = 0;
  for (const [index, { kind, steps }] of stages.entries()) {
    if (step <= before + steps || index === stages.length - 1) {
      return { index, count: stages.length, kind, step: step - before, steps };
    }
    before += steps;
  }
  return null;
}

/** The steps after which another stage begins, each with what that one learns. */
export function bordersOf(stages: readonly RunStage[]): { readonly step: number; readonly kind: LearntKind }[] {
  let before = 0;
  return stages.flatMap(({ kind, steps }, index) => {
    const border = index === 0 ? [] : [{ step: before, kind }];
    before += steps;
    return border;
  });
}

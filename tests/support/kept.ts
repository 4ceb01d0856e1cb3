/** Stores test data in the browser: a model that answers "Blue.", rows with another answer, and a run trained on them. */

import type { ModelSummary } from "../../src/protocol/engine.ts";
import type { SourceSummary } from "../../src/records/source.ts";
import type { RunRecord } from "../../src/run/record.ts";
import { wholeSource } from "../../src/run/source.ts";
import type { Here } from "./engineHere.ts";
import { type RecipeChange, recipeOf } from "./recipe.ts";
import { asFiles, jsonLines, type ModelFiles, speakingModel } from "./tinyLlama.ts";

export interface Basics {
  readonly model: ModelSummary;
  readonly source: SourceSummary;
}

export const colourRows = (count = 20, output = "Red.") =>
  Array.from({ length: count }, (_, i) => ({ instruction: `What colour is number ${i}?`, input: "", output }));

/** Stores the model "tiny" and the rows, a file of JSON Lines. */
export async function keepBasics(
  { engine, data }: Here,
  {
    rows = colourRows(),
    files = speakingModel(),
  }: { readonly rows?: readonly unknown[]; readonly files?: ModelFiles } = {},
): Promise<Basics> {
  const model = await engine.openModel({ kind: "files", files: asFiles(files), name: "tiny" });
  return { model, source: await keepRows({ data }, rows, "colours.jsonl") };
}

export async function keepRows({ data }: Pick<Here, "data">, rows: readonly unknown[], name: string) {
  const { sources, failures } = await data.open([new File([jsonLines(rows)], name)]);
  if (!sources[0]) throw new Error(failures.map(({ message }) => message).join(" "));
  return sources[0];
}

/** Number of steps after which the model answers "Red.". */
const enough = 30;

/** Stores a finished run that answers like the rows; it has a snapshot and a validation every ten steps. */
export function keepRun(
  { engine }: Pick<Here, "engine">,
  { model, source }: Basics,
  name = "First try",
  change: RecipeChange = {},
): Promise<RunRecord> {
  const steps = { steps: enough, evaluateEvery: 10, checkpointEvery: 10, watchEvery: 10, accumulation: 1 };
  const recipe = recipeOf("full", { ...steps, learningRate: 2e-2, ...change });
  return engine.startRun({ name, modelHash: model.hash, sources: [wholeSource(source.hash)], recipe });
}

/** The page's engine under Node, for training and examining models in `evaluate` and in the sweeps. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createDatasetService } from "../../src/datasets/datasets.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { ExamQuestion as Question } from "../../src/generation/examine.ts";
import type { EngineApi, EngineEvent, ModelSummary } from "../../src/protocol/engine.ts";
import type { Recipe } from "../../src/run/recipe.ts";
import type { RunRecord } from "../../src/run/record.ts";
import { wholeSource } from "../../src/run/source.ts";
import { processorEntries } from "../../src/runtime/nativeEntries.ts";
import type { OrtEntries } from "../../src/runtime/provider.ts";
import { openStorage } from "../../src/storage/storage.ts";
import type { Pair } from "./pairs.ts";

export interface Laboratory {
  readonly engine: EngineApi;
  readonly model: ModelSummary;
  /** The provider and its reason, in one sentence. */
  readonly reason: string;
  /** Trains on pairs and returns the run's record; throws when the run does not finish. */
  train(rows: readonly Pair[], recipe: Recipe): Promise<RunRecord>;
}

/** The files of a model folder, as a folder picker returns them. */
export function modelFiles(folder: string): File[] {
  const names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
  return names.map((name) => new File([readFileSync(join(folder, name))], name));
}

/** Opens the engine and the model in `folder`, on the fastest runtime or on `entries`. Throws when either cannot be opened. */
export async function openLaboratory(
  folder: string,
  name: string,
  emit: (event: EngineEvent) => void = () => undefined,
  entries: OrtEntries | null = null,
): Promise<Laboratory> {
  const data = createDatasetService(await openStorage(), () => undefined).during("");
  const engine = await createEngine(entries ?? (await processorEntries()), emit, async () => data);
  const { reason } = await engine.start("wasm");
  const model = await engine.openModel({ kind: "files", files: modelFiles(folder), name });
  return {
    engine,
    model,
    reason,
    async train(rows, recipe) {
      const file = new File([rows.map((row) => `${JSON.stringify(row)}\n`).join("")], "rows.jsonl");
      const { sources, failures } = await data.open([file]);
      const [source] = sources;
      if (!source) throw new Error(failures.map(({ message }) => message).join(" "));
      const request = { name: "trial", modelHash: model.hash, sources: [wholeSource(source.hash)], recipe };
      const record = await engine.startRun(request);
      if (record.status !== "finished") throw new Error(`The run ended ${record.status}: ${record.reason}`);
      return record;
    },
  };
}

/** The exam questions of pairs. */
export const questionsOf = (pairs: readonly Pair[]): Question[] =>
  pairs.map(({ instruction, output }) => ({ prompt: instruction, expected: output }));

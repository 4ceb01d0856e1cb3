/** The page's engine under Node, for training and examining models in `evaluate` and in the sweeps. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createDatasetService } from "../../src/datasets/datasets.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { ExamQuestion as Question } from "../../src/generation/examine.ts";
import type { EngineApi, EngineEvent, ModelSummary } from "../../src/protocol/engine.ts";
import type { Recipe } from "../../src/run/recipe.ts";
import type { RunRecord } from "../../src/run/record.ts";
import { type SourceChoice, wholeSource } from "../../src/run/source.ts";
import { processorEntries } from "../../src/runtime/nativeEntries.ts";
import type { OrtEntries } from "../../src/runtime/provider.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { projectRoot } from "../setup.mjs";
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

export interface LaboratoryOptions {
  /** By default the fastest entries for the processor. */
  readonly entries?: OrtEntries;
  readonly provider?: "wasm" | "webgpu";
  readonly emit?: (event: EngineEvent) => void;
}

/** Opens the engine and the model in `folder`. Throws when either cannot be opened. */
export async function openLaboratory(
  folder: string,
  name: string,
  { entries, provider = "wasm", emit = () => undefined }: LaboratoryOptions = {},
): Promise<Laboratory> {
  const data = createDatasetService(await openStorage(), () => undefined).during("");
  const engine = await createEngine(entries ?? (await processorEntries()), emit, async () => data);
  const { reason } = await engine.start(provider);
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

/** Engine, dataset service and Seedling, for measurements that choose their own sources. */
export async function openSeedling() {
  const data = createDatasetService(await openStorage(), () => undefined).during("");
  const engine = await createEngine(
    await processorEntries(),
    () => undefined,
    async () => data,
  );
  const { reason } = await engine.start("wasm");
  const folder = join(projectRoot, "public", "models", "seedling");
  const model = await engine.openModel({ kind: "files", files: modelFiles(folder), name: "Seedling" });
  return {
    engine,
    data,
    model,
    reason,
    /** Opens a file as a source. Throws with what is wrong with it. */
    async open(file: File): Promise<SourceChoice> {
      const { sources, failures } = await data.open([file]);
      if (!sources[0]) throw new Error(failures.map(({ message }) => message).join(" "));
      return wholeSource(sources[0].hash);
    },
  };
}

/** The exam questions of pairs. */
export const questionsOf = (pairs: readonly Pair[]): Question[] =>
  pairs.map(({ instruction, output }) => ({ prompt: instruction, expected: output }));

/** Trains a model for a few steps, exports it, and compares the merged model with the base's files and the trained weights. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generationPorts } from "../../src/artifacts/contract.ts";
import { compileGeneration } from "../../src/artifacts/generation.ts";
import { linearsOf, type Method, parametersOf } from "../../src/artifacts/method.ts";
import { artifactsOfRun } from "../../src/artifacts/ofRun.ts";
import { type Batch, makeBatch } from "../../src/batching/batch.ts";
import { createLibrary, type LoadedModel } from "../../src/engine/library.ts";
import { exportAdapter } from "../../src/export/exportAdapter.ts";
import type { OutFile, TrainedTensors } from "../../src/export/files.ts";
import { exportMerged } from "../../src/export/merged.ts";
import { expressTemplate, requireSameTemplate } from "../../src/export/template.ts";
import { createGenerator } from "../../src/generation/generate.ts";
import { greedySampling } from "../../src/generation/sampling.ts";
import { bytesFromBlob } from "../../src/hub/bytes.ts";
import { readSafetensors } from "../../src/hub/safetensors.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { memoryScratch } from "../../src/storage/scratch.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { suggestTemplate } from "../../src/templates/choose.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { tokenizerToGguf } from "../../src/tokenizer/toGguf.ts";
import { createTokenizer } from "../../src/tokenizer/tokenizer.ts";
import {
  disposeAll,
  initialAdapter,
  type ParameterTensors,
  parameterPieces,
  uploadParameters,
} from "../../src/training/parameters.ts";
import { takeStep } from "../../src/training/step.ts";
import { createWholeGraph } from "../../src/training/wholeGraph.ts";

/** Largest difference of two logits, as a share of the largest logit. */
export const tolerance = 1e-4;
const rowLength = 28;
/** Tokens of a greedy answer. */
export const answerTokens = 20;
const steps = 6;

export type Kind = Method["kind"];

/** Logits (rowLength, V) of a row, and the greedy answer to it. */
export interface Computed {
  readonly logits: Float32Array;
  readonly ids: readonly number[];
}

/** An export in a folder, and what Hone computes with it. */
export interface Export {
  readonly what: "adapter" | "merged";
  readonly folder: string;
  readonly own: Computed;
}

/** A trained model with its exports in folders. */
export interface Exported {
  readonly name: string;
  readonly kind: Kind;
  readonly base: string;
  readonly row: readonly number[];
  readonly exports: readonly Export[];
  /** How the merged model differs from the base's files, or from the trained weights; empty where it does not. */
  readonly faults: readonly string[];
}

export const filesOf = (folder: string): File[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => new File([readFileSync(join(folder, name))], name));

export async function openFolder(folder: string): Promise<LoadedModel> {
  const library = createLibrary(await openStorage(), () => undefined);
  return library.openModel({ kind: "files", files: filesOf(folder), name: "exported" });
}

/** Seeded rows of random ids. */
export function rowsOf(vocabulary: number, count: number, seed: number): Int32Array[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => Int32Array.from({ length: rowLength }, () => random.below(vocabulary)));
}

/** Logits of a row, and the greedy answer to it. */
export async function compute(
  runtime: Runtime,
  { definition }: LoadedModel,
  method: Method | null,
  parameters: ParameterTensors,
  row: Int32Array,
  maxTokens = answerTokens,
): Promise<Computed> {
  const { inputIds, start, logitsIndex, logits: port } = generationPorts;
  const artifact = compileGeneration(definition, method, {
    tokens: row.length,
    capacity: Math.min(64, definition.contextLength),
  });
  const session = await runtime.session(artifact);
  const logits = new Float32Array(row.length * definition.vocabulary);
  const int32 = (shape: readonly number[], data: Int32Array) => ({ dtype: "int32" as const, shape, data });
  const caches = artifact.inputs.flatMap(({ name, shape }) =>
    name.startsWith("past_")
      ? [
          [
            name,
            { dtype: "float32" as const, shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) },
          ] as const,
        ]
      : [],
  );
  for (let at = 0; at < row.length; at++) {
    const outputs = await session.run({
      ...Object.fromEntries([...parameters, ...caches]),
      [inputIds]: int32([1, row.length], row),
      [start]: int32([1], Int32Array.of(0)),
      [logitsIndex]: int32([1], Int32Array.of(at)),
    });
    logits.set(Float32Array.from(outputs[port]?.data ?? [], Number), at * definition.vocabulary);
  }
  if (maxTokens === 0) return { logits, ids: [] };
  const generate = createGenerator({
    runtime,
    parameters,
    artifact: (shape) => compileGeneration(definition, method, shape),
    contextLength: definition.contextLength,
  });
  const { ids } = await generate({
    prompt: row,
    stopIds: [],
    maxTokens,
    sampling: greedySampling,
    seed: 0,
  });
  return { logits, ids };
}

/** Takes a few steps on random rows with a high rate, so that every trained tensor changes. */
export async function train(
  runtime: Runtime,
  { definition }: LoadedModel,
  method: Method,
  parameters: ParameterTensors,
): Promise<void> {
  const specs = parametersOf(definition, method);
  const recipe = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1, accumulation: 1 };
  const program = createWholeGraph({
    runtime,
    parameters,
    specs,
    artifacts: artifactsOfRun(definition, method, recipe, "wasm"),
    recipe,
  });
  const examples = rowsOf(definition.vocabulary, 4, 5).map((ids, row) => ({
    origin: { source: 0, name: "random rows", row, line: row + 1 },
    ids,
    mask: new Uint8Array(rowLength).fill(1, 1),
    weights: new Float32Array(rowLength).fill(1),
  }));
  const batch: Batch = makeBatch(examples, { rows: 4, length: rowLength, supervised: 4 * rowLength });
  for (let step = 1; step <= steps; step++) {
    const learningRate = method.kind === "lora" ? 2e-2 : 3e-3;
    const outcome = await takeStep(
      program,
      { step, updates: step - 1, batches: [batch], learningRate },
      async () => false,
    );
    if (outcome.kind !== "updated") throw new Error(`Step ${step} did not update the model: ${outcome.kind}.`);
  }
}

async function write(folder: string, files: readonly OutFile[]): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const { name, content } of files) {
    writeFileSync(join(folder, name), new Uint8Array(await content.arrayBuffer()));
  }
  return folder;
}

/** Trains the model in `base` and writes its exports below `out`. */
export async function trainAndExport(
  runtime: Runtime,
  name: string,
  base: string,
  kind: Kind,
  out: string,
): Promise<Exported> {
  const model = await openFolder(base);
  const { definition, opened, vocabulary } = model;
  const targets = linearsOf(definition).map(({ name: target }) => target);
  const method: Method = kind === "full" ? { kind } : { kind, rank: 4, alpha: 8, targets };
  const specs = parametersOf(definition, method);
  const adapter = initialAdapter(specs, 3);
  const parameters = await uploadParameters(
    runtime,
    specs,
    (spec) => adapter.get(spec.name) ?? parameterPieces(spec, model.opened.devicePieces),
  );
  const [row = new Int32Array()] = rowsOf(definition.vocabulary, 1, 9);
  try {
    const before = await compute(runtime, model, method, parameters, row);
    await train(runtime, model, method, parameters);
    const own = await compute(runtime, model, method, parameters, row);
    const trained: TrainedTensors = async (visit) => {
      for (const spec of specs) {
        const values = spec.trainable ? await parameters.get(spec.name)?.read() : null;
        if (values instanceof Float32Array) await visit(spec.name, new Float32Array(values));
      }
    };
    const exports: Export[] = [];
    if (method.kind === "lora") {
      const { files } = await exportAdapter({ model: definition, method, baseModel: base, trained });
      exports.push({ what: "adapter", folder: await write(join(out, "adapter"), files), own });
    }
    const tokenizer = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig);
    const ofModel = { tokenizer, chatTemplate: opened.chatTemplate };
    const template = { choice: suggestTemplate(ofModel), systemPrompt: null };
    const { files } = await exportMerged({
      opened,
      model: definition,
      vocabulary,
      method,
      trained,
      templates: {
        express: async () => expressTemplate(template, ofModel),
        requireSame: async (written) => requireSameTemplate(template, ofModel, written),
        tokenizer: async (given) => tokenizerToGguf(given),
      },
      scratch: memoryScratch(),
    });
    const folder = await write(join(out, "merged"), files);
    const again = await reopened(runtime, folder, row);
    exports.push({ what: "merged", folder, own: again });
    const faults = await faultsOf(base, folder);
    const drift = apart(own.logits, again.logits);
    // The base's type rounds the merged weights.
    const exact = [...opened.tensors.values()].every(({ dtype }) => dtype === "F32");
    if (!(drift < (exact ? tolerance : 0.1))) faults.push(`opened again in Hone, its logits differ by ${drift}`);
    if (apart(before.logits, own.logits) < 0.01) faults.push("training changed too little for a comparison");
    return { name, kind, base, row: [...row], exports, faults };
  } finally {
    disposeAll(parameters);
    await runtime.releaseSessions();
  }
}

/** What Hone computes with an exported model. */
async function reopened(runtime: Runtime, folder: string, row: Int32Array): Promise<Computed> {
  const model = await openFolder(folder);
  const specs = parametersOf(model.definition, null);
  const parameters = await uploadParameters(runtime, specs, (spec) => parameterPieces(spec, model.opened.devicePieces));
  try {
    return await compute(runtime, model, null, parameters, row);
  } finally {
    disposeAll(parameters);
  }
}

/** Name, type and shape of each tensor in a folder's files of weights. */
async function tensorsIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const file of filesOf(folder)) {
    if (!file.name.endsWith(".safetensors")) continue;
    const { tensors } = await readSafetensors(bytesFromBlob(file.name, file));
    found.push(...[...tensors.values()].map(({ name, dtype, shape }) => `${name} ${dtype}[${shape.join(", ")}]`));
  }
  return found.sort();
}

/** Differences of names, types, shapes and config from those of the base. */
async function faultsOf(base: string, folder: string): Promise<string[]> {
  const [before, after] = await Promise.all([tensorsIn(base), tensorsIn(folder)]);
  const text = (of: string) => readFileSync(join(of, "config.json"), "utf8");
  return [
    ...before.filter((tensor) => !after.includes(tensor)).map((tensor) => `it lacks ${tensor}`),
    ...after.filter((tensor) => !before.includes(tensor)).map((tensor) => `it has ${tensor} besides`),
    ...(text(base) === text(folder) ? [] : ["its config.json is not the base's"]),
  ];
}

/** Largest difference as a share of the largest expected value; NaN where a number is NaN. */
export function apart(expected: Float32Array, actual: Float32Array): number {
  if (expected.length !== actual.length) return Number.POSITIVE_INFINITY;
  let [difference, largest] = [0, 0];
  expected.forEach((value, i) => {
    difference = Math.max(difference, Math.abs(value - (actual[i] ?? Number.NaN)));
    largest = Math.max(largest, Math.abs(value));
  });
  return difference / largest;
}

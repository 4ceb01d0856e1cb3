/**
 * onnxruntime-web 1.19.2, the last with a training build: the oracle for training operators and artifacts. It is installed by
 * hand into a folder of its own, and `HONE_ORT_TRAINING` names its package folder, `…/node_modules/onnxruntime-web`.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { FileDType } from "../../../tests/support/onnxFile.ts";

export interface OrtTensor {
  readonly dims: readonly number[];
  readonly data: ArrayLike<number | bigint>;
}

/** A tensor to feed. */
export interface OrtFeed {
  readonly dtype: FileDType;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

type OrtFeeds = Readonly<Record<string, OrtTensor>>;
export type OrtResults = Record<string, OrtTensor>;

interface OrtTraining {
  readonly env: { wasm: { numThreads: number; wasmPaths: { mjs: string; wasm: string } } };
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(
      bytes: Uint8Array,
      options: object,
    ): Promise<{ run(feeds: OrtFeeds): Promise<OrtResults>; release(): Promise<void> }>;
  };
  readonly TrainingSession: {
    create(files: {
      readonly checkpointState: Uint8Array;
      readonly trainModel: Uint8Array;
      readonly evalModel: Uint8Array;
      readonly optimizerModel: Uint8Array;
    }): Promise<OrtTrainingSession>;
  };
}

interface OrtTrainingSession {
  readonly trainingInputNames: readonly string[];
  runTrainStep(feeds: OrtFeeds): Promise<OrtResults>;
  runOptimizerStep(): Promise<void>;
  runEvalStep(feeds: OrtFeeds): Promise<OrtResults>;
  lazyResetGrad(): Promise<void>;
  getContiguousParameters(trainableOnly: boolean): Promise<{ readonly data: Float32Array }>;
  release(): Promise<void>;
}

let opened: Promise<OrtTraining> | null = null;

/** The reason why there is no oracle; null where there is one. */
export function ortMissing(): string | null {
  const folder = process.env.HONE_ORT_TRAINING;
  if (folder && existsSync(join(folder, "dist", "ort.training.wasm.mjs"))) return null;
  return (
    "ONNX Runtime's training build is missing: npm install --prefix FOLDER onnxruntime-web@1.19.2, then set " +
    "HONE_ORT_TRAINING=FOLDER/node_modules/onnxruntime-web."
  );
}

function openOrt(): Promise<OrtTraining> {
  opened ??= load();
  return opened;
}

async function load(): Promise<OrtTraining> {
  const missing = ortMissing();
  if (missing) throw new Error(missing);
  const fileOf = (name: string) => pathToFileURL(join(process.env.HONE_ORT_TRAINING ?? "", "dist", name)).href;
  const ort: OrtTraining = await import(fileOf("ort.training.wasm.mjs"));
  const build = "ort-training-wasm-simd-threaded";
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { mjs: fileOf(`${build}.mjs`), wasm: fileOf(`${build}.wasm`) };
  return ort;
}

const arrays: Readonly<Record<FileDType, (data: ArrayLike<number>) => unknown>> = {
  float32: (data) => Float32Array.from(data),
  int32: (data) => Int32Array.from(data),
  int64: (data) => BigInt64Array.from(Array.from(data), BigInt),
  bool: (data) => Uint8Array.from(data),
};

const feedsOf = (ort: OrtTraining, feeds: Readonly<Record<string, OrtFeed>>): OrtFeeds =>
  Object.fromEntries(
    Object.entries(feeds).map(([name, { dtype, shape, data }]) => [
      name,
      new ort.Tensor(dtype, arrays[dtype](data), shape),
    ]),
  );

/** Runs a model once. Throws what ONNX Runtime throws; its training build throws numbers. */
export async function runWithOrt(bytes: Uint8Array, feeds: Readonly<Record<string, OrtFeed>>): Promise<OrtResults> {
  const ort = await openOrt();
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4, graphOptimizationLevel: "disabled" });
  try {
    return await session.run(feedsOf(ort, feeds));
  } finally {
    await session.release();
  }
}

export interface OrtFiles {
  readonly training: Uint8Array;
  readonly evaluation: Uint8Array;
  readonly optimizer: Uint8Array;
  readonly checkpoint: Uint8Array;
}

export interface OrtRun {
  readonly losses: readonly number[];
  /** L2 norm of all parameters after each step. */
  readonly parameterNorms: readonly number[];
  /** The eval model's loss on the last batch after the last step. */
  readonly evaluation: number;
}

/** Trains step by step: each step runs its micro-batches, updates, and resets the gradients. */
export async function trainWithOrt(
  files: OrtFiles,
  steps: readonly (readonly Readonly<Record<string, OrtFeed>>[])[],
): Promise<OrtRun> {
  const ort = await openOrt();
  const session = await ort.TrainingSession.create({
    checkpointState: files.checkpoint,
    trainModel: files.training,
    evalModel: files.evaluation,
    optimizerModel: files.optimizer,
  });
  const first = (results: OrtResults) => Number(Object.values(results)[0]?.data[0]);
  // Its runTrainStep takes the feeds by their order and not by their names.
  const ordered = (batch: Readonly<Record<string, OrtFeed>>) =>
    feedsOf(ort, Object.fromEntries(session.trainingInputNames.map((name) => [name, batch[name] as OrtFeed])));
  const losses: number[] = [];
  const parameterNorms: number[] = [];
  for (const batches of steps) {
    for (const batch of batches) losses.push(first(await session.runTrainStep(ordered(batch))));
    await session.runOptimizerStep();
    await session.lazyResetGrad();
    const { data } = await session.getContiguousParameters(false);
    parameterNorms.push(Math.sqrt(data.reduce((sum, value) => sum + value * value, 0)));
  }
  const last = steps.at(-1)?.at(-1) ?? {};
  const evaluation = first(await session.runEvalStep(ordered(last)));
  await session.release();
  return { losses, parameterNorms, evaluation };
}

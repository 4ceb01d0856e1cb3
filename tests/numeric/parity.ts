/** Compares the engine with a golden file: losses, gradient norms, step-1 gradients, final norms and greedy ids. */

import { compileEvaluation, compileTraining } from "../../src/artifacts/compile.ts";
import {
  type Artifact,
  accumulatorIn,
  accumulatorOut,
  lazyResetGrad,
  type ParameterSpec,
} from "../../src/artifacts/contract.ts";
import { compileGeneration } from "../../src/artifacts/generation.ts";
import { type Method, parametersOf } from "../../src/artifacts/method.ts";
import { compileOptimizer } from "../../src/artifacts/optimizer.ts";
import type { Batch, BatchShape } from "../../src/batching/batch.ts";
import { createGenerator } from "../../src/generation/generate.ts";
import type { ModelDefinition } from "../../src/models/architecture.ts";
import type { HostTensor, Runtime } from "../../src/runtime/types.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { meanLoss } from "../../src/training/evaluate.ts";
import { batchFeeds } from "../../src/training/feeds.ts";
import { disposeAll, type ParameterTensors, readParameter, uploadParameters } from "../../src/training/parameters.ts";
import type { TrainingProgram } from "../../src/training/program.ts";
import { takeStep } from "../../src/training/step.ts";
import { createWholeGraph } from "../../src/training/wholeGraph.ts";
import type { Golden, Trajectory } from "./golden.ts";

export interface ParityRow {
  readonly figure: string;
  readonly expected: number;
  readonly actual: number;
  /** |actual − expected| / scale of the figure; see `relative`. */
  readonly deviation: number;
  readonly tolerance: number;
}

export interface ParityParts {
  readonly runtime: Runtime;
  readonly model: ModelDefinition;
  /** Reads a tensor of the model's files as float32. */
  readonly read: (name: string) => Promise<Float32Array<ArrayBuffer>>;
  readonly golden: Golden;
  /** Number of optimizer steps to compare; null: all steps of the file. */
  readonly steps: number | null;
  readonly tolerance: { readonly full: number; readonly lora: number };
  readonly progress?: (row: ParityRow) => void;
}

const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** Deviation relative to a scale. If the scale is 0, the figure must be 0 and the difference itself counts. */
export const relative = (actual: number, expected: number, scale = Math.abs(expected)) =>
  Math.abs(actual - expected) / (scale > 0 ? scale : 1);

export const l2 = (data: Float32Array) => Math.sqrt(data.reduce((sum, x) => sum + x * x, 0));

/** The batch of a golden file; tokens with a label other than −100 are supervised. */
function batchOf({ batch }: Golden): Batch {
  const rows = batch.ids.length;
  const length = batch.ids[0]?.length ?? 0;
  const index: number[] = [];
  const targets: number[] = [];
  const weights: number[] = [];
  batch.labels.forEach((labels, row) => {
    labels.forEach((label, t) => {
      if (label === -100) return;
      index.push(row * length + t);
      targets.push(label);
      weights.push(batch.loss_weights[row]?.[t] ?? 1);
    });
  });
  return {
    shape: { rows, length, supervised: index.length },
    inputIds: Int32Array.from(batch.ids.flat()),
    positionIds: Int32Array.from({ length: rows * length }, (_, i) => i % length),
    // One segment: the file's attention is only causal, and no supervised position attends to the padding on the right.
    segmentIds: new Int32Array(rows * length).fill(1),
    supervisedIndex: Int32Array.from(index),
    targets: Int32Array.from(targets),
    lossWeights: Float32Array.from(weights),
    denominator: weights.reduce((sum, w) => sum + w, 0),
    tokens: rows * length,
    supervised: index.length,
    examples: [],
    origins: batch.ids.map((_, row) => ({ source: 0, name: "the golden file", row, line: row + 1 })),
  };
}

/** The last path name of each linear layer with an adapter, from the file's tensor names. */
export function loraTargets({ step1_grad_l2: names }: Pick<Trajectory, "step1_grad_l2">): string[] {
  return [...new Set(Object.keys(names).map((name) => name.split(".").at(-3) ?? ""))];
}

/** The file's start values of an adapter: A[i, j] = 0.05·sin(1 + i·in + j), B = 0. */
function initialAdapter({ source, shape }: ParameterSpec): Float32Array {
  const zero = source.kind === "lora_B";
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => (zero ? 0 : 0.05 * Math.sin(1 + i)));
}

/** Compares every figure of the file. */
export async function runParity(parts: ParityParts): Promise<ParityRow[]> {
  const { golden } = parts;
  const rows: ParityRow[] = [];
  const report = (figure: string, expected: number, actual: number, tolerance: number, scale?: number) => {
    const row = { figure, expected, actual, deviation: relative(actual, expected, scale), tolerance };
    rows.push(row);
    parts.progress?.(row);
  };
  if (golden.full) await compareTrajectory(parts, { kind: "full" }, golden.full, report);
  if (golden.lora) {
    const { r: rank, alpha } = golden.lora.settings;
    await compareTrajectory(
      parts,
      { kind: "lora", rank, alpha, targets: loraTargets(golden.lora) },
      golden.lora,
      report,
    );
  }
  if (golden.greedy_once_upon_a_time) await compareGreedy(parts, golden.greedy_once_upon_a_time, report);
  return rows;
}

/** A parameter's numbers in the order of the model's files, which the golden file has. */
function inFile(values: Float32Array<ArrayBuffer>, specs: readonly ParameterSpec[], name: string) {
  const source = specs.find((spec) => spec.name === name)?.source;
  return source?.kind === "checkpoint" ? source.tensor.toFile(values) : values;
}

export type Report = (figure: string, expected: number, actual: number, tolerance: number, scale?: number) => void;

/** A program with its device tensors, from the start values of the golden files. */
export interface GoldenProgram {
  readonly specs: readonly ParameterSpec[];
  readonly parameters: ParameterTensors;
  readonly training: Artifact;
  readonly program: TrainingProgram;
}

/** Runs `use` with a program for batches of one shape, and frees everything after it. */
export async function withProgram(
  { runtime, model, read }: Pick<ParityParts, "runtime" | "model" | "read">,
  method: Method,
  shape: BatchShape,
  settings: Pick<Trajectory["settings"], "weight_decay" | "max_grad_norm">,
  use: (golden: GoldenProgram) => Promise<void>,
): Promise<void> {
  const specs = parametersOf(model, method);
  const parameters = await uploadParameters(runtime, specs, (spec) =>
    spec.source.kind === "checkpoint" ? readParameter(spec, read) : initialAdapter(spec),
  );
  const training = compileTraining(model, method, shape);
  const program = createWholeGraph({
    runtime,
    parameters,
    specs,
    artifacts: {
      training: () => training,
      evaluation: (evaluated) => compileEvaluation(model, method, evaluated),
      optimizer: compileOptimizer(model, method, { ...optimizer, weightDecay: settings.weight_decay }),
    },
    recipe: { ...optimizer, maxGradNorm: settings.max_grad_norm },
  });
  try {
    await use({ specs, parameters, training, program });
  } finally {
    program.dispose();
    disposeAll(parameters);
    await runtime.releaseSessions();
  }
}

/** Gradients of a batch's loss by parameter, in the order of the model's files, directly from the training artifact. */
export async function firstGradients(
  runtime: Runtime,
  { specs, parameters, training }: GoldenProgram,
  batch: Batch,
): Promise<ReadonlyMap<string, Float32Array>> {
  const accumulators: Record<string, HostTensor> = {};
  for (const { name, shape, trainable } of specs) {
    if (trainable)
      accumulators[accumulatorIn(name)] = { dtype: "float32", shape, data: new Float32Array(sizeOf(shape)) };
  }
  const session = await runtime.session(training);
  const reset: HostTensor = { dtype: "bool", shape: [1], data: Uint8Array.of(1) };
  const bound = Object.fromEntries(
    training.inputs.flatMap(({ name }) => {
      const found = parameters.get(name);
      return found ? [[name, found] as const] : [];
    }),
  );
  const outputs = await session.run({ ...bound, ...accumulators, ...batchFeeds(batch), [lazyResetGrad]: reset });
  return new Map(
    specs.flatMap(({ name }) => {
      const sums = outputs[accumulatorOut(name)]?.data;
      if (!(sums instanceof Float32Array)) return [];
      const mean = sums.map((sum) => sum / batch.denominator);
      return [[name, inFile(mean, specs, name)] as const];
    }),
  );
}

async function compareTrajectory(
  parts: ParityParts,
  method: Method,
  expected: Trajectory,
  report: Report,
): Promise<void> {
  const { kind } = method;
  const tolerance = parts.tolerance[kind];
  const { settings } = expected;
  const batch = batchOf(parts.golden);
  await withProgram(parts, method, batch.shape, settings, async (golden) => {
    const { program, parameters } = golden;
    const gradients = await firstGradients(parts.runtime, golden, batch);
    for (const [name, norm] of Object.entries(expected.step1_grad_l2)) {
      const gradient = gradients.get(name);
      if (!gradient) throw new Error(`The golden file has ${name}, but ${kind} training does not.`);
      report(`${kind} step-1 gradient L2 of ${name}`, norm, l2(gradient), tolerance);
      // Single elements may be noise around 0, so the scale is that of the whole tensor.
      expected.step1_grad_first4[name]?.forEach((element, i) => {
        report(`${kind} step-1 gradient [${i}] of ${name}`, element, gradient[i] ?? Number.NaN, tolerance, norm);
      });
    }

    const steps = Math.min(parts.steps ?? settings.steps, settings.steps);
    for (let step = 1; step <= steps; step++) {
      const outcome = await takeStep(
        program,
        { step, updates: step - 1, batches: [batch], learningRate: settings.lr },
        async () => false,
      );
      if (outcome.kind !== "updated") throw new Error(`step ${step} did not update: ${outcome.kind}`);
      report(`${kind} loss before step ${step}`, expected.losses[step - 1] ?? Number.NaN, outcome.loss, tolerance);
      report(
        `${kind} gradient norm of step ${step}`,
        expected.grad_norms[step - 1] ?? Number.NaN,
        outcome.gradientNorm,
        tolerance,
      );
    }
    if (steps < settings.steps) return;

    const final = await meanLoss(program, [batch], async () => false);
    report(`${kind} loss after the last step`, expected.final_loss, final ?? Number.NaN, tolerance);
    for (const [name, norm] of Object.entries(expected.final_param_l2)) {
      const values = await parameters.get(name)?.read();
      report(`${kind} final L2 of ${name}`, norm, values instanceof Float32Array ? l2(values) : Number.NaN, tolerance);
    }
  });
}

/** Number of prompt tokens in the file's greedy continuation. */
const promptTokens = 5;

async function compareGreedy(
  { runtime, model, read }: ParityParts,
  expected: readonly number[],
  report: Report,
): Promise<void> {
  const parameters = await uploadParameters(runtime, parametersOf(model, null), (spec) => readParameter(spec, read));
  try {
    const generate = createGenerator({
      runtime,
      parameters,
      artifact: (shape) => compileGeneration(model, null, shape),
      contextLength: model.contextLength,
    });
    const { ids } = await generate({
      prompt: expected.slice(0, promptTokens),
      stopIds: [],
      maxTokens: expected.length - promptTokens,
      sampling: { temperature: 0, topK: null, topP: null },
      seed: 0,
    });
    const same = expected.slice(promptTokens).findIndex((id, i) => id !== ids[i]);
    report("greedy tokens in agreement", expected.length - promptTokens, same < 0 ? ids.length : same, 0);
  } finally {
    disposeAll(parameters);
    await runtime.releaseSessions();
  }
}

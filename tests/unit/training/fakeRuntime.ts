/**
 * A runtime without ONNX: its sessions compute a bigram model (logits of the next token = table[token] + bias) and AdamW
 * in plain TypeScript, and hold callers to the artifact contract (every port fed, types, shapes, in-place outputs).
 */

import { portsOnly } from "../../../scripts/harness/graphArtifact.ts";
import {
  type Artifact,
  accumulatorIn,
  accumulatorOut,
  batchPorts,
  firstMoment,
  gradientNorm,
  lazyResetGrad,
  lossSum,
  optimizerScalars,
  type ParameterSpec,
  type Port,
  secondMoment,
  tokenLoss,
  updated,
} from "../../../src/artifacts/contract.ts";
import type { Batch, BatchShape } from "../../../src/batching/batch.ts";
import { sameInFile } from "../../../src/models/fileTensor.ts";
import type { DeviceTensor, HostTensor, Runtime, Session, TensorData } from "../../../src/runtime/types.ts";
import type { TensorSource } from "../../../src/storage/writeCheckpoint.ts";
import { type DType, describeType, type Shape, sizeOf } from "../../../src/tensor/dtype.ts";
import type { TrainingProgram } from "../../../src/training/program.ts";
import { originOf } from "../../support/examples.ts";

export const vocabulary = 7;

/** A parameter that stands in the model's files as it is. */
export const fromFile = (name: string, shape: Shape, trainable: boolean): ParameterSpec => ({
  name,
  shape,
  trainable,
  storage: "float32",
  ports: [{ name, dtype: "float32", shape }],
  source: { kind: "checkpoint", tensor: sameInFile({ name, shape }) },
});

/** `bias` is frozen: it gets no accumulator and no moments. */
export const specs: readonly ParameterSpec[] = [
  fromFile("bias", [vocabulary], false),
  fromFile("table", [vocabulary, vocabulary], true),
];
export const optimizerSettings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };

const port = (name: string, dtype: DType, shape: Shape): Port => ({ name, dtype, shape });
const parameterPorts = specs.map(({ name, shape }) => port(name, "float32", shape));
const table = specs[1] as ParameterSpec;

function batchInputs({ rows, length, supervised }: BatchShape): Port[] {
  return [
    port(batchPorts.inputIds, "int32", [rows, length]),
    port(batchPorts.positionIds, "int32", [rows, length]),
    port(batchPorts.segmentIds, "int32", [rows, length]),
    port(batchPorts.supervisedIndex, "int32", [supervised]),
    port(batchPorts.targets, "int32", [supervised]),
    port(batchPorts.lossWeights, "float32", [supervised]),
  ];
}

export const artifacts = {
  training: (shape: BatchShape) =>
    portsOnly({
      kind: "training",
      key: `training ${JSON.stringify(shape)}`,
      inputs: [
        ...batchInputs(shape),
        port(lazyResetGrad, "bool", [1]),
        ...parameterPorts,
        port(accumulatorIn("table"), "float32", table.shape),
      ],
      outputs: [port(lossSum, "float32", [1]), port(accumulatorOut("table"), "float32", table.shape)],
      aliases: { [accumulatorOut("table")]: accumulatorIn("table") },
    }),
  evaluation: (shape: BatchShape) =>
    portsOnly({
      kind: "eval",
      key: `eval ${JSON.stringify(shape)}`,
      inputs: [...batchInputs(shape), ...parameterPorts],
      outputs: [port(lossSum, "float32", [1]), port(tokenLoss, "float32", [shape.supervised])],
      aliases: {},
    }),
  optimizer: portsOnly({
    kind: "optimizer",
    key: "optimizer",
    inputs: [
      ...["table", accumulatorIn("table"), firstMoment("table"), secondMoment("table")].map((name) =>
        port(name, "float32", table.shape),
      ),
      ...Object.values(optimizerScalars).map((name) => port(name, "float32", [1])),
    ],
    outputs: [
      ...["table", firstMoment("table"), secondMoment("table")].map((name) =>
        port(updated(name), "float32", table.shape),
      ),
      port(gradientNorm, "float32", [1]),
    ],
    aliases: Object.fromEntries(
      ["table", firstMoment("table"), secondMoment("table")].map((name) => [updated(name), name]),
    ),
  }),
};

export interface FakeRuntime extends Pick<Runtime, "tensor" | "session" | "prepare"> {
  /** Labels of the tensors alive. */
  readonly alive: ReadonlySet<string>;
  /** What each run was fed, scalars only, by artifact kind. */
  readonly runs: { readonly kind: string; readonly scalars: Readonly<Record<string, number>> }[];
}

export function createFakeRuntime(compute = computeBigram): FakeRuntime {
  const alive = new Set<string>();
  const runs: FakeRuntime["runs"] = [];
  return {
    alive,
    runs,
    tensor(label, dtype, shape, data) {
      if (alive.has(label)) throw new Error(`Two tensors are called ${label}.`);
      alive.add(label);
      return fakeTensor(label, dtype, shape, data, () => alive.delete(label));
    },
    session: async (artifact) => fakeSession(artifact, runs, compute),
    prepare: async () => undefined,
  };
}

function fakeTensor(label: string, dtype: DType, shape: Shape, data: TensorData | undefined, freed: () => void) {
  let held: TensorData | null =
    data?.slice() ?? (dtype === "float32" ? new Float32Array(sizeOf(shape)) : new Int32Array(sizeOf(shape)));
  const contents = () => {
    if (held === null) throw new Error(`Tensor ${label} is used after it was freed.`);
    return held;
  };
  return {
    label,
    dtype,
    shape,
    byteLength: contents().byteLength,
    write: (replacement: TensorData) => {
      if (replacement.length !== contents().length) throw new Error(`Tensor ${label} is written with another length.`);
      held = replacement.slice();
    },
    read: async () => contents().slice(),
    view: () => contents(),
    dispose: () => {
      contents();
      held = null;
      freed();
    },
  } satisfies DeviceTensor;
}

/** What a fake artifact computes: every output from every input. */
export type Compute = (artifact: Artifact, inputs: Readonly<Record<string, TensorData>>) => Record<string, TensorData>;

function fakeSession(artifact: Artifact, runs: FakeRuntime["runs"], compute: Compute): Session {
  const ports = new Map(artifact.inputs.map((input) => [input.name, input]));
  return {
    artifact,
    async run(feeds, bound = {}) {
      const values: Record<string, TensorData> = {};
      for (const { name, dtype, shape } of artifact.inputs) {
        const feed = feeds[name];
        if (feed === undefined) throw new Error(`${artifact.kind}: input ${name} is not fed.`);
        const given = describeType(feed.dtype, feed.shape);
        if (given !== describeType(dtype, shape)) throw new Error(`${artifact.kind}: ${name} is fed ${given}.`);
        values[name] = "read" in feed ? await feed.read() : feed.data.slice();
        if (values[name].length !== sizeOf(shape)) throw new Error(`${artifact.kind}: ${name} has a wrong length.`);
      }
      for (const name of Object.keys(feeds)) {
        if (!ports.has(name)) throw new Error(`${artifact.kind} has no input ${name}.`);
      }
      runs.push({
        kind: artifact.kind,
        scalars: Object.fromEntries(
          Object.entries(values).flatMap(([name, data]) => (data.length === 1 ? [[name, Number(data[0])]] : [])),
        ),
      });
      const results = compute(artifact, values);
      const host: Record<string, HostTensor> = {};
      for (const { name, dtype, shape } of artifact.outputs) {
        const data = results[name] as TensorData;
        const target = bound[name];
        if (target === undefined) {
          host[name] = { dtype, shape, data };
          continue;
        }
        const shared = Object.entries(feeds).find(([, feed]) => feed === target)?.[0];
        if (shared !== undefined && artifact.aliases[name] !== shared) {
          throw new Error(`${artifact.kind}: ${name} is written over ${shared}, which it may not share.`);
        }
        target.write(data);
      }
      return host;
    },
  };
}

type Inputs = Readonly<Record<string, TensorData>>;
const at = (inputs: Inputs, name: string, index: number) => Number(inputs[name]?.[index]);

export const computeBigram: Compute = (artifact, inputs) =>
  artifact.kind === "optimizer" ? adamW(inputs) : crossEntropy(artifact, inputs);

/** Σ w·CE, the CE of each position and the gradient sums of `table`. */
function crossEntropy(artifact: Artifact, inputs: Inputs): Record<string, TensorData> {
  const count = inputs[batchPorts.targets]?.length ?? 0;
  const losses = new Float32Array(count);
  const weighted = new Float32Array(count);
  const gradient = new Float32Array(vocabulary * vocabulary);
  if (artifact.kind === "training" && at(inputs, lazyResetGrad, 0) === 0) {
    gradient.set(inputs[accumulatorIn("table")] as Float32Array);
  }
  for (let n = 0; n < count; n++) {
    const token = at(inputs, batchPorts.inputIds, at(inputs, batchPorts.supervisedIndex, n));
    const target = at(inputs, batchPorts.targets, n);
    const weight = at(inputs, batchPorts.lossWeights, n);
    const logits = Array.from(
      { length: vocabulary },
      (_, id) => at(inputs, "table", token * vocabulary + id) + at(inputs, "bias", id),
    );
    const highest = Math.max(...logits);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
    const loss = Math.log(total) + highest - (logits[target] as number);
    losses[n] = loss;
    weighted[n] = weight * loss;
    for (const [id, logit] of logits.entries()) {
      const difference = Math.exp(logit - highest) / total - (id === target ? 1 : 0);
      gradient[token * vocabulary + id] = (gradient[token * vocabulary + id] as number) + weight * difference;
    }
  }
  const sum = Float32Array.of(weighted.reduce((total, loss) => total + loss, 0));
  return { [lossSum]: sum, [tokenLoss]: losses, [accumulatorOut("table")]: gradient };
}

/** AdamW with decoupled decay on the mean gradient, clipped by its global norm; nothing changes when that is not finite. */
function adamW(inputs: Inputs): Record<string, TensorData> {
  const { beta1, beta2, epsilon, weightDecay } = optimizerSettings;
  const scalar = (name: keyof typeof optimizerScalars) => at(inputs, optimizerScalars[name], 0);
  const names = ["table", firstMoment("table"), secondMoment("table")] as const;
  const [parameters, m, v] = names.map((name) => Float32Array.from(inputs[name] as Float32Array));
  const mean = Float64Array.from(
    inputs[accumulatorIn("table")] as Float32Array,
    (value) => value / Math.max(scalar("denominator"), 1),
  );
  const norm = Math.sqrt(mean.reduce((sum, value) => sum + value * value, 0));
  if (parameters === undefined || m === undefined || v === undefined) throw new Error("The optimizer lacks an input.");
  if (Number.isFinite(norm)) {
    const factor = Math.min(1, scalar("maxNorm") / (norm + 1e-6));
    for (const [i, value] of mean.entries()) {
      const g = value * factor;
      m[i] = beta1 * (m[i] as number) + (1 - beta1) * g;
      v[i] = beta2 * (v[i] as number) + (1 - beta2) * g * g;
      const step =
        (m[i] as number) /
        scalar("biasCorrection1") /
        (Math.sqrt((v[i] as number) / scalar("biasCorrection2")) + epsilon);
      parameters[i] =
        (parameters[i] as number) * (1 - scalar("learningRate") * weightDecay) - scalar("learningRate") * step;
    }
  }
  return {
    [updated(names[0])]: parameters,
    [updated(names[1])]: m,
    [updated(names[2])]: v,
    [gradientNorm]: Float32Array.of(norm),
  };
}

/** The values of a program's tensors, as a checkpoint would hold them. */
export interface SavedTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly values: Float32Array<ArrayBuffer>;
}

export function snapshotOf(tensors: readonly TensorSource[]): Promise<SavedTensor[]> {
  return Promise.all(
    tensors.map(async ({ name, dtype, shape, read }) => {
      const view = await read();
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      return { name, dtype, shape, values: new Float32Array(bytes.slice().buffer) };
    }),
  );
}

/** Gives a program the tensors of a snapshot, one by one, as `Checkpoints.load` does. */
export function restoreInto(program: TrainingProgram, snapshot: readonly SavedTensor[]): Promise<void> {
  return program.restore(async (restore) => {
    for (const { name, dtype, shape, values } of snapshot) {
      const stored = { name, dtype, shape, byteLength: values.byteLength, chunks: [] };
      await restore(stored, async () => new Uint8Array(values.slice().buffer));
    }
  });
}

/**
 * A micro-batch of token sequences, every token after the first supervised with `weight`; 0 supervises none. Even rows are of
 * one file, odd ones of another.
 */
export function batchOf(sequences: readonly (readonly number[])[], rows: readonly number[], weight = 1): Batch {
  const length = Math.max(...sequences.map((sequence) => sequence.length));
  const shape = { rows: sequences.length, length, supervised: sequences.length * (length - 1) };
  const grid = () => new Int32Array(shape.rows * length);
  const batch = {
    inputIds: grid(),
    positionIds: grid(),
    segmentIds: grid(),
    supervisedIndex: new Int32Array(shape.supervised),
    targets: new Int32Array(shape.supervised),
    lossWeights: new Float32Array(shape.supervised),
  };
  let n = 0;
  let tokens = 0;
  for (const [row, sequence] of sequences.entries()) {
    for (const [t, id] of sequence.entries()) {
      batch.inputIds[row * length + t] = id;
      batch.positionIds[row * length + t] = t;
      batch.segmentIds[row * length + t] = 1;
      tokens++;
      if (t === 0 || weight === 0) continue;
      batch.supervisedIndex[n] = row * length + t - 1;
      batch.targets[n] = id;
      batch.lossWeights[n] = weight;
      n++;
    }
  }
  const origins = rows.map((row) => originOf(row, row % 2));
  return { shape, ...batch, denominator: n * weight, supervised: n, tokens, examples: [], origins };
}

/** A small model of a config: seeded weights, and Hone's logits over whole rows and with a cache. */

import { lazyArtifact } from "../../../src/artifacts/artifact.ts";
import { wholeRows } from "../../../src/artifacts/attention.ts";
import { type Artifact, generationPorts } from "../../../src/artifacts/contract.ts";
import { compileGeneration } from "../../../src/artifacts/generation.ts";
import { parametersOf } from "../../../src/artifacts/method.ts";
import { forward, type ModelDefinition } from "../../../src/models/architecture.ts";
import { Scope } from "../../../src/nn/scope.ts";
import { softCap } from "../../../src/nn/softCap.ts";
import { product } from "../../../src/nn/weight.ts";
import { GraphBuilder } from "../../../src/onnx/builder.ts";
import type { HostTensor, Runtime } from "../../../src/runtime/types.ts";
import { type Shape, sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";

type Numbers = Float32Array<ArrayBuffer>;

/** A tensor of the model's files. */
export interface FileWeight {
  readonly name: string;
  readonly shape: Shape;
  readonly data: Numbers;
}

/** Seed of the weights of every case. */
const seed = 16;
/** Tokens of the tested row: longer than the small windows and original contexts. */
const rowLength = 48;
/** Tokens of the prefill; the rest is decoded one by one. */
const prefill = 20;

/**
 * The model's file tensors with random numbers: matrices so large that scores differ and soft caps bend, norms around 1,
 * biases around 0.
 */
export function seededWeights(definition: ModelDefinition): FileWeight[] {
  const random = createRandom(seed);
  return parametersOf(definition, null).flatMap(({ source, shape }) => {
    if (source.kind !== "checkpoint") return [];
    const { name, shape: own } = source.tensor;
    const spread = shape.length < 2 ? 0.2 : 1.5 * Number(shape[1]) ** -0.5;
    const middle = shape.length < 2 && name.endsWith("weight") ? 1 : 0;
    return {
      name,
      shape: own,
      data: Float32Array.from({ length: sizeOf(own) }, () => middle + spread * random.normal()),
    };
  });
}

/** Token ids of the tested row. */
export function rowIds({ contextLength, vocabulary }: ModelDefinition): number[] {
  const random = createRandom(seed + 1);
  return Array.from({ length: Math.min(rowLength, contextLength) }, () => 3 + random.below(vocabulary - 3));
}

/** The parameters by name, from the tensors of the files. */
export function parameterFeeds(
  definition: ModelDefinition,
  weights: readonly FileWeight[],
): Record<string, HostTensor & { readonly data: Numbers }> {
  const byName = new Map(weights.map(({ name, data }) => [name, data]));
  return Object.fromEntries(
    parametersOf(definition, null).flatMap(({ name, shape, source }) => {
      const data = source.kind === "checkpoint" ? byName.get(source.tensor.name) : undefined;
      if (source.kind !== "checkpoint" || !data) return [];
      return [[name, { dtype: "float32", shape, data: source.tensor.toParameter(data) }] as const];
    }),
  );
}

/** Logits [T, V] of one row of T tokens, from the whole row at once. */
export function rowArtifact(definition: ModelDefinition, length: number): Artifact {
  const b = new GraphBuilder("logits");
  const scope = Scope.root(b, null);
  const ids = b.input("ids", "int32", [length]);
  const positions = b.requiredInput("positions", "int32", [1, length]);
  const segments = b.input("segments", "int32", [1, length]);
  const attend = wholeRows(b, definition.layers, positions, segments, 1);
  const states = forward(definition, scope, { ids, positions }, attend, (rows) => rows);
  const logits = softCap(b, product(b, states, definition.headWeight(scope)), definition.logitCap);
  const graph = b.finish({ logits });
  const { inputs, outputs } = graph;
  const key = `logits ${length} ${definition.key}`;
  return lazyArtifact({ kind: "eval", key, inputs, outputs, aliases: {} }, () => graph);
}

/** The inputs of `rowArtifact` besides the parameters. */
export const rowFeeds = (ids: readonly number[]): Record<string, HostTensor & { readonly data: Int32Array }> => ({
  ids: { dtype: "int32", shape: [ids.length], data: Int32Array.from(ids) },
  positions: { dtype: "int32", shape: [1, ids.length], data: Int32Array.from(ids.keys()) },
  segments: { dtype: "int32", shape: [1, ids.length], data: new Int32Array(ids.length).fill(1) },
});

function floats(outputs: Readonly<Record<string, HostTensor>>, name: string): Numbers {
  const data = outputs[name]?.data;
  if (!(data instanceof Float32Array)) throw new Error(`The artifact gave no ${name}.`);
  return Float32Array.from(data);
}

/** Hone's logits [T, V] over the whole row. */
export async function rowLogits(
  runtime: Runtime,
  definition: ModelDefinition,
  weights: readonly FileWeight[],
  ids: readonly number[],
): Promise<Numbers> {
  const session = await runtime.session(rowArtifact(definition, ids.length));
  return floats(await session.run({ ...parameterFeeds(definition, weights), ...rowFeeds(ids) }), "logits");
}

/** Hone's logits of the positions from the end of the prefill on, with a key/value cache: [T − from, V]. */
export async function cachedLogits(
  runtime: Runtime,
  definition: ModelDefinition,
  weights: readonly FileWeight[],
  ids: readonly number[],
): Promise<{ readonly from: number; readonly logits: readonly Numbers[] }> {
  const first = Math.min(prefill, ids.length);
  const parameters = parameterFeeds(definition, weights);
  const capacity = ids.length;
  let caches: Record<string, HostTensor> = {};
  const logits: Numbers[] = [];
  for (let start = 0; start < ids.length; start = start === 0 ? first : start + 1) {
    const tokens = start === 0 ? first : 1;
    const artifact = compileGeneration(definition, null, { tokens, capacity });
    for (const { name, dtype, shape } of artifact.inputs) {
      if (name.startsWith("past_")) caches[name] ??= { dtype, shape, data: new Float32Array(sizeOf(shape)) };
    }
    const session = await runtime.session(artifact);
    const outputs = await session.run({
      ...parameters,
      ...caches,
      [generationPorts.inputIds]: {
        dtype: "int32",
        shape: [1, tokens],
        data: Int32Array.from(ids.slice(start, start + tokens)),
      },
      [generationPorts.start]: { dtype: "int32", shape: [1], data: Int32Array.of(start) },
      [generationPorts.logitsIndex]: { dtype: "int32", shape: [1], data: Int32Array.of(tokens - 1) },
    });
    logits.push(floats(outputs, generationPorts.logits));
    caches = Object.fromEntries(
      Object.entries(outputs).flatMap(([name, tensor]) =>
        name.startsWith("present_") ? [[name.replace("present_", "past_"), tensor]] : [],
      ),
    );
  }
  return { from: first - 1, logits };
}

/** Compiles the generation artifact: a model with a key/value cache, with the ports of contract.ts. */

import { forward, type ModelDefinition } from "../models/architecture.ts";
import { iota } from "../nn/attention.ts";
import { softCap } from "../nn/softCap.ts";
import { product } from "../nn/weight.ts";
import { GraphBuilder } from "../onnx/builder.ts";
import type { Graph, Value } from "../onnx/graph.ts";
import { lazyArtifact } from "./artifact.ts";
import { cachedAttention, cacheShape } from "./cachedAttention.ts";
import { parameterPorts } from "./compile.ts";
import { type Artifact, generationPorts, type Port } from "./contract.ts";
import { artifactKey, type Method, parametersOf, scopeOf } from "./method.ts";

/** The static shape of a run with a key/value cache. */
export interface GenerationShape {
  /** R, rows of the run; 1 by default. */
  readonly rows?: number;
  /** S, tokens of each row in one run. */
  readonly tokens: number;
  /** C, slots of a cached row. */
  readonly capacity: number;
  /** B, rows of the cache, where the run takes some of them, in any order. Null, the default: it has the run's rows. */
  readonly cacheRows?: number | null;
  /** Whether the tokens are the first ones of their rows; false by default. */
  readonly first?: boolean;
  /** Whether the device chooses each row's most likely token; false by default. */
  readonly chooses?: boolean;
}

/** The shape with its defaults; equal shapes have equal fields in one order. */
export const wholeShape = ({
  rows = 1,
  tokens,
  capacity,
  cacheRows = null,
  first = false,
  chooses = false,
}: GenerationShape): Required<GenerationShape> => ({ rows, tokens, capacity, cacheRows, first, chooses });

const {
  inputIds,
  start,
  cacheRows: cacheRowsPort,
  logitsIndex,
  logits,
  choice,
  pastKey,
  pastValue,
  presentKey,
  presentValue,
} = generationPorts;

/**
 * Runs S tokens of each of R rows, with a key/value cache of C slots per row. A row's tokens fill its slots from its `start`
 * on. A token attends to the slots up to its own, so later slots may contain anything. Pad a shorter row on the right: its
 * next tokens overwrite the padding's slots. `start` + S may be at most C. First tokens of all rows make the cache.
 */
export function compileGeneration(model: ModelDefinition, method: Method | null, shape: GenerationShape): Artifact {
  const whole = wholeShape(shape);
  const { rows, tokens, capacity, cacheRows, first, chooses } = whole;
  const caches = (key: (layer: number) => string, value: (layer: number) => string) =>
    model.layers.flatMap((spec, layer): Port[] =>
      [key(layer), value(layer)].map((name) => ({
        name,
        dtype: "float32",
        shape: cacheShape(spec, cacheRows ?? rows, capacity),
      })),
    );
  const past = makesCache(whole) ? [] : caches(pastKey, pastValue);
  const present = caches(presentKey, presentValue);
  const indices = [...(first ? [] : [start]), ...(cacheRows === null ? [] : [cacheRowsPort]), logitsIndex];
  const head = {
    kind: "generation",
    key: artifactKey("generation", model, method, whole),
    inputs: [
      { name: inputIds, dtype: "int32", shape: [rows, tokens] },
      ...indices.map((name): Port => ({ name, dtype: "int32", shape: [rows] })),
      ...parameterPorts(parametersOf(model, method)),
      ...past,
    ],
    outputs: [
      { name: logits, dtype: "float32", shape: [rows, model.vocabulary] },
      ...(chooses ? [{ name: choice, dtype: "float32", shape: [rows, 3] } as const] : []),
      ...present,
    ],
    aliases: Object.fromEntries(past.map(({ name }, i) => [present[i]?.name ?? "", name])),
  } as const;
  return lazyArtifact(head, () => generationGraph(model, method, whole));
}

const makesCache = ({ first, cacheRows }: Required<GenerationShape>) => first && cacheRows === null;

function generationGraph(model: ModelDefinition, method: Method | null, shape: Required<GenerationShape>): Graph {
  const { rows, tokens, capacity, cacheRows, first, chooses } = shape;
  const b = new GraphBuilder("generation");
  const scope = scopeOf(b, model, method);
  const ids = b.input(inputIds, "int32", [rows, tokens]);
  const steps = iota(b, tokens, [1, tokens]);
  const positions = first
    ? b.expand(steps, [rows, tokens])
    : b.add(steps, b.reshape(b.input(start, "int32", [rows]), [rows, 1]));
  const attention = cachedAttention(b, {
    positions,
    capacity,
    cacheRows: cacheRows === null ? null : b.input(cacheRowsPort, "int32", [rows]),
    first,
  });
  const caches: Record<string, Value> = {};
  const attend = (layer: number, queries: Value, keys: Value, values: Value) => {
    const spec = model.layers[layer];
    if (!spec) throw new RangeError(`The model has no layer ${layer}, but lists ${model.layers.length}.`);
    const cache = (name: string) => b.input(name, "float32", cacheShape(spec, cacheRows ?? rows, capacity));
    const past = makesCache(shape) ? null : { keys: cache(pastKey(layer)), values: cache(pastValue(layer)) };
    const { context, present } = attention(spec, past, queries, keys, values);
    caches[presentKey(layer)] = present.keys;
    caches[presentValue(layer)] = present.values;
    return context;
  };
  // The chosen token of row r is number r·S + logits_index of all tokens.
  const firsts = b.constant(
    "int32",
    [rows],
    Int32Array.from({ length: rows }, (_, row) => row * tokens),
  );
  const index = b.add(b.input(logitsIndex, "int32", [rows]), firsts);
  const flat = { ids: b.reshape(ids, [rows * tokens]), positions };
  const last = forward(model, scope, flat, attend, (states) => b.gather(states, index));
  const all = softCap(b, product(b, last, model.headWeight(scope)), model.logitCap);
  return b.finish({ [logits]: all, ...(chooses && { [choice]: chosen(b, all) }), ...caches });
}

/**
 * The highest logit of each row (R, V), the lowest id that has it, and the sum of the row: (R, 3). Ids are exact in float32.
 * Two reductions replace ArgMax, which WebGPU runs with one thread per row.
 */
function chosen(b: GraphBuilder, all: Value): Value {
  const [, vocabulary] = all.shape as [number, number];
  const highest = b.reduceMax(all, [1]);
  const count = b.scalar(vocabulary);
  const fromEnd = b.sub(count, b.cast(iota(b, vocabulary, [1, vocabulary]), "float32"));
  const lowest = b.sub(count, b.reduceMax(b.where(b.equal(all, highest), fromEnd, b.scalar(0)), [1]));
  return b.concat([highest, lowest, b.reduceSum(all, [1])], 1);
}

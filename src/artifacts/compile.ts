/** Compiles a model and a method into training, eval and generation artifacts, with the ports of contract.ts. */

import { backward } from "../autodiff/backward.ts";
import { type Attend, headWeight, type LlamaConfig, llama, rotaryFrequencies } from "../models/llama.ts";
import { attend, cacheBias, causalBias, type Heads, queryScale, splitKeys, splitQueries } from "../nn/attention.ts";
import { linearCrossEntropy } from "../nn/crossEntropy.ts";
import { rope, ropeTables } from "../nn/rope.ts";
import { Scope } from "../nn/scope.ts";
import { GraphBuilder } from "../onnx/builder.ts";
import type { Graph, Value } from "../onnx/graph.ts";
import { writeModel } from "../onnx/model.ts";
import {
  type Artifact,
  type ArtifactKind,
  accumulatorIn,
  accumulatorOut,
  type BatchShape,
  batchPorts,
  generationPorts,
  lazyResetGrad,
  lossSum,
  tokenLoss,
} from "./contract.ts";
import { adapterOf, artifactKey, type Method } from "./method.ts";

const headsOf = (config: LlamaConfig): Heads => ({
  query: config.num_attention_heads,
  key: config.num_key_value_heads,
  size: config.head_dim,
});

/** Wraps a finished graph: its ports are read off it, so they cannot differ. */
export function toArtifact(
  kind: ArtifactKind,
  key: string,
  graph: Graph,
  aliases: Readonly<Record<string, string>> = {},
): Artifact {
  const port = ({ name, dtype, shape }: Value) => ({ name, dtype, shape });
  return {
    kind,
    key,
    bytes: writeModel(graph),
    inputs: graph.inputs.map(port),
    outputs: graph.outputs.map(port),
    aliases,
  };
}

/** How queries, times `queryScale`, and keys of up to `length` positions are turned before they meet. */
function rotations(b: GraphBuilder, config: LlamaConfig, heads: Heads, length: number) {
  const frequencies = rotaryFrequencies(config);
  const own = ropeTables(b, frequencies, length, queryScale(heads));
  const plain = ropeTables(b, frequencies, length);
  return {
    queries: (x: Value, positions: Value) => rope(b, x, positions, own, heads.query),
    keys: (x: Value, positions: Value) => rope(b, x, positions, plain, heads.key),
  };
}

/**
 * The forward graph up to the loss: whole rows under a causal mask that keeps to segments; behind the last attention only
 * the supervised positions go on, through the rest of its layer to the head.
 */
export function buildLoss(
  b: GraphBuilder,
  config: LlamaConfig,
  method: Method | null,
  shape: BatchShape,
  queryBlocks = 1,
) {
  const { rows, length, supervised } = shape;
  const heads = headsOf(config);
  const scope = Scope.root(b, adapterOf(method));
  const ids = b.input(batchPorts.inputIds, "int32", [rows, length]);
  const positions = b.cast(b.input(batchPorts.positionIds, "int32", [rows, length]), "int64");
  const bias = causalBias(b, b.input(batchPorts.segmentIds, "int32", [rows, length]));
  const turn = rotations(b, config, heads, length);

  const index = b.input(batchPorts.supervisedIndex, "int32", [supervised]);
  const hidden = llama(
    scope,
    config,
    b.reshape(ids, [rows * length]),
    (_layer, q, k, v) =>
      attend(
        b,
        splitQueries(b, turn.queries(q, positions), heads),
        splitKeys(b, turn.keys(k, positions), heads, true),
        splitKeys(b, b.reshape(v, [rows, length, heads.key * heads.size]), heads),
        bias,
        heads,
        queryBlocks,
      ),
    (states) => b.gather(states, index),
  );
  const loss = linearCrossEntropy(
    b,
    hidden,
    headWeight(scope, config),
    b.input(batchPorts.targets, "int32", [supervised]),
    b.input(batchPorts.lossWeights, "float32", [supervised]),
  );
  return { loss, scope };
}

/** What else there is to a training artifact; none changes what is computed. */
export interface TrainingOptions {
  /**
   * Whether it adds to what is in the accumulators or replaces it: false for steps of one micro-batch, which have nothing to
   * add to. True when left out.
   */
  readonly accumulates?: boolean;
  /** Parts in which attention takes a row's queries; 1 when left out. */
  readonly queryBlocks?: number;
}

/**
 * Forward and backward of one micro-batch: gives `loss_sum`, and adds the gradient of that sum to each trainable
 * parameter's accumulator, or starts it anew where `lazy_reset_grad` is true (which also clears a NaN). One that does not
 * accumulate takes neither that nor the accumulators, and writes the gradients as they are.
 */
export function compileTraining(
  config: LlamaConfig,
  method: Method,
  shape: BatchShape,
  { accumulates = true, queryBlocks = 1 }: TrainingOptions = {},
): Artifact {
  const { graph, aliases } = buildTraining(config, method, shape, { accumulates, queryBlocks });
  const key = artifactKey("training", config, method, { ...shape, accumulates, queryBlocks });
  return toArtifact("training", key, graph, aliases);
}

/** The graph of the training artifact, and which of its outputs may be written over which inputs. */
export function buildTraining(
  config: LlamaConfig,
  method: Method,
  shape: BatchShape,
  { accumulates = true, queryBlocks = 1 }: TrainingOptions = {},
) {
  const b = new GraphBuilder("training");
  const { loss, scope } = buildLoss(b, config, method, shape, queryBlocks);
  const trainable = scope.parameters
    .filter(({ initial }) => method.kind === "full" || initial !== "checkpoint")
    .map(({ value }) => value);
  const kept = ({ name, shape }: Value) =>
    b.where(b.input(lazyResetGrad, "bool", [1]), b.scalar(0), b.input(accumulatorIn(name), "float32", shape));
  const gradients = backward(b, loss.sum, trainable, accumulates ? kept : null);

  const outputs: Record<string, Value> = { [lossSum]: loss.sum };
  const aliases: Record<string, string> = {};
  trainable.forEach(({ name }, index) => {
    outputs[accumulatorOut(name)] = gradients[index] as Value;
    aliases[accumulatorOut(name)] = accumulatorIn(name);
  });
  return { graph: b.finish(outputs), aliases };
}

/** Forward alone: `loss_sum` and the cross-entropy of each supervised position. */
export function compileEvaluation(config: LlamaConfig, method: Method | null, shape: BatchShape): Artifact {
  const b = new GraphBuilder("eval");
  const { loss } = buildLoss(b, config, method, shape);
  const graph = b.finish({ [lossSum]: loss.sum, [tokenLoss]: loss.perToken });
  return toArtifact("eval", artifactKey("eval", config, method, shape), graph);
}

/**
 * S tokens of one sequence against a key/value cache of C slots. The tokens take the slots from `start` on; slots after
 * them may hold anything, for a token sees only the slots up to its own. A shorter piece is padded on the right, and
 * what it leaves in the slots behind is overwritten by the next.
 */
export function compileGeneration(
  config: LlamaConfig,
  method: Method | null,
  { tokens, capacity }: { readonly tokens: number; readonly capacity: number },
): Artifact {
  const b = new GraphBuilder("generation");
  const heads = headsOf(config);
  const scope = Scope.root(b, adapterOf(method));
  const ids = b.input(generationPorts.inputIds, "int32", [1, tokens]);
  const start = b.input(generationPorts.start, "int32", [1]);
  const steps = b.constant(
    "int32",
    [tokens],
    Int32Array.from({ length: tokens }, (_, i) => i),
  );
  const positions = b.add(steps, start);
  const positions64 = b.cast(b.reshape(positions, [1, tokens]), "int64");
  const turn = rotations(b, config, heads, capacity);
  const bias = cacheBias(b, positions, capacity);

  // Slot c takes token c − start where that is one of the S tokens: clamped, it is unchanged exactly there.
  const slots = b.constant(
    "int32",
    [capacity],
    Int32Array.from({ length: capacity }, (_, i) => i),
  );
  const offset = b.sub(slots, start);
  const source = b.min(b.max(offset, b.scalar(0, "int32")), b.scalar(tokens - 1, "int32"));
  const written = b.reshape(b.equal(offset, source), [1, 1, capacity, 1]);
  const cacheShape = [1, heads.key, capacity, heads.size];
  const outputs: Record<string, Value> = {};
  const cache = (past: string, present: string, fresh: Value): Value => {
    const updated = b.where(written, b.gather(fresh, source, 2), b.input(past, "float32", cacheShape));
    outputs[present] = updated;
    return updated;
  };

  const attention: Attend = (layer, q, k, v) => {
    const freshKeys = splitKeys(b, turn.keys(k, positions64), heads);
    const freshValues = splitKeys(b, b.reshape(v, [1, tokens, heads.key * heads.size]), heads);
    const keys = cache(generationPorts.pastKey(layer), generationPorts.presentKey(layer), freshKeys);
    const values = cache(generationPorts.pastValue(layer), generationPorts.presentValue(layer), freshValues);
    const queries = splitQueries(b, turn.queries(q, positions64), heads);
    return attend(b, queries, b.transpose(keys, [0, 1, 3, 2]), values, bias, heads);
  };
  const index = b.input(generationPorts.logitsIndex, "int32", [1]);
  const last = llama(scope, config, b.reshape(ids, [tokens]), attention, (states) => b.gather(states, index));
  const logits = b.gemm(last, headWeight(scope, config), { transB: true });
  const graph = b.finish({ [generationPorts.logits]: b.reshape(logits, [config.vocab_size]), ...outputs });
  return toArtifact("generation", artifactKey("generation", config, method, { tokens, capacity }), graph);
}

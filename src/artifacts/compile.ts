/** Compiles a model and a method into training, eval and generation artifacts, with the ports of contract.ts. */

import { backward } from "../autodiff/backward.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import { linearCrossEntropy } from "../nn/crossEntropy.ts";
import { Scope } from "../nn/scope.ts";
import { GraphBuilder } from "../onnx/builder.ts";
import type { Graph, Value } from "../onnx/graph.ts";
import { writeModel } from "../onnx/model.ts";
import { cached, wholeRows } from "./attention.ts";
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

/**
 * The forward graph up to the loss: whole rows under a causal mask that keeps to segments; behind the last attention only
 * the supervised positions go on, through the rest of its layer to the head.
 */
export function buildLoss(
  b: GraphBuilder,
  model: ModelDefinition,
  method: Method | null,
  shape: BatchShape,
  queryBlocks = 1,
) {
  const { rows, length, supervised } = shape;
  const scope = Scope.root(b, adapterOf(method));
  const ids = b.input(batchPorts.inputIds, "int32", [rows, length]);
  const positions = b.input(batchPorts.positionIds, "int32", [rows, length]);
  const segments = b.input(batchPorts.segmentIds, "int32", [rows, length]);
  const attend = wholeRows(b, model.layers, positions, segments, queryBlocks);
  const index = b.input(batchPorts.supervisedIndex, "int32", [supervised]);
  const tokens = { ids: b.reshape(ids, [rows * length]), positions };
  const hidden = model.forward(scope, tokens, attend, (states) => b.gather(states, index));
  const loss = linearCrossEntropy(
    b,
    hidden,
    model.headWeight(scope),
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
  model: ModelDefinition,
  method: Method,
  shape: BatchShape,
  { accumulates = true, queryBlocks = 1 }: TrainingOptions = {},
): Artifact {
  const { graph, aliases } = buildTraining(model, method, shape, { accumulates, queryBlocks });
  const key = artifactKey("training", model, method, { ...shape, accumulates, queryBlocks });
  return toArtifact("training", key, graph, aliases);
}

/** The graph of the training artifact, and which of its outputs may be written over which inputs. */
export function buildTraining(
  model: ModelDefinition,
  method: Method,
  shape: BatchShape,
  { accumulates = true, queryBlocks = 1 }: TrainingOptions = {},
) {
  const b = new GraphBuilder("training");
  const { loss, scope } = buildLoss(b, model, method, shape, queryBlocks);
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

/** Forward alone: `loss_sum` and the weighted loss of each supervised position. */
export function compileEvaluation(model: ModelDefinition, method: Method | null, shape: BatchShape): Artifact {
  const b = new GraphBuilder("eval");
  const { loss } = buildLoss(b, model, method, shape);
  const graph = b.finish({ [lossSum]: loss.sum, [tokenLoss]: loss.perToken });
  return toArtifact("eval", artifactKey("eval", model, method, shape), graph);
}

/**
 * S tokens of one sequence against a key/value cache of C slots. The tokens take the slots from `start` on; slots after
 * them may hold anything, for a token sees only the slots up to its own. A shorter piece is padded on the right, and
 * what it leaves in the slots behind is overwritten by the next.
 */
export function compileGeneration(
  model: ModelDefinition,
  method: Method | null,
  { tokens, capacity }: { readonly tokens: number; readonly capacity: number },
): Artifact {
  const b = new GraphBuilder("generation");
  const scope = Scope.root(b, adapterOf(method));
  const ids = b.input(generationPorts.inputIds, "int32", [1, tokens]);
  const start = b.input(generationPorts.start, "int32", [1]);
  const steps = b.constant(
    "int32",
    [tokens],
    Int32Array.from({ length: tokens }, (_, i) => i),
  );
  const positions = b.add(steps, start);
  const caches: Record<string, Value> = {};
  const attend = cached(b, model.layers, positions, start, capacity, caches);
  const index = b.input(generationPorts.logitsIndex, "int32", [1]);
  const flat = { ids: b.reshape(ids, [tokens]), positions };
  const last = model.forward(scope, flat, attend, (states) => b.gather(states, index));
  const logits = b.gemm(last, model.headWeight(scope), { transB: true });
  const graph = b.finish({ [generationPorts.logits]: b.reshape(logits, [model.vocabulary]), ...caches });
  return toArtifact("generation", artifactKey("generation", model, method, { tokens, capacity }), graph);
}

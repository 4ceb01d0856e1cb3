/** Compiles a model and a method into training, eval and generation artifacts, with the ports of contract.ts. */

import { backward } from "../autodiff/backward.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import { linearCrossEntropy } from "../nn/crossEntropy.ts";
import { Scope } from "../nn/scope.ts";
import { GraphBuilder } from "../onnx/builder.ts";
import type { Graph, Value } from "../onnx/graph.ts";
import { lazyArtifact } from "./artifact.ts";
import { cached, cacheShape, wholeRows } from "./attention.ts";
import {
  type Artifact,
  accumulatorIn,
  accumulatorOut,
  type BatchShape,
  batchPorts,
  generationPorts,
  lazyResetGrad,
  lossSum,
  type ParameterSpec,
  type Port,
  tokenLoss,
} from "./contract.ts";
import { adapterOf, artifactKey, isTrained, type Method, parametersOf } from "./method.ts";

/** The parameters as a graph takes them. */
const parameterPorts = (parameters: readonly ParameterSpec[]): Port[] =>
  parameters.map(({ name, shape, storage: dtype }) => ({ name, dtype, shape }));

/** What `buildLoss` takes. */
function lossInputs(parameters: readonly ParameterSpec[], { rows, length, supervised }: BatchShape): Port[] {
  const { inputIds, positionIds, segmentIds, supervisedIndex, targets, lossWeights } = batchPorts;
  return [
    ...[inputIds, positionIds, segmentIds].map((name): Port => ({ name, dtype: "int32", shape: [rows, length] })),
    { name: supervisedIndex, dtype: "int32", shape: [supervised] },
    ...parameterPorts(parameters),
    { name: targets, dtype: "int32", shape: [supervised] },
    { name: lossWeights, dtype: "float32", shape: [supervised] },
  ];
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
  const parameters = parametersOf(model, method);
  const trainable = parameters.filter((parameter) => parameter.trainable);
  const sums = (port: (parameter: string) => string) =>
    trainable.map(({ name, shape: own }): Port => ({ name: port(name), dtype: "float32", shape: own }));
  const reset: Port = { name: lazyResetGrad, dtype: "bool", shape: [1] };
  const head = {
    kind: "training",
    key: artifactKey("training", model, method, { ...shape, accumulates, queryBlocks }),
    inputs: [...lossInputs(parameters, shape), ...(accumulates ? [reset, ...sums(accumulatorIn)] : [])],
    outputs: [{ name: lossSum, dtype: "float32", shape: [1] }, ...sums(accumulatorOut)],
    aliases: Object.fromEntries(trainable.map(({ name }) => [accumulatorOut(name), accumulatorIn(name)])),
  } as const;
  return lazyArtifact(head, () => trainingGraph(model, method, shape, { accumulates, queryBlocks }));
}

function trainingGraph(
  model: ModelDefinition,
  method: Method,
  shape: BatchShape,
  { accumulates, queryBlocks }: Required<TrainingOptions>,
): Graph {
  const b = new GraphBuilder("training");
  const { loss, scope } = buildLoss(b, model, method, shape, queryBlocks);
  const trainable = scope.parameters.filter((declared) => isTrained(method, declared)).map(({ value }) => value);
  const kept = ({ name, shape }: Value) =>
    b.where(b.input(lazyResetGrad, "bool", [1]), b.scalar(0), b.input(accumulatorIn(name), "float32", shape));
  const gradients = backward(b, loss.sum, trainable, accumulates ? kept : null);
  const sums = trainable.map(({ name }, i) => [accumulatorOut(name), gradients[i] as Value] as const);
  return b.finish({ [lossSum]: loss.sum, ...Object.fromEntries(sums) });
}

/** Forward alone: `loss_sum` and the cross-entropy of each supervised position. */
export function compileEvaluation(model: ModelDefinition, method: Method | null, shape: BatchShape): Artifact {
  const head = {
    kind: "eval",
    key: artifactKey("eval", model, method, shape),
    inputs: lossInputs(parametersOf(model, method), shape),
    outputs: [
      { name: lossSum, dtype: "float32", shape: [1] },
      { name: tokenLoss, dtype: "float32", shape: [shape.supervised] },
    ],
    aliases: {},
  } as const;
  return lazyArtifact(head, () => {
    const b = new GraphBuilder("eval");
    const { loss } = buildLoss(b, model, method, shape);
    return b.finish({ [lossSum]: loss.sum, [tokenLoss]: loss.perToken });
  });
}

/** Tokens that one run takes, and slots of its key/value cache. */
export interface GenerationShape {
  readonly tokens: number;
  readonly capacity: number;
}

/**
 * S tokens of one sequence against a key/value cache of C slots. The tokens take the slots from `start` on; slots after
 * them may hold anything, for a token sees only the slots up to its own. A shorter piece is padded on the right, and
 * what it leaves in the slots behind is overwritten by the next.
 */
export function compileGeneration(
  model: ModelDefinition,
  method: Method | null,
  { tokens, capacity }: GenerationShape,
): Artifact {
  const caches = (key: (layer: number) => string, value: (layer: number) => string) =>
    model.layers.flatMap((spec, layer): Port[] =>
      [key(layer), value(layer)].map((name) => ({ name, dtype: "float32", shape: cacheShape(spec, capacity) })),
    );
  const { inputIds, start, logitsIndex, logits, pastKey, pastValue, presentKey, presentValue } = generationPorts;
  const head = {
    kind: "generation",
    key: artifactKey("generation", model, method, { tokens, capacity }),
    inputs: [
      { name: inputIds, dtype: "int32", shape: [1, tokens] },
      ...[start, logitsIndex].map((name): Port => ({ name, dtype: "int32", shape: [1] })),
      ...parameterPorts(parametersOf(model, method)),
      ...caches(pastKey, pastValue),
    ],
    outputs: [{ name: logits, dtype: "float32", shape: [model.vocabulary] }, ...caches(presentKey, presentValue)],
    aliases: {},
  } as const;
  return lazyArtifact(head, () => generationGraph(model, method, { tokens, capacity }));
}

function generationGraph(model: ModelDefinition, method: Method | null, { tokens, capacity }: GenerationShape): Graph {
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
  return b.finish({ [generationPorts.logits]: b.reshape(logits, [model.vocabulary]), ...caches });
}

/** Compiles a model and a method into training and eval artifacts, with the ports of contract.ts. */

import { backward, type GradientBase } from "../autodiff/backward.ts";
import { forward, type ModelDefinition } from "../models/architecture.ts";
import { linearCrossEntropy } from "../nn/crossEntropy.ts";
import { GraphBuilder } from "../onnx/builder.ts";
import type { Graph, Value } from "../onnx/graph.ts";
import { lazyArtifact } from "./artifact.ts";
import { wholeRows } from "./attention.ts";
import {
  type Artifact,
  accumulatorIn,
  accumulatorOut,
  type BatchShape,
  batchPorts,
  lazyResetGrad,
  lossSum,
  type ParameterSpec,
  type Port,
  tokenLoss,
} from "./contract.ts";
import { gradientOutputs } from "./gradients.ts";
import { artifactKey, type Method, parametersOf, scopeOf } from "./method.ts";

/** The graph inputs of the parameters. */
export const parameterPorts = (parameters: readonly ParameterSpec[]): Port[] =>
  parameters.flatMap(({ ports }) => ports);

/** The graph inputs that `buildLoss` declares. */
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
 * The forward graph up to the loss, over whole rows with a causal mask within segments. After the last attention only the
 * supervised positions are computed.
 */
export function buildLoss(
  b: GraphBuilder,
  model: ModelDefinition,
  method: Method | null,
  shape: BatchShape,
  { queryBlocks = 1, differentiable = true }: { readonly queryBlocks?: number; readonly differentiable?: boolean } = {},
) {
  const { rows, length, supervised } = shape;
  const scope = scopeOf(b, model, method);
  const ids = b.input(batchPorts.inputIds, "int32", [rows, length]);
  // No node reads the positions of a model whose layers do not rotate.
  const positions = b.requiredInput(batchPorts.positionIds, "int32", [rows, length]);
  const segments = b.input(batchPorts.segmentIds, "int32", [rows, length]);
  const attend = wholeRows(b, model.layers, positions, segments, queryBlocks);
  const index = b.input(batchPorts.supervisedIndex, "int32", [supervised]);
  const tokens = { ids: b.reshape(ids, [rows * length]), positions };
  const hidden = forward(model, scope, tokens, attend, (states) => b.gather(states, index));
  const loss = linearCrossEntropy(
    b,
    hidden,
    model.headWeight(scope),
    b.input(batchPorts.targets, "int32", [supervised]),
    b.input(batchPorts.lossWeights, "float32", [supervised]),
    { cap: model.logitCap, differentiable },
  );
  return { loss, scope };
}

/** Variants of a training artifact; all compute the same numbers. */
export interface TrainingOptions {
  /**
   * True (the default): adds the gradients to the accumulators. False: overwrites them, which suffices for steps of one
   * micro-batch.
   */
  readonly accumulates?: boolean;
  /** Number of query blocks in attention; 1 by default. */
  readonly queryBlocks?: number;
}

/**
 * Forward and backward of one micro-batch. Gives `loss_sum` and adds its gradient to the accumulator of each trainable
 * parameter. With `lazy_reset_grad` true the accumulators start from 0, which also clears NaN. An artifact that does not
 * accumulate has neither input: it writes the bare gradients.
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
  const { loss, scope } = buildLoss(b, model, method, shape, { queryBlocks });
  const differentiate = (wanted: readonly Value[], base: GradientBase | null) => backward(b, loss.sum, wanted, base);
  const sums = gradientOutputs({ b, scope }, method, differentiate, { accumulates });
  return b.finish({ [lossSum]: loss.sum, ...sums });
}

/** Forward only: `loss_sum` and the cross-entropy of each supervised position. */
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
    const { loss } = buildLoss(b, model, method, shape, { differentiable: false });
    return b.finish({ [lossSum]: loss.sum, [tokenLoss]: loss.perToken });
  });
}

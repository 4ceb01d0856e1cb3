/** The contract of an artifact: an ONNX model, its named ports, and the outputs that may overwrite inputs. */

import type { FileTensor } from "../models/fileTensor.ts";
import type { Graph } from "../onnx/graph.ts";
import { byteSizeOf, type DType, type Shape } from "../tensor/dtype.ts";
import type { WeightStorage } from "../tensor/storage.ts";

export interface Port {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export type ArtifactKind = "training" | "optimizer" | "eval" | "generation";

export interface Artifact {
  readonly kind: ArtifactKind;
  /** Identifies the static configuration: artifacts with equal keys are the same model. */
  readonly key: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /**
   * Output name → name of the tensor that it replaces, of the same type. When that tensor is also an input, both may share
   * one buffer (an update in place).
   */
  readonly aliases: Readonly<Record<string, string>>;
  /** Writes the graph again at each call; it may be large, so callers reuse the result. */
  graph(): Graph;
  /** The graph as ONNX protobuf, a file for Netron; written again at each call. */
  bytes(): Uint8Array;
}

/** The static shape of a batch; each shape has its own artifact. */
export interface BatchShape {
  /** B, sequences in the micro-batch. */
  readonly rows: number;
  /** T, tokens of a sequence, padding included. */
  readonly length: number;
  /** N, room for supervised positions, padding included. */
  readonly supervised: number;
}

/** Batch inputs of the training and the eval artifact, in the order of `Batch`. */
export const batchPorts = {
  inputIds: "input_ids",
  positionIds: "position_ids",
  segmentIds: "segment_ids",
  supervisedIndex: "supervised_index",
  targets: "targets",
  lossWeights: "loss_weights",
} as const;

/** bool [1] input of an accumulating artifact: true starts the accumulators from 0. */
export const lazyResetGrad = "lazy_reset_grad";

export const lossSum = "loss_sum";
/** float32 [N] output of the eval artifact: cross-entropy −log P(target) of each supervised position, loss weight not applied. */
export const tokenLoss = "token_loss";

/** Scalar inputs of the optimizer artifact, each float32 [1]. */
export const optimizerScalars = {
  learningRate: "learning_rate",
  /** 1 − β₁ᵗ */
  biasCorrection1: "bias_correction1",
  /** 1 − β₂ᵗ */
  biasCorrection2: "bias_correction2",
  /** Sum of the micro-batches' denominators; the artifact divides the gradient sums by max(denominator, 1). */
  denominator: "denominator",
  /** Limit of the global gradient norm; `noClipping` switches clipping off. */
  maxNorm: "max_norm",
} as const;

/** A norm limit that no float32 gradient reaches; finite, because shaders may not handle infinities. */
export const noClipping = 1e30;

/** float32 [1]: global L2 norm of the mean gradient, before clipping. */
export const gradientNorm = "gradient_norm";

/** float32 [1] input and output of a part's norm artifact: Σ G² of the parts before it, and with its own. */
export const squaredNormIn = "squared_norm";
export const squaredNormOut = "squared_norm_sum";

/** Ports of a layer's artifacts, each float32 (M, D) but the products. */
export const layerPorts = {
  input: "layer_input",
  output: "layer_output",
  /** The loss gradients of both. */
  inputGradient: "input_gradient",
  outputGradient: "output_gradient",
  /** The n-th product of a layer, which the forward artifact writes and the backward artifact reads. */
  product: (index: number) => `product.${index}`,
} as const;

export const accumulatorIn = (parameter: string) => `${parameter}_grad.accumulation.buffer`;
export const accumulatorOut = (parameter: string) => `${parameter}_grad.accumulation.out`;
export const firstMoment = (parameter: string) => `${parameter}.first_moment`;
export const secondMoment = (parameter: string) => `${parameter}.second_moment`;
/** The float32 reference log-probabilities of a stage's answers in a checkpoint; stages count from 0. */
export const referenceScores = (stage: number) => `reference.${stage}`;
/** Output name of the optimizer artifact for a parameter or a moment. */
export const updated = (name: string) => `${name}.out`;

/**
 * Ports of the generation artifact. Inputs, of R rows: `input_ids` int32 [R, S]; `start` int32 [R], the cache slot of each
 * row's first token; `cache_rows` int32 [R], the cached rows; `logits_index` int32 [R], the token of the S whose logits are
 * returned; caches float32 [B, Hkv, C, D] per layer. Outputs: `logits` float32 [R, V] and the updated caches, which may
 * overwrite the past ones. An artifact of first tokens has no `start`; one that has all rows of the cache no `cache_rows`,
 * and with both no past. One that chooses has `choice` float32 [R, 3]: each row's highest logit, the lowest id that has it,
 * and the sum of its logits, which is not finite where a logit is not.
 */
export const generationPorts = {
  inputIds: "input_ids",
  start: "start",
  cacheRows: "cache_rows",
  logitsIndex: "logits_index",
  logits: "logits",
  choice: "choice",
  pastKey: (layer: number) => `past_key.${layer}`,
  pastValue: (layer: number) => `past_value.${layer}`,
  presentKey: (layer: number) => `present_key.${layer}`,
  presentValue: (layer: number) => `present_value.${layer}`,
} as const;

/** The source of a parameter's first value: a tensor of the model's files, or an adapter's start (A random, B zero). */
export type ParameterSource =
  | { readonly kind: "checkpoint"; readonly tensor: FileTensor }
  | { readonly kind: "lora_A" }
  | { readonly kind: "lora_B" };

/** A named tensor of the model or of its adapter. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly trainable: boolean;
  /** Its form on the device, whatever its source; what is trained is float32. */
  readonly storage: WeightStorage;
  /** Its graph inputs: the numbers under its own name, and for blocks their scales and zero points. */
  readonly ports: readonly Port[];
  readonly source: ParameterSource;
}

/** Bytes of a parameter on the device. */
export const parameterBytes = ({ ports }: ParameterSpec): number =>
  ports.reduce((sum, { dtype, shape }) => sum + byteSizeOf(dtype, shape), 0);

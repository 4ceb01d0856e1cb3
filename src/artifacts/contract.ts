/** What an artifact is: an ONNX model with named ports, and which outputs may be written over which inputs. */

import type { FileTensor } from "../models/fileTensor.ts";
import type { Graph } from "../onnx/graph.ts";
import type { DType, Shape } from "../tensor/dtype.ts";

export interface Port {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export type ArtifactKind = "training" | "optimizer" | "eval" | "generation";

export interface Artifact {
  readonly kind: ArtifactKind;
  /** Names the static configuration; two artifacts with one key are the same model. */
  readonly key: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /**
   * Output name → name of the tensor of the same type that it replaces: where that is an input too, the two may share one
   * buffer (an update in place).
   */
  readonly aliases: Readonly<Record<string, string>>;
  /** The graph, written anew at each call: it may be large, so whoever needs it keeps it for as long. */
  graph(): Graph;
  /** The ONNX protobuf of the graph: what Netron opens. Anew at each call, too. */
  bytes(): Uint8Array;
}

/** The static shape of a batch: one compiled artifact serves one shape. */
export interface BatchShape {
  /** B, sequences in the micro-batch. */
  readonly rows: number;
  /** T, tokens of a sequence, padding included. */
  readonly length: number;
  /** N, supervised positions that fit, padding included. */
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

/** bool [1], of an artifact that accumulates: true starts the accumulators anew instead of adding to them. */
export const lazyResetGrad = "lazy_reset_grad";

export const lossSum = "loss_sum";
/** float32 [N] of the eval artifact: cross-entropy −log P(target) of each supervised position, without its weight. */
export const tokenLoss = "token_loss";

/** Scalars of the optimizer artifact, each float32 [1]. */
export const optimizerScalars = {
  learningRate: "learning_rate",
  /** 1 − β₁ᵗ */
  biasCorrection1: "bias_correction1",
  /** 1 − β₂ᵗ */
  biasCorrection2: "bias_correction2",
  /** What the step's sums are divided by, 1 at least: the denominators of its micro-batches, added up. */
  denominator: "denominator",
  /** Global-norm limit; feed `noClipping` for none. */
  maxNorm: "max_norm",
} as const;

/** A norm limit that no float32 gradient reaches; infinities are not relied on in shaders. */
export const noClipping = 1e30;

/** float32 [1]: global L2 norm of the mean gradient, before clipping. */
export const gradientNorm = "gradient_norm";

export const accumulatorIn = (parameter: string) => `${parameter}_grad.accumulation.buffer`;
export const accumulatorOut = (parameter: string) => `${parameter}_grad.accumulation.out`;
export const firstMoment = (parameter: string) => `${parameter}.first_moment`;
export const secondMoment = (parameter: string) => `${parameter}.second_moment`;
/** Name of the updated tensor that the optimizer artifact gives for a parameter or a moment. */
export const updated = (name: string) => `${name}.out`;

/**
 * Generation artifact: `input_ids` int32 [1, S]; `start` int32 [1], the cache slot of the first token;
 * `logits_index` int32 [1], which of the S tokens the logits are wanted for; caches float32 [1, Hkv, C, D]
 * per layer. Gives `logits` float32 [V] and the updated caches, which need buffers of their own.
 */
export const generationPorts = {
  inputIds: "input_ids",
  start: "start",
  logitsIndex: "logits_index",
  logits: "logits",
  pastKey: (layer: number) => `past_key.${layer}`,
  pastValue: (layer: number) => `past_value.${layer}`,
  presentKey: (layer: number) => `present_key.${layer}`,
  presentValue: (layer: number) => `present_value.${layer}`,
} as const;

/** Where a parameter's first value comes from: a tensor of the model's files, or an adapter's start (A random, B zero). */
export type ParameterSource =
  | { readonly kind: "checkpoint"; readonly tensor: FileTensor }
  | { readonly kind: "lora_A" }
  | { readonly kind: "lora_B" };

/** How the device holds a parameter, whatever its source. */
export type ParameterStorage = "float32";

/** A named tensor of the model or of its adapter. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly trainable: boolean;
  readonly storage: ParameterStorage;
  readonly source: ParameterSource;
}

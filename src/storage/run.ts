/** A run as one plain record: everything that reproduces it and everything that it showed. */

import type { DataSettings, MixtureMode, SourceChoice } from "../data/settings.ts";

export type LinearName = "q_proj" | "k_proj" | "v_proj" | "o_proj" | "gate_proj" | "up_proj" | "down_proj";

export interface LoraRecipe {
  readonly rank: number;
  readonly alpha: number;
  /** Which linear layers carry an adapter. */
  readonly targets: readonly LinearName[];
}

/** Everything a person chooses. `null` is off. */
export interface Recipe extends DataSettings {
  readonly method: "lora" | "full";
  /** Used when `method` is "lora". */
  readonly lora: LoraRecipe;
  /** Several rows share one sequence, each in a segment of its own. */
  readonly packing: boolean;
  readonly mixture: MixtureMode;
  readonly learningRate: number;
  readonly schedule: "cosine" | "linear" | "constant";
  /** Share of all steps over which the rate rises from 0, in [0, 1). */
  readonly warmupRatio: number;
  /** Passes over the training rows; may be fractional. */
  readonly epochs: number;
  /** Optimizer steps; when set it replaces `epochs`. */
  readonly steps: number | null;
  /** Rows of a micro-batch. */
  readonly batchSize: number;
  /** Micro-batches of one optimizer step. */
  readonly accumulation: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly maxGradNorm: number | null;
  /** Share of rows held out, in [0, 1). 0 is off. */
  readonly validationShare: number;
  /** Optimizer steps between validations. */
  readonly evaluateEvery: number;
  /** Optimizer steps between checkpoints. */
  readonly checkpointEvery: number;
  /** Newest checkpoints kept, beside the best one. */
  readonly keepLast: number;
  /** Validations without improvement after which the run ends; null is off. */
  readonly patience: number | null;
  /** Questions from held-out rows answered before and after. */
  readonly samplePrompts: number;
  readonly seed: number;
}

export type RunStatus = "running" | "paused" | "finished" | "cancelled" | "failed";

export interface StepMetrics {
  /** Optimizer steps done, from 1. */
  readonly step: number;
  /** Σ w·CE / Σ w over the step, natural logarithm. */
  readonly loss: number;
  /** Global L2 norm of the mean gradient before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Tokens of the step, padding not counted. */
  readonly tokens: number;
  readonly supervisedTokens: number;
  readonly seconds: number;
}

export interface EvaluationMetrics {
  /** Optimizer steps done before it; 0 is the base model. */
  readonly step: number;
  readonly loss: number;
}

export interface Sample {
  readonly prompt: string;
  readonly reference: string;
  readonly before: string;
  readonly after: string | null;
}

export interface RunSource extends SourceChoice {
  readonly name: string;
}

export interface RunRecord {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly status: RunStatus;
  /** Why it failed or was paused by the engine, in one sentence; null otherwise. */
  readonly reason: string | null;
  readonly model: { readonly name: string; readonly hash: string; readonly parameters: number };
  /** What it learns from, with everything that decides which rows and how much of each. */
  readonly sources: readonly RunSource[];
  readonly recipe: Recipe;
  readonly provider: "webgpu" | "wasm";
  /** Numbers that training changes. */
  readonly trainable: number;
  /** Examples used for training and for validation after reading and masking. */
  readonly examples: { readonly training: number; readonly validation: number };
  /** Planned optimizer steps. */
  readonly totalSteps: number;
  /** Optimizer steps done. */
  readonly step: number;
  /** Seconds spent in training steps, all sessions added up. */
  readonly seconds: number;
  readonly metrics: readonly StepMetrics[];
  readonly evaluations: readonly EvaluationMetrics[];
  readonly best: EvaluationMetrics | null;
  readonly samples: readonly Sample[];
}

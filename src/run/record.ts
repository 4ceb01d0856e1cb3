/** A run as one plain record: everything that reproduces it and everything that it showed. */

import type { MixtureMode } from "../batching/mixture.ts";
import type { DataSettings } from "../quality/tokenize.ts";
import type { LearntKind } from "../records/example.ts";
import type { SourceChoice, StageOrder } from "./source.ts";

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
  readonly stages: StageOrder;
  /** Passes over the text in a stage of its own; may be fractional. `epochs` and `steps` are then those of the chats. */
  readonly textEpochs: number;
  /** Peak of that stage's rate; null is that of `learningRate`. */
  readonly textLearningRate: number | null;
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
  /** Optimizer steps between two looks at the model while it trains (`Watch`); null is off. */
  readonly watchEvery: number | null;
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
  /** Examples of the step; not known of runs of before it was counted. */
  readonly examples?: number;
  readonly seconds: number;
}

export interface EvaluationMetrics {
  /** Optimizer steps done before it; 0 is the base model. */
  readonly step: number;
  /** Σ w·CE / Σ w over all held-out rows. */
  readonly loss: number;
  /** The same over those of each kind, where the run has stages. */
  readonly byKind?: { readonly [Kind in LearntKind]?: number };
}

/** One stage of a run that has several. */
export interface RunStage {
  readonly kind: LearntKind;
  /** Planned optimizer steps. */
  readonly steps: number;
  /** Examples that it trains on. */
  readonly examples: number;
  /** Supervised tokens of one pass over them. */
  readonly supervisedTokens: number;
}

export interface Sample {
  readonly prompt: string;
  readonly reference: string;
  readonly before: string;
  readonly after: string | null;
}

/** A look at the model while it trains. */
export interface Moment {
  /** Optimizer steps done before it; 0 is the base model. */
  readonly step: number;
  /** Greedy answer to the watched prompt; "" where there is none. */
  readonly answer: string;
  /** −log P of each supervised token of the watched row, in their order, in nats. */
  readonly losses: readonly number[];
}

/** Where an example comes from: index of its source among the run's, and of the record in it, both from 0. */
export interface RowPlace {
  readonly source: number;
  readonly row: number;
}

/** What is looked at again and again while a run trains: an answer, and how well each token of a row is predicted. */
export interface Watch {
  /** Null where the rows hold no question. */
  readonly prompt: string | null;
  readonly place: RowPlace;
  /** Of the watched row; those of weight 0 are context. */
  readonly tokens: readonly { readonly text: string; readonly weight: number }[];
  /** The first is the base model's; of a long run every so-manieth is kept. */
  readonly moments: readonly Moment[];
}

/** Where a run went on with a lower rate, because its numbers had left the finite range. */
export interface Slowdown {
  /** Of the checkpoint that it went on from; the steps after it are slower. */
  readonly fromStep: number;
  /** The schedule's rate is multiplied by it. */
  readonly factor: number;
}

/** What a run was predicted to need at the most, and what the device then held at the most while it trained last. */
export interface RunMemory {
  readonly predicted: number;
  readonly peak: number;
}

export interface RunSource extends SourceChoice {
  readonly name: string;
}

export interface RunRecord {
  readonly id: string;
  readonly name: string;
  /** What its owner wrote of it. */
  readonly note: string;
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
  /** In their order; empty where everything is learnt in one stage. */
  readonly stages: readonly RunStage[];
  /** Planned optimizer steps, all stages added up. */
  readonly totalSteps: number;
  /** Optimizer steps done. */
  readonly step: number;
  /** Seconds spent in training steps, all sessions added up. */
  readonly seconds: number;
  readonly metrics: readonly StepMetrics[];
  readonly evaluations: readonly EvaluationMetrics[];
  readonly best: EvaluationMetrics | null;
  readonly samples: readonly Sample[];
  /** Null where nothing is watched. */
  readonly watch: Watch | null;
  /** In their order; they multiply. */
  readonly slowdowns: readonly Slowdown[];
  /** Bytes on the device; left out of runs of before it was measured, and where it cannot be. */
  readonly memory?: RunMemory;
  /** Step of the checkpoint that it is to go on from where the newest is not good, 0 for the beginning; null is the newest. */
  readonly resumeFrom: number | null;
}

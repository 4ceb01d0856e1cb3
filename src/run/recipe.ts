/** The recipe: everything a person chooses of a run. */

import * as v from "valibot";
import { type MixtureMode, mixtureModes } from "../batching/mixture.ts";
import { truncations } from "../batching/truncate.ts";
import type { DataSettings } from "../quality/tokenize.ts";
import { maskModes, TemplateSchema } from "../templates/choice.ts";
import { AnyNumber, Count, Text } from "./fields.ts";
import { type StageOrder, stageOrders } from "./source.ts";

export interface LoraRecipe {
  readonly rank: number;
  readonly alpha: number;
  /** Last names of the linear layers that carry an adapter. */
  readonly targets: readonly string[];
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

export const RecipeSchema: v.GenericSchema<unknown, Recipe> = v.object({
  method: v.picklist(["lora", "full"]),
  lora: v.object({ rank: Count, alpha: AnyNumber, targets: v.array(Text) }),
  template: TemplateSchema,
  systemPrompt: v.nullable(Text),
  mask: v.picklist(maskModes),
  truncation: v.picklist(truncations),
  packing: v.boolean(),
  mixture: v.picklist(mixtureModes),
  stages: v.optional(v.picklist(stageOrders), "together"),
  textEpochs: v.optional(AnyNumber, 1),
  textLearningRate: v.optional(v.nullable(AnyNumber), null),
  learningRate: AnyNumber,
  schedule: v.picklist(["cosine", "linear", "constant"]),
  warmupRatio: AnyNumber,
  epochs: AnyNumber,
  steps: v.nullable(Count),
  batchSize: Count,
  accumulation: Count,
  maxLength: Count,
  weightDecay: AnyNumber,
  beta1: AnyNumber,
  beta2: AnyNumber,
  epsilon: AnyNumber,
  maxGradNorm: v.nullable(AnyNumber),
  validationShare: AnyNumber,
  evaluateEvery: Count,
  checkpointEvery: Count,
  keepLast: Count,
  patience: v.nullable(Count),
  samplePrompts: Count,
  // Runs of before it was there watched nothing.
  watchEvery: v.optional(v.nullable(Count), null),
  seed: AnyNumber,
});

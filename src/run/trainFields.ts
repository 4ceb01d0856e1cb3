/** Fields of training and of LoRA. `null` is off. */

import * as v from "valibot";
import { AnyNumber, Count, Text } from "./fields.ts";
import { generalSourcesOf } from "./forgetting.ts";
import { both, type Fields, type Setting, settingOf, settingsOf } from "./setting.ts";
import { textStage } from "./stage.ts";

export interface LoraRecipe {
  readonly rank: number;
  readonly alpha: number;
  /** Last path names of the linear layers that carry an adapter. */
  readonly targets: readonly string[];
}

/**
 * Held-out rows whose lowest loss makes a checkpoint the best: those of the last stage, of all stages, of text, of chats, or
 * general text.
 */
export const bestChoices = ["last", "all", "text", "chat", "general"] as const;

export type BestChoice = (typeof bestChoices)[number];

export interface TrainSettings {
  /** Several rows share one sequence, each in its own segment. */
  readonly packing: boolean;
  /** Rows of a micro-batch. */
  readonly batchSize: number;
  /** Micro-batches of one optimizer step. */
  readonly accumulation: number;
  readonly maxGradNorm: number | null;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Share of rows held out, in [0, 1). 0 is off. */
  readonly validationShare: number;
  /** Optimizer steps between validations. */
  readonly evaluateEvery: number;
  /** Optimizer steps between checkpoints. */
  readonly checkpointEvery: number;
  /** Number of newest checkpoints that stay stored beside the best one. */
  readonly keepLast: number;
  /** Validations without improvement after which the run ends; null is off. */
  readonly patience: number | null;
  /** Null in recipes from before this field: best by all held-out rows, early stopping by the last stage. */
  readonly bestBy: BestChoice | null;
  /** Questions from held-out rows answered before and after. */
  readonly samplePrompts: number;
  /** Optimizer steps between two snapshots (`Watch`); null is off. */
  readonly watchEvery: number | null;
  readonly seed: number;
}

/** Llama's linear layers, for a model that is not known yet. */
export const usualLinears: readonly string[] = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
];

export const loraFields: Fields<LoraRecipe> = {
  rank: {
    schema: Count,
    initial: both(16),
    place: "adapter",
    affects: ["budget"],
    label: "LoRA rank",
    help: "Inner width of the two LoRA matrices. A higher rank has more capacity and needs more memory.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1024 },
    applies: ({ method }) => method === "lora",
    doubt: (rank) =>
      (rank > 128 || rank < 4) &&
      "Usually 4 to 128. A lower rank learns less; a higher one costs memory and rarely helps.",
  },
  alpha: {
    schema: AnyNumber,
    initial: both(32),
    place: "adapter",
    affects: ["budget"],
    label: "LoRA alpha",
    help: "The adapter is scaled by alpha / rank.",
    control: { kind: "number", minimum: 0, above: true, maximum: 4096 },
    applies: ({ method }) => method === "lora",
    doubt(alpha, { lora: { rank } }) {
      const scale = alpha / rank;
      return (
        (scale < 0.5 || scale > 4) &&
        `Alpha / rank is ${Number(scale.toPrecision(3))}; usually 1 to 2. It acts like a factor on the learning rate.`
      );
    },
  },
  targets: {
    schema: v.array(Text),
    initial: both(usualLinears),
    place: "more",
    affects: ["budget"],
    label: "LoRA targets",
    help: "Linear layers with an adapter. Usually all; fewer save memory and learn less.",
    control: { kind: "several", choices: usualLinears },
    applies: ({ method }) => method === "lora",
  },
};

export const trainFields: Fields<TrainSettings> = {
  packing: {
    schema: v.boolean(),
    initial: both(false),
    place: "template",
    affects: ["budget"],
    label: "Packing",
    help: "Several short rows share one sequence: less padding, same loss. Useful when lengths differ much.",
    control: { kind: "switch" },
  },
  batchSize: {
    schema: Count,
    initial: both(4),
    place: "basic",
    affects: ["budget"],
    label: "Micro-batch size",
    term: "rows",
    help: "Rows of one forward and backward pass. More rows are faster and need more memory.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1024 },
  },
  accumulation: {
    schema: Count,
    initial: both(4),
    place: "basic",
    affects: ["budget"],
    label: "Gradient accumulation",
    help: "Micro-batches of one optimizer step: a larger batch in the same memory.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1024 },
    doubt(accumulation, { batchSize }) {
      const rows = accumulation * batchSize;
      if (rows > 128) return `${rows} rows per step; usually 8 to 128. Few large steps learn slowly.`;
      return rows < 4 && `${rows} ${rows === 1 ? "row" : "rows"} per step; usually 8 to 128. Small steps are noisy.`;
    },
  },
  maxGradNorm: {
    schema: v.nullable(AnyNumber),
    initial: both(1),
    place: "more",
    affects: [],
    label: "Gradient clipping",
    term: "maximum norm",
    help: "A gradient with a larger norm is scaled down to this norm. Empty: off.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1e6, optional: true },
    doubt: (norm) =>
      norm === null
        ? "Off: one unusual batch can change the weights too much."
        : norm < 0.1 && "Usually 0.3 to 1. A much smaller norm slows training.",
  },
  weightDecay: {
    schema: AnyNumber,
    initial: both(0),
    place: "more",
    affects: [],
    label: "Weight decay",
    help: "Shrinks the weights at each step, apart from the gradient (AdamW). It reduces overfitting.",
    control: { kind: "number", minimum: 0, maximum: 1 },
    doubt: (decay) => decay > 0.1 && "Usually 0 to 0.1. More causes forgetting.",
  },
  beta1: {
    schema: AnyNumber,
    initial: both(0.9),
    place: "more",
    affects: [],
    label: "AdamW beta 1",
    help: "Decay rate of the first moment, the mean of the gradients.",
    control: { kind: "number", minimum: 0, maximum: 1, below: true },
    doubt: (beta) => (beta < 0.8 || beta > 0.95) && "Usually 0.9.",
  },
  beta2: {
    schema: AnyNumber,
    initial: both(0.999),
    place: "more",
    affects: [],
    label: "AdamW beta 2",
    help: "Decay rate of the second moment, the mean of the squared gradients.",
    control: { kind: "number", minimum: 0, maximum: 1, below: true },
    doubt: (beta) => beta < 0.9 && "Usually 0.95 to 0.999.",
  },
  epsilon: {
    schema: AnyNumber,
    initial: both(1e-8),
    place: "more",
    affects: [],
    label: "AdamW epsilon",
    help: "Added to the divisor, so that it is never 0.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1 },
    doubt: (epsilon) => epsilon > 1e-6 && "Usually 1e-8. A larger value damps small gradients.",
  },
  validationShare: {
    schema: AnyNumber,
    initial: both(0.1),
    place: "more",
    affects: ["rows", "budget"],
    label: "Held-out share",
    term: "of all rows",
    help: "Held-out rows are not used for training. Their loss is the validation loss.",
    control: { kind: "number", minimum: 0, maximum: 1, below: true },
    doubt: (share) =>
      share === 0
        ? "Off: overfitting is not visible, and no best checkpoint is saved."
        : share > 0.5 && "More than half of the rows are not used for training.",
  },
  evaluateEvery: {
    schema: Count,
    initial: both(20),
    place: "more",
    affects: ["budget"],
    label: "Validation interval",
    term: "steps",
    help: "Optimizer steps between two validations. Each validation takes time.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1_000_000 },
  },
  checkpointEvery: {
    schema: Count,
    initial: both(20),
    place: "more",
    affects: ["budget"],
    label: "Checkpoint interval",
    term: "steps",
    help: "At most this many steps are lost when the tab closes.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1_000_000 },
    doubt: (steps) => steps > 200 && "A closed tab loses up to that many steps.",
  },
  keepLast: {
    schema: Count,
    initial: both(2),
    place: "more",
    affects: ["budget"],
    label: "Stored checkpoints",
    help: "Number of newest checkpoints, beside the best one. Each can be compared, and takes disk space.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1000 },
  },
  patience: {
    schema: v.nullable(Count),
    initial: both(null),
    place: "more",
    affects: [],
    label: "Early stopping",
    term: "patience",
    help: "Ends the run after this many validations without improvement. Empty: never.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1000, optional: true },
    doubt: (patience, { validationShare }) =>
      patience !== null && validationShare === 0 && "Without held-out rows there is no validation.",
  },
  bestBy: { schema: v.optional(v.nullable(v.picklist(bestChoices)), null), initial: both("last") },
  samplePrompts: {
    schema: Count,
    initial: both(3),
    place: "more",
    affects: ["budget"],
    label: "Sample prompts",
    help: "Held-out questions that the model answers before and after training. Models from 50 M parameters begin with 0.",
    control: { kind: "number", integer: true, minimum: 0, maximum: 32 },
  },
  watchEvery: {
    schema: v.nullable(Count),
    initial: both(20),
    place: "more",
    affects: ["budget"],
    label: "Snapshot interval",
    term: "steps",
    help: "A snapshot has the answer to one question and the loss of each token of one row. Empty: never.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1_000_000, optional: true },
    doubt: (every) =>
      every !== null && every < 5 && "Each snapshot generates an answer, which may take longer than a step.",
  },
  seed: {
    schema: AnyNumber,
    initial: both(42),
    place: "more",
    affects: ["rows"],
    label: "Seed",
    help: "The same seed gives the same split, the same order of rows and the same initial LoRA weights.",
    control: { kind: "number", integer: true, minimum: 0, maximum: 4_294_967_295 },
  },
};

export const loraSettings: readonly Setting[] = settingsOf(loraFields, {
  get: ({ lora }) => lora,
  set: (recipe, key, value) => ({ ...recipe, lora: { ...recipe.lora, [key]: value } }),
});

/** The setting with the linear layers of a model as its choices. */
export const forLinears = (setting: Setting, linears: readonly string[]): Setting =>
  setting.field === "targets" ? { ...setting, control: { kind: "several", choices: linears } } : setting;

/** Only a run with several stages or with general text has several held-out sets. */
const bestSetting = settingOf<BestChoice>({
  field: "bestBy",
  schema: v.picklist(bestChoices),
  place: "more",
  affects: [],
  label: "Best checkpoint by",
  term: "held-out set",
  help: "The checkpoint with the lowest loss on these rows is the best one. Early stopping uses the same loss.",
  control: {
    kind: "choice",
    choices: [
      { value: "last", label: "Held-out rows of the last stage" },
      { value: "chat", label: "Held-out chats" },
      { value: "text", label: "Held-out text" },
      { value: "all", label: "All held-out rows" },
      { value: "general", label: "General text" },
    ],
  },
  applies: (recipe) => textStage(recipe) !== null || generalSourcesOf(recipe).length > 0,
  get: ({ bestBy }) => bestBy ?? "all",
  set: (recipe, bestBy) => ({ ...recipe, bestBy }),
});

export const trainSettings: readonly Setting[] = settingsOf(trainFields, {
  get: (recipe) => recipe,
  set: (recipe, key, value) => ({ ...recipe, [key]: value }),
}).flatMap((setting) => (setting.field === "patience" ? [setting, bestSetting] : [setting]));

/** The fields of training and of LoRA; `null` is off. */

import * as v from "valibot";
import { AnyNumber, Count, Text } from "./fields.ts";
import { both, type Fields, type Setting, settingsOf } from "./setting.ts";

export interface LoraRecipe {
  readonly rank: number;
  readonly alpha: number;
  /** Last path names of the linear layers that carry an adapter. */
  readonly targets: readonly string[];
}

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
  /** Number of newest checkpoints to keep, beside the best one. */
  readonly keepLast: number;
  /** Validations without improvement after which the run ends; null is off. */
  readonly patience: number | null;
  /** Number of held-out prompts that are answered before and after training. */
  readonly samplePrompts: number;
  /** Optimizer steps between two snapshots (`Watch`); null is off. */
  readonly watchEvery: number | null;
  readonly seed: number;
}

/** Llama's names of the linear layers, used before a model is known. */
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
    label: "Adapter size",
    term: "rank",
    help: "Width of the small matrices beside each layer. A larger one can learn more and takes more memory.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1024 },
    applies: ({ method }) => method === "lora",
    doubt: (rank) =>
      (rank > 128 || rank < 4) && "Usually 4 to 128. Smaller learns less; larger costs memory and rarely helps.",
  },
  alpha: {
    schema: AnyNumber,
    initial: both(32),
    place: "adapter",
    affects: ["budget"],
    label: "Adapter strength",
    term: "alpha",
    help: "The adapter is multiplied by alpha / rank, so this acts like a factor of the learning rate.",
    control: { kind: "number", minimum: 0, above: true, maximum: 4096 },
    applies: ({ method }) => method === "lora",
    doubt(alpha, { lora: { rank } }) {
      const scale = alpha / rank;
      return (
        (scale < 0.5 || scale > 4) &&
        `Alpha / rank is ${Number(scale.toPrecision(3))}; usually 1 to 2. It acts like a factor of the rate.`
      );
    },
  },
  targets: {
    schema: v.array(Text),
    initial: both(usualLinears),
    place: "more",
    affects: ["budget"],
    label: "Layers with an adapter",
    term: "LoRA targets",
    help: "Usually all linear layers have one; fewer layers save memory and learn less.",
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
    label: "Pack short rows together",
    term: "packing",
    help: "Several rows share one sequence without seeing each other: less padding, the same loss. Useful when lengths differ much.",
    control: { kind: "switch" },
  },
  batchSize: {
    schema: Count,
    initial: both(4),
    place: "basic",
    affects: ["budget"],
    label: "Rows at a time",
    term: "micro-batch",
    help: "More rows use the machine better and take more memory. Learning is the same as with more micro-batches per step.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1024 },
  },
  accumulation: {
    schema: Count,
    initial: both(4),
    place: "basic",
    affects: ["budget"],
    label: "Micro-batches per step",
    term: "accumulation",
    help: "Gradients of this many micro-batches are added before the weights change: a larger batch in the same memory.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1024 },
    doubt(accumulation, { batchSize }) {
      const rows = accumulation * batchSize;
      if (rows > 128) return `${rows} rows per step; usually 8 to 128. With few rows, few large steps learn slowly.`;
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
    help: "Larger gradients are scaled down to this norm, so that one odd batch cannot move the weights far. Empty: off.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1e6, optional: true },
    doubt: (norm) =>
      norm === null
        ? "Off: one odd batch can move the weights far."
        : norm < 0.1 && "Usually 0.3 to 1. Much smaller slows all learning.",
  },
  weightDecay: {
    schema: AnyNumber,
    initial: both(0),
    place: "more",
    affects: [],
    label: "Weight decay",
    help: "Shrinks the weights towards 0 at each step, separately from the gradient (AdamW). It reduces memorising, but the model forgets more.",
    control: { kind: "number", minimum: 0, maximum: 1 },
    doubt: (decay) => decay > 0.1 && "Usually 0 to 0.1. More makes the base model forget.",
  },
  beta1: {
    schema: AnyNumber,
    initial: both(0.9),
    place: "more",
    affects: [],
    label: "Momentum",
    term: "beta 1",
    help: "How long AdamW averages gradients: a larger value smooths noisy steps but reacts later.",
    control: { kind: "number", minimum: 0, maximum: 1, below: true },
    doubt: (beta) => (beta < 0.8 || beta > 0.95) && "Usually 0.9.",
  },
  beta2: {
    schema: AnyNumber,
    initial: both(0.999),
    place: "more",
    affects: [],
    label: "Scale memory",
    term: "beta 2",
    help: "How long AdamW averages squared gradients, which scale the step of each weight.",
    control: { kind: "number", minimum: 0, maximum: 1, below: true },
    doubt: (beta) => beta < 0.9 && "Usually 0.95 to 0.999.",
  },
  epsilon: {
    schema: AnyNumber,
    initial: both(1e-8),
    place: "more",
    affects: [],
    label: "Smallest divisor",
    term: "epsilon",
    help: "Prevents a division by 0 in AdamW where a weight rarely gets a gradient.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1 },
    doubt: (epsilon) => epsilon > 1e-6 && "Usually 1e-8. A larger one damps small gradients.",
  },
  validationShare: {
    schema: AnyNumber,
    initial: both(0.1),
    place: "more",
    affects: ["rows", "budget"],
    label: "Held out for validation",
    term: "share of rows",
    help: "The run never trains on these rows; their loss shows whether the model learns or memorises.",
    control: { kind: "number", minimum: 0, maximum: 1, below: true },
    doubt: (share) =>
      share === 0
        ? "Off: the loss cannot show whether the model memorises, and no best checkpoint is stored."
        : share > 0.5 && "The run would not train on more than half of the rows.",
  },
  evaluateEvery: {
    schema: Count,
    initial: both(20),
    place: "more",
    affects: ["budget"],
    label: "Validate every",
    term: "steps",
    help: "Optimizer steps between validations. Frequent ones show early when the model memorises, but each takes time.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1_000_000 },
  },
  checkpointEvery: {
    schema: Count,
    initial: both(20),
    place: "more",
    affects: ["budget"],
    label: "Checkpoint every",
    term: "steps",
    help: "If the tab closes, at most this many steps are lost.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1_000_000 },
    doubt: (steps) => steps > 200 && "If the tab closes, up to this many steps are lost.",
  },
  keepLast: {
    schema: Count,
    initial: both(2),
    place: "more",
    affects: ["budget"],
    label: "Stored checkpoints",
    help: "The newest checkpoints, beside the best one. Each can be compared and exported later, and each takes disk space.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1000 },
  },
  patience: {
    schema: v.nullable(Count),
    initial: both(null),
    place: "more",
    affects: [],
    label: "Stop early",
    term: "patience",
    help: "Ends the run after this many validations without improvement, because more steps would only memorise. Empty: never.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1000, optional: true },
    doubt: (patience, { validationShare }) =>
      patience !== null && validationShare === 0 && "Without held-out rows there is no validation to wait for.",
  },
  samplePrompts: {
    schema: Count,
    initial: both(3),
    place: "more",
    affects: ["budget"],
    label: "Sample prompts",
    help: "The number of held-out prompts that the model answers before and after training, so that you can read the difference.",
    control: { kind: "number", integer: true, minimum: 0, maximum: 32 },
  },
  watchEvery: {
    schema: v.nullable(Count),
    initial: both(20),
    place: "more",
    affects: ["budget"],
    label: "Snapshot every",
    term: "steps",
    help: "At each snapshot the model answers one prompt, and the loss of each token of one row is measured. Empty: never.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1_000_000, optional: true },
    doubt: (every) =>
      every !== null && every < 5 && "Each snapshot writes an answer, which may take longer than a step.",
  },
  seed: {
    schema: AnyNumber,
    initial: both(42),
    place: "more",
    affects: ["rows"],
    label: "Seed",
    help: "Equal seeds give an equal split, order and adapter start, so that two runs differ only in the settings you change.",
    control: { kind: "number", integer: true, minimum: 0, maximum: 4_294_967_295 },
  },
};

export const loraSettings: readonly Setting[] = settingsOf(loraFields, {
  get: ({ lora }) => lora,
  set: (recipe, key, value) => ({ ...recipe, lora: { ...recipe.lora, [key]: value } }),
});

/** The setting for a model whose linear layers have these names. */
export const forLinears = (setting: Setting, linears: readonly string[]): Setting =>
  setting.field === "targets" ? { ...setting, control: { kind: "several", choices: linears } } : setting;

export const trainSettings: readonly Setting[] = settingsOf(trainFields, {
  get: (recipe) => recipe,
  set: (recipe, key, value) => ({ ...recipe, [key]: value }),
});

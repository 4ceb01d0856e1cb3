/** The fields of training itself, and those of LoRA. `null` is off. */

import * as v from "valibot";
import { AnyNumber, Count, Text } from "./fields.ts";
import { both, type Fields, type Setting, settingOf, settingsOf } from "./setting.ts";
import { textStage } from "./stage.ts";

export interface LoraRecipe {
  readonly rank: number;
  readonly alpha: number;
  /** Last names of the linear layers that carry an adapter. */
  readonly targets: readonly string[];
}

/** Held-out rows whose lowest loss makes a checkpoint the best: of the last stage, of every stage, of text, or of chats. */
export const bestChoices = ["last", "all", "text", "chat"] as const;

export type BestChoice = (typeof bestChoices)[number];

export interface TrainSettings {
  /** Several rows share one sequence, each in a segment of its own. */
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
  /** Newest checkpoints kept, beside the best one. */
  readonly keepLast: number;
  /** Validations without improvement after which the run ends; null is off. */
  readonly patience: number | null;
  /** null: a recipe of before this field. Its best is by everything held out, its patience by the last stage. */
  readonly bestBy: BestChoice | null;
  /** Questions from held-out rows answered before and after. */
  readonly samplePrompts: number;
  /** Optimizer steps between two looks at the model while it trains (`Watch`); null is off. */
  readonly watchEvery: number | null;
  readonly seed: number;
}

/** Linear layers of a model that is not known yet: as Llama names them. */
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
    help: "Width of the small matrices beside each layer: how much new they can hold, and how much memory they take.",
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
    help: "The adapter counts alpha / rank, so this acts like another factor on the learning rate.",
    control: { kind: "number", minimum: 0, above: true, maximum: 4096 },
    applies: ({ method }) => method === "lora",
    doubt(alpha, { lora: { rank } }) {
      const scale = alpha / rank;
      return (
        (scale < 0.5 || scale > 4) &&
        `Alpha / rank is ${Number(scale.toPrecision(3))}; usually 1 to 2. It acts like another factor on the rate.`
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
    help: "Where it may learn: all linear layers is the usual choice, fewer save memory and learn less.",
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
    help: "Several rows share one sequence, each blind to the others: less padding, the same loss. Worth it where lengths differ much.",
    control: { kind: "switch" },
  },
  batchSize: {
    schema: Count,
    initial: both(4),
    place: "basic",
    affects: ["budget"],
    label: "Rows at a time",
    term: "micro-batch",
    help: "More rows fill the machine better and use more memory; what is learnt is the same as of gathered micro-batches.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1024 },
  },
  accumulation: {
    schema: Count,
    initial: both(4),
    place: "basic",
    affects: ["budget"],
    label: "Micro-batches per step",
    term: "accumulation",
    help: "Gathered before the weights move: a larger batch in the same memory.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1024 },
    doubt(accumulation, { batchSize }) {
      const rows = accumulation * batchSize;
      if (rows > 128) return `${rows} rows per step; usually 8 to 128. Few, large steps learn slowly from few rows.`;
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
    help: "Longer gradients are scaled down to this, so that one odd batch cannot throw the weights far away. Empty: off.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1e6, optional: true },
    doubt: (norm) =>
      norm === null
        ? "Off: one odd batch can throw the weights far away."
        : norm < 0.1 && "Usually 0.3 to 1. Much smaller slows all learning.",
  },
  weightDecay: {
    schema: AnyNumber,
    initial: both(0),
    place: "more",
    affects: [],
    label: "Weight decay",
    help: "Pulls weights towards 0 at each step, apart from the gradient (AdamW): against learning by heart, at the cost of what was known.",
    control: { kind: "number", minimum: 0, maximum: 1 },
    doubt: (decay) => decay > 0.1 && "Usually 0 to 0.1. More undoes what the base model knows.",
  },
  beta1: {
    schema: AnyNumber,
    initial: both(0.9),
    place: "more",
    affects: [],
    label: "Momentum",
    term: "beta 1",
    help: "How long AdamW remembers the direction: more smooths noisy steps, and turns later.",
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
    help: "How long AdamW remembers the size of gradients, by which it scales each weight's step.",
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
    help: "Keeps AdamW from dividing by 0 where a weight hardly ever gets a gradient.",
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
    help: "These rows are never trained on; their loss shows whether the model learns or memorises.",
    control: { kind: "number", minimum: 0, maximum: 1, below: true },
    doubt: (share) =>
      share === 0
        ? "Off: learning by heart cannot be told from learning, and no best checkpoint is kept."
        : share > 0.5 && "More than half of the rows would not be trained on.",
  },
  evaluateEvery: {
    schema: Count,
    initial: both(20),
    place: "more",
    affects: ["budget"],
    label: "Validate every",
    term: "steps",
    help: "Optimizer steps between validations: often enough to see when it begins to learn by heart, and each takes time.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1_000_000 },
  },
  checkpointEvery: {
    schema: Count,
    initial: both(20),
    place: "more",
    affects: ["budget"],
    label: "Checkpoint every",
    term: "steps",
    help: "At most this many steps are lost when the tab dies.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1_000_000 },
    doubt: (steps) => steps > 200 && "A tab that dies loses up to that many steps.",
  },
  keepLast: {
    schema: Count,
    initial: both(2),
    place: "more",
    affects: ["budget"],
    label: "Checkpoints kept",
    help: "The newest ones, beside the best: each can be asked and taken away later, and each takes room on the disk.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1000 },
  },
  patience: {
    schema: v.nullable(Count),
    initial: both(null),
    place: "more",
    affects: [],
    label: "Stop early",
    term: "patience",
    help: "Ends after this many validations without improvement, for then more steps only learn by heart. Empty: never.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1000, optional: true },
    doubt: (patience, { validationShare }) =>
      patience !== null && validationShare === 0 && "Without held-out rows there is no validation to wait for.",
  },
  bestBy: { schema: v.optional(v.nullable(v.picklist(bestChoices)), null), initial: both("last") },
  samplePrompts: {
    schema: Count,
    initial: both(3),
    place: "more",
    affects: ["budget"],
    label: "Sample prompts",
    help: "Held-out questions answered before and after, so that you read the difference and not only a loss.",
    control: { kind: "number", integer: true, minimum: 0, maximum: 32 },
  },
  watchEvery: {
    schema: v.nullable(Count),
    initial: both(20),
    place: "more",
    affects: ["budget"],
    label: "Look every",
    term: "steps",
    help: "So often it answers one question and measures each token of one row: you see what it learns, not only that the loss falls. Empty: never.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1_000_000, optional: true },
    doubt: (every) => every !== null && every < 5 && "Each look writes an answer, which may take longer than a step.",
  },
  seed: {
    schema: AnyNumber,
    initial: both(42),
    place: "more",
    affects: ["rows"],
    label: "Seed",
    help: "The same seed gives the same split, order and adapter start: only so two runs can be compared by one setting.",
    control: { kind: "number", integer: true, minimum: 0, maximum: 4_294_967_295 },
  },
};

export const loraSettings: readonly Setting[] = settingsOf(loraFields, {
  get: ({ lora }) => lora,
  set: (recipe, key, value) => ({ ...recipe, lora: { ...recipe.lora, [key]: value } }),
});

/** The setting as it is for a model whose linear layers have these names. */
export const forLinears = (setting: Setting, linears: readonly string[]): Setting =>
  setting.field === "targets" ? { ...setting, control: { kind: "several", choices: linears } } : setting;

/** Only a run of several stages has several held-out sets. */
const bestSetting = settingOf<BestChoice>({
  field: "bestBy",
  schema: v.picklist(bestChoices),
  place: "more",
  affects: [],
  label: "Best checkpoint by",
  term: "held-out set",
  help: "The checkpoint with the lowest loss on these rows is the best one. Stopping early waits for the same loss.",
  control: {
    kind: "choice",
    choices: [
      { value: "last", label: "Held-out rows of the last stage" },
      { value: "chat", label: "Held-out chats" },
      { value: "text", label: "Held-out text" },
      { value: "all", label: "All held-out rows" },
    ],
  },
  applies: (recipe) => textStage(recipe) !== null,
  get: ({ bestBy }) => bestBy ?? "all",
  set: (recipe, bestBy) => ({ ...recipe, bestBy }),
});

export const trainSettings: readonly Setting[] = settingsOf(trainFields, {
  get: (recipe) => recipe,
  set: (recipe, key, value) => ({ ...recipe, [key]: value }),
}).flatMap((setting) => (setting.field === "patience" ? [setting, bestSetting] : [setting]));

/** Every setting of a recipe, those of data and template included, declared once: words, bounds, and why the usual range is usual (DOMAIN.md). */

import type { Recipe } from "../../storage/run.ts";
import { linearNames } from "../../store/recipe.ts";
import { choiceOption, numberOption, type Option, optionalNumberOption, severalOption } from "../option/option.ts";
import { templateOptions } from "../template/options.ts";

/** Shown beside the data, where there are several sources. */
export const mixtureOption = choiceOption<Recipe, Recipe["mixture"]>({
  field: "mixture",
  label: "What a source's weight means",
  term: "λ",
  help: "Sampling draws rows from a source as often as its weight says: a small source repeats. Loss weight takes every row once per pass and makes it count that much.",
  choices: [
    { value: "sampling", label: "Sampling: how often it is drawn" },
    { value: "weight", label: "Loss weight: how much it counts" },
  ],
  get: (recipe) => recipe.mixture,
  set: (recipe, mixture) => ({ ...recipe, mixture }),
});

/** Shown at once. */
export const basicOptions: readonly Option<Recipe>[] = [
  numberOption({
    field: "learningRate",
    label: "Learning rate",
    help: "How far each step moves the weights.",
    minimum: 0,
    above: true,
    maximum: 1,
    get: (recipe) => recipe.learningRate,
    set: (recipe, learningRate) => ({ ...recipe, learningRate }),
    doubt(rate, { method }) {
      const [low, high] = method === "lora" ? [1e-4, 5e-4] : [1e-5, 5e-5];
      const usual = method === "lora" ? "LoRA usually takes 1e-4 to 5e-4" : "Full training usually takes 1e-5 to 5e-5";
      if (rate > high) return `${usual}. A higher rate can diverge or make a model forget; very small models bear it.`;
      return rate < low && `${usual}. A lower rate may change little in a short run.`;
    },
  }),
  numberOption({
    field: "epochs",
    label: "Passes",
    term: "epochs",
    help: "Times every row is seen; fractions are fine. Not used when steps are given.",
    minimum: 0,
    above: true,
    maximum: 1000,
    get: (recipe) => recipe.epochs,
    set: (recipe, epochs) => ({ ...recipe, epochs }),
    doubt: (epochs, { steps }) =>
      steps === null &&
      epochs > 5 &&
      "Usually 1 to 5. More passes tend to learn the rows by heart: watch the validation loss.",
  }),
  optionalNumberOption({
    field: "steps",
    label: "Steps instead",
    help: "A fixed number of optimizer steps, whatever the passes. Empty: as many as the passes need.",
    integer: true,
    minimum: 1,
    maximum: 1_000_000,
    get: (recipe) => recipe.steps,
    set: (recipe, steps) => ({ ...recipe, steps }),
  }),
  numberOption({
    field: "batchSize",
    label: "Rows at a time",
    term: "micro-batch",
    help: "More rows use more memory.",
    integer: true,
    minimum: 1,
    maximum: 1024,
    get: (recipe) => recipe.batchSize,
    set: (recipe, batchSize) => ({ ...recipe, batchSize }),
  }),
  numberOption({
    field: "accumulation",
    label: "Micro-batches per step",
    term: "accumulation",
    help: "Gathered before the weights move: a larger batch in the same memory.",
    integer: true,
    minimum: 1,
    maximum: 1024,
    get: (recipe) => recipe.accumulation,
    set: (recipe, accumulation) => ({ ...recipe, accumulation }),
    doubt(accumulation, { batchSize }) {
      const rows = accumulation * batchSize;
      if (rows > 128) return `${rows} rows per step; usually 8 to 128. Few, large steps learn slowly from few rows.`;
      return rows < 4 && `${rows} ${rows === 1 ? "row" : "rows"} per step; usually 8 to 128. Small steps are noisy.`;
    },
  }),
];

/** Shown with the basic ones when the method is LoRA. */
export const loraOptions: readonly Option<Recipe>[] = [
  numberOption({
    field: "rank",
    label: "Adapter size",
    term: "rank",
    help: "Width of the small matrices beside each layer.",
    integer: true,
    minimum: 1,
    maximum: 1024,
    get: (recipe) => recipe.lora.rank,
    set: (recipe, rank) => ({ ...recipe, lora: { ...recipe.lora, rank } }),
    doubt: (rank) =>
      (rank > 128 || rank < 4) && "Usually 4 to 128. Smaller learns less; larger costs memory and rarely helps.",
  }),
  numberOption({
    field: "alpha",
    label: "Adapter strength",
    term: "alpha",
    help: "The adapter counts alpha / rank.",
    minimum: 0,
    above: true,
    maximum: 4096,
    get: (recipe) => recipe.lora.alpha,
    set: (recipe, alpha) => ({ ...recipe, lora: { ...recipe.lora, alpha } }),
    doubt(alpha, { lora: { rank } }) {
      const scale = alpha / rank;
      return (
        (scale < 0.5 || scale > 4) &&
        `Alpha / rank is ${Number(scale.toPrecision(3))}; usually 1 to 2. It acts like another factor on the rate.`
      );
    },
  }),
];

/** Behind "More settings". */
export const moreOptions: readonly Option<Recipe>[] = [
  severalOption({
    field: "targets",
    label: "Layers with an adapter",
    term: "LoRA targets",
    help: "All linear layers is the usual choice.",
    choices: linearNames,
    get: (recipe) => recipe.lora.targets,
    set: (recipe, targets) => ({ ...recipe, lora: { ...recipe.lora, targets } }),
  }),
  choiceOption({
    field: "schedule",
    label: "Course of the rate",
    term: "schedule",
    help: "How the learning rate falls after the warm-up.",
    choices: [
      { value: "cosine", label: "Cosine" },
      { value: "linear", label: "Linear" },
      { value: "constant", label: "Constant" },
    ],
    get: (recipe) => recipe.schedule,
    set: (recipe, schedule) => ({ ...recipe, schedule }),
  }),
  numberOption({
    field: "warmupRatio",
    label: "Warm-up",
    term: "share of steps",
    help: "Over this share the rate rises from 0.",
    minimum: 0,
    maximum: 1,
    below: true,
    get: (recipe) => recipe.warmupRatio,
    set: (recipe, warmupRatio) => ({ ...recipe, warmupRatio }),
    doubt: (ratio) => ratio > 0.2 && "Usually 0 to 0.1. A long warm-up leaves fewer steps at the full rate.",
  }),
  optionalNumberOption({
    field: "maxGradNorm",
    label: "Gradient clipping",
    term: "maximum norm",
    help: "Longer gradients are scaled down to this. Empty: off.",
    minimum: 0,
    above: true,
    maximum: 1e6,
    get: (recipe) => recipe.maxGradNorm,
    set: (recipe, maxGradNorm) => ({ ...recipe, maxGradNorm }),
    doubt: (norm) =>
      norm === null
        ? "Off: one odd batch can throw the weights far away."
        : norm < 0.1 && "Usually 0.3 to 1. Much smaller slows all learning.",
  }),
  numberOption({
    field: "weightDecay",
    label: "Weight decay",
    help: "Pulls weights towards 0 at each step, apart from the gradient (AdamW).",
    minimum: 0,
    maximum: 1,
    get: (recipe) => recipe.weightDecay,
    set: (recipe, weightDecay) => ({ ...recipe, weightDecay }),
    doubt: (decay) => decay > 0.1 && "Usually 0 to 0.1. More undoes what the base model knows.",
  }),
  numberOption({
    field: "beta1",
    label: "Momentum",
    term: "beta 1",
    help: "How long AdamW remembers the direction.",
    minimum: 0,
    maximum: 1,
    below: true,
    get: (recipe) => recipe.beta1,
    set: (recipe, beta1) => ({ ...recipe, beta1 }),
    doubt: (beta) => (beta < 0.8 || beta > 0.95) && "Usually 0.9.",
  }),
  numberOption({
    field: "beta2",
    label: "Scale memory",
    term: "beta 2",
    help: "How long AdamW remembers the size of gradients.",
    minimum: 0,
    maximum: 1,
    below: true,
    get: (recipe) => recipe.beta2,
    set: (recipe, beta2) => ({ ...recipe, beta2 }),
    doubt: (beta) => beta < 0.9 && "Usually 0.95 to 0.999.",
  }),
  numberOption({
    field: "epsilon",
    label: "Smallest divisor",
    term: "epsilon",
    help: "Keeps AdamW from dividing by 0.",
    minimum: 0,
    above: true,
    maximum: 1,
    get: (recipe) => recipe.epsilon,
    set: (recipe, epsilon) => ({ ...recipe, epsilon }),
    doubt: (epsilon) => epsilon > 1e-6 && "Usually 1e-8. A larger one damps small gradients.",
  }),
  numberOption({
    field: "validationShare",
    label: "Held out for validation",
    term: "share of rows",
    help: "These rows are never trained on; their loss shows whether the model learns or memorises.",
    minimum: 0,
    maximum: 1,
    below: true,
    get: (recipe) => recipe.validationShare,
    set: (recipe, validationShare) => ({ ...recipe, validationShare }),
    doubt: (share) =>
      share === 0
        ? "Off: learning by heart cannot be told from learning, and no best checkpoint is kept."
        : share > 0.5 && "More than half of the rows would not be trained on.",
  }),
  numberOption({
    field: "evaluateEvery",
    label: "Validate every",
    term: "steps",
    help: "Optimizer steps between validations.",
    integer: true,
    minimum: 1,
    maximum: 1_000_000,
    get: (recipe) => recipe.evaluateEvery,
    set: (recipe, evaluateEvery) => ({ ...recipe, evaluateEvery }),
  }),
  numberOption({
    field: "checkpointEvery",
    label: "Checkpoint every",
    term: "steps",
    help: "At most this many steps are lost when the tab dies.",
    integer: true,
    minimum: 1,
    maximum: 1_000_000,
    get: (recipe) => recipe.checkpointEvery,
    set: (recipe, checkpointEvery) => ({ ...recipe, checkpointEvery }),
    doubt: (steps) => steps > 200 && "A tab that dies loses up to that many steps.",
  }),
  numberOption({
    field: "keepLast",
    label: "Checkpoints kept",
    help: "The newest ones, beside the best.",
    integer: true,
    minimum: 1,
    maximum: 1000,
    get: (recipe) => recipe.keepLast,
    set: (recipe, keepLast) => ({ ...recipe, keepLast }),
  }),
  optionalNumberOption({
    field: "patience",
    label: "Stop early",
    term: "patience",
    help: "Ends after this many validations without improvement. Empty: never.",
    integer: true,
    minimum: 1,
    maximum: 1000,
    get: (recipe) => recipe.patience,
    set: (recipe, patience) => ({ ...recipe, patience }),
    doubt: (patience, { validationShare }) =>
      patience !== null && validationShare === 0 && "Without held-out rows there is no validation to wait for.",
  }),
  numberOption({
    field: "samplePrompts",
    label: "Sample prompts",
    help: "Held-out questions answered before and after.",
    integer: true,
    minimum: 0,
    maximum: 32,
    get: (recipe) => recipe.samplePrompts,
    set: (recipe, samplePrompts) => ({ ...recipe, samplePrompts }),
  }),
  numberOption({
    field: "seed",
    label: "Seed",
    help: "The same seed gives the same split, order and adapter start.",
    integer: true,
    minimum: 0,
    maximum: 4_294_967_295,
    get: (recipe) => recipe.seed,
    set: (recipe, seed) => ({ ...recipe, seed }),
  }),
];

export const recipeOptions: readonly Option<Recipe>[] = [
  ...templateOptions,
  mixtureOption,
  ...basicOptions,
  ...loraOptions,
  ...moreOptions,
];

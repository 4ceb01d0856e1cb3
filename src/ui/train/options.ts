/** Every setting of a recipe, those of data and template included, declared once: words, bounds, and why the usual range is usual (DOMAIN.md). */

import type { Recipe } from "../../run/recipe.ts";
import { linearNames } from "../../store/recipe.ts";
import { choiceOption, numberOption, type Option, optionalNumberOption, severalOption } from "../option/option.ts";
import { templateOptions } from "../template/options.ts";
import { stagesWords } from "../words/stages.ts";

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

/** Shown where there are both plain text and chats. */
export const stageOptions: readonly Option<Recipe>[] = [
  choiceOption<Recipe, Recipe["stages"]>({
    field: "stages",
    label: stagesWords.order.label,
    term: stagesWords.order.term,
    help: stagesWords.order.help,
    choices: [
      { value: "together", label: stagesWords.order.together },
      { value: "text-first", label: stagesWords.order.textFirst },
    ],
    get: (recipe) => recipe.stages,
    set: (recipe, stages) => ({ ...recipe, stages }),
  }),
];

/** Shown beside them where the text has a stage of its own. */
export const textStageOptions: readonly Option<Recipe>[] = [
  numberOption({
    field: "textEpochs",
    label: stagesWords.textEpochs.label,
    term: stagesWords.textEpochs.term,
    help: stagesWords.textEpochs.help,
    minimum: 0,
    above: true,
    maximum: 1000,
    get: (recipe) => recipe.textEpochs,
    set: (recipe, textEpochs) => ({ ...recipe, textEpochs }),
    doubt: (passes) => passes > 4 && stagesWords.textEpochs.doubt,
  }),
  optionalNumberOption({
    field: "textLearningRate",
    label: stagesWords.textLearningRate.label,
    term: stagesWords.textLearningRate.term,
    help: stagesWords.textLearningRate.help,
    minimum: 0,
    above: true,
    maximum: 1,
    get: (recipe) => recipe.textLearningRate,
    set: (recipe, textLearningRate) => ({ ...recipe, textLearningRate }),
    doubt: (rate, { learningRate }) => rate !== null && rate > learningRate && stagesWords.textLearningRate.high,
  }),
];

/** Shown at once. */
export const basicOptions: readonly Option<Recipe>[] = [
  numberOption({
    field: "learningRate",
    label: "Learning rate",
    help: "How far each step moves the weights: too far and it breaks up, not far enough and it hardly learns.",
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
    help: "Times every row is seen: too few and little sticks, too many and it learns the rows by heart. Not used when steps are given.",
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
    help: "More rows fill the machine better and use more memory; what is learnt is the same as of gathered micro-batches.",
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
    help: "Width of the small matrices beside each layer: how much new they can hold, and how much memory they take.",
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
    help: "The adapter counts alpha / rank, so this acts like another factor on the learning rate.",
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
    help: "Where it may learn: all linear layers is the usual choice, fewer save memory and learn less.",
    choices: linearNames,
    get: (recipe) => recipe.lora.targets,
    set: (recipe, targets) => ({ ...recipe, lora: { ...recipe.lora, targets } }),
  }),
  choiceOption({
    field: "schedule",
    label: "Course of the rate",
    term: "schedule",
    help: "How the learning rate falls after the warm-up: small steps at the end settle what was learnt.",
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
    help: "Over this share the rate rises from 0: the first steps know little, and large ones would do harm.",
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
    help: "Longer gradients are scaled down to this, so that one odd batch cannot throw the weights far away. Empty: off.",
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
    help: "Pulls weights towards 0 at each step, apart from the gradient (AdamW): against learning by heart, at the cost of what was known.",
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
    help: "How long AdamW remembers the direction: more smooths noisy steps, and turns later.",
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
    help: "How long AdamW remembers the size of gradients, by which it scales each weight's step.",
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
    help: "Keeps AdamW from dividing by 0 where a weight hardly ever gets a gradient.",
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
    help: "Optimizer steps between validations: often enough to see when it begins to learn by heart, and each takes time.",
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
    help: "The newest ones, beside the best: each can be asked and taken away later, and each takes room on the disk.",
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
    help: "Ends after this many validations without improvement, for then more steps only learn by heart. Empty: never.",
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
    help: "Held-out questions answered before and after, so that you read the difference and not only a loss.",
    integer: true,
    minimum: 0,
    maximum: 32,
    get: (recipe) => recipe.samplePrompts,
    set: (recipe, samplePrompts) => ({ ...recipe, samplePrompts }),
  }),
  optionalNumberOption({
    field: "watchEvery",
    label: "Look every",
    term: "steps",
    help: "So often it answers one question and measures each token of one row: you see what it learns, not only that the loss falls. Empty: never.",
    integer: true,
    minimum: 1,
    maximum: 1_000_000,
    get: (recipe) => recipe.watchEvery,
    set: (recipe, watchEvery) => ({ ...recipe, watchEvery }),
    doubt: (every) => every !== null && every < 5 && "Each look writes an answer, which may take longer than a step.",
  }),
  numberOption({
    field: "seed",
    label: "Seed",
    help: "The same seed gives the same split, order and adapter start: only so two runs can be compared by one setting.",
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
  ...stageOptions,
  ...textStageOptions,
  ...basicOptions,
  ...loraOptions,
  ...moreOptions,
];

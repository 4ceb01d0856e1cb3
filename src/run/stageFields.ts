/** Fields of a stage, and their view in a form without a list of stages (DOMAIN.md). */

import * as v from "valibot";
import { mixtureModes } from "../batching/mixture.ts";
import { preferenceLosses } from "../batching/preference.ts";
import { AnyNumber, Count } from "./fields.ts";
import type { Recipe } from "./recipe.ts";
import { both, type Fields, type Setting, settingOf, settingsOf } from "./setting.ts";
import {
  inEveryStage,
  inLastStage,
  inTextStage,
  lastStage,
  objectives,
  type Stage,
  schedules,
  textFirst,
  textStage,
  together,
} from "./stage.ts";

const PreferenceSchema = v.object({
  loss: v.picklist(preferenceLosses),
  beta: AnyNumber,
  labelSmoothing: AnyNumber,
  gamma: AnyNumber,
});

export const stageFields: Fields<Stage> = {
  objective: { schema: v.picklist(objectives), initial: both("mixed") },
  preference: { schema: v.optional(v.nullable(PreferenceSchema), null), initial: both(null) },
  sources: { schema: v.nullable(v.array(v.object({ source: Count, lambda: AnyNumber }))), initial: both(null) },
  mixture: {
    schema: v.picklist(mixtureModes),
    initial: both("weight"),
    place: "data",
    affects: ["rows", "budget"],
    label: "Source weighting",
    term: "λ",
    help: "Sampling: rows of a small source may repeat. Loss weight: every row is used once per epoch.",
    control: {
      kind: "choice",
      choices: [
        { value: "sampling", label: "Sampling: λ sets how often rows are drawn" },
        { value: "weight", label: "Loss weight: λ scales the loss" },
      ],
    },
  },
  learningRate: {
    schema: AnyNumber,
    initial: { lora: 2e-4, full: 2e-5 },
    place: "basic",
    affects: [],
    label: "Learning rate",
    help: "Size of each weight update. Too high: training diverges. Too low: the loss hardly falls.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1 },
    doubt(rate, { method }) {
      const [low, high] = method === "lora" ? [1e-4, 5e-4] : [1e-5, 5e-5];
      const usual = method === "lora" ? "LoRA usually uses 1e-4 to 5e-4" : "Full training usually uses 1e-5 to 5e-5";
      if (rate > high)
        return `${usual}. A higher rate can cause divergence or forgetting; very small models tolerate it.`;
      return rate < low && `${usual}. A lower rate may change little in a short run.`;
    },
  },
  epochs: {
    schema: AnyNumber,
    initial: both(3),
    place: "basic",
    affects: ["budget"],
    label: "Epochs",
    help: "Passes over all training rows. Too many cause overfitting. Not used when optimizer steps are set.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1000 },
    replaced: (recipe) => lastStage(recipe).steps !== null,
    doubt: (epochs, recipe) =>
      lastStage(recipe).steps === null &&
      epochs > 5 &&
      "Usually 1 to 5. More epochs often overfit: watch the validation loss.",
  },
  steps: {
    schema: v.nullable(Count),
    initial: both(null),
    place: "basic",
    affects: ["budget"],
    label: "Optimizer steps",
    help: "A fixed number of steps instead of epochs. Empty: computed from the epochs.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1_000_000, optional: true },
  },
  schedule: {
    schema: v.picklist(schedules),
    initial: both("cosine"),
    place: "more",
    affects: [],
    label: "Schedule",
    help: "Course of the learning rate after the warm-up.",
    control: {
      kind: "choice",
      choices: [
        { value: "cosine", label: "Cosine" },
        { value: "linear", label: "Linear" },
        { value: "constant", label: "Constant" },
      ],
    },
  },
  warmupRatio: {
    schema: AnyNumber,
    initial: both(0.03),
    place: "more",
    affects: [],
    label: "Warm-up",
    term: "share of steps",
    help: "The learning rate rises from 0 over this share. This avoids large updates at the start.",
    control: { kind: "number", minimum: 0, maximum: 1, below: true },
    doubt: (ratio) => ratio > 0.2 && "Usually 0 to 0.1. A long warm-up leaves fewer steps at the full rate.",
  },
};

/** Epochs and steps belong to the last stage; other fields are equal in all stages. */
const ofLastStage: ReadonlySet<keyof Stage> = new Set(["epochs", "steps"]);

const isStaged = (recipe: Recipe) => textStage(recipe) !== null;

export const stageSettings: readonly Setting[] = [
  ...settingsOf(stageFields, {
    get: lastStage,
    set: (recipe, key, value) => (ofLastStage.has(key) ? inLastStage : inEveryStage)(recipe, { [key]: value }),
  }),
  settingOf<"together" | "text-first">({
    field: "stages",
    schema: v.picklist(["together", "text-first"]),
    place: "stages",
    affects: ["budget"],
    label: "Plain text and chats",
    term: "stages",
    help: "Two stages: continued pre-training on the text, then fine-tuning on the chats. Epochs, steps, learning rate and early stopping then apply to the chats. Each stage has its own warm-up and schedule.",
    control: {
      kind: "choice",
      choices: [
        { value: "together", label: "Mixed, in one stage" },
        { value: "text-first", label: "Text first, then chats" },
      ],
    },
    get: (recipe) => (isStaged(recipe) ? "text-first" : "together"),
    set: (recipe, order) => (order === "together" ? together(recipe) : textFirst(recipe)),
  }),
  settingOf<number>({
    field: "textEpochs",
    schema: AnyNumber,
    place: "text stage",
    affects: ["budget"],
    label: "Epochs on the text",
    term: "stage 1",
    help: "Passes over the plain text before the chats. Fractions are allowed.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1000 },
    applies: isStaged,
    get: (recipe) => textStage(recipe)?.epochs ?? 1,
    set: (recipe, epochs) => inTextStage(recipe, { epochs }),
    doubt: (passes) =>
      passes > 4 && "Usually 1 to 3. After about 4 epochs the model overfits the text and forgets more.",
  }),
  settingOf<number | null>({
    field: "textLearningRate",
    schema: v.nullable(AnyNumber),
    place: "text stage",
    affects: [],
    label: "Learning rate for the text",
    term: "stage 1",
    help: "Empty: the same as for the chats.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1, optional: true },
    applies: isStaged,
    // Null where both rates are equal: the text stage then follows the chats' rate.
    get: (recipe) => {
      const rate = textStage(recipe)?.learningRate ?? null;
      return rate === lastStage(recipe).learningRate ? null : rate;
    },
    set: (recipe, rate) => inTextStage(recipe, { learningRate: rate ?? lastStage(recipe).learningRate }),
    doubt: (rate, recipe) =>
      rate !== null &&
      rate > lastStage(recipe).learningRate &&
      "Higher than for the chats. Usually it is equal or lower: a high rate causes forgetting.",
  }),
];

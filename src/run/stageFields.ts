/** The fields of a stage, and the settings through which the form shows them. */

import * as v from "valibot";
import { mixtureModes } from "../batching/mixture.ts";
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

export const stageFields: Fields<Stage> = {
  objective: { schema: v.picklist(objectives), initial: both("mixed") },
  sources: { schema: v.nullable(v.array(v.object({ source: Count, lambda: AnyNumber }))), initial: both(null) },
  mixture: {
    schema: v.picklist(mixtureModes),
    initial: both("weight"),
    place: "data",
    affects: ["rows", "budget"],
    label: "Meaning of a source's weight",
    term: "λ",
    help: "Sampling draws rows in proportion to the weight, so a small source repeats. Loss weight takes every row once per pass and multiplies its loss.",
    control: {
      kind: "choice",
      choices: [
        { value: "sampling", label: "Sampling: how often it is drawn" },
        { value: "weight", label: "Loss weight: how much its loss counts" },
      ],
    },
  },
  learningRate: {
    schema: AnyNumber,
    initial: { lora: 2e-4, full: 2e-5 },
    place: "basic",
    affects: [],
    label: "Learning rate",
    help: "The size of each step: too large and training diverges, too small and the model hardly learns.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1 },
    doubt(rate, { method }) {
      const [low, high] = method === "lora" ? [1e-4, 5e-4] : [1e-5, 5e-5];
      const usual = method === "lora" ? "LoRA usually takes 1e-4 to 5e-4" : "Full training usually takes 1e-5 to 5e-5";
      if (rate > high)
        return `${usual}. A higher rate can diverge or make a model forget; very small models tolerate it.`;
      return rate < low && `${usual}. A lower rate may change little in a short run.`;
    },
  },
  epochs: {
    schema: AnyNumber,
    initial: both(3),
    place: "basic",
    affects: ["budget"],
    label: "Passes",
    term: "epochs",
    help: "The number of times that every row is seen. Too few teach little; too many make the model memorise the rows. Steps replace it.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1000 },
    replaced: (recipe) => lastStage(recipe).steps !== null,
    doubt: (epochs, recipe) =>
      lastStage(recipe).steps === null &&
      epochs > 5 &&
      "Usually 1 to 5. With more passes the model tends to memorise the rows: watch the validation loss.",
  },
  steps: {
    schema: v.nullable(Count),
    initial: both(null),
    place: "basic",
    affects: ["budget"],
    label: "Steps instead",
    help: "A fixed number of optimizer steps instead of passes. Empty: as many as the passes need.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1_000_000, optional: true },
  },
  schedule: {
    schema: v.picklist(schedules),
    initial: both("cosine"),
    place: "more",
    affects: [],
    label: "Rate schedule",
    help: "How the learning rate falls after the warm-up. Small steps at the end usually lower the loss.",
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
    help: "The rate rises from 0 over this share of the steps, because large first steps can do harm.",
    control: { kind: "number", minimum: 0, maximum: 1, below: true },
    doubt: (ratio) => ratio > 0.2 && "Usually 0 to 0.1. A long warm-up leaves fewer steps at the full rate.",
  },
};

/** The form changes these fields in the last stage only, and all others in every stage. */
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
    help: "In two stages the model first continues pre-training on your text, then learns to answer from the chats. Passes, steps, learning rate and early stopping then apply to the chats. Each stage has its own warm-up and decay.",
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
    label: "Passes over the text",
    term: "epochs of stage 1",
    help: "The number of passes over the plain text before the chats; fractions are allowed.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1000 },
    applies: isStaged,
    get: (recipe) => textStage(recipe)?.epochs ?? 1,
    set: (recipe, epochs) => inTextStage(recipe, { epochs }),
    doubt: (passes) =>
      passes > 4 &&
      "Usually 1 to 3. After about four passes the model memorises the text, learns little, and forgets more of what it knew.",
  }),
  settingOf<number | null>({
    field: "textLearningRate",
    schema: v.nullable(AnyNumber),
    place: "text stage",
    affects: [],
    label: "Learning rate for the text",
    term: "of stage 1",
    help: "Empty: the same as for the chats.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1, optional: true },
    applies: isStaged,
    // Null means the chats' rate: when a form changes that, the text's rate follows.
    get: (recipe) => {
      const rate = textStage(recipe)?.learningRate ?? null;
      return rate === lastStage(recipe).learningRate ? null : rate;
    },
    set: (recipe, rate) => inTextStage(recipe, { learningRate: rate ?? lastStage(recipe).learningRate }),
    doubt: (rate, recipe) =>
      rate !== null &&
      rate > lastStage(recipe).learningRate &&
      "Higher than for the chats. Usually it is equal or lower: a high rate on new text makes a model forget the old.",
  }),
];

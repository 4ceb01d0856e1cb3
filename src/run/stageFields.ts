/** The fields of a stage, and how a form without a list of stages shows them (DOMAIN.md). */

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
    label: "What a source's weight means",
    term: "λ",
    help: "Sampling draws rows from a source as often as its weight says: a small source repeats. Loss weight takes every row once per pass and makes it count that much.",
    control: {
      kind: "choice",
      choices: [
        { value: "sampling", label: "Sampling: how often it is drawn" },
        { value: "weight", label: "Loss weight: how much it counts" },
      ],
    },
  },
  learningRate: {
    schema: AnyNumber,
    initial: { lora: 2e-4, full: 2e-5 },
    place: "basic",
    affects: [],
    label: "Learning rate",
    help: "How far each step moves the weights: too far and it breaks up, not far enough and it hardly learns.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1 },
    doubt(rate, { method }) {
      const [low, high] = method === "lora" ? [1e-4, 5e-4] : [1e-5, 5e-5];
      const usual = method === "lora" ? "LoRA usually takes 1e-4 to 5e-4" : "Full training usually takes 1e-5 to 5e-5";
      if (rate > high) return `${usual}. A higher rate can diverge or make a model forget; very small models bear it.`;
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
    help: "Times every row is seen: too few and little sticks, too many and it learns the rows by heart. Not used when steps are given.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1000 },
    replaced: (recipe) => lastStage(recipe).steps !== null,
    doubt: (epochs, recipe) =>
      lastStage(recipe).steps === null &&
      epochs > 5 &&
      "Usually 1 to 5. More passes tend to learn the rows by heart: watch the validation loss.",
  },
  steps: {
    schema: v.nullable(Count),
    initial: both(null),
    place: "basic",
    affects: ["budget"],
    label: "Steps instead",
    help: "A fixed number of optimizer steps, whatever the passes. Empty: as many as the passes need.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1_000_000, optional: true },
  },
  schedule: {
    schema: v.picklist(schedules),
    initial: both("cosine"),
    place: "more",
    affects: [],
    label: "Course of the rate",
    term: "schedule",
    help: "How the learning rate falls after the warm-up: small steps at the end settle what was learnt.",
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
    help: "Over this share the rate rises from 0: the first steps know little, and large ones would do harm.",
    control: { kind: "number", minimum: 0, maximum: 1, below: true },
    doubt: (ratio) => ratio > 0.2 && "Usually 0 to 0.1. A long warm-up leaves fewer steps at the full rate.",
  },
};

/** Passes and steps are those of the last stage; the rest is the same in all. */
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
    help: "In two stages the model first reads on in your text, all of it learnt (continued pre-training), then learns to answer from the chats. Passes, steps, learning rate and stopping early are then those of the chats. The rate rises and falls in each stage by itself.",
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
    help: "Times the plain text is read before the chats; fractions are fine.",
    control: { kind: "number", minimum: 0, above: true, maximum: 1000 },
    applies: isStaged,
    get: (recipe) => textStage(recipe)?.epochs ?? 1,
    set: (recipe, epochs) => inTextStage(recipe, { epochs }),
    doubt: (passes) =>
      passes > 4 &&
      "Usually 1 to 3. After about four passes repeated text teaches little and is learnt by heart, and more of what the base model knew is lost.",
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
    // Null where it is the chats': a form sets the chats' rate first, and the text follows.
    get: (recipe) => {
      const rate = textStage(recipe)?.learningRate ?? null;
      return rate === lastStage(recipe).learningRate ? null : rate;
    },
    set: (recipe, rate) => inTextStage(recipe, { learningRate: rate ?? lastStage(recipe).learningRate }),
    doubt: (rate, recipe) =>
      rate !== null &&
      rate > lastStage(recipe).learningRate &&
      "Higher than for the chats. Usually it is the same or lower: a high rate on new text makes a model forget the old.",
  }),
];

/**
 * Fields of a stage. A recipe with one stage has them as settings of their own names, one with several as `stage2.epochs`,
 * counted from 1.
 */

import * as v from "valibot";
import { mixtureModes } from "../batching/mixture.ts";
import { type PreferenceSettings, usualPreference } from "../batching/preference.ts";
import { AnyNumber, Count } from "./fields.ts";
import { generalSourcesOf } from "./forgetting.ts";
import { doubtRate, preferenceFields } from "./preferenceFields.ts";
import type { Recipe } from "./recipe.ts";
import { both, type Fields, type Lens, type Setting, schemaOf, settingOf, settingsOf } from "./setting.ts";
import {
  inEveryStage,
  inLastStage,
  inStage,
  lastStage,
  type Objective,
  objectives,
  type Stage,
  schedules,
  withLoss,
  withObjectives,
} from "./stage.ts";

export const stageFields: Fields<Stage> = {
  objective: { schema: v.picklist(objectives), initial: both("mixed") },
  preference: { schema: v.optional(v.nullable(schemaOf(preferenceFields)), null), initial: both(null) },
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
    doubt(rate, { method, stages }, { objective, preference }) {
      if (preference) return doubtRate(rate, preference.loss, method);
      if (objective === "text" && rate > lastRate(stages))
        return "Higher than for the chats. Usually it is equal or lower: a high rate causes forgetting.";
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
    replaced: (_, { steps }) => steps !== null,
    doubt(epochs, { stages }, { objective, steps }) {
      if (steps !== null) return false;
      if (objective === "preference") return epochs > 3 && "Usually 1 to 3. More epochs overfit the pairs.";
      // Text alone is a run of its own; before other stages it teaches the domain.
      if (objective === "text" && stages.length > 1)
        return epochs > 4 && "Usually 1 to 3. After about 4 epochs the model overfits the text and forgets more.";
      return epochs > 5 && "Usually 1 to 5. More epochs often overfit: watch the validation loss.";
    },
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
  replay: {
    schema: v.optional(AnyNumber, 0),
    initial: both(0),
    place: "forgetting",
    affects: ["budget"],
    label: "Share of general text",
    term: "replay",
    help: "Share of the supervised tokens that is general text, from rows that are not measured. The run gets longer by it. 0: none.",
    control: { kind: "number", minimum: 0, maximum: 1, below: true },
    applies: (recipe, { objective }) => objective !== "preference" && generalSourcesOf(recipe).length > 0,
    doubt: (share) => share > 0.5 && "Usually 0.01 to 0.5. Most of the training is then not on the task.",
  },
};

/** The rate of the last stage of chats; infinite without one. */
const lastRate = (stages: readonly Stage[]) =>
  stages.findLast(({ objective }) => objective === "chat" || objective === "mixed")?.learningRate ??
  Number.POSITIVE_INFINITY;

/** Sets a field of a stage's preferences; another loss brings its usual settings and rate. */
function withPreference<K extends keyof PreferenceSettings>(stage: Stage, key: K, value: PreferenceSettings[K]): Stage {
  const changed = { ...(stage.preference ?? usualPreference.dpo), [key]: value };
  return key === "loss" && changed.loss !== stage.preference?.loss
    ? withLoss(stage, changed.loss)
    : { ...stage, preference: changed };
}

/** The settings of preferences in the stage that `get` finds. */
const preferencesOf = (
  { there = () => true, stage, name }: Pick<Lens<Stage>, "there" | "stage" | "name">,
  get: (recipe: Recipe) => Stage,
  change: (recipe: Recipe, edit: (stage: Stage) => Stage) => Recipe,
): Setting[] =>
  settingsOf(preferenceFields, {
    ...(stage !== undefined && { stage }),
    ...(name && { name }),
    get: (recipe) => get(recipe).preference ?? usualPreference.dpo,
    set: (recipe, key, value) =>
      change(recipe, (old) => (old.objective === "preference" ? withPreference(old, key, value) : old)),
    there: (recipe) => there(recipe) && get(recipe).objective === "preference",
  });

/** Epochs and steps belong to the last stage; other fields are equal in all stages. */
const ofLastStage: ReadonlySet<keyof Stage> = new Set(["epochs", "steps"]);

const listed = v.pipe(
  v.string(),
  v.transform((text) => text.split(",")),
  v.array(v.picklist(objectives)),
  v.minLength(1),
);

/** Most stages of a run. */
export const mostStages = 100;

/** The objectives of the stages, as a list in one text: "text,chat,preference". */
export const objectivesSetting: Setting = settingOf<string>({
  field: "stages",
  schema: v.pipe(
    v.string(),
    v.check((text) => v.is(listed, text), "a list of objectives"),
  ),
  place: "stages",
  affects: ["rows", "budget"],
  label: "Stages",
  help: "Parts of a run that train one after another. Each has its own data, length, learning rate and schedule.",
  control: { kind: "list", choices: objectives, most: mostStages },
  get: ({ stages }) => stages.map(({ objective }) => objective).join(","),
  set: (recipe, text) => withObjectives(recipe, v.parse(listed, text) satisfies Objective[]),
});

const isOne = ({ stages }: Recipe) => stages.length === 1;

/** The settings of a recipe with one stage. In one with several they change every stage, or the last. */
export const stageSettings: readonly Setting[] = [
  objectivesSetting,
  ...preferencesOf({ there: isOne }, lastStage, (recipe, edit) => ({ ...recipe, stages: recipe.stages.map(edit) })),
  ...settingsOf(stageFields, {
    get: lastStage,
    set: (recipe, key, value) => (ofLastStage.has(key) ? inLastStage : inEveryStage)(recipe, { [key]: value }),
    there: isOne,
  }),
];

/** Name of the field of a stage in a run with several: "stage2.epochs". */
export const stageField = (index: number, field: string) => `stage${index + 1}.${field}`;

/** The settings of the stage at `index` in a recipe with several. */
export function settingsOfStage(index: number): Setting[] {
  const view = {
    stage: index,
    name: (field: string) => stageField(index, field),
    there: ({ stages }: Recipe) => stages.length > 1 && index < stages.length,
  };
  const get = (recipe: Recipe) => recipe.stages[index] ?? lastStage(recipe);
  return [
    ...preferencesOf(view, get, (recipe, edit) => inStage(recipe, index, edit(get(recipe)))),
    ...settingsOf(stageFields, { ...view, get, set: (recipe, key, value) => inStage(recipe, index, { [key]: value }) }),
  ];
}

/** Plans a run from recipe, model and prepared rows: examples, buckets, stages and steps. The same inputs give the same plan. */

import { linearsOf, type Method, unknownTarget } from "../artifacts/method.ts";
import { type AnswerCount, type LooseAnswer, type Unit, unitSupervised, unitsOf } from "../batching/answers.ts";
import type { BatchShape, TokenizedExample } from "../batching/batch.ts";
import { scaleWeights } from "../batching/mixture.ts";
import type { PreferenceSettings } from "../batching/preference.ts";
import { type Order, type OrderState, orderOf, type StagePlan } from "../batching/stages.ts";
import type { PreparedData, TokenTable } from "../protocol/datasets.ts";
import { assertReady } from "../quality/preflight.ts";
import type { RowProblem } from "../records/example.ts";
import { type HeldOutSet, validationOf } from "../run/heldOut.ts";
import type { Sample } from "../run/metrics.ts";
import { type Recipe, seedsOf } from "../run/recipe.ts";
import type { RunStage } from "../run/record.ts";
import { lambdasOf, learns, type Objective, type Stage, takes } from "../run/stage.ts";
import { type GeneralText, generalTextOf, splitRows } from "./generalText.ts";
import type { LoadedModel } from "./library.ts";
import { planStage } from "./planStage.ts";

export interface Plan {
  readonly method: Method;
  /** Stage after stage; the weights of each example are scaled by λ of its stage. */
  readonly training: readonly TokenizedExample[];
  /** The same as they are drawn: an example each, or the answers that are trained together. */
  readonly units: readonly Unit[];
  readonly validation: readonly TokenizedExample[];
  /** The validation examples by set, without preferences; no set is empty. */
  readonly heldOut: readonly (HeldOutSet & { readonly examples: readonly TokenizedExample[] })[];
  readonly buckets: readonly BatchShape[];
  /** The stages of preferences, in order. */
  readonly preferences: readonly PreferencePlan[];
  /** Shapes of the validation batches, which are never packed. */
  readonly validationBuckets: readonly BatchShape[];
  /** General text: the rows that are measured, and the rest, which stages may replay. */
  readonly general: GeneralText;
  /** In the order of the recipe. */
  readonly stages: readonly RunStage[];
  readonly totalSteps: number;
  /** Held-out questions with the answers of their rows. */
  readonly questions: readonly Pick<Sample, "prompt" | "reference">[];
  /** Rows that the run leaves out, with the reason. */
  readonly dropped: readonly RowProblem[];
  readonly sourceNames: readonly string[];
  /** Draws batches in seeded order, from the start or from a state. */
  order(state?: OrderState): Order;
}

/** A stage of preferences. */
export interface PreferencePlan {
  readonly settings: PreferenceSettings;
  /** Index of its stage, from 0. */
  readonly stage: number;
  /** Its answers for training and held out, whose ids are `first` to `first + answers.length − 1`. */
  readonly answers: readonly TokenizedExample[];
  readonly first: number;
  readonly heldOut: readonly TokenizedExample[];
  /** Shapes for its answers in batches of a validation. */
  readonly buckets: readonly BatchShape[];
}

/** Examples in the order of their sources and rows, not of the stages. */
export const inFileOrder = (examples: readonly TokenizedExample[]) =>
  examples.toSorted((a, b) => a.origin.source - b.origin.source || a.origin.row - b.origin.row);

export function methodOf(recipe: Pick<Recipe, "method" | "lora">): Method {
  return recipe.method === "full" ? { kind: "full" } : { kind: "lora", ...recipe.lora };
}

/** Shapes of a plan's training batches and of its validation batches; without validation the latter are empty. */
export const shapesOf = ({
  buckets,
  validation,
  validationBuckets,
  general,
}: Pick<Plan, "buckets" | "validation" | "validationBuckets" | "general">) => ({
  shapes: buckets,
  heldOut: [...(validation.length > 0 ? validationBuckets : []), ...general.buckets],
});

/** Throws when the model does not have the recipe's length or its adapter's layers. Needs no rows. */
export function checkRecipe({ definition }: Pick<LoadedModel, "definition">, recipe: Recipe): void {
  const { maxLength } = recipe;
  if (maxLength > definition.contextLength) {
    throw new Error(
      `The length limit is ${maxLength} tokens, but the model's context holds ${definition.contextLength}: lower the limit.`,
    );
  }
  const unknown = recipe.method === "lora" ? unknownTarget(definition, recipe.lora.targets) : undefined;
  if (unknown === undefined) return;
  const names = linearsOf(definition).map(({ name }) => name);
  throw new Error(
    `The recipe puts an adapter on "${unknown}", but this model's linear layers are ${names.join(", ")}: choose from these.`,
  );
}

const kinds = ["text", "chat", "preference", "preference"] as const;

/**
 * Splits off validation, chooses buckets and counts steps. Throws when a hard check of the rows failed, or when a stage of
 * the recipe has no rows.
 */
export function planRun({ table, report, sourceNames }: PreparedData, recipe: Recipe): Omit<Plan, "questions"> {
  assertReady(report);
  const all = examplesOf(table, sourceNames);
  const seeds = seedsOf(recipe);
  const split = splitRows(table, recipe);
  const isOf = (stage: Stage) => (index: number) =>
    learns(stage.objective, kinds[table.kinds[index] ?? 0] ?? "text") && takes(stage, table.sources[index] ?? -1);
  const pick = (indices: readonly number[], wanted: (index: number) => boolean) =>
    indices.filter(wanted).map((index) => all[index] as TokenizedExample);
  const readable = all.filter((_, index) => (table.kinds[index] ?? 0) < 2);
  const general = generalTextOf(readable, recipe, sourceNames, split.validation.length);
  const count: AnswerCount = { units: 0, answers: 0 };
  const unusable: RowProblem[] = [];
  const preferences: PreferencePlan[] = [];
  const stages = recipe.stages.map((stage, index) => {
    const { objective, preference } = stage;
    const lambdas = lambdasOf(stage, sourceNames.length);
    const scaled = (examples: TokenizedExample[]) =>
      stage.mixture === "weight" ? scaleWeights(examples, lambdas) : examples;
    const parts = { stage, lambdas, recipe, seed: seeds.stages[index] ?? recipe.seed };
    if (objective !== "preference") {
      const examples = scaled(pick(split.training, isOf(stage)));
      requireExamples(objective, examples.length, split.training.length);
      const own = examples.map((example): Unit => [example]);
      const replayed = stage.replay > 0 ? general.rest.map((example): Unit => [example]) : [];
      const units = [...own, ...replayed];
      const validation = pick(split.validation, isOf(stage));
      return { stage, units, replayed: replayed.length, ...planStage(units, replayed.length, validation, parts) };
    }
    const settings = requirePreference(preference, index);
    const pair = (indices: readonly number[], scale: typeof scaled) => {
      const places = indices.filter(isOf(stage));
      const examples = scale(places.map((place) => all[place] as TokenizedExample));
      const placeIn = new Map(places.map((place, i) => [place, i]));
      const answers = examples.map((example, i): LooseAnswer => {
        const place = places[i] ?? 0;
        const partner = table.partners[place] ?? -1;
        return { example, role: table.kinds[place] === 3 ? "rejected" : "chosen", partner: placeIn.get(partner) ?? -1 };
      });
      return unitsOf(answers, settings.loss, recipe.maxLength, count);
    };
    const first = count.answers;
    const training = pair(split.training, scaled);
    const validation = pair(split.validation, (examples) => examples);
    requireExamples(objective, training.units.length, split.training.length);
    for (const { source, line } of [...training.unusable, ...validation.unusable]) {
      const message = `has only one answer, and ${settings.loss.toUpperCase()} compares two: use KTO, or add the other answer`;
      unusable.push({ source, line, message });
    }
    const heldOut = validation.units.flat();
    const planned = planStage(training.units, 0, heldOut, parts);
    const answers = [...training.units.flat(), ...heldOut];
    preferences.push({ settings, stage: index, answers, first, heldOut, buckets: planned.validationBuckets });
    return { stage, units: training.units, replayed: 0, ...planned };
  });
  const before = (index: number) => stages.slice(0, index).reduce((sum, { units }) => sum + units.length, 0);
  const inOrder = stages.map(({ steps, sampler }, index): StagePlan => ({ steps, first: before(index), sampler }));
  const units = stages.flatMap((stage) => stage.units);
  const objectives = [...new Set(recipe.stages.map(({ objective }) => objective))];
  return {
    method: methodOf(recipe),
    training: units.flat(),
    units,
    validation: pick(split.validation, (index) => recipe.stages.some((stage) => isOf(stage)(index))),
    heldOut: objectives
      .filter((objective) => objective !== "preference")
      .flatMap((objective) => {
        const own = recipe.stages.filter((stage) => stage.objective === objective);
        const examples = pick(split.validation, (index) => own.some((stage) => isOf(stage)(index)));
        return examples.length > 0 ? [{ ...validationOf(objective), examples }] : [];
      }),
    preferences,
    buckets: mergeBuckets(stages.map(({ buckets }) => buckets)),
    validationBuckets: mergeBuckets(stages.map(({ validationBuckets }) => validationBuckets)),
    general,
    stages: stages.map(({ stage: { objective }, steps, units: all, replayed }) => {
      const own = all.slice(0, all.length - replayed);
      return {
        ...{ objective, steps, examples: own.length },
        supervisedTokens: own.reduce((sum, unit) => sum + unitSupervised(unit), 0),
        ...(replayed > 0 && { replayed }),
      };
    }),
    totalSteps: stages.reduce((sum, { steps }) => sum + steps, 0),
    dropped: [...report.leftOut, ...unusable],
    sourceNames,
    order: (state) => orderOf(inOrder, state),
  };
}

/** The settings of a stage of preferences. Throws where they are missing or out of range. */
function requirePreference(settings: PreferenceSettings | null, index: number): PreferenceSettings {
  if (settings === null) throw new Error(`Stage ${index + 1} trains on preferences, but has no loss: choose one.`);
  const { beta, labelSmoothing } = settings;
  if (!(beta > 0)) throw new Error(`β of stage ${index + 1} is ${beta}, but must be above 0: 0.1 is usual.`);
  if (!(labelSmoothing >= 0 && labelSmoothing < 0.5)) {
    throw new Error(
      `The label smoothing of stage ${index + 1} is ${labelSmoothing}, but must be from 0 to below 0.5: 0 is usual.`,
    );
  }
  return settings;
}

/** Throws when a stage has no examples. */
function requireExamples(objective: Objective, count: number, all: number): void {
  if (count > 0 || objective === "mixed") return;
  const missing = { text: "plain text", chat: "chats", preference: "preferences that its loss can use" }[objective];
  throw new Error(
    `A stage of the recipe trains on ${missing}, but none of the ${all} training examples is that: choose a source of ` +
      "it as well, or remove the stage.",
  );
}

/** Buckets of all stages as one list without duplicates, from the fewest to the most positions. */
function mergeBuckets(lists: readonly (readonly BatchShape[])[]): BatchShape[] {
  const sorted = lists
    .flat()
    .sort((a, b) => a.rows * a.length - b.rows * b.length || a.supervised - b.supervised || a.rows - b.rows);
  const same = (a: BatchShape, b: BatchShape | undefined) =>
    a.rows === b?.rows && a.length === b.length && a.supervised === b.supervised;
  return sorted.filter((shape, i) => !same(shape, sorted[i - 1]));
}

/** Views of the table's examples. */
function examplesOf(
  { ids, mask, weights, offsets, sources, rows, lines }: TokenTable,
  sourceNames: readonly string[],
): TokenizedExample[] {
  return Array.from(rows, (row, i) => {
    const start = offsets[i] ?? 0;
    const end = offsets[i + 1] ?? start;
    const source = sources[i] ?? 0;
    return {
      origin: { source, name: sourceNames[source] ?? `source ${source + 1}`, row, line: lines[i] ?? row + 1 },
      ids: ids.subarray(start, end),
      mask: mask.subarray(start, end),
      weights: weights.subarray(start, end),
    };
  });
}

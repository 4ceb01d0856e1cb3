/**
 * The stages among the typed entries. `stages` lists the objectives ("text,chat"). The fields of one stage have their own names;
 * those of several are `stage1.epochs`, `stage2.epochs` and so on.
 */

import { type Objective, objectives } from "../run/stage.ts";
import { stageField } from "../run/stageFields.ts";
import type { RecipeFacts } from "./state.ts";

type Entries = RecipeFacts["entries"];

/** Fields of a stage that have an entry, in the order of the form. */
export const stageFieldNames = [
  "loss",
  "beta",
  "labelSmoothing",
  "gamma",
  "chosenWeight",
  "rejectedWeight",
  "learningRate",
  "epochs",
  "steps",
  "mixture",
  "schedule",
  "warmupRatio",
  "replay",
] as const;

/** Fields whose usual values belong to an objective, and those that belong to a preference loss. */
const ofObjective = ["loss", "beta", "labelSmoothing", "gamma", "chosenWeight", "rejectedWeight", "learningRate"];
const ofLoss = ofObjective.slice(1);
const ofLength = ["epochs", "steps"];

const without = (entries: Entries, names: readonly string[]): Entries =>
  Object.fromEntries(Object.entries(entries).filter(([field]) => !names.includes(field)));

const stagePattern = /^stage\d+\./;

/** The entries of no stage. */
const others = (entries: Entries): Entries =>
  Object.fromEntries(
    Object.entries(entries).filter(
      ([field]) => field !== "stages" && !stagePattern.test(field) && !stageFieldNames.some((own) => own === field),
    ),
  );

/** The objectives of the entries' stages; one mixed stage where there is no list, or one with an unknown objective. */
export function objectivesOf({ stages }: Entries): readonly Objective[] {
  const named = (stages ?? "").split(",").map((name) => objectives.find((objective) => objective === name));
  const known = named.filter((objective) => objective !== undefined);
  return known.length === named.length ? known : ["mixed"];
}

/** The entries of stage `index` of `count`, by the names of the fields. */
function fieldsOf(entries: Entries, index: number, count: number): Entries {
  return Object.fromEntries(
    stageFieldNames.flatMap((field) => {
      const text = entries[count > 1 ? stageField(index, field) : field];
      return text === undefined ? [] : [[field, text]];
    }),
  );
}

interface Listed {
  readonly objective: Objective;
  readonly fields: Entries;
}

/** The entries with these stages; a single mixed stage needs no list. */
function withStages(entries: Entries, stages: readonly Listed[]): Entries {
  const list = stages.map(({ objective }) => objective).join(",");
  const named = stages.flatMap(({ fields }, index) =>
    Object.entries(fields).map(
      ([field, text]) => [stages.length > 1 ? stageField(index, field) : field, text] as const,
    ),
  );
  return { ...others(entries), ...(list !== "mixed" && { stages: list }), ...Object.fromEntries(named) };
}

/**
 * Entries of an older page or address, which named two stages only: `stages` was "together" or "text-first", `textEpochs` and
 * `textLearningRate` belonged to the text, `epochs` and `steps` to the chats, and all other fields to both.
 */
export function currentEntries(entries: Entries): Entries {
  const { textEpochs, textLearningRate, ...rest } = entries;
  const old = ["together", "text-first"].includes(rest.stages ?? "");
  if (!old) return textEpochs === undefined && textLearningRate === undefined ? entries : rest;
  const { stages, ...plain } = rest;
  if (stages === "together") return plain;
  const shared = fieldsOf(plain, 0, 1);
  const text = {
    ...without(shared, ofLength),
    ...(textEpochs !== undefined && { epochs: textEpochs }),
    ...(textLearningRate !== undefined && textLearningRate !== "" && { learningRate: textLearningRate }),
  };
  const named = Object.fromEntries(Object.entries(plain).filter(([field]) => stagePattern.test(field)));
  return {
    ...withStages(plain, [
      { objective: "text", fields: text },
      { objective: "chat", fields: shared },
    ]),
    ...named,
  };
}

/** A stage of a changed list: the index of the stage that it was, null for a new one, and its objective. */
export interface Placed {
  readonly from: number | null;
  readonly objective: Objective;
}

const isPreference = (objective: Objective | undefined) => objective === "preference";

/** The entries after a change of the list: entries move with their stage, except those that another objective replaces. */
export function rearranged(typed: Entries, list: readonly Placed[]): Entries {
  const entries = currentEntries(typed);
  const before = objectivesOf(entries);
  const stages = list.map(({ from, objective }): Listed => {
    if (from === null) return { objective, fields: {} };
    const fields = fieldsOf(entries, from, before.length);
    const old = before[from];
    const first = isPreference(old) === isPreference(objective) ? fields : without(fields, ofObjective);
    return { objective, fields: objective === "text" && old !== "text" ? without(first, ofLength) : first };
  });
  return withStages(entries, stages);
}

const lossPattern = /^(stage\d+\.)?loss$/;

/** Whether the field is the preference loss of a stage. */
export const isLoss = (field: string) => lossPattern.test(field);

/** The entries with another preference loss in a field: its usual settings and rate apply again. */
export function withLossEntry(entries: Entries, field: string, loss: string): Entries {
  const prefix = field.slice(0, -"loss".length);
  return {
    ...without(
      entries,
      ofLoss.map((name) => `${prefix}${name}`),
    ),
    [field]: loss,
  };
}

/** The entries that decide which stages there are, and their defaults. */
export const structureOf = (entries: Entries): Entries =>
  Object.fromEntries(Object.entries(entries).filter(([field]) => field === "stages" || isLoss(field)));

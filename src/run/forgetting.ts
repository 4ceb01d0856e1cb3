/** Settings of the forgetting meter: held-out general text, an exam, and the guard that pauses a run. */

import * as v from "valibot";
import { AnyNumber, Count } from "./fields.ts";
import type { Recipe } from "./recipe.ts";
import { both, type Fields, type Setting, settingsOf } from "./setting.ts";

export interface Forgetting {
  /** Indices among the run's sources. All their rows are held out as general text; no stage trains on them. */
  readonly sources: readonly number[];
  /** Allowed rise of the loss on each general text, in nats; the run pauses above it. Null is off. */
  readonly allowedRise: number | null;
  /** Number of exam questions that the model answers during training; 0 is off. */
  readonly exam: number;
  /** Validations from one exam to the next. */
  readonly examEvery: number;
}

/** Most tokens of a general text in a validation, unless its first chosen row is longer. */
export const mostGeneralTokens = 4096;

/** Most exam questions in a run: its record has them all. */
export const mostExamQuestions = 200;

export const noForgetting: Forgetting = { sources: [], allowedRise: null, exam: 0, examEvery: 1 };

export const forgettingFields: Fields<Forgetting> = {
  sources: { schema: v.array(Count), initial: both([]) },
  allowedRise: {
    schema: v.nullable(AnyNumber),
    initial: both(null),
    place: "forgetting",
    affects: [],
    label: "Guard",
    term: "allowed rise of the general loss",
    help: "The run pauses when the loss on general text rises by more than this. Empty: it never pauses.",
    control: { kind: "number", minimum: 0, above: true, maximum: 100, optional: true },
    applies: (recipe) => generalSourcesOf(recipe).length > 0,
    doubt: (rise) => rise !== null && rise < 0.02 && "Usually 0.05 to 0.3. A rise below 0.02 can be chance.",
  },
  exam: {
    schema: Count,
    initial: both(0),
    place: "forgetting",
    affects: [],
    label: "Exam during training",
    term: "questions",
    help: "Questions of the opened exam that the model answers with a validation. 0: off.",
    control: { kind: "number", integer: true, minimum: 0, maximum: mostExamQuestions },
  },
  examEvery: {
    schema: Count,
    initial: both(1),
    place: "forgetting",
    affects: [],
    label: "Exam interval",
    term: "validations",
    help: "Validations from one exam to the next. Answers may take longer than the validation.",
    control: { kind: "number", integer: true, minimum: 1, maximum: 1000 },
    applies: ({ forgetting }) => (forgetting?.exam ?? 0) > 0,
  },
};

export const forgettingSettings: readonly Setting[] = settingsOf(forgettingFields, {
  get: ({ forgetting }) => forgetting ?? noForgetting,
  set: (recipe, key, value) => ({ ...recipe, forgetting: { ...(recipe.forgetting ?? noForgetting), [key]: value } }),
});

type Part = Pick<Recipe, "forgetting">;

/** Indices of the sources that are held out as general text. */
export const generalSourcesOf = ({ forgetting }: Part): readonly number[] => forgetting?.sources ?? [];

/** The same recipe with these sources as general text. */
export const withGeneral = <T extends Part>(recipe: T, sources: readonly number[]): T =>
  sources.length === generalSourcesOf(recipe).length &&
  sources.every((source, i) => generalSourcesOf(recipe)[i] === source)
    ? recipe
    : { ...recipe, forgetting: { ...(recipe.forgetting ?? noForgetting), sources } };

/** Whether the run takes an exam with the validation after `step`: on schedule, and after the last step. */
export function takesExam(
  { forgetting, evaluateEvery }: Pick<Recipe, "forgetting" | "evaluateEvery">,
  step: number,
  totalSteps: number,
): boolean {
  if (!forgetting || forgetting.exam === 0) return false;
  return step === totalSteps || step % (evaluateEvery * forgetting.examEvery) === 0;
}

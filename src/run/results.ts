/**
 * Results of a run beside its training: exam results of the run and its base model, and blind votes between the two.
 */

import * as v from "valibot";
import { type TemplateChoice, TemplateSchema } from "../templates/choice.ts";
import { AnyNumber, Count, finite, IsoDate, list, Text, text, whole } from "./fields.ts";
import { exactGrader, type Grader, GraderSchema } from "./grading/grader.ts";

/** Most questions of one exam: more would take hours, and a result is read as a whole. */
export const mostQuestions = 20_000;

const finishes = ["stop", "length", "context", "cancelled"] as const;

/** A question of an exam. */
export interface ExamQuestionFacts {
  readonly prompt: string;
  /** The right answer, as the grader reads it. */
  readonly expected: string;
  readonly group: string | null;
  readonly task: string | null;
  /** Without one, the exam's. */
  readonly grader?: Grader;
  /** The answers to choose from, for the grader "choice". */
  readonly choices?: readonly string[];
}

/** How answers of an exam were drawn; a temperature of 0 is greedy. */
export interface ExamSampling {
  readonly temperature: number;
  readonly topK: number | null;
  readonly topP: number | null;
  readonly seed: number;
}

/** An answer to a question. */
export interface ExamAnswerFacts {
  readonly answer: string;
  readonly finish: (typeof finishes)[number];
  readonly correct: boolean;
}

export type AnsweredQuestion = ExamQuestionFacts & ExamAnswerFacts;

/** The result of one exam, without its questions. */
export interface ExamResult {
  readonly id: string;
  readonly modelHash: string;
  /** Null for the base model. */
  readonly runId: string | null;
  /** Step of the checkpoint that answered; null for the base model. */
  readonly step: number | null;
  readonly exam: {
    readonly name: string;
    readonly hash: string;
    /** Number of questions. */
    readonly questions: number;
    readonly texts: number;
  };
  readonly template: TemplateChoice;
  readonly systemPrompt: string | null;
  /** Of questions without their own; exact match where it is missing. */
  readonly grader?: Grader;
  /** Greedy where it is missing. */
  readonly sampling?: ExamSampling;
  readonly takenAt: string;
  readonly seconds: number;
  /** Questions with the right answer. */
  readonly correct: number;
  /** Mean cross-entropy per token of the texts in nats; null without a text. */
  readonly textLoss: number | null;
}

export interface WholeExamResult extends ExamResult {
  /** In the order of the exam. */
  readonly questions: readonly AnsweredQuestion[];
}

export const voteChoices = ["first", "second", "tie"] as const;

/** A vote between two answers that were shown without names. */
export interface VoteRecord {
  readonly id: string;
  readonly runId: string;
  /** Step of the checkpoint of the tuned answer. */
  readonly step: number;
  /** The exam whose question it is; null for a held-out question of the run. */
  readonly exam: { readonly name: string; readonly hash: string } | null;
  readonly prompt: string;
  /** The answer in the exam or in the row. */
  readonly reference: string;
  /** The answer of the base model, or of `against`. */
  readonly base: string;
  readonly tuned: string;
  /** The checkpoint of another run that `base` is by; missing where it is the base model. */
  readonly against?: { readonly runId: string; readonly name: string; readonly step: number };
  /** Whether `base` was shown first. */
  readonly baseFirst: boolean;
  /** Which shown answer is better. */
  readonly choice: (typeof voteChoices)[number];
  readonly castAt: string;
  /** How both answers were drawn; a temperature of 0 is greedy. */
  readonly sampling: { readonly temperature: number; readonly topK: number | null; readonly topP: number | null };
}

/** All results of a run, and those of its base model. */
export interface RunResults {
  readonly exams: readonly WholeExamResult[];
  readonly votes: readonly VoteRecord[];
}

type ExamIdentity = Pick<ExamResult, "grader" | "sampling"> & { readonly exam: { readonly hash: string } };

/** Equal for two results on the same questions, drawn and judged in the same way; seeds may differ. */
export function examKey({ exam, grader = exactGrader, sampling }: ExamIdentity): string {
  const drawn = sampling && sampling.temperature > 0 ? [sampling.temperature, sampling.topK, sampling.topP] : "greedy";
  return JSON.stringify([exam.hash, grader, drawn]);
}

/** Equal for two results that can be compared: same model, template and system prompt, and the same `examKey`. */
export const comparisonKey = (
  result: Pick<ExamResult, "modelHash" | "template" | "systemPrompt"> & ExamIdentity,
): string => JSON.stringify([result.modelHash, result.template, result.systemPrompt, examKey(result)]);

const Id = v.custom<string>(
  (value) => typeof value === "string" && /^[\w-]{1,100}$/.test(value),
  "1 to 100 letters, digits and dashes",
);
const Seconds = finite(0, 1e10);
/** Of a question or an answer. */
const Long = text(1e7);

const questionMembers = {
  prompt: Long,
  expected: Long,
  group: v.nullable(Long),
  task: v.nullable(Long),
  grader: v.exactOptional(GraderSchema),
  choices: v.exactOptional(list(Long, 1000)),
};
const answerMembers = { answer: Long, finish: v.picklist(finishes), correct: v.boolean() };

export const QuestionsSchema: v.GenericSchema<unknown, readonly ExamQuestionFacts[]> = v.array(
  v.object(questionMembers),
);

export const AnswersSchema: v.GenericSchema<unknown, readonly ExamAnswerFacts[]> = v.array(v.object(answerMembers));

export const examMembers = {
  id: Id,
  modelHash: Text,
  runId: v.nullable(Text),
  step: v.nullable(Count),
  exam: v.object({ name: Text, hash: Id, questions: whole(0, mostQuestions), texts: Count }),
  template: TemplateSchema,
  systemPrompt: v.nullable(Text),
  grader: v.exactOptional(GraderSchema),
  sampling: v.exactOptional(
    v.object({ temperature: finite(0, 100), topK: v.nullable(Count), topP: v.nullable(AnyNumber), seed: Count }),
  ),
  takenAt: IsoDate,
  seconds: Seconds,
  correct: Count,
  textLoss: v.nullable(AnyNumber),
};

export const WholeExamSchema: v.GenericSchema<unknown, WholeExamResult> = v.object({
  ...examMembers,
  questions: list(v.object({ ...questionMembers, ...answerMembers }), mostQuestions),
});

export const VoteSchema: v.GenericSchema<unknown, VoteRecord> = v.object({
  id: Id,
  runId: Text,
  step: Count,
  exam: v.nullable(v.object({ name: Text, hash: Id })),
  prompt: Long,
  reference: Long,
  base: Long,
  tuned: Long,
  against: v.exactOptional(v.object({ runId: Text, name: Text, step: Count })),
  baseFirst: v.boolean(),
  choice: v.picklist(voteChoices),
  castAt: IsoDate,
  sampling: v.object({ temperature: AnyNumber, topK: v.nullable(Count), topP: v.nullable(AnyNumber) }),
});

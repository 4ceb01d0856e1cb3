/**
 * Results of a run beside its training: exam results of the run and its base model, and blind votes between the two.
 */

import * as v from "valibot";
import { type TemplateChoice, TemplateSchema } from "../templates/choice.ts";
import { AnyNumber, Count, finite, IsoDate, list, Text, text, whole } from "./fields.ts";

/** Most questions of one exam: more would take hours, and a result is read as a whole. */
export const mostQuestions = 20_000;

const finishes = ["stop", "length", "context", "cancelled"] as const;

/** A question of an exam. */
export interface ExamQuestionFacts {
  readonly prompt: string;
  /** The only right answer. */
  readonly expected: string;
  readonly group: string | null;
  readonly task: string | null;
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
  readonly base: string;
  readonly tuned: string;
  /** Whether the base model's answer was shown first. */
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

/** Equal for two results that can be compared: same model, exam, template and system prompt. */
export const comparisonKey = ({
  modelHash,
  exam,
  template,
  systemPrompt,
}: Pick<ExamResult, "modelHash" | "template" | "systemPrompt"> & {
  readonly exam: { readonly hash: string };
}): string => JSON.stringify([modelHash, exam.hash, template, systemPrompt]);

const Id = v.custom<string>(
  (value) => typeof value === "string" && /^[\w-]{1,100}$/.test(value),
  "1 to 100 letters, digits and dashes",
);
const Seconds = finite(0, 1e10);
/** Of a question or an answer. */
const Long = text(1e7);

const questionMembers = { prompt: Long, expected: Long, group: v.nullable(Long), task: v.nullable(Long) };
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
  baseFirst: v.boolean(),
  choice: v.picklist(voteChoices),
  castAt: IsoDate,
  sampling: v.object({ temperature: AnyNumber, topK: v.nullable(Count), topP: v.nullable(AnyNumber) }),
});

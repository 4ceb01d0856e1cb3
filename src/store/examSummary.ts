/** Summary of an exam: right answers by group and by task, and the loss on general text, before and after. */

import type { AnsweredQuestion, WholeExamResult } from "../run/results.ts";
import type { ExamResults } from "./state.ts";

export interface ExamScore {
  readonly name: string;
  readonly questions: number;
  /** Share of exact matches of the base model, in [0, 1]; null without its answers. */
  readonly before: number | null;
  /** The same for the tuned model. */
  readonly after: number | null;
}

export interface ExamSummary {
  readonly all: ExamScore;
  /** In the order of the exam; empty if no question has a group. */
  readonly groups: readonly ExamScore[];
  readonly tasks: readonly ExamScore[];
  /** Nats per token; null without texts or without that model's answers. */
  readonly generalLoss: { readonly before: number | null; readonly after: number | null };
}

/** A question with the answers of both models; null for a missing answer. */
export interface ComparedQuestion {
  readonly question: Pick<AnsweredQuestion, "prompt" | "expected" | "group" | "task">;
  readonly before: AnsweredQuestion | null;
  readonly after: AnsweredQuestion | null;
}

/** In the order of the exam. */
export function comparedQuestions({ base, tuned }: Pick<ExamResults, "base" | "tuned">): readonly ComparedQuestion[] {
  return ((tuned ?? base)?.questions ?? []).map((question, index) => ({
    question,
    before: base?.questions[index] ?? null,
    after: tuned?.questions[index] ?? null,
  }));
}

export function summarizeExam(results: Pick<ExamResults, "base" | "tuned">): ExamSummary {
  const { base, tuned } = results;
  const questions = comparedQuestions(results);
  const scoreOf = (name: string, of: readonly ComparedQuestion[]): ExamScore => {
    const share = (whole: WholeExamResult | null, side: "before" | "after") =>
      whole && of.filter((compared) => compared[side]?.correct).length / Math.max(1, of.length);
    return { name, questions: of.length, before: share(base, "before"), after: share(tuned, "after") };
  };
  const scoresBy = (part: "group" | "task") => {
    const names = new Set(questions.map(({ question }) => question[part]));
    if (names.size === 1 && names.has(null)) return [];
    return [...names].map((name) => {
      const of = questions.filter(({ question }) => question[part] === name);
      return scoreOf(name ?? `no ${part}`, of);
    });
  };
  return {
    all: scoreOf("All questions", questions),
    groups: scoresBy("group"),
    tasks: scoresBy("task"),
    generalLoss: { before: base?.textLoss ?? null, after: tuned?.textLoss ?? null },
  };
}

/** The results as a file for other programs: the summary, and all questions with their answers. */
export function examRecord(results: ExamResults) {
  const { model, run, base, tuned } = results;
  const of = tuned ?? base;
  const given = (answered: AnsweredQuestion | null) =>
    answered && { text: answered.answer, finish: answered.finish, correct: answered.correct };
  return {
    exam: of && { name: of.exam.name, hash: of.exam.hash, texts: of.exam.texts },
    model,
    run: run && { ...run, step: tuned?.step ?? null },
    ...summarizeExam(results),
    seconds: { before: base?.seconds ?? null, after: tuned?.seconds ?? null },
    questions: comparedQuestions(results).map(({ question, before, after }) => ({
      prompt: question.prompt,
      expected: question.expected,
      group: question.group,
      task: question.task,
      before: given(before),
      after: given(after),
    })),
  };
}

/** What an exam amounts to: right answers by group and by task, and the loss on general text, before and after. */

import type { ExamItem } from "../protocol/datasets.ts";
import type { ExamResults } from "./state.ts";

export interface ExamScore {
  readonly name: string;
  readonly questions: number;
  /** Share of exact matches of the base model, in [0, 1]. */
  readonly before: number;
  /** Of the tuned model; null where none was asked. */
  readonly after: number | null;
}

export interface ExamSummary {
  readonly all: ExamScore;
  /** In the order of the exam; empty where no question names one. */
  readonly groups: readonly ExamScore[];
  readonly tasks: readonly ExamScore[];
  /** Nats per token; null without texts or without a tuned model. */
  readonly generalLoss: { readonly before: number | null; readonly after: number | null };
}

export function summarizeExam({ exam, base, tuned }: ExamResults): ExamSummary {
  const scoreOf = (name: string, belongs: (item: ExamItem) => boolean): ExamScore => {
    const places = exam.questions.flatMap((item, index) => (belongs(item) ? [index] : []));
    const right = (answers: typeof base.answers) => places.filter((index) => answers[index]?.correct).length;
    const share = (count: number) => count / Math.max(1, places.length);
    return {
      name,
      questions: places.length,
      before: share(right(base.answers)),
      after: tuned && share(right(tuned.answers)),
    };
  };
  const scoresBy = (part: "group" | "task") => {
    const names = new Set(exam.questions.map((item) => item[part]));
    if (names.size === 1 && names.has(null)) return [];
    return [...names].map((name) => scoreOf(name ?? `no ${part}`, (item) => item[part] === name));
  };
  return {
    all: scoreOf("All questions", () => true),
    groups: scoresBy("group"),
    tasks: scoresBy("task"),
    generalLoss: { before: base.textLoss, after: tuned?.textLoss ?? null },
  };
}

/** The results as a file for other programs: the summary, and every question with its answers. */
export function examRecord(results: ExamResults) {
  const { exam, model, run, base, tuned } = results;
  return {
    exam: { name: exam.name, hash: exam.hash, texts: exam.texts.length },
    model,
    run,
    ...summarizeExam(results),
    seconds: { before: base.seconds, after: tuned?.seconds ?? null },
    questions: exam.questions.map((item, index) => ({
      ...item,
      before: base.answers[index] ?? null,
      after: tuned?.answers[index] ?? null,
    })),
  };
}

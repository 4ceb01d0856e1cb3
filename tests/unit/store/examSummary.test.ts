/** What an exam amounts to. Oracle: counting by hand. */

import { expect, test } from "vitest";
import { examRecord, summarizeExam } from "../../../src/store/examSummary.ts";
import type { ExamResults } from "../../../src/store/state.ts";

const item = (group: string | null, task: string | null) => ({ prompt: "Why?", expected: "So.", group, task });
const answer = (correct: boolean) => ({ text: correct ? "So." : "No.", finish: "stop" as const, correct });
const results: ExamResults = {
  key: "k",
  exam: {
    name: "exam.jsonl",
    hash: "h",
    questions: [item("known", null), item("new", null), item("known", null), item(null, null)],
    texts: ["Once."],
    problems: [],
  },
  model: "Seedling",
  run: { id: "r", name: "a run", step: 7 },
  base: { answers: [true, false, false, false].map(answer), textLoss: 2, step: null, seconds: 1 },
  tuned: { answers: [true, true, true, false].map(answer), textLoss: 2.5, step: 7, seconds: 1 },
};

test("shares of right answers are told before and after, for all and for each group", () => {
  expect(summarizeExam(results)).toEqual({
    all: { name: "All questions", questions: 4, before: 0.25, after: 0.75 },
    groups: [
      { name: "known", questions: 2, before: 0.5, after: 1 },
      { name: "new", questions: 1, before: 0, after: 1 },
      { name: "no group", questions: 1, before: 0, after: 0 },
    ],
    tasks: [],
    generalLoss: { before: 2, after: 2.5 },
  });
});

test("without a run there is no after", () => {
  expect(summarizeExam({ ...results, run: null, tuned: null })).toMatchObject({
    all: { before: 0.25, after: null },
    generalLoss: { before: 2, after: null },
  });
});

test("the record holds every question with both answers", () => {
  const { questions, run } = examRecord(results);
  expect(run).toEqual({ id: "r", name: "a run", step: 7 });
  expect(questions[1]).toEqual({ ...item("new", null), before: answer(false), after: answer(true) });
});

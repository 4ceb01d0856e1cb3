/** What an exam amounts to. Oracle: counting by hand. */

import { expect, test } from "vitest";
import type { WholeExamResult } from "../../../src/run/results.ts";
import { examRecord, summarizeExam } from "../../../src/store/examSummary.ts";
import type { ExamResults } from "../../../src/store/state.ts";

const groups = ["known", "new", "known", null];
const question = (correct: boolean, index: number) => ({
  prompt: `Why ${index}?`,
  expected: "So.",
  group: groups[index] ?? null,
  task: null,
  answer: correct ? "So." : "No.",
  finish: "stop" as const,
  correct,
});

const result = (step: number | null, right: readonly boolean[], textLoss: number): WholeExamResult => ({
  id: `result of ${step}`,
  modelHash: "m",
  runId: step === null ? null : "r",
  step,
  exam: { name: "exam.jsonl", hash: "h", questions: 4, texts: 1 },
  template: { kind: "model" },
  systemPrompt: null,
  takenAt: "2026-11-30T10:00:00.000Z",
  seconds: 1,
  correct: right.filter((one) => one).length,
  textLoss,
  questions: right.map(question),
});

const results: ExamResults = {
  owner: { modelHash: "m", runId: "r" },
  model: "Seedling",
  run: { id: "r", name: "a run" },
  base: result(null, [true, false, false, false], 2),
  tuned: result(7, [true, true, true, false], 2.5),
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

test("without a run there is no after, and without the base model no before", () => {
  expect(summarizeExam({ ...results, tuned: null })).toMatchObject({
    all: { questions: 4, before: 0.25, after: null },
    generalLoss: { before: 2, after: null },
  });
  expect(summarizeExam({ ...results, base: null })).toMatchObject({
    all: { questions: 4, before: null, after: 0.75 },
    generalLoss: { before: null, after: 2.5 },
  });
});

test("the record holds every question with both answers", () => {
  const { questions, run } = examRecord(results);
  expect(run).toEqual({ id: "r", name: "a run", step: 7 });
  expect(questions[1]).toEqual({
    prompt: "Why 1?",
    expected: "So.",
    group: "new",
    task: null,
    before: { text: "No.", finish: "stop", correct: false },
    after: { text: "So.", finish: "stop", correct: true },
  });
  expect(examRecord({ ...results, base: null }).questions[0]?.before).toBe(null);
});

/**
 * Exams with graders, choices and seeds through the engine, on wasm in Node. Oracles: a model that always says "Blue.", an
 * untrained one, to which all tokens are equally likely, and the results as they were stored.
 */

import { beforeEach, expect, test, vi } from "vitest";
import type { Exam } from "../../../src/protocol/datasets.ts";
import type { ExamRequest } from "../../../src/protocol/engine.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { disk } from "../../support/disk.ts";
import { engineHere } from "../../support/engineHere.ts";
import { asFiles, jsonLines, speakingModel, tinyModel } from "../../support/tinyLlama.ts";

vi.mock("../../../src/storage/indexedDb.ts", async () => (await import("../../support/disk.ts")).indexedDb);

beforeEach(() => disk.put());

const rows = [
  { instruction: "What is it?", output: "blue", grader: "contains" },
  { instruction: "What is it?", output: "Blue." },
  { instruction: "Which?", output: "Blue.", choices: ["Red.", "Blue."] },
  { instruction: "Which?", output: "Red.", choices: ["Red.", "Blue."], grader: { kind: "choice", per: "character" } },
  { instruction: "How?", output: "^Bl.e\\.$", grader: "pattern" },
  { instruction: "How?", output: "(", grader: "pattern" },
  { instruction: "How?", output: "x", grader: "vibes" },
  { instruction: "How?", output: "x", choices: ["y", "z"] },
  { instruction: "How?", output: "x", choices: "x" },
];

async function opened() {
  const here = await engineHere(nodeEntries);
  await here.engine.start("wasm");
  const { hash: modelHash } = await here.engine.openModel({ kind: "files", files: asFiles(speakingModel()) });
  const exam = await here.data.exam([new File([jsonLines(rows)], "graded.jsonl")]);
  const request: ExamRequest = {
    modelHash,
    runId: null,
    checkpoint: null,
    template: { kind: "built-in", name: "hone" },
    systemPrompt: null,
    exam,
  };
  return { ...here, modelHash, exam, request };
}

test("rows name their graders and choices; wrong ones are left out with the reason", async () => {
  const { exam, data } = await opened();
  expect(exam.questions.map(({ grader, choices }) => [grader?.kind, choices?.length])).toEqual([
    ["contains", undefined],
    [undefined, undefined],
    ["choice", 2],
    ["choice", 2],
    ["pattern", undefined],
  ]);
  expect(exam.problems.map(({ line, message }) => `${line}: ${message}`)).toEqual([
    expect.stringMatching(/^6: The pattern \( is no regular expression: /),
    expect.stringMatching(/^7: "grader" is none that Hone has: give "exact", /),
    '8: The expected answer "x" is none of the choices.',
    '9: "choices" is no list of texts',
  ]);
  // Plain rows have the hash that they had before there were graders.
  const plain = await data.exam([new File([jsonLines([{ instruction: "a", output: "b" }])], "plain.jsonl")]);
  const old = JSON.stringify(["hone-exam", 1, [{ prompt: "a", expected: "b", task: null, group: null }], []]);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(old)));
  expect(plain.hash).toBe(Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join(""));
});

test("each question is judged by its grader, and the result is stored with graders, choices and seed", {
  timeout: 120_000,
}, async () => {
  const { engine, modelHash, request, exam } = await opened();
  const sampling = { temperature: 0.5, topK: 1, topP: null, seed: 3 };
  const result = await engine.takeExam({ ...request, grader: { kind: "normalised" }, sampling });
  expect(result.questions.map(({ answer, correct }) => [answer, correct])).toEqual([
    ["Blue.", true],
    ["Blue.", true],
    ["Blue.", true],
    ["Blue.", false],
    ["Blue.", true],
  ]);
  expect(result).toMatchObject({ correct: 4, grader: { kind: "normalised" }, sampling });
  const stored = await engine.examResult(modelHash, null, result.id);
  expect(stored).toEqual(result);
  expect(stored.questions[2]?.choices).toEqual(["Red.", "Blue."]);
  await expect(engine.takeExam({ ...request, grader: { kind: "json" } })).rejects.toThrow(
    `Question 2 of ${exam.name} does not fit its grader. The expected answer "Blue." is no JSON. Choose another grader.`,
  );
});

test("an untrained model chooses the answer of the fewest tokens", { timeout: 120_000 }, async () => {
  const { engine } = await opened();
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(tinyModel()) });
  const choices = ["It is 1.", "It is 2, and no other number.", "No."];
  const exam: Exam = {
    name: "choices",
    hash: "c".repeat(64),
    questions: choices.map((expected) => ({
      prompt: "Say 1.",
      expected,
      choices,
      grader: { kind: "choice", per: "total" },
      group: null,
      task: null,
    })),
    texts: [],
    problems: [],
  };
  const taken = await engine.takeExam({
    modelHash,
    runId: null,
    checkpoint: null,
    template: { kind: "built-in", name: "hone" },
    systemPrompt: null,
    exam,
  });
  // An untrained model gives each token about the same probability, so the shortest answer is the most likely one.
  expect(taken.questions.map(({ answer }) => answer)).toEqual(["No.", "No.", "No."]);
  expect(taken.correct).toBe(1);
});

/**
 * Exam results and votes in storage. Oracle: the original values; for faults, the records before and after each write,
 * and the audit of all chunks.
 */

import { describe, expect, test } from "vitest";
import { noCurves } from "../../../src/run/curves.ts";
import type { VoteRecord, WholeExamResult } from "../../../src/run/results.ts";
import type { ResultOwner } from "../../../src/storage/results.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { contents, type Fault, faulty, file, newDisk, runRecord, tabOn } from "./backend.ts";

const hash = "a".repeat(64);
const base: ResultOwner = { kind: "model", id: hash };
const ofRun = (id: string): ResultOwner => ({ kind: "run", id });

function examResult(id: string, change: Partial<WholeExamResult> = {}, count = 3): WholeExamResult {
  const questions = Array.from({ length: count }, (_, i) => ({
    prompt: `What is ${i}? \ud800 漢`,
    expected: `It is ${i}.`,
    group: i % 2 === 0 ? "even" : null,
    task: null,
    answer: `${id} says ${i}.`,
    finish: "stop" as const,
    correct: i % 3 === 0,
  }));
  return {
    id,
    modelHash: hash,
    runId: "r",
    step: 10,
    exam: { name: "exam.jsonl", hash: "e", questions: count, texts: 1 },
    template: { kind: "custom", source: "{{ bos_token }}" },
    systemPrompt: "Be short.",
    takenAt: `2026-11-30T10:00:0${id.length}.000Z`,
    seconds: 1.5,
    correct: questions.filter(({ correct }) => correct).length,
    textLoss: Number.NaN,
    questions,
    ...change,
  };
}
const baseResult = (id: string) => examResult(id, { runId: null, step: null });

const vote = (id: string, change: Partial<VoteRecord> = {}): VoteRecord => ({
  id,
  runId: "r",
  step: 10,
  exam: null,
  prompt: "Why?",
  reference: "So.",
  base: "b",
  tuned: "t",
  baseFirst: true,
  choice: "tie",
  castAt: "2026-11-30T10:00:00.000Z",
  sampling: { temperature: 0, topK: null, topP: null },
  ...change,
});

async function withRun(disk = newDisk()) {
  const storage = await openStorage(tabOn(disk));
  await storage.runs.put(runRecord("r", 10, { status: "finished" }));
  return storage;
}

test("results come back after a reload, newest first, with every field, and questions are stored once", async () => {
  const disk = newDisk();
  const { results } = await withRun(disk);
  const [older, newer] = [examResult("a"), examResult("bb", { systemPrompt: null, textLoss: null })];
  await results.addExam(ofRun("r"), older);
  await results.addExam(ofRun("r"), newer);
  await results.addExam(base, baseResult("ccc"));
  await results.addVote(vote("2", { castAt: "2026-11-30T10:00:02.000Z" }));
  await results.addVote(vote("1"));

  const again = await openStorage(tabOn(disk));
  const { exams, problems } = await again.results.listExams(ofRun("r"));
  const { questions: _, ...head } = newer;
  expect([exams.map(({ id }) => id), problems, exams[0]]).toEqual([["bb", "a"], [], head]);
  expect(await again.results.openExam(ofRun("r"), "a")).toEqual(older);
  expect(await again.results.openExam(base, "ccc")).toEqual(baseResult("ccc"));
  expect(await again.results.openExam(base, "a")).toBe(null);
  expect((await again.results.votes("r")).map(({ id }) => id)).toEqual(["1", "2"]);
  expect((await again.results.votes("r"))[0]).toEqual(vote("1"));
  // Three results of one exam: its questions once, and the answers of each.
  expect(await again.audit()).toMatchObject({ chunks: 4, orphans: 0, damaged: 0 });
});

test("20,000 questions with long answers are stored and come back", async () => {
  const { results, audit } = await withRun();
  const long = examResult("long", {}, 20_000);
  const whole = { ...long, questions: long.questions.map((one) => ({ ...one, answer: one.answer.repeat(20) })) };
  await results.addExam(ofRun("r"), whole);
  expect(await results.openExam(ofRun("r"), "long")).toEqual(whole);
  expect((await audit()).chunks).toBeGreaterThan(2);
});

test("a deleted result loses its chunks; a vote can be deleted", async () => {
  const { results, audit } = await withRun();
  await results.addExam(ofRun("r"), examResult("a"));
  await results.addExam(base, baseResult("bb"));
  for (const id of ["1", "2", "3"]) await results.addVote(vote(id));
  await results.deleteExam(ofRun("r"), "a");
  await results.deleteVotes("r", ["1", "3"]);
  expect((await results.listExams(ofRun("r"))).exams).toEqual([]);
  expect((await results.votes("r")).map(({ id }) => id)).toEqual(["2"]);
  expect(await audit()).toMatchObject({ chunks: 2, orphans: 0, damaged: 0 });
});

test("a run takes its results with it, and leaves those of its base model and of other runs", async () => {
  const disk = newDisk();
  const { results, runs, audit } = await withRun(disk);
  await runs.put(runRecord("r2", 10, { status: "finished" }));
  for (const id of ["r", "r2"]) {
    await results.addExam(ofRun(id), examResult(id, { runId: id }));
    await results.addVote(vote(id, { runId: id }));
  }
  await results.addExam(base, baseResult("ccc"));
  await runs.delete("r");
  const left = (await disk.records.keys()).filter((key) => /^(exam|baseExam|vote)/.test(key));
  expect(left).toEqual([`baseExam/${hash}/ccc`, "exam/r2/r2", "vote/r2/r2"]);
  expect(await audit()).toMatchObject({ chunks: 3, orphans: 0, damaged: 0 });
});

test("results without a run, as an older version leaves them, go when storage is opened", async () => {
  const disk = newDisk();
  const { results } = await withRun(disk);
  await results.addExam(ofRun("r"), examResult("a"));
  await results.addVote(vote("1"));
  await results.addExam(base, baseResult("bb"));
  await disk.records.write([], ["run/r"]);
  const again = await openStorage(tabOn(disk));
  expect(await disk.records.keys()).toEqual([`baseExam/${hash}/bb`]);
  expect(await again.audit()).toMatchObject({ chunks: 2, orphans: 0, damaged: 0 });
});

test("results of a base model are deleted with its copy when no run uses it", async () => {
  const { results, runs, models } = await withRun();
  await models.save({ hash, name: "tiny", summary: null, files: [file("w", Uint8Array.of(1))] });
  await results.addExam(base, baseResult("a"));
  await models.delete(hash);
  await results.forgetModel(hash);
  expect((await results.listExams(base)).exams).toHaveLength(1);
  await runs.delete("r");
  await results.forgetModel(hash);
  expect((await results.listExams(base)).exams).toEqual([]);
});

test("nothing is stored for a deleted run or after a cancellation, and no chunk is left", async () => {
  const disk = newDisk();
  const { results, runs, audit } = await withRun(disk);
  await expect(results.addExam(ofRun("r"), examResult("a"), AbortSignal.abort(new Error("cancelled")))).rejects.toThrow(
    "cancelled",
  );
  await runs.delete("r");
  await expect(results.addExam(ofRun("r"), examResult("a"))).rejects.toThrow(
    "The result of the exam exam.jsonl was not saved: its run is not in this browser any more.",
  );
  await expect(results.addVote(vote("1"))).rejects.toThrow("The vote was not saved: its run");
  expect(await disk.records.keys()).toEqual([]);
  expect(await audit()).toMatchObject({ chunks: 0 });
});

describe("a fault in the middle of storing a result", () => {
  const cases = (["killed before", "killed after", "full"] as const).flatMap((fault) =>
    [1, 2].map((at): [Fault, number] => [fault, at]),
  );
  test.each(cases)("%s write %i leaves the whole result or nothing", async (fault, at) => {
    const disk = newDisk();
    await withRun(disk);
    const broken = faulty(disk, at, fault);
    const { results } = await openStorage(tabOn(broken.disk));
    const failed = await results.addExam(ofRun("r"), examResult("a")).then(
      () => false,
      () => true,
    );
    expect(failed).toBe(true);
    const after = await openStorage(tabOn(disk));
    const { exams, problems } = await after.results.listExams(ofRun("r"));
    expect(problems).toEqual([]);
    const whole = fault === "killed after" && at === 2;
    expect(exams.map(({ id }) => id)).toEqual(whole ? ["a"] : []);
    if (whole) expect(await after.results.openExam(ofRun("r"), "a")).toEqual(examResult("a"));
    expect(await after.audit()).toMatchObject({ chunks: whole ? 2 : 0, orphans: 0, damaged: 0 });
  });
});

describe("a record that cannot be read", () => {
  test.each<[string, (record: { value: WholeExamResult }) => unknown, RegExp]>([
    ["rubbish", () => "rubbish", /^The exam result a cannot be read: .*Delete it, and take the exam again\.$/],
    ["of a newer version", ({ value }) => ({ format: 99, value }), /was saved by a newer version of Hone/],
    ["without a step", ({ value }) => ({ format: 2, value: { ...value, step: -1 } }), /step/],
    [
      "of too many questions",
      ({ value: v }) => ({ format: 2, value: { ...v, exam: { ...v.exam, questions: 1e6 } } }),
      /exam\.questions/,
    ],
    [
      "of an unknown template",
      ({ value }) => ({ format: 2, value: { ...value, template: { kind: "x" } } }),
      /template/,
    ],
  ])("%s is named in the list beside the others, and can be deleted", async (_, spoil, message) => {
    const disk = newDisk();
    const { results } = await withRun(disk);
    await results.addExam(ofRun("r"), examResult("a"));
    await results.addExam(ofRun("r"), examResult("bb"));
    await disk.records.write([["exam/r/a", spoil((await disk.records.get("exam/r/a")) as { value: WholeExamResult })]]);
    const { exams, problems } = await results.listExams(ofRun("r"));
    expect([exams.map(({ id }) => id), problems]).toEqual([["bb"], [expect.stringMatching(message)]]);
    await results.deleteExam(ofRun("r"), "a");
    expect((await results.listExams(ofRun("r"))).problems).toEqual([]);
  });

  test("answers whose chunk is gone are named, and the list stays", async () => {
    const disk = newDisk();
    const { results } = await withRun(disk);
    await results.addExam(ofRun("r"), examResult("a"));
    await disk.chunks.write([], await disk.chunks.keys());
    await expect(results.openExam(ofRun("r"), "a")).rejects.toThrow(
      /chunk 1 of 1 of the questions of the exam result of exam\.jsonl is missing/,
    );
    expect((await results.listExams(ofRun("r"))).exams).toHaveLength(1);
  });
});

test("an imported run has its results under its own id, all at once", async () => {
  const disk = newDisk();
  const storage = await withRun(disk);
  const record = runRecord("new", 10, { status: "finished" });
  const results = { exams: [examResult("a"), baseResult("bb")], votes: [vote("1")] };
  const checkpoints = [{ ...contents(record, { w: Uint8Array.of(1) }), step: 10, savedAt: "2026-11-30T10:00:00.000Z" }];
  await storage.checkpoints.adopt({ record, curves: noCurves, checkpoints, datasets: [], results });
  const found = await storage.results.listExams(ofRun("new"));
  expect(found.exams.map(({ id, runId }) => [id, runId])).toEqual([
    ["bb", null],
    ["a", "new"],
  ]);
  expect(await storage.results.votes("new")).toEqual([vote("1", { runId: "new" })]);
  expect((await storage.results.listExams(base)).exams).toEqual([]);
  expect(await storage.audit()).toMatchObject({ chunks: 5, orphans: 0, damaged: 0 });
});

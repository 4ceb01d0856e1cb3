/**
 * Exam results and votes through the engine, on wasm in Node. Oracles: the examination itself, asked past the store of results;
 * and for files, what was exported. Seed 42.
 */

import { unzipSync, zipSync } from "fflate";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { sha256 } from "../../../src/hub/hash.ts";
import type { Exam } from "../../../src/protocol/datasets.ts";
import type { EngineApi, ExamRequest } from "../../../src/protocol/engine.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import { mostQuestions, type VoteRecord } from "../../../src/run/results.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { type DiskCopy, disk } from "../../support/disk.ts";
import { engineHere, takeIn } from "../../support/engineHere.ts";
import { recipeOf } from "../../support/recipe.ts";
import { asFiles, tinyModel, tinyRows } from "../../support/tinyLlama.ts";

vi.mock("../../../src/storage/indexedDb.ts", async () => (await import("../../support/disk.ts")).indexedDb);

const exam: Exam = {
  name: "exam.jsonl",
  hash: "e".repeat(64),
  questions: [
    { prompt: "Say 1.", expected: "It is 1.", group: "known", task: "say" },
    { prompt: "Say la la 7.", expected: "It is 7.", group: null, task: null },
    { prompt: "long ".repeat(60), expected: "No.", group: "known", task: null },
  ],
  texts: ["Once upon a time."],
  problems: [],
};

/** A browser with a run of checkpoints 4, 6 and 8; made once. */
async function makeDisk(): Promise<{ readonly run: RunRecord; readonly copy: DiskCopy }> {
  disk.put();
  const { engine, data } = await engineHere(nodeEntries);
  await engine.start("wasm");
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(tinyModel()), name: "tiny" });
  const recipe = recipeOf("lora", {
    learningRate: 3e-2,
    steps: 8,
    accumulation: 1,
    maxLength: 64,
    samplePrompts: 0,
    watchEvery: null,
    checkpointEvery: 2,
    evaluateEvery: 100,
    keepLast: 3,
  });
  const run = await engine.startRun({ name: "a run", modelHash, sources: [await takeIn(data, tinyRows())], recipe });
  expect([run.status, run.reason]).toEqual(["finished", null]);
  return { run, copy: disk.copy() };
}
const made = await makeDisk();
const { run } = made;

let engine: EngineApi;

/** An engine over what the disk holds, as after a reload. */
async function reload(): Promise<EngineApi> {
  ({ engine } = await engineHere(nodeEntries));
  await engine.start("wasm");
  return engine;
}
beforeEach(async () => {
  disk.put(made.copy);
  await reload();
});

const request = (runId: string | null, checkpoint: number | null = null): ExamRequest => ({
  modelHash: run.model.hash,
  runId,
  checkpoint,
  template: run.recipe.template,
  systemPrompt: run.recipe.systemPrompt,
  exam,
});
const listed = async () => (await engine.examsOf(run.model.hash, run.id)).exams;

const vote = (id: string, change: Partial<VoteRecord> = {}): VoteRecord => ({
  id,
  runId: run.id,
  step: 8,
  exam: { name: exam.name, hash: exam.hash },
  prompt: "Say 1.",
  reference: "It is 1.",
  base: "b",
  tuned: "t",
  baseFirst: true,
  choice: "second",
  castAt: "2026-11-30T10:00:00.000Z",
  sampling: { temperature: 0, topK: null, topP: null },
  ...change,
});

test("an exam of the base model, of a run and of one of its checkpoints is there after a reload, as it was answered", async () => {
  const taken = [
    await engine.takeExam(request(null)),
    await engine.takeExam(request(run.id)),
    await engine.takeExam(request(run.id, 4)),
  ];
  expect(taken.map(({ runId, step }) => [runId, step])).toEqual([
    [null, null],
    [run.id, 8],
    [run.id, 4],
  ]);
  const { exam: _exam, ...subject } = request(run.id, 4);
  const questions = exam.questions.map(({ prompt, expected }) => ({ prompt, expected }));
  const again = await engine.examine({ ...subject, questions, texts: exam.texts });
  expect(taken[2]).toMatchObject({
    exam: { name: exam.name, hash: exam.hash, questions: 3, texts: 1 },
    template: run.recipe.template,
    systemPrompt: run.recipe.systemPrompt,
    textLoss: again.textLoss,
    questions: exam.questions.map((question, i) => {
      const { text, finish, correct } = again.answers[i] ?? {};
      return { ...question, answer: text, finish, correct };
    }),
  });
  expect(taken[2]?.questions[2]?.finish).toBe("context");

  await reload();
  const found = await listed();
  expect(found.map(({ id }) => id).sort()).toEqual(taken.map(({ id }) => id).sort());
  for (const whole of taken) {
    expect(await engine.examResult(run.model.hash, run.id, whole.id)).toEqual(whole);
    const { questions: _, ...head } = whole;
    expect(found.find(({ id }) => id === whole.id)).toEqual({ ...head, fromFile: false });
  }
  // Another run of the same model has the base model's result and no other.
  expect((await engine.examsOf(run.model.hash, "another")).exams.map(({ id }) => id)).toEqual([taken[0]?.id]);
});

test("an exam that is cancelled, killed or refused leaves nothing", async () => {
  const controller = new AbortController();
  const cancelled = engine.takeExam(request(run.id), controller.signal);
  setTimeout(() => controller.abort(), 5);
  await expect(cancelled).rejects.toMatchObject({ name: "AbortError" });

  const killed = engine.takeExam(request(null)).catch(() => undefined);
  disk.cut();
  await killed;

  await reload();
  const many = Array.from({ length: mostQuestions + 1 }, () => exam.questions[0] ?? { prompt: "", expected: "" });
  const large = { ...exam, questions: many as Exam["questions"] };
  await expect(engine.takeExam({ ...request(null), exam: large })).rejects.toThrow(
    "exam.jsonl has 20,001 questions; an exam has at most 20,000. Use a part of them.",
  );
  await expect(engine.takeExam(request("gone"))).rejects.toThrow("There is no run gone in this browser.");
  expect(await listed()).toEqual([]);
  expect(await (await openStorage()).audit()).toMatchObject({ damaged: 0 });
  expect((await engine.report()).problems).toEqual([]);
});

test("a run is deleted with its results and votes; the base model's result stays, and is deleted by itself", async () => {
  const base = await engine.takeExam(request(null));
  const tuned = await engine.takeExam(request(run.id));
  await engine.castVote(vote("v"));
  await engine.deleteRun(run.id);
  expect((await listed()).map(({ id }) => id)).toEqual([base.id]);
  expect(await engine.votesOf(run.id)).toEqual([]);
  await expect(engine.examResult(run.model.hash, run.id, tuned.id)).rejects.toThrow(
    "may have been deleted in another tab",
  );
  await expect(engine.castVote(vote("v"))).rejects.toThrow("its run is not in this browser any more");
  await engine.deleteExam(run.model.hash, run.id, base.id);
  expect(await listed()).toEqual([]);
});

test("votes are there after a reload, and can be taken back", async () => {
  for (const id of ["1", "2", "3"]) await engine.castVote(vote(id, { castAt: `2026-11-30T10:00:0${id}.000Z` }));
  await reload();
  await engine.deleteVotes(run.id, ["2"]);
  await reload();
  expect(await engine.votesOf(run.id)).toEqual(
    ["1", "3"].map((id) => vote(id, { castAt: `2026-11-30T10:00:0${id}.000Z` })),
  );
});

describe("the file of a run", () => {
  const copy = async (archive: Blob) => new Uint8Array(await archive.arrayBuffer());

  async function exported() {
    const base = await engine.takeExam(request(null));
    // Of other words: it compares with no result of the run.
    await engine.takeExam({ ...request(null), systemPrompt: "Sing." });
    const tuned = await engine.takeExam(request(run.id));
    await engine.castVote(vote("v"));
    const { archive, notes } = await engine.exportRun(run.id);
    return { base, tuned, notes, bytes: await copy(archive) };
  }

  test("has its results and the base model's that they compare with; taken in elsewhere, they are the run's own", async () => {
    const { base, tuned, bytes } = await exported();
    disk.put();
    await reload();
    const { record } = await engine.importRun(new File([bytes], "run.zip"));
    await reload();
    expect((await listed()).map(({ id, fromFile }) => [id, fromFile])).toEqual([
      [tuned.id, false],
      [base.id, true],
    ]);
    expect(await engine.examResult(run.model.hash, record.id, tuned.id)).toEqual(tuned);
    expect(await engine.examResult(run.model.hash, record.id, base.id)).toEqual(base);
    expect(await engine.votesOf(record.id)).toEqual([vote("v")]);
    // What a stranger's file says of a base model counts for no other run.
    expect((await engine.examsOf(run.model.hash, null)).exams).toEqual([]);
    // From here it goes on as from there.
    const again = await copy((await engine.exportRun(record.id)).archive);
    expect(JSON.parse(new TextDecoder().decode(unzipSync(again)["results/votes.json"]))).toEqual([vote("v")]);
    await engine.deleteRun(record.id);
    expect((await disk.copy().get("hone-records"))?.size).toBe(
      [...(disk.copy().get("hone-records")?.keys() ?? [])].filter((key) => key.startsWith("dataset/")).length,
    );
  });

  test("a run whose number is taken gets another, and its results go with it", async () => {
    const { tuned, bytes } = await exported();
    // Not the same run any more.
    await (await openStorage()).runs.put({ ...run, seconds: run.seconds + 1 });
    const { record, added } = await engine.importRun(new File([bytes], "run.zip"));
    expect([added, record.id === run.id]).toEqual([true, false]);
    const { exams } = await engine.examsOf(run.model.hash, record.id);
    expect(exams.filter(({ runId }) => runId === record.id).map(({ id }) => id)).toEqual([tuned.id]);
    expect(await engine.votesOf(record.id)).toEqual([vote("v", { runId: record.id })]);
    expect(await engine.votesOf(run.id)).toEqual([vote("v")]);
  });

  test("without results it is as an earlier version wrote it, and is taken in", async () => {
    const files = unzipSync(await copy((await engine.exportRun(run.id)).archive));
    expect(Object.keys(files).filter((name) => name.startsWith("results/"))).toEqual([]);
    const manifest = JSON.parse(new TextDecoder().decode(files["manifest.json"]));
    expect([manifest.format, "results" in manifest]).toEqual([1, false]);
    disk.put();
    await reload();
    expect((await engine.importRun(new File([zipSync(files, { level: 0 })], "run.zip"))).added).toBe(true);
    expect(await listed()).toEqual([]);
  });

  type Json = Record<string, unknown>;
  const inExam = (change: (exam: Json) => Json) => (files: Record<string, Json>) => {
    const path = Object.keys(files).find((name) => name.startsWith("results/exams/")) ?? "";
    return { [path]: change(files[path] ?? {}) };
  };
  const inVotes = (change: (vote: Json) => Json) => (files: Record<string, unknown>) => ({
    "results/votes.json": (files["results/votes.json"] as Json[]).map(change),
  });
  test.each<[string, (files: Record<string, Json>) => Record<string, unknown>, RegExp]>([
    ["a count of right answers", inExam((e) => ({ ...e, correct: 3 })), /has 0 right answers instead of 3/],
    ["a question less", inExam((e) => ({ ...e, questions: [] })), /has 0 questions instead of 3/],
    ["another base model", inExam((e) => ({ ...e, modelHash: "x" })), /is of another base model/],
    ["another run", inExam((e) => ({ ...e, runId: "x", step: 1 })), /is of another run/],
    [
      "a step behind the end",
      inExam((e) => ({ ...e, runId: run.id, step: 1e300 })),
      /exams\/0\.json: step is 1e\+300, not a whole number/,
    ],
    ["a step past the run", inExam((e) => ({ ...e, runId: run.id, step: 9 })), /is of step 9, but the run has 8/],
    [
      "a negative step",
      inExam((e) => ({ ...e, runId: run.id, step: -10 })),
      /0\.json: step is -10, not a whole number/,
    ],
    ["no date", inExam((e) => ({ ...e, takenAt: "yesterday" })), /0\.json: takenAt is "yesterday", not a date/],
    [
      "an id as long as a book",
      inExam((e) => ({ ...e, id: "x".repeat(1e6) })),
      /0\.json: id is "x{20,59}…", not 1 to 100 letters/,
    ],
    [
      "an answer of another type",
      inExam((e) => ({ ...e, questions: [{ answer: 5 }] })),
      /0\.json: questions\.0\.prompt is missing/,
    ],
    [
      "endless seconds",
      inExam((e) => ({ ...e, seconds: { $number: "Infinity" } })),
      /0\.json: seconds is Infinity, not a number from 0/,
    ],
    ["a list", () => ({ "results/exams/0.json": [] }), /0\.json: the whole is a list|0\.json: id is missing/],
    ["a vote on another run", inVotes((one) => ({ ...one, runId: "x" })), /has a vote on another run/],
    [
      "a vote for nobody",
      inVotes((one) => ({ ...one, choice: "both" })),
      /votes\.json: 0\.choice is "both", not one of/,
    ],
    [
      "a deep nest",
      () => ({ "results/exams/0.json": JSON.parse(`${"[".repeat(50)}${"]".repeat(50)}`) }),
      /nested more/,
    ],
    [
      "a vote twice",
      (files) => ({ "results/votes.json": Array(2).fill((files["results/votes.json"] as unknown as Json[])[0]) }),
      /repeats the id/,
    ],
  ])("with %s in its results it is refused, and changes nothing", async (_, change, message) => {
    const { bytes } = await exported();
    const files = unzipSync(bytes);
    const read = (name: string) => JSON.parse(new TextDecoder().decode(files[name]));
    const results = Object.keys(files).filter((name) => name.startsWith("results/"));
    const changed = change(Object.fromEntries(results.map((name) => [name, read(name)])));
    const manifest = read("manifest.json");
    for (const [name, value] of Object.entries(changed)) {
      files[name] = new TextEncoder().encode(JSON.stringify(value));
      const entry = manifest.files.find((listed: { name: string }) => listed.name === name);
      entry.byteLength = files[name].length;
      entry.sha256 = [await sha256(new Uint8Array(files[name]))];
    }
    files["manifest.json"] = new TextEncoder().encode(JSON.stringify(manifest));
    disk.put();
    await reload();
    const importing = engine.importRun(new File([zipSync(files, { level: 0 })], "run.zip"));
    await expect(importing).rejects.toThrow(message);
    await expect(importing).rejects.toThrow(/^run\.zip is damaged: .{1,300}$/);
    for (const database of disk.copy().values()) expect(database.size).toBe(0);
  });
});

/**
 * Exam results and votes in the page's state on the real engine, across reloads. Oracles: the models' answers, known by
 * construction, and what the engine lists.
 */

import { expect, test, vi } from "vitest";
import type { Subject } from "../../../src/protocol/engine.ts";
import type { ExamResult } from "../../../src/run/results.ts";
import { examFile } from "../../support/exam.ts";
import { keepBasics, keepRun } from "../../support/kept.ts";
import { eachOnADisk, openHone, until } from "../../support/openHone.ts";
import { refuse, type Stubs, untilCancelled } from "../../support/services.ts";

vi.mock("../../../src/storage/indexedDb.ts", async () => (await import("../../support/disk.ts")).indexedDb);

const made = eachOnADisk(async (here) => {
  const basics = await keepBasics(here);
  // Runs of one model and template; the second learns so little that it answers as the base model does.
  const first = await keepRun(here, basics, "First try", { samplePrompts: 3 });
  const second = await keepRun(here, basics, "Second try", { steps: 2, learningRate: 1e-9 });
  return { ...basics, first, second };
});

const ownerOf = (runId: string | null) => ({ modelHash: made().model.hash, runId });
const subjectOf = (runId: string | null): Subject => {
  const { template, systemPrompt } = made().first.recipe;
  return { ...ownerOf(runId), checkpoint: null, template, systemPrompt };
};

/** A page with the exam read, and every examination that its engine was asked for, by run. */
async function openPage(stubs: Stubs = {}) {
  const examined: (string | null)[] = [];
  const counting: Stubs = {
    engine: (real) => ({
      takeExam(request, signal) {
        examined.push(request.runId);
        return real.takeExam(request, signal);
      },
      ...stubs.engine?.(real),
    }),
    // Node cannot send a File to another port: the exam is made on the other side.
    data: (real) => ({ exam: (_files, signal) => real.exam([examFile()], signal) }),
  };
  const page = await openHone(counting);
  await page.hone.exam.open([]);
  return { ...page, examined };
}

const right = (result: ExamResult | null | undefined) => result && [result.correct, result.exam.questions];

test("an exam is there after a reload, with both answers to each question; the base model is asked once for two runs", async () => {
  const { first, second } = made();
  const page = await openPage();
  await page.hone.exam.take("own", subjectOf(first.id));
  expect(page.facts().exam.failure).toBe(null);
  expect(page.examined).toEqual([null, first.id]);
  const { results } = page.facts().exam;
  expect([right(results?.base), right(results?.tuned)]).toEqual([
    [5, 30],
    [20, 30],
  ]);

  const again = await openPage();
  expect(again.facts().exam.results).toBe(null);
  await again.hone.exam.list(ownerOf(first.id));
  expect(again.facts().exam.results).toEqual(results);
  await again.hone.exam.take("own", subjectOf(second.id));
  expect(again.examined).toEqual([second.id]);
  const other = again.facts().exam.results;
  expect([other?.run?.name, other?.base, right(other?.tuned)]).toEqual(["Second try", results?.base, [5, 30]]);
  // Anew, the base model is asked too.
  await again.hone.exam.take("own", subjectOf(second.id), true);
  expect(again.examined).toEqual([second.id, null, second.id]);
  expect(again.facts().exam.results?.base?.id).not.toBe(results?.base?.id);
  // Another run's list has the results of the base model and its own.
  await again.hone.exam.list(ownerOf(first.id));
  const runs = again.facts().exam.stored?.exams.map(({ runId }) => runId);
  expect(runs).toEqual([null, first.id, null]);
  expect(again.facts().exam.results?.tuned).toEqual(results?.tuned);
});

test("a stopped exam keeps what the base model finished and nothing of the run; a failure is told", async () => {
  const { first } = made();
  const page = await openPage({
    engine: (real) => ({
      takeExam: (request, signal) => (request.runId ? untilCancelled(signal) : real.takeExam(request, signal)),
    }),
  });
  const taking = page.hone.exam.take("own", subjectOf(first.id));
  await until(page.hone, ({ exam }) => exam.phase === "tuned");
  page.hone.exam.stop();
  await taking;
  expect(page.facts().exam).toMatchObject({ phase: "idle", failure: null, results: { tuned: null } });

  const again = await openPage({ engine: () => ({ takeExam: refuse("The device was lost.") }) });
  await again.hone.exam.list(ownerOf(first.id));
  expect(again.facts().exam.stored?.exams.map(({ runId }) => runId)).toEqual([null]);
  expect(right(again.facts().exam.results?.base)).toEqual([5, 30]);
  await again.hone.exam.take("own", subjectOf(first.id));
  expect(again.facts().exam.failure?.message).toBe("The device was lost.");
});

test("a result that is shown is deleted; results of a deleted run are gone", async () => {
  const { first } = made();
  const page = await openPage();
  await page.hone.exam.take("own", subjectOf(first.id));
  const tuned = page.facts().exam.results?.tuned;
  if (!tuned) throw new Error("the run was not examined");
  await page.hone.exam.remove(tuned);
  expect(page.facts().exam.results).toBe(null);
  expect(page.facts().exam.stored?.exams.map(({ runId }) => runId)).toEqual([null]);

  await page.hone.exam.take("own", subjectOf(first.id));
  await page.client.engine.deleteRun(first.id);
  await page.hone.runs.load();
  await page.hone.exam.list(ownerOf(null));
  expect(page.facts().exam.stored?.exams.map(({ runId }) => runId)).toEqual([null]);
});

/** How many votes a new page finds. */
async function votesAfterReload(): Promise<number | undefined> {
  const page = await openHone();
  await page.hone.vote.list(made().first.id);
  return page.facts().vote.stored?.votes.length;
}

test("votes outlive the page: a round goes on where it was left, and a vote is taken back for good", async () => {
  const { first } = made();
  const page = await openPage();
  await page.hone.exam.take("own", subjectOf(first.id));
  await page.hone.vote.list(first.id);
  page.hone.vote.start("exam", first.id);
  const round = () => page.facts().vote.round;
  expect([round()?.ballots.length, round()?.step, round()?.exam?.name]).toEqual([30, 30, "exam.jsonl"]);
  for (const choice of ["first", "second", "tie"] as const) page.hone.vote.cast(choice);
  const cast = round()?.votes ?? [];
  expect(cast).toHaveLength(3);
  // Cast and taken back in one breath.
  page.hone.vote.cast("tie");
  page.hone.vote.undo();
  await until(page.hone, ({ vote }) => vote.round?.votes.length === 3);
  const next = round()?.ballots[3];

  const again = await openPage();
  await again.hone.exam.list(ownerOf(first.id));
  await again.hone.vote.list(first.id);
  expect(again.facts().vote.stored?.votes).toEqual(cast);
  again.hone.vote.start("exam", first.id);
  const resumed = again.facts().vote.round;
  expect(resumed?.votes).toEqual(cast);
  expect(resumed?.ballots).toHaveLength(30);
  expect(resumed?.ballots.slice(0, 3).map(({ prompt, baseFirst }) => [prompt, baseFirst])).toEqual(
    cast.map(({ prompt, baseFirst }) => [prompt, baseFirst]),
  );
  expect(resumed?.ballots.filter(({ prompt }) => prompt === next?.prompt)).toHaveLength(1);
  await again.hone.vote.remove(cast.slice(0, 2));
  expect(again.facts().vote.round?.votes).toEqual(cast.slice(2));
  expect(await votesAfterReload()).toBe(1);
});

test("a vote that cannot be stored is taken out of the count, with the reason, and its question comes again", async () => {
  const { first } = made();
  let room = true;
  const page = await openPage({
    engine: (real) => ({
      castVote: (vote) => (room ? real.castVote(vote) : Promise.reject(new Error("The disk is full."))),
    }),
  });
  page.hone.vote.start("samples", first.id);
  page.hone.vote.cast("first");
  // Reading the stored votes waits until the first one is among them.
  await page.hone.vote.list(first.id);
  const second = page.facts().vote.round?.ballots[1];
  room = false;
  page.hone.vote.cast("second");
  await until(page.hone, ({ vote }) => vote.failure !== null);
  expect(page.facts().vote.failure?.message).toBe("The disk is full.");
  expect(page.facts().vote.round?.votes).toHaveLength(1);
  expect(page.facts().vote.round?.ballots[1]).toEqual(second);
  expect(await votesAfterReload()).toBe(1);
});

/**
 * The exam curve in the page's state on the real engine, stopped, resumed and reloaded. Oracles: the models' answers, known by
 * construction, and the examinations that the engine was asked for.
 */

import { expect, test, vi } from "vitest";
import { pairedTests } from "../../../src/run/comparison.ts";
import { contestantsOf } from "../../../src/store/examCurve.ts";
import { examFile } from "../../support/exam.ts";
import { keepBasics, keepRun } from "../../support/kept.ts";
import { eachOnADisk, openHone } from "../../support/openHone.ts";
import { refuse, type Stubs } from "../../support/services.ts";

vi.mock("../../../src/storage/indexedDb.ts", async () => (await import("../../support/disk.ts")).indexedDb);

const made = eachOnADisk(async (here) => {
  const basics = await keepBasics(here);
  const first = await keepRun(here, basics, "First try");
  const second = await keepRun(here, basics, "Second try", { steps: 2, learningRate: 1e-9 });
  const steps = (await here.engine.checkpointsOf(first.id)).map(({ step }) => step).sort((a, b) => a - b);
  return { ...basics, first, second, steps };
});

async function openPage(stubs: Stubs = {}) {
  const examined: string[] = [];
  const page = await openHone({
    engine: (real) => ({
      takeExam(request, signal) {
        const seed = request.sampling ? ` seed ${request.sampling.seed}` : "";
        examined.push(
          `${request.runId === null ? "base" : request.runId === made().first.id ? "first" : "second"} ${request.checkpoint}${seed}`,
        );
        return real.takeExam(request, signal);
      },
      ...stubs.engine?.(real),
    }),
    data: (real) => ({ exam: (_files, signal) => real.exam([examFile()], signal) }),
  });
  await page.hone.exam.open([]);
  const curve = () => page.facts().curve;
  const points = () =>
    curve().shown?.lines.map(({ name, points: own }): [string, (number | undefined)[][]] => [
      name,
      own.map(({ step, results }) => [step, results[0]?.correct]),
    ]);
  return { ...page, examined, curve, points };
}

test("every checkpoint is examined once; a stopped series continues, and all is there after a reload", {
  timeout: 300_000,
}, async () => {
  const { first, second, steps, model } = made();
  expect(steps.length).toBeGreaterThan(1);
  const runs = [first, second];
  const page = await openPage();
  await page.hone.curve.list("own", runs);
  const total = 1 + steps.length + 1;
  expect(page.curve().shown).toMatchObject({ total, missing: total, model: model.name });
  // Stops during the second exam.
  const stop = page.hone.store.subscribe(({ curve }) => {
    if (curve.going?.done === 1) page.hone.exam.stop();
  });
  await page.hone.curve.take("own", runs);
  stop();
  expect(page.curve()).toMatchObject({ going: null, failure: null, shown: { missing: total - 1 } });
  expect(page.facts().exam.phase).toBe("idle");
  expect(page.examined.slice(0, 1)).toEqual(["base null"]);

  const again = await openPage();
  await again.hone.curve.list("own", runs);
  expect(again.curve().shown?.missing).toBe(total - 1);
  await again.hone.curve.take("own", runs);
  expect(again.examined).toEqual([...steps.map((step) => `first ${step}`), "second 2"]);
  const points = again.points();
  expect(points?.map(([name]) => name)).toEqual(["tiny", "First try", "Second try"]);
  expect(points?.[0]?.[1]).toEqual([[0, 5]]);
  expect(points?.[1]?.[1].at(-1)).toEqual([steps.at(-1), 20]);
  expect(points?.[2]?.[1]).toEqual([[2, 5]]);
  const tests = pairedTests(contestantsOf(again.curve().shown ?? { lines: [] }));
  // Base and second answer "Blue." always, the first "Red.": 5 questions against 20 others.
  expect(tests.map(({ verdict, onlyFirst, onlySecond }) => [verdict, onlyFirst, onlySecond])).toEqual([
    ["second", 5, 20],
    ["unclear", 0, 0],
    ["first", 20, 5],
  ]);

  const reloaded = await openPage();
  await reloaded.hone.curve.list("own", runs);
  expect(reloaded.points()).toEqual(points);
  await reloaded.hone.curve.take("own", runs);
  expect(reloaded.examined).toEqual([]);
  // Another grader is another exam: its results are not mixed with these.
  reloaded.hone.exam.set({ grader: { kind: "contains" } });
  await reloaded.hone.curve.list("own", [second]);
  expect(reloaded.curve().shown).toMatchObject({ total: 2, missing: 2 });
});

test("several seeds are several results of each checkpoint, and a point only once all are there", {
  timeout: 300_000,
}, async () => {
  const { second } = made();
  const page = await openPage();
  page.hone.exam.set({ seeds: 2 });
  await page.hone.curve.take("own", [second]);
  expect(page.examined).toEqual(["base null seed 0", "base null seed 1", "second 2 seed 0", "second 2 seed 1"]);
  expect(page.curve().shown?.lines.map(({ points, last }) => [points[0]?.results.length, last.length])).toEqual([
    [2, 2],
    [2, 2],
  ]);
  page.hone.exam.set({ seeds: 3 });
  await page.hone.curve.list("own", [second]);
  expect(page.curve().shown).toMatchObject({ total: 6, missing: 2 });
  expect(page.curve().shown?.lines.map(({ points }) => points.length)).toEqual([0, 0]);
});

test("a failure is shown, and what was stored before it stays", { timeout: 120_000 }, async () => {
  const { second } = made();
  const page = await openPage({ engine: () => ({ takeExam: refuse("The device was lost.") }) });
  await page.hone.curve.take("own", [second]);
  expect(page.curve()).toMatchObject({ going: null, failure: { message: "The device was lost." } });
  expect(page.facts().exam.phase).toBe("idle");
});

test("votes among the models of the curve are stored with their runs, undone, and there after a reload", {
  timeout: 300_000,
}, async () => {
  const { first, second } = made();
  const page = await openPage();
  await page.hone.curve.take("own", [first, second]);
  await page.hone.contest.list();
  const contest = () => page.facts().contest;
  expect(contest()).toMatchObject({ votes: [], ballot: null });
  page.hone.contest.start();
  const seen = new Set<string>();
  for (let i = 0; i < 4; i++) {
    const { ballot } = contest();
    seen.add(`${ballot?.runId} ${ballot?.against?.runId ?? "base"}`);
    await page.hone.contest.cast("first");
  }
  // Base and second answer alike, so each ballot has the first run.
  expect(seen).toEqual(new Set([`${first.id} base`, `${second.id} ${first.id}`]));
  expect(contest().votes).toHaveLength(4);
  await page.hone.contest.undo();
  expect(contest().votes).toHaveLength(3);
  page.hone.contest.end();
  expect(contest()).toMatchObject({ ballot: null, failure: null });

  const reloaded = await openPage();
  await reloaded.hone.curve.list("own", [first, second]);
  await reloaded.hone.contest.list();
  expect(reloaded.facts().contest.votes).toEqual(contest().votes);
});

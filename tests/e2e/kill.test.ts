/**
 * A browser is killed during all of its work: training, checkpoints, opening a model, import, export, exam. Oracles:
 * all stored bytes are intact after each kill, and the run equals the uninterrupted run, byte for byte, on wasm with
 * all its threads.
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Action, Audit, Remains } from "../../scripts/harness/killPage.ts";
import type { RunRecord } from "../../src/run/record.ts";
import { createRandom, type Random } from "../../src/tensor/random.ts";
import { isLong } from "../support/long.ts";
import { call, serveSmallRun } from "./smallRun.ts";

/** `HONE_KILLS` ends a long form earlier. */
const kills = isLong ? Number(process.env.HONE_KILLS ?? 100) : 6;
const seed = 20261122;

/** The kinds of work to interrupt; two kinds of training come first, because only they advance the run. */
const sorts = ["training", "checkpoint", "opening", "import", "export", "exam"] as const;
type Sort = (typeof sorts)[number];

/** One of each, then at random. */
function planOf(random: Random): Sort[] {
  return Array.from(
    { length: kills },
    (_, i) => sorts[i < sorts.length ? i : random.below(sorts.length)] ?? "training",
  );
}

/** The outcome of the kills of one kind. */
interface Row {
  kills: number;
  /** Range of the delay from the start of the work to the kill, in milliseconds. */
  earliest: number;
  latest: number;
  /** Number of kills after which the interrupted work was complete. */
  ended: number;
}

const milliseconds = (from: number) => Math.round(performance.now() - from);

test("whatever a killed browser was doing, nothing is lost, and the run is the uninterrupted one, byte for byte", {
  timeout: 3_600_000,
}, async () => {
  const random = createRandom(seed);
  const plan = planOf(random);
  const training = plan.filter((sort) => sort === "training" || sort === "checkpoint").length;
  /** More steps than fit before the last kill on any machine. */
  const steps = 9 * training;
  const { folder, request, open } = await serveSmallRun(steps);
  const actionOf = (sort: Exclude<Sort, "training" | "checkpoint">, variant: number, run: RunRecord): Action => {
    switch (sort) {
      case "opening":
        return { do: "open", model: "/data/large/", variant };
      case "import":
        return { do: "import", file: "/data/run.zip" };
      case "export":
        return { do: "export", runId: run.id };
      case "exam":
        return { do: "exam", runId: run.id, modelHash: run.model.hash };
    }
  };

  // The uninterrupted run, and the duration of each kind of work.
  const calm = await open("calm");
  onTestFinished(calm.kill);
  const calmId = await call<string>(calm, "startRun", request);
  const finished = async () => (await call<RunRecord[]>(calm, "listRuns"))[0]?.status === "finished";
  await expect.poll(finished, { timeout: 1_200_000, interval: 500 }).toBe(true);
  const expected = await call<Remains>(calm, "remains", calmId);
  const [calmRun] = await call<RunRecord[]>(calm, "listRuns");
  if (!calmRun) throw new Error("The run without interruption is not listed.");
  await writeFile(join(folder, "run.zip"), Buffer.from(await call<string>(calm, "runFile", calmId), "base64"));
  const takes = new Map<Sort, number>();
  for (const sort of ["opening", "export", "exam"] as const) {
    await call(calm, "begin", actionOf(sort, 0, calmRun));
    const from = performance.now();
    await call(calm, "actionEnd");
    takes.set(sort, milliseconds(from));
  }
  // The import of a known run ends early, after as much work as an export: both read every byte.
  takes.set("import", takes.get("export") ?? 0);
  await calm.dispose();

  let browser = await open("killed");
  onTestFinished(() => browser.kill());
  const runId = await call<string>(browser, "startRun", request);
  const table = new Map<Sort, Row>();
  const reached: number[] = [];
  /** The first kill interrupts training; each later run resumes. */
  for (const [index, sort] of plan.entries()) {
    const known = (await call<RunRecord[]>(browser, "listRuns")).find(({ id }) => id === runId);
    if (!known) throw new Error(`Run ${runId} is not there before kill ${index + 1}.`);
    let waits = 40 * random.next();
    if (sort === "training" || sort === "checkpoint") {
      if (index > 0) await call(browser, "resumeRun", runId);
      // Some kills hit the compilation or the return to a checkpoint, most a step or a save. The first leaves a
      // checkpoint, which export and exam need.
      const few = index === 0 ? 5 : random.below(6);
      const taken = sort === "checkpoint" ? 2 * (1 + random.below(2)) : few;
      if (taken > 0) await call(browser, "stepsTaken", taken);
      // Every second step is followed by a checkpoint at once.
      if (sort === "checkpoint") waits = 15 * random.next();
    } else {
      await call(browser, "begin", actionOf(sort, index + 1, known));
      waits = 1.2 * (takes.get(sort) ?? 0) * random.next();
    }
    const from = performance.now();
    await new Promise((resolve) => setTimeout(resolve, waits));
    const after = milliseconds(from);
    await browser.kill();

    browser = await open("killed");
    const found = await call<Audit>(browser, "audit");
    expect(found, `after kill ${index + 1} (${sort}, ${after} ms)`).toMatchObject({
      orphans: 0,
      damaged: 0,
      problems: [],
      scratch: 0,
    });
    const runs = await call<RunRecord[]>(browser, "listRuns");
    const run = runs.find(({ id }) => id === runId);
    const label = `kill ${index + 1} of ${plan.slice(0, index + 1).join(", ")}, ${after} ms: ${JSON.stringify(found)}`;
    expect(run?.status, label).toBe("paused");
    await call(browser, "freshLog");
    expect(run?.step).toBeGreaterThanOrEqual(known.step);
    if (sort === "training" || sort === "checkpoint") reached.push(run?.step ?? -1);
    const ended =
      sort === "opening" ? found.models > 1 : sort === "import" ? found.runs > 1 : (run?.step ?? 0) > known.step;
    const row = table.get(sort) ?? { kills: 0, earliest: Number.POSITIVE_INFINITY, latest: 0, ended: 0 };
    table.set(sort, {
      kills: row.kills + 1,
      earliest: Math.min(row.earliest, after),
      latest: Math.max(row.latest, after),
      ended: row.ended + Number(ended),
    });
    await call(browser, "tidy", { runId, modelHash: known.model.hash });
  }
  console.info(`killed after the checkpoints of steps ${reached.join(", ")}`);
  console.table(Object.fromEntries(table));
  expect(new Set(reached).size).toBeGreaterThan(training / 3); // The kill interrupted the run after its start.
  expect(reached[0]).toBeGreaterThan(0);
  await call(browser, "resumeRun", runId);
  const record = await call<RunRecord>(browser, "outcome");
  expect(record).toMatchObject({ status: "finished", step: steps });
  const after = await call<Remains>(browser, "remains", runId);
  expect(after).toEqual(expected);
  expect(after.orphans).toBe(0);
  await browser.dispose();
});

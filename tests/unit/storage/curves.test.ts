/**
 * Curves in chunks: reads and writes of each action, and the curves of records of format 1. Oracle: the original
 * points, and a count of every key that is read or written.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Curves, columnsOf, progressOf, stepsOf } from "../../../src/run/curves.ts";
import type { EvaluationMetrics, StepMetrics } from "../../../src/run/metrics.ts";
import { wholeRecord } from "../../../src/run/record.ts";
import { type CurveWriter, chunkPoints } from "../../../src/storage/curves.ts";
import type { KeyValue } from "../../../src/storage/keyValue.ts";
import { openStorage, type Storage } from "../../../src/storage/storage.ts";
import { contents, type Disk, faulty, newDisk, runRecord, tabOn } from "./backend.ts";

const point = (step: number, mark = 0): StepMetrics => ({
  step,
  loss: 1 / (step + mark),
  gradientNorm: step % 5 === 0 ? Number.NaN : -0,
  learningRate: 1e-300 * step,
  tokens: 2 ** 40 + step,
  supervisedTokens: step,
  ...(step % 3 > 0 && { examples: 4 }),
  seconds: Math.PI / step,
});
const points = (from: number, to: number, mark = 0) =>
  Array.from({ length: to - from + 1 }, (_, i) => point(from + i, mark));
const evaluation = (step: number, mark = 0): EvaluationMetrics => ({ step, loss: mark / 7, sets: { chat: step } });

const add = (writer: CurveWriter, steps: readonly StepMetrics[], evaluations: readonly EvaluationMetrics[] = []) => {
  for (const metrics of steps) writer.addStep(metrics);
  for (const metrics of evaluations) writer.addEvaluation(metrics);
};
const lists = ({ steps, evaluations }: Curves) => ({ metrics: stepsOf(steps), evaluations });

/** The disk as one tab sees it, with the keys that it reads and writes. */
function counted(disk: Disk) {
  const read: string[] = [];
  const written: string[] = [];
  const wrap = (inner: KeyValue): KeyValue => ({
    get: (key) => {
      read.push(key);
      return inner.get(key);
    },
    keys: (prefix) => inner.keys(prefix),
    write: (puts, deletes) => {
      written.push(...puts.map(([key]) => key));
      return inner.write(puts, deletes);
    },
  });
  const forget = () => {
    read.length = 0;
    written.length = 0;
  };
  return { tab: tabOn({ records: wrap(disk.records), chunks: wrap(disk.chunks) }), read, written, forget };
}

const curveKeys = (keys: readonly string[]) => keys.filter((key) => key.startsWith("metrics/"));

test("every number comes back bit for bit, over many chunks and odd run ids", async () => {
  const storage = await openStorage(tabOn(newDisk()));
  const id = "a/b%";
  const writer = await storage.curves.writer(id, null);
  const metrics = points(1, 3 * chunkPoints + 7);
  const evaluations = Array.from({ length: chunkPoints + 3 }, (_, i) => evaluation(i, i));
  add(writer, metrics, evaluations);
  await storage.runs.put(runRecord(id, 1), writer);
  // Includes NaN, -0 and missing counts, which toEqual distinguishes.
  expect(lists(await storage.runs.curves(id))).toEqual({ metrics, evaluations });
  expect(lists(await storage.runs.curves(id)).metrics[0]?.gradientNorm).toBe(-0);
  await expect(storage.runs.curves("none")).rejects.toThrow("There is no run none");
});

describe("reads and writes", () => {
  test("the list of 50 runs reads a record each and no curve, and so does opening", async () => {
    const disk = newDisk();
    const first = await openStorage(tabOn(disk));
    for (let run = 0; run < 50; run++) {
      const writer = await first.curves.writer(`r${run}`, null);
      add(writer, points(1, 2000));
      await first.runs.put(runRecord(`r${run}`, 2000, { status: "finished" }), writer);
    }
    expect(curveKeys(await disk.records.keys())).toHaveLength(50 * 4);
    const { tab, read, written, forget } = counted(disk);
    const storage = await openStorage(tab);
    expect(curveKeys(read)).toEqual([]);
    expect(written).toEqual([]);
    forget();
    expect((await storage.runs.list()).runs).toHaveLength(50);
    expect(read.toSorted()).toEqual(Array.from({ length: 50 }, (_, run) => `run/r${run}`).toSorted());
    forget();
    await storage.runs.curves("r7");
    expect(read).toHaveLength(5);
  });

  test("a step writes nothing, a checkpoint the open chunk, and a chunk that is full is never written again", async () => {
    const { tab, read, written, forget } = counted(newDisk());
    const storage = await openStorage(tab);
    const writer = await storage.curves.writer("r", null);
    const every = 100;
    const full: string[] = [];
    for (let step = 1; step <= 3 * chunkPoints; step++) {
      forget();
      add(writer, [point(step)]);
      expect([read, written]).toEqual([[], []]);
      if (step % every !== 0) continue;
      await storage.checkpoints.save({ ...contents(runRecord("r", step), {}), curves: writer });
      expect(curveKeys(read)).toEqual([]);
      const keys = curveKeys(written);
      expect(keys.filter((key) => full.includes(key))).toEqual([]);
      expect(keys.length).toBeLessThanOrEqual(2);
      for (let chunk = 0; (chunk + 1) * chunkPoints <= step; chunk++) full.push(`metrics/r/${chunk}`);
    }
    // Points after the last checkpoint are written once more; then nothing is left.
    await storage.runs.put(runRecord("r", 3 * chunkPoints), writer);
    forget();
    await storage.runs.put(runRecord("r", 3 * chunkPoints), writer);
    expect(written).toEqual(["run/r"]);
    expect(lists(await storage.runs.curves("r")).metrics).toEqual(points(1, 3 * chunkPoints));
  });

  test("a collection of chunks reads no curve", async () => {
    const { tab, read } = counted(newDisk());
    const storage = await openStorage(tab);
    const writer = await storage.curves.writer("r", null);
    add(writer, points(1, 600));
    await storage.checkpoints.save({ ...contents(runRecord("r", 600), { w: Uint8Array.of(1) }), curves: writer });
    await storage.collect();
    await storage.audit();
    expect(curveKeys(read)).toEqual([]);
  });
});

describe("a run that goes back", () => {
  /** Saved at 10, 20 and 30 with an evaluation at each; each step is a point. */
  async function trained(storage: Storage) {
    const writer = await storage.curves.writer("r", null);
    for (const step of [10, 20, 30]) {
      add(writer, points(step - 9, step), [evaluation(step)]);
      await storage.checkpoints.save({ ...contents(runRecord("r", step), {}), curves: writer });
    }
    return writer;
  }
  const at = async (storage: Storage, step: number) => (await storage.checkpoints.open("r", step))?.curves ?? null;

  test("has the points before the checkpoint and the new ones; the checkpoints keep theirs", async () => {
    const storage = await openStorage(tabOn(newDisk()));
    await trained(storage);
    const second = await storage.curves.writer("r", await at(storage, 20));
    add(second, points(21, 25, 1), [evaluation(25, 1)]);
    await storage.runs.put(runRecord("r", 25), second);
    const expected = {
      metrics: [...points(1, 20), ...points(21, 25, 1)],
      evaluations: [10, 20].map((s) => evaluation(s)),
    };
    expect(lists(await storage.runs.curves("r"))).toEqual({
      ...expected,
      evaluations: [...expected.evaluations, evaluation(25, 1)],
    });
    const later = await at(storage, 30);
    if (!later) throw new Error("the checkpoint has no place");
    expect(lists(await storage.curves.read("r", later)).metrics).toEqual(points(1, 30));
    // And to a later one, which the first branch had left.
    const third = await storage.curves.writer("r", later);
    add(third, points(31, 33, 2));
    await storage.runs.put(runRecord("r", 33), third);
    expect(lists(await storage.runs.curves("r")).metrics).toEqual([...points(1, 30), ...points(31, 33, 2)]);
  });

  test("and stops there has the points up to it, and from the beginning none", async () => {
    const storage = await openStorage(tabOn(newDisk()));
    await trained(storage);
    await storage.runs.put(runRecord("r", 20), await storage.curves.writer("r", await at(storage, 20)));
    expect(lists(await storage.runs.curves("r")).metrics).toEqual(points(1, 20));
    await storage.runs.put(runRecord("r", 0), await storage.curves.writer("r", null));
    expect(lists(await storage.runs.curves("r"))).toEqual({ metrics: [], evaluations: [] });
  });

  test("after a full disk has the points of its last checkpoint, and resumes from there", async () => {
    const disk = newDisk();
    const full = faulty(disk, 4, "full");
    const storage = await openStorage(tabOn(full.disk));
    const writer = await storage.curves.writer("r", null);
    const save = async (step: number) => {
      add(writer, points(step - 299, step), [evaluation(step)]);
      await storage.checkpoints.save({ ...contents(runRecord("r", step), {}), curves: writer });
    };
    await save(300);
    await expect(save(600)).rejects.toThrow(/The checkpoint of step 600 .* needs/);
    writer.dropUnwritten();
    full.makeRoom();
    await storage.runs.put(runRecord("r", 300), writer);
    expect(lists(await storage.runs.curves("r"))).toEqual({ metrics: points(1, 300), evaluations: [evaluation(300)] });
    add(writer, points(301, 302, 5));
    await storage.runs.put(runRecord("r", 302), writer);
    expect(lists(await storage.runs.curves("r")).metrics).toEqual([...points(1, 300), ...points(301, 302, 5)]);
  });

  test("in any order of steps, saves and returns reads as it was written", async () => {
    const action = fc.oneof(
      fc.record({ do: fc.constant("steps" as const), count: fc.integer({ min: 1, max: 700 }) }),
      fc.record({ do: fc.constant("evaluate" as const) }),
      fc.record({ do: fc.constant("save" as const) }),
      fc.record({ do: fc.constant("drop" as const) }),
      fc.record({ do: fc.constant("back" as const), to: fc.nat(9) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 14 }), async (actions) => {
        const storage = await openStorage(tabOn(newDisk()));
        let writer = await storage.curves.writer("r", null);
        let shown: { metrics: StepMetrics[]; evaluations: EvaluationMetrics[] } = { metrics: [], evaluations: [] };
        let stored = shown;
        /** Places, each with the curves up to it. */
        const places: { place: Parameters<typeof storage.curves.read>[1]; shown: typeof shown }[] = [];
        for (const [mark, next] of actions.entries()) {
          if (next.do === "steps") {
            const from = shown.metrics.length + 1;
            const more = points(from, from + next.count - 1, mark);
            add(writer, more);
            shown = { ...shown, metrics: [...shown.metrics, ...more] };
          } else if (next.do === "evaluate") {
            add(writer, [], [evaluation(mark, mark)]);
            shown = { ...shown, evaluations: [...shown.evaluations, evaluation(mark, mark)] };
          } else if (next.do === "save") {
            const place = writer.unwritten().end;
            await storage.runs.put(runRecord("r", mark), writer);
            places.push({ place, shown });
            stored = shown;
          } else if (next.do === "drop") {
            writer.dropUnwritten();
            shown = stored;
          } else {
            const back = places[next.to % Math.max(1, places.length)];
            writer = await storage.curves.writer("r", back?.place ?? null);
            shown = back?.shown ?? { metrics: [], evaluations: [] };
            stored = shown;
          }
          for (const { place, shown: then } of places.slice(-3)) {
            const read = await storage.curves.read("r", place);
            expect([...read.steps.loss]).toEqual(then.metrics.map(({ loss }) => loss));
            expect(read.evaluations).toEqual(then.evaluations);
          }
        }
        await storage.runs.put(runRecord("r", 0), writer);
        expect([...(await storage.runs.curves("r")).steps.loss]).toEqual(shown.metrics.map(({ loss }) => loss));
      }),
      { numRuns: 40 },
    );
  });
});

test("deleting a run takes its curves, and leaves those of a run with a longer id", async () => {
  const disk = newDisk();
  const storage = await openStorage(tabOn(disk));
  for (const id of ["r", "r2"]) {
    const writer = await storage.curves.writer(id, null);
    add(writer, points(1, 600));
    await storage.runs.put(runRecord(id, 1, { status: "paused" }), writer);
  }
  await storage.runs.delete("r");
  expect(curveKeys(await disk.records.keys())).toEqual(["metrics/r2/0", "metrics/r2/1"]);
});

test.each([
  ["gone", undefined, "Part 0 of the curves of run r cannot be read"],
  [
    "of unequal columns",
    { after: null, steps: { ...columnsOf(points(1, 3)), loss: new Float64Array(2) }, evaluations: [] },
    "columns of one length",
  ],
  [
    "in a circle",
    { after: { chunk: 0, steps: 0, evaluations: 0 }, steps: columnsOf([]), evaluations: [] },
    "claims to follow part 0",
  ],
])("a chunk that is %s is named; the run continues without it", async (_, value, says) => {
  const disk = newDisk();
  const storage = await openStorage(tabOn(disk));
  const writer = await storage.curves.writer("r", null);
  add(writer, points(1, 600));
  await storage.checkpoints.save({ ...contents(runRecord("r", 600), {}), curves: writer });
  await disk.records.write(value ? [["metrics/r/0", { format: 2, value }]] : [], value ? [] : ["metrics/r/0"]);
  await expect(storage.runs.curves("r")).rejects.toThrow(says);
  expect((await storage.runs.list()).runs.map(({ step }) => step)).toEqual([600]);
  const place = (await storage.checkpoints.open("r", 600))?.curves ?? null;
  const next = await storage.curves.writer("r", place);
  add(next, points(601, 602));
  await storage.checkpoints.save({ ...contents(runRecord("r", 602), {}), curves: next });
  expect(await storage.checkpoints.steps("r")).toEqual([602, 600]);
});

describe("records of format 1, which contained their curves", () => {
  const curves = (id: string): Curves => ({
    steps: columnsOf(points(1, id === "long" ? 1300 : 3)),
    evaluations: [evaluation(0, 3), evaluation(3, 2)],
  });
  const ids = ["long", "short", "killed"];
  const recordOf = (id: string) => {
    const { metrics, evaluations } = lists(curves(id));
    const status = id === "killed" ? ("running" as const) : ("paused" as const);
    return runRecord(id, metrics.length, { status, progress: progressOf(metrics, evaluations) });
  };
  async function oldDisk() {
    const disk = newDisk();
    for (const id of ids) {
      const value = wholeRecord(recordOf(id), curves(id));
      expect(value).not.toHaveProperty("progress");
      await disk.records.write([[`run/${id}`, { format: 1, value }]]);
    }
    return disk;
  }
  async function expectAll(storage: Storage) {
    const { runs, problems } = await storage.runs.list();
    expect(problems).toEqual([]);
    for (const id of ids) {
      expect(lists(await storage.runs.curves(id))).toEqual(lists(curves(id)));
      const { status, reason, updatedAt, ...rest } = recordOf(id);
      expect(runs.find((run) => run.id === id)).toMatchObject(rest);
    }
  }

  test("are taken apart when storage opens, and then the list reads no curve", async () => {
    const disk = await oldDisk();
    await expectAll(await openStorage(tabOn(disk)));
    expect(await disk.records.get("run/long")).toMatchObject({ format: 2 });
    const { tab, read, written } = counted(disk);
    const again = await openStorage(tab);
    await again.runs.list();
    expect([curveKeys(read), written]).toEqual([[], []]);
  });

  test("are shown and edited while a full disk keeps them as they are", async () => {
    const disk = await oldDisk();
    const full = faulty(disk, 1, "full");
    const storage = await openStorage(tabOn(full.disk));
    expect(storage.problems.join(" ")).toContain("All earlier data is still there.");
    await expectAll(storage);
    full.makeRoom();
    await storage.runs.edit("long", { name: "mine" });
    expect(await disk.records.get("run/long")).toMatchObject({ format: 2, value: { name: "mine" } });
    expect(lists(await storage.runs.curves("long"))).toEqual(lists(curves("long")));
  });

  // One write for each run, and one that pauses the last because its tab was closed.
  test.each(
    (["killed before", "killed after", "full"] as const).flatMap((fault) =>
      [1, 2, 3, 4].map((at) => [fault, at] as const),
    ),
  )("lose nothing when %s write %i", async (fault, at) => {
    const disk = await oldDisk();
    const broken = faulty(disk, at, fault);
    await openStorage(tabOn(broken.disk));
    expect(broken.writes()).toBeGreaterThanOrEqual(at);
    const storage = await openStorage(tabOn(disk));
    expect(storage.problems).toEqual([]);
    await expectAll(storage);
    expect((await storage.runs.get("killed"))?.status).toBe("paused");
    for (const id of ids) expect(await disk.records.get(`run/${id}`)).toMatchObject({ format: 2 });
  });

  test("a run that a tab of the older version trains stays unchanged", async () => {
    const disk = await oldDisk();
    const tab = tabOn(disk);
    let end = () => {};
    const training = tab.locks.hold(
      "hone-training",
      "exclusive",
      () => new Promise<void>((resolve) => (end = resolve)),
    );
    const storage = await openStorage(tab);
    expect(await disk.records.get("run/killed")).toMatchObject({ format: 1 });
    await expectAll(storage);
    end();
    await training;
  });

  test("after such a tab saves the run again, the curves in its record count", async () => {
    const disk = await oldDisk();
    await openStorage(tabOn(disk));
    const newer = { steps: columnsOf(points(1, 40, 9)), evaluations: [] };
    const value = wholeRecord(recordOf("short"), newer);
    await disk.records.write([["run/short", { format: 1, value }]]);
    const storage = await openStorage(tabOn(disk));
    expect(lists(await storage.runs.curves("short"))).toEqual(lists(newer));
    expect(await disk.records.get("run/short")).toMatchObject({ format: 2 });
  });
});

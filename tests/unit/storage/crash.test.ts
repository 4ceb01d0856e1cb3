/** Any order of saves, deletes and collections, and a fault at every single write. Oracle: a model in plain maps. */

import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Curves, columnsOf, stepColumns } from "../../../src/run/curves.ts";
import type { EvaluationMetrics, StepMetrics } from "../../../src/run/metrics.ts";
import { chunkBytes } from "../../../src/storage/chunks.ts";
import type { CurveWriter } from "../../../src/storage/curves.ts";
import type { KeyValue } from "../../../src/storage/keyValue.ts";
import { openStorage, type Storage } from "../../../src/storage/storage.ts";
import {
  contents,
  type Disk,
  type Fault,
  faulty,
  file,
  loadWhole,
  newDisk,
  patternBytes,
  runRecord,
  tabOn,
} from "./backend.ts";

type Tensors = Readonly<Record<string, Uint8Array>>;

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A hash per tensor, because a test framework compares megabytes element by element in minutes. */
const fingerprints = (tensors: Tensors = {}) => Object.entries(tensors).map(([name, bytes]) => [name, sha256(bytes)]);

/** Only a few contents, so that checkpoints often share chunks; "" is empty and has none. */
const smallBytes = fc.constantFrom("", "a", "b", "c", "ab").map((text) => new TextEncoder().encode(text));

type Action =
  | {
      readonly do: "save";
      readonly run: string;
      readonly step: number;
      readonly best: number | null;
      readonly keep: number;
      readonly tensors: Tensors;
      /** Distinguishes its points from those of another save of the same step. */
      readonly mark: number;
    }
  | { readonly do: "delete run"; readonly run: string }
  | {
      readonly do: "keep" | "delete";
      readonly kind: "datasets" | "models";
      readonly hash: string;
      readonly bytes: Uint8Array;
    }
  | { readonly do: "collect" };

const run = fc.constantFrom("r", "r/2", "r%");
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("save" as const),
      run,
      step: fc.integer({ min: 0, max: 12 }),
      best: fc.option(fc.integer({ min: 0, max: 12 })),
      keep: fc.integer({ min: 0, max: 3 }),
      tensors: fc.record({ w: smallBytes, m: smallBytes }),
      mark: fc.nat(1000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete run" as const), run }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("keep" as const, "keep" as const, "delete" as const),
      kind: fc.constantFrom("datasets" as const, "models" as const),
      hash: fc.constantFrom("h1", "h2"),
      bytes: smallBytes,
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "collect" as const }) },
);

const save = (run: string, step: number, best: number | null, keep: number, tensors: Tensors): Action => ({
  do: "save",
  run,
  step,
  best,
  keep,
  tensors,
  mark: step,
});

/** Points of a step: enough that a day fills chunks. */
const pointsPerStep = 60;

/** Metrics between two steps. */
function shownBetween(from: number, to: number, mark: number) {
  const metrics: StepMetrics[] = [];
  for (let step = from * pointsPerStep + 1; step <= to * pointsPerStep; step++) {
    const counts = { tokens: step, supervisedTokens: 1, ...(step % 2 === 0 && { examples: 3 }) };
    metrics.push({ step, loss: 1 / (step + mark), gradientNorm: mark, learningRate: 0.1, ...counts, seconds: 0.1 });
  }
  return { metrics, evaluations: [{ step: to * pointsPerStep, loss: mark / 3, sets: { text: mark } }] };
}

/** The writers of the runs that a tab trains, with the step of each one's last save. */
const writers = new WeakMap<Storage, Map<string, { readonly writer: CurveWriter; readonly step: number }>>();

/** The tab's own writer, or, for a resumed run, one that appends after the newest checkpoint before the step. */
async function writerBefore(storage: Storage, run: string, step: number) {
  const own = writers.get(storage)?.get(run);
  if (own && own.step < step) return own;
  const before = (await storage.checkpoints.steps(run)).find((at) => at < step);
  if (before === undefined) return { writer: await storage.curves.writer(run, null), step: 0 };
  const place = (await storage.checkpoints.open(run, before))?.curves ?? null;
  return { writer: await storage.curves.writer(run, place), step: before };
}

async function performSave(
  storage: Storage,
  { run, step, best, keep, tensors, mark }: Extract<Action, { do: "save" }>,
) {
  const { writer, step: before } = await writerBefore(storage, run, step);
  // A run whose save fails is resumed with a new writer.
  const own = writers.get(storage) ?? new Map();
  writers.set(storage, own);
  own.delete(run);
  const { metrics, evaluations } = shownBetween(before, step, mark);
  for (const point of metrics) writer.addStep(point);
  for (const point of evaluations) writer.addEvaluation(point);
  const base = runRecord(run, step, { best: best === null ? null : { step: best, loss: 1, sets: {} } });
  const record = { ...base, recipe: { ...base.recipe, keepLast: keep } };
  await storage.checkpoints.save({ ...contents(record, tensors), curves: writer });
  own.set(run, { writer, step });
}

/** Curves as one text with every bit of them. */
const curvesText = ({ steps, evaluations }: Curves) =>
  JSON.stringify([stepColumns.map((field) => sha256(new Uint8Array(steps[field].slice().buffer))), evaluations]);

function perform(storage: Storage, step: Action): Promise<unknown> {
  switch (step.do) {
    case "save":
      return performSave(storage, step);
    case "delete run":
      writers.get(storage)?.delete(step.run);
      return storage.runs.delete(step.run);
    case "keep":
      return storage[step.kind].save({
        hash: step.hash,
        name: step.hash,
        summary: null,
        files: [file("f", step.bytes)],
      });
    case "delete":
      return storage[step.kind].delete(step.hash);
    case "collect":
      return storage.collect();
  }
}

/** An expected checkpoint, with the curves up to it. */
interface Saved {
  readonly tensors: Tensors;
  readonly metrics: readonly StepMetrics[];
  readonly evaluations: readonly EvaluationMetrics[];
}

const curvesOf = ({ metrics, evaluations }: Saved): Curves => ({ steps: columnsOf(metrics), evaluations });

/** The expected contents: plain maps, and a second implementation of the rule for deleting checkpoints. */
function createModel() {
  const runs = new Map<string, Map<number, Saved>>();
  const files = { datasets: new Map<string, Uint8Array>(), models: new Map<string, Uint8Array>() };
  return {
    runs,
    files,
    apply(step: Action) {
      if (step.do === "save") {
        const before = [...(runs.get(step.run) ?? [])].filter(([at]) => at < step.step).sort(([a], [b]) => b - a)[0];
        const { metrics, evaluations } = shownBetween(before?.[0] ?? 0, step.step, step.mark);
        const saved: Saved = {
          tensors: step.tensors,
          metrics: [...(before?.[1].metrics ?? []), ...metrics],
          evaluations: [...(before?.[1].evaluations ?? []), ...evaluations],
        };
        const all = [...(runs.get(step.run) ?? []), [step.step, saved] as const];
        const past = new Map(all.filter(([at]) => at <= step.step));
        const newest = [...past.keys()].sort((a, b) => b - a).slice(0, Math.max(1, step.keep));
        runs.set(step.run, new Map([...past].filter(([at]) => newest.includes(at) || at === step.best)));
      } else if (step.do === "delete run") runs.delete(step.run);
      else if (step.do === "keep") files[step.kind].set(step.hash, step.bytes);
      else if (step.do === "delete") files[step.kind].delete(step.hash);
    },
    /** Different contents, each with a chunk of its own. */
    chunkCount() {
      const texts = new Set<string>();
      const add = (bytes: Uint8Array) => {
        for (let at = 0; at < bytes.length; at += chunkBytes) texts.add(sha256(bytes.subarray(at, at + chunkBytes)));
      };
      for (const checkpoints of runs.values()) {
        for (const [step, { tensors }] of checkpoints) {
          texts.add(`state ${step}`);
          Object.values(tensors).forEach(add);
        }
      }
      for (const steps of Object.values(files)) [...steps.values()].forEach(add);
      return texts.size;
    },
  };
}

async function expectToMatch(storage: Storage, model: ReturnType<typeof createModel>) {
  const { runs, problems } = await storage.runs.list();
  expect(problems).toEqual([]);
  expect(runs.map(({ id }) => id).sort()).toEqual([...model.runs.keys()].sort());
  for (const [id, checkpoints] of model.runs) {
    const steps = [...checkpoints.keys()].sort((a, b) => b - a);
    expect(await storage.checkpoints.steps(id)).toEqual(steps);
    for (const [step, saved] of checkpoints) {
      expect(fingerprints((await loadWhole(storage, id, step)).tensors)).toEqual(fingerprints(saved.tensors));
      const place = (await storage.checkpoints.open(id, step))?.curves ?? undefined;
      expect(curvesText(await storage.curves.read(id, place))).toBe(curvesText(curvesOf(saved)));
    }
    expect((await storage.runs.get(id))?.step).toBe(steps[0]);
    const [newest] = steps.map((step) => checkpoints.get(step));
    if (newest) expect(curvesText(await storage.runs.curves(id))).toBe(curvesText(curvesOf(newest)));
  }
  for (const kind of ["datasets", "models"] as const) {
    const { entries } = await storage[kind].list();
    expect(entries.map(({ hash }) => hash).sort()).toEqual([...model.files[kind].keys()].sort());
    for (const [hash, bytes] of model.files[kind]) {
      expect(await (await storage[kind].open(hash))?.[0]?.slice(0, bytes.length)).toEqual(bytes);
    }
  }
  expect(await storage.audit()).toMatchObject({ chunks: model.chunkCount(), orphans: 0, damaged: 0 });
}

test("after any sequence, exactly the expected contents are there, whole, and no orphan", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 12 }), async (actions) => {
      const storage = await openStorage(tabOn(newDisk()));
      const model = createModel();
      for (const step of actions) {
        await perform(storage, step);
        model.apply(step);
      }
      await expectToMatch(storage, model);
    }),
    { numRuns: 100 },
  );
});

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** The disk with each operation delayed by some turns of the event loop, so that others run in between. */
function slowed(disk: Disk, delays: Iterator<number>): Disk {
  const delay = async () => {
    for (let turns = delays.next().value ?? 0; turns > 0; turns--) await nextTurn();
  };
  const wrap = (inner: KeyValue): KeyValue => ({
    get: (key) => delay().then(() => inner.get(key)),
    keys: (prefix) => delay().then(() => inner.keys(prefix)),
    write: (puts, deletes) => delay().then(() => inner.write(puts, deletes)),
  });
  return { records: wrap(disk.records), chunks: wrap(disk.chunks) };
}

test("saves, deletes and collections at the same time lose no chunk and leave no orphan", async () => {
  const saves = fc.array(fc.record({ tensors: fc.record({ w: smallBytes, m: smallBytes }), keep: fc.nat(2) }), {
    maxLength: 4,
  });
  const copies = fc.array(smallBytes, { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(saves, copies, fc.infiniteStream(fc.nat(3)), async (saved, copied, delays) => {
      const tab = tabOn(slowed(newDisk(), delays));
      // Two tabs on one disk, with the same locks.
      const [one, two] = [await openStorage(tab), await openStorage(tab)];
      const model = createModel();
      const performed = async (storage: Storage, step: Action) => {
        await perform(storage, step);
        model.apply(step);
      };
      const train = async () => {
        for (const [step, { tensors, keep }] of saved.entries())
          await performed(one, save("r", step, null, keep, tensors));
      };
      const copy = async () => {
        for (const [index, bytes] of copied.entries()) {
          await performed(two, { do: "keep", kind: "datasets", hash: `h${index}`, bytes });
          if (index % 2 === 1) await performed(two, { do: "delete", kind: "datasets", hash: `h${index}`, bytes });
        }
      };
      let working = true;
      const collect = async () => {
        while (working) {
          await two.collect();
          await nextTurn();
        }
      };
      const collecting = collect();
      await Promise.all([train(), copy()]).finally(() => {
        working = false;
      });
      await collecting;
      expect(await one.collect()).not.toBe(null);
      await expectToMatch(two, model);
    }),
    { numRuns: 60 },
  );
});

const shared = patternBytes(64, 0);
/** Days in the life of a tab. */
const days: Readonly<Record<string, readonly Action[]>> = {
  "several checkpoints, a best one, copies, deletes": [
    { do: "keep", kind: "datasets", hash: "d", bytes: patternBytes(50, 1) },
    save("r", 10, 10, 2, { w: patternBytes(64, 10), shared }),
    save("r", 20, 10, 2, { w: patternBytes(64, 20), shared }),
    save("r", 30, 10, 2, { w: patternBytes(64, 30), shared }),
    save("r", 40, 40, 2, { w: patternBytes(64, 40), shared }),
    save("other", 5, null, 1, { w: patternBytes(64, 20) }),
    save("other", 6, null, 1, { w: patternBytes(64, 21) }),
    { do: "delete run", run: "other" },
    save("r", 50, 40, 2, { w: patternBytes(64, 50), shared }),
  ],
  "a checkpoint larger than one batch of writes": [
    save("r", 10, null, 1, { w: shared }),
    save("r", 20, null, 1, { w: patternBytes(4 * chunkBytes + 64, 20) }),
    save("r", 30, null, 1, { w: shared }),
  ],
};

async function countWrites(day: readonly Action[]): Promise<number> {
  const counted = faulty(newDisk(), Number.POSITIVE_INFINITY, "full");
  const storage = await openStorage(tabOn(counted.disk));
  for (const step of day) await perform(storage, step);
  return counted.writes();
}

const cases: [string, Fault, number][] = [];
for (const [name, day] of Object.entries(days)) {
  const writes = await countWrites(day);
  for (const fault of ["killed before", "killed after", "full"] as const) {
    for (let at = 1; at <= writes; at++) cases.push([name, fault, at]);
  }
}

describe("a fault", () => {
  test.each(cases)("in %s: %s write %i", async (name, fault, at) => {
    const day = days[name] ?? [];
    const disk = newDisk();
    const broken = faulty(disk, at, fault);
    const model = createModel();
    const modelWithNext = createModel();
    let storage = await openStorage(tabOn(broken.disk));
    let failed: Action | null = null;
    for (const step of day) {
      modelWithNext.apply(step);
      try {
        await perform(storage, step);
      } catch {
        failed = step;
        break;
      }
      model.apply(step);
    }

    if (fault === "full") {
      // The same tab continues: nothing is lost, and with room again the rest of the day happens.
      if (failed !== null) {
        await expectToMatch(storage, model);
        broken.makeRoom();
        for (const step of day.slice(day.indexOf(failed))) {
          await perform(storage, step);
          model.apply(step);
        }
      }
      await storage.collect();
      await expectToMatch(storage, model);
      return;
    }

    // A new tab on the dead one's disk finds all of the interrupted action, or nothing of it.
    storage = await openStorage(tabOn(disk));
    expect(storage.problems).toEqual([]);
    const untouched = await expectToMatch(storage, model).then(
      () => true,
      () => false,
    );
    const expected = untouched ? model : modelWithNext;
    await expectToMatch(storage, expected);
    for (const { status, reason, step } of (await storage.runs.list()).runs) {
      expect([status, reason]).toEqual([
        "paused",
        `The tab was closed at step ${step}; the last checkpoint is step ${step}.`,
      ]);
    }
    // The day can continue from there.
    for (const step of day.slice(failed === null ? day.length : day.indexOf(failed))) {
      await perform(storage, step);
      expected.apply(step);
    }
    await expectToMatch(storage, expected);
  });
});

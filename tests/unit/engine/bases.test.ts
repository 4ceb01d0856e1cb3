/** The shared base models: one upload for all callers, ended by the last of them. Oracle: the tensors that are alive. */

import { expect, test } from "vitest";
import { createBases } from "../../../src/engine/bases.ts";
import type { LoadedModel } from "../../../src/engine/library.ts";
import { type Precision, plain } from "../../../src/nn/precision.ts";
import type { DeviceTensor } from "../../../src/runtime/types.ts";
import { nextTask } from "../../../src/training/control.ts";

const four: Precision = { weights: "int4", embedding: "int8", compute: "float32" };

const modelOf = (hash: string, precision: Precision = plain) =>
  ({ summary: { hash }, definition: { precision } }) as LoadedModel;

/** Bases whose uploads end when the test says so. */
function setUp() {
  const alive = new Set<string>();
  const uploads: { readonly name: string; readonly signal: AbortSignal; readonly end: (error?: Error) => void }[] = [];
  const bases = createBases(({ summary, definition }, signal) => {
    const name = `${summary.hash} ${definition.precision.weights}`;
    return new Promise((resolve, reject) => {
      const end = (error?: Error) => {
        if (error) return reject(error);
        alive.add(name);
        resolve(new Map([["w", { dispose: () => void alive.delete(name) } as DeviceTensor]]));
      };
      uploads.push({ name, signal, end });
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  });
  const started = async (count: number) => {
    while (uploads.length < count) await nextTask();
    return uploads[count - 1] as (typeof uploads)[number];
  };
  return { bases, alive, uploads, started };
}

test("calls share one upload, and the copy stays after the last release", async () => {
  const { bases, alive, uploads, started } = setUp();
  const [one, two] = [bases.use(modelOf("a")), bases.use(modelOf("a"))];
  (await started(1)).end();
  expect((await one).all).toBe((await two).all);
  (await one).release();
  (await one).release();
  (await two).release();
  const third = await bases.use(modelOf("a"));
  expect(third.all).toBe((await one).all);
  expect([uploads.length, [...alive]]).toEqual([1, ["a float32"]]);
});

test("a cancelled caller leaves, and the upload goes on for the other; the last one ends it", async () => {
  const { bases, alive, started } = setUp();
  const controllers = [new AbortController(), new AbortController(), new AbortController()] as const;
  const [one, two, three] = controllers.map(({ signal }) => bases.use(modelOf("a"), signal)) as [
    ReturnType<typeof bases.use>,
    ReturnType<typeof bases.use>,
    ReturnType<typeof bases.use>,
  ];
  const { signal } = await started(1);
  const reasons = [new Error("one"), new Error("two"), new Error("three")];
  controllers[1].abort(reasons[1]);
  await expect(two).rejects.toBe(reasons[1]);
  controllers[0].abort(reasons[0]);
  await expect(one).rejects.toBe(reasons[0]);
  expect(signal.aborted).toBe(false);
  controllers[2].abort(reasons[2]);
  await expect(three).rejects.toBe(reasons[2]);
  expect(signal.aborted).toBe(true);
  const again = bases.use(modelOf("a"));
  (await started(2)).end();
  await again;
  expect([...alive]).toEqual(["a float32"]);
});

test("an upload that ends while its last caller leaves is freed", async () => {
  const { bases, alive, started } = setUp();
  const controller = new AbortController();
  const use = bases.use(modelOf("a"), controller.signal);
  const upload = await started(1);
  upload.end();
  controller.abort(new Error("late"));
  await expect(use).rejects.toThrow("late");
  await nextTask();
  expect(alive.size).toBe(0);
});

test("a caller that was cancelled before leaves a copy that nobody uses", async () => {
  const { bases, alive, started } = setUp();
  const first = bases.use(modelOf("a"));
  (await started(1)).end();
  (await first).release();
  await expect(bases.use(modelOf("a"), AbortSignal.abort(new Error("no")))).rejects.toThrow("no");
  expect([...alive]).toEqual(["a float32"]);
});

test("another precision replaces a copy that nobody uses, and stands beside one in use", async () => {
  const { bases, alive, started } = setUp();
  const other = bases.use(modelOf("b"));
  (await started(1)).end();
  (await other).release();
  const base = bases.use(modelOf("a"));
  (await started(2)).end();
  (await base).release();
  const tuned = bases.use(modelOf("a", four));
  // The old copy is gone before the new one begins.
  const upload = await started(3);
  expect([...alive]).toEqual(["b float32"]);
  upload.end();
  await tuned;
  const beside = bases.use(modelOf("a"));
  (await started(4)).end();
  const { release } = await beside;
  expect([...alive].sort()).toEqual(["a float32", "a int4", "b float32"]);
  release();
  await nextTask();
  expect([...alive].sort()).toEqual(["a int4", "b float32"]);
});

test("a model that is left goes at once, or at its last release; one that is used again stays", async () => {
  const { bases, alive, started } = setUp();
  const [a, b, c] = [bases.use(modelOf("a")), bases.use(modelOf("b")), bases.use(modelOf("c"))];
  for (const nth of [1, 2, 3]) (await started(nth)).end();
  (await a).release();
  await Promise.all([b, c]);
  bases.releaseExcept(["c"]);
  await nextTask();
  expect([...alive].sort()).toEqual(["b float32", "c float32"]);
  const again = await bases.use(modelOf("b"));
  (await b).release();
  bases.releaseExcept(["c"]);
  again.release();
  await nextTask();
  expect([...alive]).toEqual(["c float32"]);
});

test("a failed upload fails for all its callers, and the next call tries again", async () => {
  const { bases, alive, started } = setUp();
  const calls = [bases.use(modelOf("a")), bases.use(modelOf("a"))];
  (await started(1)).end(new Error("no memory"));
  for (const call of calls) await expect(call).rejects.toThrow("no memory");
  const again = bases.use(modelOf("a"));
  (await started(2)).end();
  await again;
  expect(alive.size).toBe(1);
});

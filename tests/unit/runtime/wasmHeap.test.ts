/** Tensors in the WebAssembly module's own memory. Oracle: onnxruntime-web's way, which copies them at each run. */

import { expect, test } from "vitest";
import { graphArtifact } from "../../../scripts/harness/graphArtifact.ts";
import { GraphBuilder } from "../../../src/onnx/builder.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import type { OrtEntries, OrtEntry } from "../../../src/runtime/provider.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { DeviceTensor, Runtime, TensorData } from "../../../src/runtime/types.ts";
import { capturedHeap } from "../../../src/runtime/wasmHeap.ts";
import { isLong } from "../../support/long.ts";
import { trainOn } from "./trainOn.ts";

const timeout = 120_000;
const copied: OrtEntries = { wasm: { ...(nodeEntries.wasm as OrtEntry), capture: null }, webgpu: null };
const inHeap = () => {
  const heap = capturedHeap();
  if (heap === null) throw new Error("The module was not captured.");
  return heap;
};

/** Body with a runtime whose tensors are in the heap. */
async function using<T>(body: (runtime: Runtime) => Promise<T>): Promise<T> {
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  try {
    return await body(runtime);
  } finally {
    await runtime.dispose();
  }
}

/** sum = x + y, twice = 2x and flags = flag, given as they come. */
function artifact(length: number) {
  const b = new GraphBuilder("sum");
  const [x, y] = [b.input("x", "float32", [length]), b.input("y", "float32", [length])];
  return graphArtifact("eval", `sum ${length}`, b.finish({ sum: b.add(x, y), twice: b.mul(x, b.scalar(2)) }), {
    sum: "y",
  });
}

test("training gives the bits that it gives with copies", { timeout }, async () => {
  const own = await trainOn(nodeEntries);
  expect(inHeap().bytes).toBeGreaterThan(0);
  const oracle = await trainOn(copied);
  expect(own.outcomes.map(({ kind }) => kind)).toEqual(oracle.outcomes.map(() => "updated"));
  expect(own.outcomes).toEqual(oracle.outcomes);
  expect(own.tensors).toEqual(oracle.tensors);
  expect(own.memory).toMatchObject({ tensors: 0, bytes: 0 });
});

test("an output is written where it was bound, and another comes back", { timeout }, () =>
  using(async (runtime) => {
    const session = await runtime.session(artifact(3));
    const x = runtime.tensor("x", "float32", [3], Float32Array.of(1, 2, 3));
    const y = runtime.tensor("y", "float32", [3], Float32Array.of(10, 20, 30));
    for (let run = 1; run <= 3; run++) {
      const { twice, sum } = await session.run({ x, y }, { sum: y });
      expect(sum).toBeUndefined();
      expect(twice?.data).toEqual(Float32Array.of(2, 4, 6));
      expect(await y.read()).toEqual(Float32Array.of(10 + run, 20 + 2 * run, 30 + 3 * run));
    }
    const host = { dtype: "float32", shape: [3], data: Float32Array.of(0.5, 0.5, 0.5) } as const;
    expect((await session.run({ x: host, y })).sum?.data).toEqual(Float32Array.of(13.5, 26.5, 39.5));
  }),
);

test("tensors stay readable when the memory grows, and are given back", { timeout }, () =>
  using(async (runtime) => {
    const small = runtime.tensor("small", "int32", [4], Int32Array.of(1, 2, 3, 4));
    const before = inHeap().bytes;
    const length = 2 ** 25;
    const take = () => Array.from({ length: 4 }, (_, i) => runtime.tensor(`large ${i}`, "float32", [length]));
    const fill = (tensors: DeviceTensor[]) =>
      tensors.map((tensor, i) => tensor.write(new Float32Array(length).fill(i)));
    const last = async (tensor: DeviceTensor): Promise<TensorData> => (await tensor.read()).slice(-1) as Float32Array;
    const large = take();
    fill(large);
    const grown = inHeap().bytes;
    expect(grown).toBeGreaterThan(before + 4 * 4 * length - 2 ** 26);
    expect(await Promise.all(large.map(last))).toEqual([0, 1, 2, 3].map((value) => Float32Array.of(value)));
    expect(await small.read()).toEqual(Int32Array.of(1, 2, 3, 4));
    for (let round = 0; round < 3; round++) {
      for (const tensor of large.splice(0)) tensor.dispose();
      large.push(...take());
    }
    expect(await Promise.all(large.map(last))).toEqual(Array(4).fill(Float32Array.of(0)));
    expect(inHeap().bytes).toBe(grown);
  }),
);

test("runs leave nothing behind in the memory", { timeout }, () =>
  using(async (runtime) => {
    const length = 2 ** 20;
    const session = await runtime.session(artifact(length));
    const y = runtime.tensor("y", "float32", [length]);
    const run = () => session.run({ x: { dtype: "float32", shape: [length], data: new Float32Array(length) }, y });
    for (let i = 0; i < 3; i++) await run();
    const { bytes } = inHeap();
    // Of what each run copies in and out, a tenth would show.
    for (let i = 0; i < 40; i++) await run();
    expect(inHeap().bytes).toBe(bytes);
  }),
);

// Fills all four gigabytes.
test.runIf(isLong)("what does not fit is refused with the size, and the runtime goes on", { timeout }, () =>
  using(async (runtime) => {
    const tensors: DeviceTensor[] = [];
    const take = () => tensors.push(runtime.tensor(`piece ${tensors.length}`, "float32", [2 ** 28]));
    expect(() => {
      for (let i = 0; i < 5; i++) take();
    }).toThrow(/no memory for piece \d: 1073741824 bytes beside the \d+ in use/);
    for (const tensor of tensors.splice(0)) tensor.dispose();
    const session = await runtime.session(artifact(1));
    const one = { dtype: "float32", shape: [1], data: Float32Array.of(1) } as const;
    expect((await session.run({ x: one, y: one })).sum?.data).toEqual(Float32Array.of(2));
  }),
);

test("a failed run says why", { timeout }, () =>
  using(async (runtime) => {
    const b = new GraphBuilder("gather");
    const table = b.constant("float32", [2], Float32Array.of(1, 2));
    const graph = b.finish({ y: b.gather(table, b.input("index", "int32", [1])) });
    const session = await runtime.session(graphArtifact("eval", "gather", graph));
    const index = (value: number) => ({ dtype: "int32", shape: [1], data: Int32Array.of(value) }) as const;
    await expect(session.run({ index: index(7) })).rejects.toThrow(/gather.*(indices|idx|bounds)/is);
    const again = await runtime.session(graphArtifact("eval", "gather", graph));
    expect((await again.run({ index: index(1) })).y?.data).toEqual(Float32Array.of(2));
  }),
);

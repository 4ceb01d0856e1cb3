/**
 * Memory of a run. Oracles: counted by hand, in units of a tensor of 160 bytes; the runs of a GPU and a heap themselves are
 * the oracle in tests/browser/memory.test.ts.
 */

import { describe, expect, test } from "vitest";
import { peakInHeap, peakOnGpu, planRun } from "../../../src/artifacts/activations.ts";
import { GraphBuilder } from "../../../src/onnx/builder.ts";
import type { Value } from "../../../src/onnx/graph.ts";

const unit = 160;

function plan(
  build: (b: GraphBuilder, x: Value) => Record<string, Value>,
  bound: readonly string[] = [],
  provider: "webgpu" | "wasm" = "webgpu",
) {
  const b = new GraphBuilder("counted");
  return planRun(b.finish(build(b, b.input("x", "float32", [40]))), provider, new Set(bound));
}

const gpu = (...parts: Parameters<typeof plan>) => peakOnGpu(plan(...parts)) / unit;
const chain = (b: GraphBuilder, x: Value, length: number) =>
  Array.from({ length }).reduce<Value>((value) => b.sqrt(value), x);

describe("a plan", () => {
  test("of a chain takes two buffers in turn, and one for the output", () => {
    expect(gpu((b, x) => ({ y: chain(b, x, 9) }))).toBe(3);
  });

  test("keeps what is read late: a backward pass needs what the forward pass made", () => {
    expect(
      gpu((b, x) => {
        const one = b.sqrt(x);
        const two = b.sqrt(one);
        const three = b.sqrt(two);
        // one, two and three are alive, their product, and the output.
        return { y: b.mul(one, b.mul(two, three)) };
      }),
    ).toBe(5);
  });

  test("gives a reshaped result no buffer, and keeps the one that it lies in", () => {
    expect(
      gpu((b, x) => {
        const view = b.reshape(b.sqrt(x), [4, 10]);
        const other = b.sqrt(b.sqrt(x));
        return { y: b.mul(b.reshape(view, [40]), other) };
      }),
    ).toBe(4);
  });

  test("counts an output that is written to memory of its own for nothing", () => {
    const build = (b: GraphBuilder, x: Value) => ({ first: b.sqrt(x), second: b.mul(x, x) });
    expect(gpu(build)).toBe(2);
    expect(gpu(build, ["first"])).toBe(1);
  });

  test("does before a run what follows from constants alone, and keeps its result", () => {
    const { constants, nodes } = plan((b, x) => ({
      y: b.mul(x, b.sqrt(b.constant("float32", [40], new Float32Array(40)))),
    }));
    expect({ constants, nodes }).toEqual({ constants: unit, nodes: 1 });
  });

  test("computes first what the last output needs, as ONNX Runtime does", () => {
    // Both are of one buffer for the while, but `b` goes on from the first output's operand.
    const { buffers } = plan((b, x) => {
      const early = b.sqrt(x);
      return { first: b.mul(early, early), last: chain(b, x, 2) };
    });
    // The last one's chain: 0 and 1; then what the first needs, in the buffer that the chain has left.
    expect(buffers).toEqual([
      { bytes: unit, first: 0, last: 3 },
      { bytes: unit, first: 1, last: 3 },
      { bytes: unit, first: 3, last: 3 },
    ]);
  });

  test("writes a softmax over its input on the processor, where nothing else reads that", () => {
    const build = (b: GraphBuilder, x: Value) => ({ y: b.sqrt(b.softmax(b.reshape(b.sqrt(x), [4, 10]))) });
    expect(plan(build, ["y"], "wasm").buffers).toHaveLength(1);
    expect(plan(build, ["y"], "webgpu").buffers).toHaveLength(2);
  });
});

describe("the GPU", () => {
  test("rounds up to 16 bytes", () => {
    const b = new GraphBuilder("small");
    expect(peakOnGpu(planRun(b.finish({ y: b.sqrt(b.input("x", "float32", [1])) }), "webgpu"))).toBe(16);
  });

  test("lets go of a buffer only with the 16 launches that it was used in", () => {
    // Each result has another shape, so that no buffer serves twice.
    const growing = (length: number) =>
      plan(
        (b, x) => {
          let value = x;
          for (let i = 0; i < length; i++) value = b.concat([value, x], 0);
          return { y: value };
        },
        ["y"],
      );
    const bytes = (from: number, to: number) =>
      Array.from({ length: to - from + 1 }, (_, i) => (from + i + 1) * unit).reduce((sum, size) => sum + size, 0);
    expect(peakOnGpu(growing(10))).toBe(bytes(1, 9));
    // Behind the 16th the first fourteen go: the 15th was still read by that launch. Then they add up again.
    expect(peakOnGpu(growing(33))).toBe(bytes(15, 32));
  });
});

describe("the heap", () => {
  const own = unit + 72 + 8;

  test("has each buffer beside the others, with its own few bytes", () => {
    const build = (b: GraphBuilder, x: Value) => ({ y: chain(b, x, 5) });
    expect(peakInHeap(plan(build, ["y"], "wasm"))).toBe(2 * own);
  });

  test("fills the smallest gap that is large enough, and joins neighbours", () => {
    const plan = (buffers: readonly (readonly [number, number, number])[]) => ({
      buffers: buffers.map(([bytes, first, last]) => ({ bytes: bytes - 72, first, last })),
      nodes: 9,
      constants: 0,
    });
    // 320 and 160 are freed around one that stays: 160 goes into the smaller gap, 320 into the larger.
    const around = [
      [320, 0, 3],
      [160, 1, 8],
      [160, 2, 3],
      [160, 2, 8],
      [160, 4, 8],
      [320, 5, 8],
    ] as const;
    expect(peakInHeap(plan(around))).toBe(800);
    // Two of 160 side by side make room for 320, apart they do not.
    const joined = [
      [160, 0, 2],
      [160, 1, 2],
      [160, 1, 8],
      [320, 3, 8],
    ] as const;
    expect(peakInHeap(plan(joined))).toBe(480);
    const apart = [
      [160, 0, 2],
      [160, 1, 8],
      [160, 1, 2],
      [160, 1, 8],
      [320, 3, 8],
    ] as const;
    expect(peakInHeap(plan(apart))).toBe(960);
  });
});

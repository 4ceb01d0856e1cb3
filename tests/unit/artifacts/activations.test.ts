/** Memory of a graph while it runs. Oracle: counted by hand, in units of a tensor of 10 float32. */

import { expect, test } from "vitest";
import { peakBytes } from "../../../src/artifacts/activations.ts";
import { GraphBuilder } from "../../../src/onnx/builder.ts";
import type { Value } from "../../../src/onnx/graph.ts";

const unit = 40;

function peak(build: (b: GraphBuilder, x: Value) => Record<string, Value>, bound: readonly string[] = []): number {
  const b = new GraphBuilder("counted");
  return peakBytes(b.finish(build(b, b.input("x", "float32", [10]))), new Set(bound)) / unit;
}

test("a chain holds two results at a time, one that is made and one that it is made from", () => {
  expect(peak((b, x) => ({ y: b.sqrt(b.sqrt(b.sqrt(b.sqrt(x)))) }))).toBe(2);
});

test("what is read late stays: a backward pass keeps what the forward pass made", () => {
  expect(
    peak((b, x) => {
      const one = b.sqrt(x);
      const two = b.sqrt(one);
      const three = b.sqrt(two);
      // one, two and three are alive, and the product of the last two.
      return { y: b.mul(one, b.mul(two, three)) };
    }),
  ).toBe(4);
});

test("a reshaped result takes no room, and keeps its own from being freed", () => {
  expect(
    peak((b, x) => {
      const view = b.reshape(b.sqrt(x), [2, 5]);
      const other = b.sqrt(b.sqrt(x));
      return { y: b.mul(b.reshape(view, [10]), other) };
    }),
  ).toBe(3);
});

test("an output that is written to memory of its own counts for nothing", () => {
  const build = (b: GraphBuilder, x: Value) => ({ first: b.sqrt(x), second: b.mul(x, x) });
  expect(peak(build)).toBe(2);
  expect(peak(build, ["first"])).toBe(1);
});

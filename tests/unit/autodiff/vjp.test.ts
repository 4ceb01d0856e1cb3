/**
 * The walk from several outputs with given cotangents. Oracle: central differences in float64 of Σ ⟨cotangent, output⟩ on the
 * reference interpreter, step 1e-5; tolerance 1e-6 of the variable's largest difference. Seed 11.
 */

import { describe, expect, it } from "vitest";
import { vjp } from "../../../src/autodiff/backward.ts";
import { GraphBuilder } from "../../../src/onnx/builder.ts";
import type { Value } from "../../../src/onnx/graph.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { interpret, type Tensor, tensor } from "../../numeric/reference.ts";

const step = 1e-5;
const tolerance = 1e-6;

/** A gated layer: `gate` is an output of its own and leads to `hidden`; `scale` broadcasts. */
function gatedLayer(b: GraphBuilder) {
  const x = b.input("x", "float32", [2, 3]);
  const w = b.input("w", "float32", [3, 4]);
  const scale = b.input("scale", "float32", [4]);
  const gate = b.sigmoid(b.matMul(x, w));
  return { x, w, scale, gate, hidden: b.mul(b.mul(gate, gate), scale) };
}

/** Each value under a name of its own: a gradient may be an input or serve two variables, which no graph gives out. */
const readable = (b: GraphBuilder, name: string, values: readonly Value[]) =>
  Object.fromEntries(values.map((value, i) => [`${name}${i}`, b.add(value, b.scalar(0))]));

/** Normal numbers for each of these inputs. */
function drawn(inputs: Iterable<Value>): Record<string, Tensor> {
  const random = createRandom(11);
  const feeds: Record<string, Tensor> = {};
  for (const { name, shape } of inputs) {
    feeds[name] ??= tensor(
      shape,
      Array.from({ length: sizeOf(shape) }, () => random.normal()),
    );
  }
  return feeds;
}

/** The numbers of a tensor by name; throws when there is none. */
function numbers(tensors: Readonly<Record<string, Tensor>>, name: string): number[] {
  const found = tensors[name];
  if (!found) throw new Error(`There is no tensor ${name}.`);
  return Array.from(found.data);
}

/** Compares the gradients of `wanted` with central differences and gives the largest deviation, relative to the largest. */
function deviation(
  b: GraphBuilder,
  cotangents: ReadonlyMap<Value, Value>,
  wanted: readonly Value[],
  gradients: readonly Value[],
): number {
  const gradientGraph = b.finish(readable(b, "gradient", gradients));
  const outputGraph = b.finish(readable(b, "output", [...cotangents.keys()]));
  const feeds = drawn([...gradientGraph.inputs, ...outputGraph.inputs, ...cotangents.values()]);
  const contracted = (changed: Record<string, Tensor>) => {
    const outputs = interpret(outputGraph, { ...feeds, ...changed });
    return [...cotangents.values()].reduce((sum, { name }, i) => {
      const direction = numbers(feeds, name);
      return sum + numbers(outputs, `output${i}`).reduce((part, x, at) => part + x * (direction[at] as number), 0);
    }, 0);
  };
  const analytic = interpret(gradientGraph, feeds);
  let worst = 0;
  for (const [index, { name, shape }] of wanted.entries()) {
    const own = numbers(feeds, name);
    const numeric = own.map((value, at) => {
      const moved = (by: number) => ({ [name]: tensor(shape, own.with(at, value + by)) });
      return (contracted(moved(step)) - contracted(moved(-step))) / (2 * step);
    });
    const largest = Math.max(...numeric.map(Math.abs));
    expect(largest).toBeGreaterThan(0.01);
    for (const [at, found] of numbers(analytic, `gradient${index}`).entries()) {
      worst = Math.max(worst, Math.abs(found - (numeric[at] as number)) / largest);
    }
  }
  return worst;
}

describe("vjp", () => {
  it("from two outputs, one of which leads to the other, has the gradient of both", () => {
    const b = new GraphBuilder("two outputs");
    const { x, w, scale, gate, hidden } = gatedLayer(b);
    const cotangents = new Map([
      [hidden, b.input("hidden gradient", "float32", [2, 4])],
      [gate, b.input("gate gradient", "float32", [2, 4])],
    ]);
    const wanted = [x, w, scale];
    expect(deviation(b, cotangents, wanted, vjp(b, cotangents, wanted))).toBeLessThan(tolerance);
  });

  it("from one of several outputs leaves the others out", () => {
    const b = new GraphBuilder("one output");
    const { w, gate } = gatedLayer(b);
    const cotangents = new Map([[gate, b.input("gate gradient", "float32", [2, 4])]]);
    const gradients = vjp(b, cotangents, [w]);
    expect(deviation(b, cotangents, [w], gradients)).toBeLessThan(tolerance);
    const inputs = b.finish({ gradient: gradients[0] ?? gate }).inputs.map(({ name }) => name);
    expect(inputs.sort()).toEqual(["gate gradient", "w", "x"]);
  });

  it("an output that does not reach a wanted value adds nothing to it", () => {
    const b = new GraphBuilder("apart");
    const { w, scale, gate, hidden } = gatedLayer(b);
    const own = b.input("gate gradient", "float32", [2, 4]);
    const other = b.input("other gradient", "float32", [4]);
    const cotangents = new Map([
      [gate, own],
      [b.neg(scale), other],
    ]);
    const gradients = vjp(b, cotangents, [w, scale]);
    expect(deviation(b, cotangents, [w, scale], gradients)).toBeLessThan(tolerance);
    const inputs = b.finish({ gradient: gradients[0] ?? hidden }).inputs.map(({ name }) => name);
    expect(inputs).not.toContain("other gradient");
  });

  it("a wanted value that is an output gets its own cotangent besides", () => {
    const b = new GraphBuilder("wanted output");
    const { gate, hidden } = gatedLayer(b);
    const passed = b.input("gate gradient", "float32", [2, 4]);
    const cotangents = new Map([
      [hidden, b.input("hidden gradient", "float32", [2, 4])],
      [gate, passed],
    ]);
    const [both] = vjp(b, cotangents, [gate]);
    const [through] = vjp(b, new Map([...cotangents].slice(0, 1)), [gate]);
    if (!both || !through) throw new Error("gradients");
    const graph = b.finish({ difference: b.sub(both, through), both: b.add(both, b.scalar(0)) });
    const feeds = drawn(graph.inputs);
    const difference = numbers(interpret(graph, feeds), "difference");
    const own = numbers(feeds, passed.name);
    for (const [i, value] of difference.entries()) expect(value).toBeCloseTo(own[i] as number, 12);
  });

  it("adds to the base of a wanted value, once for each, also where that value is an output", () => {
    const b = new GraphBuilder("base");
    const { w, scale, gate, hidden } = gatedLayer(b);
    const cotangents = new Map([
      [hidden, b.input("hidden gradient", "float32", [2, 4])],
      [gate, b.input("gate gradient", "float32", [2, 4])],
      [w, b.input("w gradient", "float32", [3, 4])],
    ]);
    const wanted = [w, scale];
    const based = vjp(b, cotangents, wanted, ({ name, shape }) => b.input(`${name} before`, "float32", shape));
    const plain = vjp(b, cotangents, wanted);
    const differences = wanted.map((_, i) => b.sub(based[i] as Value, plain[i] as Value));
    const graph = b.finish(readable(b, "difference", differences));
    const feeds = drawn(graph.inputs);
    const found = interpret(graph, feeds);
    for (const [i, { name }] of wanted.entries()) {
      const before = numbers(feeds, `${name} before`);
      for (const [at, value] of numbers(found, `difference${i}`).entries()) {
        expect(value).toBeCloseTo(before[at] as number, 12);
      }
    }
  });

  it("refuses a wanted value that no output depends on", () => {
    const b = new GraphBuilder("no output");
    const { scale, gate } = gatedLayer(b);
    const cotangents = new Map([[gate, b.input("gate gradient", "float32", [2, 4])]]);
    expect(() => vjp(b, cotangents, [scale])).toThrow(/no output depends on scale/);
  });

  it("refuses a cotangent of another type, and an output that has no gradient", () => {
    const b = new GraphBuilder("types");
    const { w, gate } = gatedLayer(b);
    const narrow = b.input("narrow", "float32", [4]);
    expect(() => vjp(b, new Map([[gate, narrow]]), [w])).toThrow(/must be float32\[2, 4\], not float32\[4\]/);
    const ids = b.input("ids", "int32", [2]);
    expect(() => vjp(b, new Map([[ids, ids]]), [w])).toThrow(/ids is int32\[2\]: only float32 and float16/);
  });
});

/**
 * The arithmetic of merging. Oracles: loops for one number, in float64; and the adapted graph in the float64 reference
 * interpreter: merged weights in the base's graph give its logits, up to float32's rounding of weights.
 */

import { describe, expect, test } from "vitest";
import { generationPorts } from "../../../src/artifacts/contract.ts";
import { compileGeneration } from "../../../src/artifacts/generation.ts";
import { type Method, parametersOf } from "../../../src/artifacts/method.ts";
import { mergeAdapter } from "../../../src/export/merge.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { interpret, tensor } from "../../numeric/reference.ts";
import { smallLlama } from "../../support/smallLlama.ts";
import { everyTarget } from "./made.ts";

const random = createRandom(11);
const numbers = (length: number, scale = 1) => Float32Array.from({ length }, () => scale * random.normal());

test.each([
  [5, 7, 3, 6],
  [6, 2, 1, 0.5],
  [1, 9, 8, 16],
  [4, 4, 4, 4],
])("%i × %i with rank %i and alpha %f is W + (α/r)·B·A, number by number", (out, width, rank, alpha) => {
  const [weight, down, up] = [numbers(out * width), numbers(rank * width), numbers(out * rank)];
  const before = weight.slice();
  const merged = mergeAdapter(weight, down, up, { rank, alpha });
  for (let o = 0; o < out; o++) {
    for (let i = 0; i < width; i++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += (up[o * rank + k] ?? Number.NaN) * (down[k * width + i] ?? Number.NaN);
      const wanted = (weight[o * width + i] ?? Number.NaN) + (alpha / rank) * sum;
      // Half a unit of float32's 24 bits, and float64's noise.
      expect(Math.abs((merged[o * width + i] ?? Number.NaN) - wanted)).toBeLessThanOrEqual(
        2 ** -24 * Math.abs(wanted) + 1e-15,
      );
    }
  }
  expect(weight).toEqual(before);
});

test("an adapter whose B is zero changes no bit", () => {
  const weight = numbers(20);
  expect(mergeAdapter(weight, numbers(10), new Float32Array(8), { rank: 2, alpha: 4 })).toEqual(weight);
});

test("sizes that do not match are refused with all sizes", () => {
  expect(() => mergeAdapter(numbers(20), numbers(12), numbers(8), { rank: 2, alpha: 4 })).toThrow(
    "A weight of 20 numbers does not fit an adapter of rank 2 with 12 and 8.",
  );
});

describe.each([
  ["tied", { tie_word_embeddings: true }],
  ["untied, with biases", { tie_word_embeddings: false, attention_bias: true, mlp_bias: true }],
])("a whole model, %s", (_, change) => {
  const model = smallLlama({ num_hidden_layers: 2, ...change });
  const method: Method & { kind: "lora" } = { kind: "lora", rank: 3, alpha: 7.5, targets: everyTarget };
  const specs = parametersOf(model, method);
  const values = new Map(
    specs.map(({ name, shape }) => [
      name,
      name.includes("norm") ? new Float32Array(sizeOf(shape)).fill(1) : numbers(sizeOf(shape), 0.3),
    ]),
  );
  const tokens = [3, 17, 5, 21, 0, 9];

  /** Logits after the last token, from the artifact that the engine runs. */
  function logits(under: Method | null, parameters: ReadonlyMap<string, Float32Array>): number[] {
    const graph = compileGeneration(model, under, { tokens: tokens.length, capacity: 8 }).graph();
    const given: Record<string, number[]> = {
      [generationPorts.inputIds]: tokens,
      [generationPorts.start]: [0],
      [generationPorts.logitsIndex]: [tokens.length - 1],
    };
    const feeds = graph.inputs.map(({ name, shape }) => {
      const data = given[name] ?? parameters.get(name) ?? new Float32Array(sizeOf(shape));
      return [name, tensor(shape, data)];
    });
    return [...(interpret(graph, Object.fromEntries(feeds))[generationPorts.logits]?.data ?? [])];
  }

  test("the merged model's logits are the adapter's", () => {
    const merged = new Map(values);
    for (const [name, down] of values) {
      if (!name.endsWith(".lora_A.weight")) continue;
      const module = name.slice(0, -".lora_A.weight".length);
      const [weight, up] = [values.get(`${module}.weight`), values.get(`${module}.lora_B.weight`)];
      if (!weight || !up) throw new Error(`${module} has no pair`);
      merged.set(`${module}.weight`, mergeAdapter(weight, down, up, method));
    }
    const [wanted, found, base] = [logits(method, values), logits(null, merged), logits(null, values)];
    const apart = (a: readonly number[]) =>
      Math.max(...wanted.map((value, i) => Math.abs(value - (a[i] ?? Number.NaN))));
    expect(wanted).toHaveLength(model.vocabulary);
    // Logits are of the order of 1; weights are rounded to 6e-8 of themselves.
    expect(apart(found)).toBeLessThan(2e-6);
    expect(apart(base)).toBeGreaterThan(0.1);
  });
});

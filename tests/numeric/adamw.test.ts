/**
 * The optimizer artifact against the paper's AdamW, tensor by tensor, both in float64: grouping tensors must not change the
 * result. The adapter has more tensors of one width than one Split can return.
 */

import { expect, test } from "vitest";
import { accumulatorIn, firstMoment, gradientNorm, secondMoment, updated } from "../../src/artifacts/contract.ts";
import { type Method, parametersOf } from "../../src/artifacts/method.ts";
import { compileOptimizer } from "../../src/artifacts/optimizer.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { smallLlama } from "../support/smallLlama.ts";
import { interpret, type Tensor, tensor } from "./reference.ts";

const model = smallLlama({ num_hidden_layers: 5, vocab_size: 24, hidden_size: 8, intermediate_size: 12 });
const targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
const methods: Method[] = [{ kind: "full" }, { kind: "lora", rank: 2, alpha: 4, targets }];
const settings = { beta1: 0.9, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.1 };
const scalars = { learning_rate: 0.01, denominator: 7, max_norm: 0.5 };
const step = 3;

const cases = methods.flatMap((method) => (["wasm", "webgpu"] as const).map((provider) => ({ method, provider })));

test.each(cases)("$method.kind grouped for $provider", ({ method, provider }) => {
  const trained = parametersOf(model, method).filter(({ trainable }) => trainable);
  const random = createRandom(4);
  const drawn = (shape: readonly number[], positive: boolean) =>
    tensor(
      shape,
      Array.from({ length: sizeOf(shape) }, () => (positive ? random.next() : random.normal())),
    );
  const corrections = { bias_correction1: 1 - settings.beta1 ** step, bias_correction2: 1 - settings.beta2 ** step };
  const feeds: Record<string, Tensor> = Object.fromEntries(
    Object.entries({ ...scalars, ...corrections }).map(([name, value]) => [name, tensor([1], [value])]),
  );
  for (const { name, shape } of trained) {
    feeds[name] = drawn(shape, false);
    feeds[accumulatorIn(name)] = drawn(shape, false);
    feeds[firstMoment(name)] = drawn(shape, false);
    feeds[secondMoment(name)] = drawn(shape, true);
  }
  const graph = compileOptimizer(model, method, settings, provider).graph();
  const results = interpret(graph, feeds);

  const dataOf = (name: string) => feeds[name]?.data ?? new Float64Array();
  const squares = trained.flatMap(({ name }) => Array.from(dataOf(accumulatorIn(name)), (g) => (g / 7) ** 2));
  const norm = Math.sqrt(squares.reduce((sum, x) => sum + x, 0));
  expect(results[gradientNorm]?.data[0]).toBeCloseTo(norm, 10);
  const scale = Math.min(1, scalars.max_norm / (norm + 1e-6)) / scalars.denominator;
  const close = (name: string, expected: readonly number[]) => {
    const actual = results[updated(name)]?.data ?? [];
    expect([name, actual.length]).toEqual([name, expected.length]);
    const worst = Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] ?? Number.NaN))));
    expect([name, worst < 1e-6]).toEqual([name, true]);
  };
  for (const { name } of trained) {
    const g = Array.from(dataOf(accumulatorIn(name)), (value) => value * scale);
    const m = g.map((value, i) => settings.beta1 * (dataOf(firstMoment(name))[i] as number) + 0.1 * value);
    const v = g.map((value, i) => settings.beta2 * (dataOf(secondMoment(name))[i] as number) + 0.01 * value * value);
    close(firstMoment(name), m);
    close(secondMoment(name), v);
    close(
      name,
      g.map((_, i) => {
        const decayed = (dataOf(name)[i] as number) * (1 - scalars.learning_rate * settings.weightDecay);
        const denominator = Math.sqrt((v[i] as number) / corrections.bias_correction2) + settings.epsilon;
        return decayed - (scalars.learning_rate * ((m[i] as number) / corrections.bias_correction1)) / denominator;
      }),
    );
  }
});

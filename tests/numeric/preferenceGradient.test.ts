/**
 * The gradient of preferences. Oracles: the direct loss as one graph, differentiated in float64 on the reference interpreter,
 * whose rows of the gradient check compare with differences; and central differences of `preferenceLoss`.
 * Tolerances: 1e-6 for both, in float64.
 */

import { describe, expect, test } from "vitest";
import { compileTraining } from "../../src/artifacts/compile.ts";
import { accumulatorIn, accumulatorOut, batchPorts, lazyResetGrad } from "../../src/artifacts/contract.ts";
import { type Method, parametersOf } from "../../src/artifacts/method.ts";
import { backward } from "../../src/autodiff/backward.ts";
import { mismatchedMean, preferenceLoss, type ScoredAnswer } from "../../src/batching/preference.ts";
import { GraphBuilder } from "../../src/onnx/builder.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { smallLlama } from "../support/smallLlama.ts";
import { directBatch, directPreference, directSettings, directTokenLosses, givenOf } from "./directPreference.ts";
import { interpret, type Tensor, tensor } from "./reference.ts";

const model = smallLlama({ num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1, hidden_size: 8 });
const methods: Readonly<Record<"full" | "LoRA", Method>> = {
  full: { kind: "full" },
  LoRA: { kind: "lora", rank: 2, alpha: 4, targets: ["q_proj", "v_proj", "down_proj"] },
};
const cases = Object.entries(directSettings).flatMap(([name, settings]) =>
  (["full", "LoRA"] as const).flatMap((method) => [5, 17].map((seed) => ({ name, settings, method, seed }))),
);

describe("signed token weights", () => {
  test.each(cases)(
    "have the gradient of the direct loss: $name, $method, seed $seed",
    ({ settings, method: kind, seed }) => {
      const method = methods[kind];
      const random = createRandom(seed);
      const { answers, batch } = directBatch(settings.loss, model.vocabulary, seed);
      const specs = parametersOf(model, method);
      const trainable = specs.filter((spec) => spec.trainable);
      const given = givenOf(batch);
      const feeds: Record<string, Tensor> = {};
      for (const { name, shape } of compileTraining(model, method, batch.shape).inputs) {
        const centre = name.includes("norm") ? 1 : 0;
        feeds[name] = tensor(
          shape,
          given[name] ?? Array.from({ length: sizeOf(shape) }, () => centre + 0.5 * random.normal()),
        );
      }
      for (const { name, shape } of trainable)
        feeds[accumulatorIn(name)] = tensor(shape, new Float64Array(sizeOf(shape)));
      feeds[lazyResetGrad] = tensor([1], [1]);

      const direct = new GraphBuilder("direct");
      const tokenLosses = directTokenLosses(direct, model, method, batch.shape);
      const perToken = interpret(direct.finish({ tokenLosses }), feeds).tokenLosses?.data ?? new Float64Array();
      const begins = answers.map((_, i) => answers.slice(0, i).reduce((sum, { tokens }) => sum + tokens, 0));
      const scored = answers.map((answer, i): ScoredAnswer => {
        const begin = begins[i] ?? Number.NaN;
        const own = perToken.subarray(begin, begin + answer.tokens);
        return { ...answer, logProbability: -own.reduce((sum, value) => sum + value, 0) };
      });
      const z = mismatchedMean(scored);
      const result = preferenceLoss(settings, scored);

      const total = directPreference(direct, settings, answers, tokenLosses, z);
      const inputs = new Map(direct.finish({ total }).inputs.map((value) => [value.name, value]));
      const wanted = trainable.map(({ name }) => {
        const value = inputs.get(name);
        if (!value) throw new Error(`The direct loss does not read ${name}.`);
        return value;
      });
      const sum = direct.reduceSum(total, [0, 1]);
      const gradients = backward(direct, sum, wanted);
      const expected = interpret(
        direct.finish({
          total: sum,
          ...Object.fromEntries(gradients.map((g, i) => [`gradient${i}`, direct.add(g, direct.scalar(0))])),
        }),
        feeds,
      );
      expect(Math.abs(result.lossSum - Number(expected.total?.data[0]))).toBeLessThan(1e-6 * Math.abs(result.lossSum));

      const lossWeights = new Float64Array(batch.shape.supervised);
      answers.forEach(({ tokens }, i) => {
        const begin = begins[i] ?? Number.NaN;
        lossWeights.fill(result.tokenWeights[i] ?? Number.NaN, begin, begin + tokens);
      });
      feeds[batchPorts.lossWeights] = tensor([batch.shape.supervised], lossWeights);
      const found = interpret(compileTraining(model, method, batch.shape).graph(), feeds);
      for (const [i, { name }] of trainable.entries()) {
        const own = found[accumulatorOut(name)]?.data ?? new Float64Array();
        const wish = expected[`gradient${i}`]?.data ?? new Float64Array();
        const largest = Math.max(...wish.map(Math.abs));
        expect(own).toHaveLength(wish.length);
        expect(largest).toBeGreaterThan(0);
        const error = Math.max(...wish.map((value, at) => Math.abs(value - (own[at] ?? Number.NaN)))) / largest;
        expect([name, error < 1e-6 || error]).toEqual([name, true]);
      }
    },
  );
});

describe("preferenceLoss", () => {
  test.each(Object.entries(directSettings))(
    "%s: its token weights are minus the differences of its loss",
    (_, settings) => {
      for (const seed of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
        const random = createRandom(seed);
        // Far apart in either direction too, where a sigmoid saturates.
        const scale = seed % 3 === 0 ? 40 : 3;
        const scored = directBatch(settings.loss, 50, seed).answers.map(
          (answer): ScoredAnswer => ({
            ...answer,
            reference: -answer.tokens * (0.1 + scale * random.next()),
            logProbability: -answer.tokens * (0.1 + scale * random.next()),
          }),
        );
        const { tokenWeights, lossSum } = preferenceLoss(settings, scored);
        expect(lossSum).toBeGreaterThan(0);
        const h = 1e-5;
        for (const [i, { role, logProbability }] of scored.entries()) {
          const at = (value: number) =>
            preferenceLoss(
              settings,
              scored.map((answer, j) => (i === j ? { ...answer, logProbability: value } : answer)),
            ).lossSum;
          const slope = (at(logProbability + h) - at(logProbability - h)) / (2 * h);
          // KTO's z has no gradient, by definition.
          const wish = role === "mismatched" ? 0 : -slope;
          expect(Math.abs((tokenWeights[i] ?? Number.NaN) - wish)).toBeLessThan(1e-6 * Math.max(1, Math.abs(wish)));
        }
      }
    },
  );

  test("KTO's z is 0 where mismatched answers are less likely than under the reference, and lowers chosen rewards where above", () => {
    const answer = (role: ScoredAnswer["role"], ratio: number, unit: number): ScoredAnswer => ({
      ...{ unit, role, tokens: 2, weight: 1, reference: -4, logProbability: -4 + ratio },
    });
    const loss = (mismatched: number) =>
      preferenceLoss(directSettings.kto, [answer("chosen", 0, 0), answer("mismatched", mismatched, 0)]).lossSum;
    expect(mismatchedMean([answer("mismatched", -3, 0), answer("mismatched", 1, 1)])).toBe(0);
    expect(mismatchedMean([answer("mismatched", -1, 0), answer("mismatched", 3, 1)])).toBe(1);
    expect(loss(-3)).toBe(0.5);
    expect(loss(2)).toBeCloseTo(1 - 1 / (1 + Math.exp(1)), 12);
  });

  test.each(["dpo", "ipo", "simpo", "orpo"] as const)("%s refuses an answer without its partner", (loss) => {
    const [first, second] = directBatch(loss, 50, 3).answers.map(
      (answer): ScoredAnswer => ({ ...answer, logProbability: -3 }),
    );
    if (!first || !second) throw new Error("two answers were expected");
    expect(() => preferenceLoss(directSettings[loss], [first, second, { ...first, unit: 7 }])).toThrow(
      `Pair 8 has only one answer, but ${loss} compares two.`,
    );
  });

  test("stays finite for answers that are certain or hopeless", () => {
    for (const settings of Object.values(directSettings)) {
      for (const [chosen, rejected] of [
        [0, -4000],
        [-4000, 0],
        [0, 0],
        [-4000, -4000],
      ] as const) {
        const sides = [
          ["chosen", chosen],
          ["rejected", rejected],
        ] as const;
        const { lossSum, tokenWeights } = preferenceLoss(
          settings,
          sides.map(([role, logProbability]) => ({
            unit: 0,
            role,
            tokens: 3,
            reference: -5,
            weight: 1,
            logProbability,
          })),
        );
        expect([settings.loss, [lossSum, ...tokenWeights].every(Number.isFinite)]).toEqual([settings.loss, true]);
      }
    }
  });
});

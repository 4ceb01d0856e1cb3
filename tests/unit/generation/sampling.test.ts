import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { candidates, checkSampling, greedy, type Sampling, sampleToken } from "../../../src/generation/sampling.ts";
import { createRandom } from "../../../src/tensor/random.ts";

const plain = { temperature: 1, topK: null, topP: null };
/** Logits whose softmax is these probabilities. */
const logitsOf = (...probabilities: number[]) => Float32Array.from(probabilities, Math.log);
const anyLogits = fc
  .array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 40 })
  .map((x) => Float32Array.from(x));
const at = (values: ArrayLike<number>, index: number) => values[index] as number;
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
/** Oracle: ids by probability, then by id, from a plain sort. */
const ranked = (logits: Float32Array) => [...logits.keys()].sort((a, b) => at(logits, b) - at(logits, a) || a - b);

describe("greedy", () => {
  test.each([
    [[1, 3, 2], 1],
    [[2, 3, 3, 3], 1],
    [[Number.NEGATIVE_INFINITY, -5], 1],
    [[7], 0],
  ])("of %j is %i, equals by lower id", (logits, id) => {
    expect(greedy(Float32Array.from(logits))).toBe(id);
  });

  test.each([
    [[0, Number.NaN], "token 1 is NaN"],
    [[0, Number.POSITIVE_INFINITY], "highest logit is Infinity"],
    [[Number.NEGATIVE_INFINITY], "highest logit is -Infinity"],
    [[], "highest logit is -Infinity"],
  ])("of %j is refused, and so is drawing", (logits, message) => {
    expect(() => greedy(Float32Array.from(logits))).toThrow(message);
    expect(() => sampleToken(Float32Array.from(logits), plain, createRandom(1))).toThrow(message);
  });

  test("is what a temperature near 0 gives, where no two are equal", () => {
    const distinct = fc.uniqueArray(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(distinct, fc.integer(), (values, seed) => {
        const logits = Float32Array.from(values);
        const cold = sampleToken(logits, { ...plain, temperature: 1e-3 }, createRandom(seed));
        expect(cold).toBe(greedy(logits));
        expect(sampleToken(logits, { ...plain, temperature: 0 }, createRandom(seed))).toBe(cold);
      }),
    );
  });
});

describe("candidates", () => {
  test.each([
    ["top-k 2", { topK: 2, topP: null }, [3, 1]],
    ["top-k of more than there are", { topK: 99, topP: null }, [3, 1, 0, 2]],
    ["top-p 0.5, reached by two", { topK: null, topP: 0.5 }, [3, 1]],
    ["top-p 0.3, exceeded by the first two only", { topK: null, topP: 0.3 }, [3, 1]],
    ["top-p 0.2, the first alone", { topK: null, topP: 0.2 }, [3]],
    ["top-p 0.8 after top-k 3: of 0.75, so 0.6", { topK: 3, topP: 0.8 }, [3, 1, 0]],
    ["top-p 0.6 after top-k 3: of 0.75, so 0.45", { topK: 3, topP: 0.6 }, [3, 1]],
    ["top-p 1", { topK: 2, topP: 1 }, [3, 1]],
  ])("%s", (_, setting, ids) => {
    const logits = Float32Array.of(0.25, 0.25, 0.25, 0.25).map(Math.log);
    // Probabilities 0.25 + small steps: 3 > 1 > 0 > 2, steps far below what the rows test.
    for (const [id, step] of [1e-4, 2e-4, 0, 3e-4].entries()) logits[id] = at(logits, id) + step;
    expect(candidates(logits, { temperature: 1, ...setting }).ids).toEqual(ids);
  });

  test("temperature comes before top-p: a hot model keeps more", () => {
    const logits = logitsOf(0.9, 0.09, 0.01);
    expect(candidates(logits, { temperature: 1, topK: null, topP: 0.9 - 1e-6 }).ids).toEqual([0]);
    expect(candidates(logits, { temperature: 5, topK: null, topP: 0.9 - 1e-6 }).ids).toEqual([0, 1, 2]);
  });

  test("top-p that a set reaches exactly takes no token more", () => {
    expect(candidates(Float32Array.of(0, 0, 0, 0), { ...plain, topP: 0.5 }).ids).toEqual([0, 1]);
  });

  test("equals go by lower id", () => {
    expect(candidates(Float32Array.of(1, 2, 2, 2), { temperature: 1, topK: 2, topP: null }).ids).toEqual([1, 2]);
  });

  test("tokens of probability 0 are never among them", () => {
    const logits = Float32Array.of(0, Number.NEGATIVE_INFINITY, -1e30, 0);
    for (const setting of [plain, { ...plain, topK: 4 }, { ...plain, topP: 0.999 }]) {
      expect([...candidates(logits, setting).ids].sort()).toEqual([0, 3]);
    }
  });

  test("top-k keeps the k of a plain sort, in its order", () => {
    fc.assert(
      fc.property(anyLogits, fc.integer({ min: 1, max: 45 }), (logits, topK) => {
        expect(candidates(logits, { ...plain, topK }).ids).toEqual(ranked(logits).slice(0, topK));
      }),
    );
  });

  test("top-p is the smallest set of the most likely tokens that reaches p", () => {
    fc.assert(
      fc.property(anyLogits, fc.double({ min: 0.01, max: 0.999, noNaN: true }), (logits, topP) => {
        const { ids, weights } = candidates(logits, { ...plain, topP });
        const mass = sum(candidates(logits, plain).weights as number[]);
        expect(ids).toEqual(ranked(logits).slice(0, ids.length));
        expect(sum([...weights]) / mass).toBeGreaterThanOrEqual(topP - 1e-12);
        expect(sum(weights.slice(0, -1)) / mass).toBeLessThan(topP + 1e-12);
      }),
    );
  });
});

/** Oracle: the definition, with a sort of the whole vocabulary. */
function sorted(logits: Float32Array, { temperature, topK, topP }: Sampling) {
  const highest = Math.max(...logits);
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - highest) / temperature));
  const drawable = [...weights.keys()].filter((id) => at(weights, id) > 0);
  if (topK === null && (topP === null || topP === 1)) return drawable;
  const most = [...drawable].sort((a, b) => at(logits, b) - at(logits, a) || a - b).slice(0, topK ?? drawable.length);
  if (topP === null) return most;
  const wanted = topP * sum((topK === null ? drawable : most).map((id) => at(weights, id)));
  let cumulative = 0;
  let size = 0;
  while (cumulative < wanted && size < most.length) cumulative += at(weights, at(most, size++));
  return most.slice(0, size);
}

describe.each([0.01, 0.7, 3, 1000])("of 5,000 tokens with many ties at temperature %d", (temperature) => {
  const random = createRandom(23);
  const logits = Float32Array.from({ length: 5000 }, () => Math.round(20 * random.normal()) / 4);
  const highest = Math.max(...logits);
  const settings = [null, 1, 7, 64, 65, 600, 6000].flatMap((topK) =>
    [null, 0.01, 0.5, 0.9, 0.9999, 1].map((topP) => ({ temperature, topK, topP })),
  );

  test.each(settings)("candidates and draws of %o are those of a whole sort", (sampling) => {
    const ids = sorted(logits, sampling);
    expect(candidates(logits, sampling).ids).toEqual(ids);
    const weights = ids.map((id) => Math.exp((at(logits, id) - highest) / temperature));
    const [drawn, same] = [createRandom(4), createRandom(4)];
    for (let draw = 0; draw < 20; draw++) {
      let left = same.next() * sum(weights);
      const rank = weights.findIndex((weight) => {
        left -= weight;
        return left < 0;
      });
      expect(sampleToken(logits, sampling, drawn)).toBe(ids.at(rank));
    }
  });
});

describe("drawing", () => {
  test.each([
    ["plain", plain, [0.5, 0.3, 0.15, 0.05]],
    [
      "temperature 0.5 squares the odds",
      { ...plain, temperature: 0.5 },
      [0.25, 0.09, 0.0225, 0.0025].map((p) => p / 0.365),
    ],
    ["top-k 2", { ...plain, topK: 2 }, [0.625, 0.375, 0, 0]],
    ["top-p 0.9", { ...plain, topP: 0.9 }, [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]],
  ])("follows the distribution: %s", (_, setting, expected) => {
    const random = createRandom(11);
    const counts = [0, 0, 0, 0];
    const draws = 40_000;
    for (let i = 0; i < draws; i++) {
      const id = sampleToken(logitsOf(0.5, 0.3, 0.15, 0.05), setting, random);
      counts[id] = at(counts, id) + 1;
    }
    // Tolerance: four standard deviations of a binomial share.
    for (const [id, share] of expected.entries()) {
      const tolerance = 4 * Math.sqrt((share * (1 - share)) / draws);
      expect(Math.abs(at(counts, id) / draws - share)).toBeLessThanOrEqual(tolerance + 1e-12);
    }
  });

  test("follows from the seed alone", () => {
    const draw = (seed: number) => {
      const random = createRandom(seed);
      return Array.from({ length: 50 }, () => sampleToken(logitsOf(0.3, 0.3, 0.4), plain, random));
    };
    expect(draw(5)).toEqual(draw(5));
    expect(draw(5)).not.toEqual(draw(6));
  });
});

test.each([
  [{ temperature: -1 }, "temperature is -1"],
  [{ temperature: Number.NaN }, "temperature is NaN"],
  [{ topK: 0 }, "Top-k is 0"],
  [{ topK: 1.5 }, "Top-k is 1.5"],
  [{ topP: 0 }, "Top-p is 0"],
  [{ topP: 1.1 }, "Top-p is 1.1"],
])("%j is refused", (setting, message) => {
  expect(() => checkSampling({ ...plain, ...setting })).toThrow(message);
});

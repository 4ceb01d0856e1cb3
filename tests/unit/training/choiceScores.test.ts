/** Scores of choices. Oracle: a made-up model whose loss at each position is a known function of the two tokens there. */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Batch } from "../../../src/batching/batch.ts";
import { choiceScores } from "../../../src/training/choiceScores.ts";

/** −log P of a token after another one. */
const lossOf = (before: number, token: number) => 0.1 * before + token;

const program = {
  tokenLosses: async ({ inputIds, supervisedIndex, targets, supervised }: Batch) =>
    Float32Array.from({ length: supervised }, (_, i) =>
      lossOf(inputIds[supervisedIndex[i] ?? -1] ?? Number.NaN, targets[i] ?? Number.NaN),
    ),
};

const tokens = (minLength: number) => fc.array(fc.integer({ min: 1, max: 30 }), { minLength, maxLength: 12 });

test("each score is the sum over its own tokens, in the order of the input", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(tokens(1), tokens(0)), { maxLength: 20 }), async (choices) => {
      const given = choices.map(([prompt, answer]) => ({
        prompt: Int32Array.from(prompt),
        answer: Int32Array.from(answer),
      }));
      const scores = await choiceScores(given, { program, contextLength: 16 });
      expect(scores).toHaveLength(choices.length);
      for (const [index, [prompt, answer]] of choices.entries()) {
        const fits = answer.length > 0 && prompt.length + answer.length <= 16;
        const all = [...prompt, ...answer];
        const sum = answer.reduce((total, token, i) => total - lossOf(all[prompt.length + i - 1] ?? 0, token), 0);
        if (fits) expect(scores[index]).toBeCloseTo(sum, 3);
        else expect(scores[index]).toBe(Number.NEGATIVE_INFINITY);
      }
    }),
  );
});

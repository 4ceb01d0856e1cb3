/** Loss on general text. Oracle: the tokens that plain text is trained on, counted by hand on a byte-level tokenizer. */

import { expect, test } from "vitest";
import type { Batch } from "../../../src/batching/batch.ts";
import { renderText } from "../../../src/templates/mask.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { textLoss } from "../../../src/training/textLoss.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";

const { json, config } = byteLevelTokenizer();
const tokenizer = createTokenizer(json, config);

const tokensIn = (text: string) => tokenizer.encode(renderText(text, tokenizer)).ids;

/** Notes the batches; every token's loss is 1 in the first batch, 2 in the second, and so on. */
function counting(seen: Batch[]) {
  return {
    async lossSum(batch: Batch) {
      seen.push(batch);
      return seen.length * batch.denominator;
    },
  };
}
const tokensOf = (seen: readonly Batch[]) => seen.map(({ denominator }) => denominator);
const parts = (seen: Batch[], contextLength = 128) => ({ program: counting(seen), contextLength });

test("every token but the first counts once, the end of the text with it; each text stands for itself", async () => {
  const seen: Batch[] = [];
  // BOS, three bytes, EOS: four are predicted. An empty text is BOS and EOS.
  expect(await textLoss([tokensIn("abc"), tokensIn("")], parts(seen))).toBe(1);
  expect(tokensOf(seen)).toEqual([4 + 1]);
  expect([...(seen[0]?.targets ?? [])].filter((id) => id === tokenizer.eos?.id)).toHaveLength(2);
  expect(seen[0]?.origins.map(({ row }) => row)).toEqual([1, 0]);
});

test("a text is cut at the context, and many texts come in batches", async () => {
  const seen: Batch[] = [];
  expect(
    await textLoss(
      [..."abcdefghi"].map((letter) => tokensIn(letter.repeat(100))),
      parts(seen, 20),
    ),
  ).toBeCloseTo((8 * 1 + 1 * 2) / 9, 12);
  expect(tokensOf(seen)).toEqual([8 * 19, 19]);
  expect(seen.map(({ origins }) => origins.length)).toEqual([8, 1]);
});

test("without a text there is no loss, and a signal ends it with its reason", async () => {
  const seen: Batch[] = [];
  expect(await textLoss([], parts(seen))).toBeNull();
  const { signal } = { signal: AbortSignal.abort() };
  await expect(textLoss([tokensIn("abc")], parts(seen), { signal })).rejects.toMatchObject({ name: "AbortError" });
  expect(seen).toEqual([]);
});

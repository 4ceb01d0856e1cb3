/** Tokens without a row in the embedding. Oracle: the ids of texts, which must all have a row, and decode to the text. */

import { describe, expect, it, test } from "vitest";
import { fitTokenizer } from "../../../src/engine/fitTokenizer.ts";
import { createLibrary } from "../../../src/engine/library.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { renderText } from "../../../src/templates/mask.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { asFiles, sizedModel } from "../../support/tinyLlama.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";
import { newDisk, tabOn } from "../storage/backend.ts";

const image = "<image_soft_token>";
/** Its last added token is the image's. */
const { json, config } = byteLevelTokenizer({ added: ["<|end|>", image] });
const whole = createTokenizer(json, config);
const rows = whole.size - 1;
const asTokenizer = (more: object) => ({ tokenizerJson: { ...json }, tokenizerConfig: { ...config, ...more } });

describe("an added token beyond the embedding is read as text", () => {
  it.each<[string, object]>([
    ["in tokenizer.json", {}],
    ["named by a field", { image_token: image }],
    ["named as an object", { image_token: { content: image, special: true } }],
    ["in a list", { extra_special_tokens: ["<|end|>", image] }],
    ["in an object of names", { extra_special_tokens: { image_token: image, end: "<|end|>" } }],
    ["in the older list", { additional_special_tokens: [{ content: image }, "<|end|>"] }],
    ["in added_tokens_decoder", { added_tokens_decoder: { [rows]: { content: image, special: true } } }],
  ])("%s", (_, more) => {
    expect(whole.addedToken(image)).toBe(rows);
    const fitted = fitTokenizer(asTokenizer(more), rows);
    expect(fitted.removed).toEqual([image]);
    expect(fitted.vocabulary.size).toBeLessThanOrEqual(rows);
    const tokenizer = createTokenizer(fitted.tokenizerJson, fitted.tokenizerConfig);
    const { ids } = tokenizer.encode(renderText(`a${image}b<|end|>`, tokenizer));
    expect(Math.max(...ids)).toBeLessThan(rows);
    expect(tokenizer.decode(ids)).toContain(`a${image}b`);
    expect([tokenizer.bos, tokenizer.eos, tokenizer.addedToken("<|end|>")]).toEqual([
      whole.bos,
      whole.eos,
      whole.addedToken("<|end|>"),
    ]);
  });

  it("keeps a tokenizer that fits as it is", () => {
    const given = asTokenizer({});
    expect(fitTokenizer(given, rows + 1)).toMatchObject({ ...given, removed: [] });
  });

  it.each([
    ["EOS", rows - 2, /ids up to \d+ \(<\/s> is one of them\), but config\.json has a vocab_size of \d+: take both/],
    [
      "a token of the vocabulary",
      200,
      /ids up to \d+.*, but config\.json has a vocab_size of 200: take both from the same/,
    ],
  ])("refuses %s beyond the embedding", (_, size, message) => {
    expect(() => fitTokenizer(asTokenizer({}), size)).toThrow(message);
  });
});

test("such a model opens with a note, and the page's tokenizer has no such token", async () => {
  const storage = await openStorage(tabOn(newDisk()));
  const library = createLibrary(storage, () => undefined);
  const files = {
    ...sizedModel({ vocab_size: rows }),
    "tokenizer.json": JSON.stringify(json),
    "tokenizer_config.json": JSON.stringify({ ...config, image_token: image }),
  };
  const {
    summary,
    files: given,
    opened,
  } = await library.openModel({ kind: "files", files: asFiles(files), name: "a" });
  expect(summary.notes).toEqual([`The tokenizer's ${image} has no row in the embedding, so it is read as plain text.`]);
  expect(JSON.stringify(given)).not.toContain(image);
  // The export writes the base's own files.
  expect(JSON.stringify(opened.tokenizerJson)).toContain(image);
});

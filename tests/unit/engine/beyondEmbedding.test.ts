/** Models whose tokenizer has ids without a row in the embedding, as Gemma 3's text models. Oracle: config.json's vocab_size. */

import { describe, expect, it, test } from "vitest";
import { createDatasetService } from "../../../src/datasets/datasets.ts";
import { createLibrary } from "../../../src/engine/library.ts";
import type { DataSpec } from "../../../src/run/dataSpec.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { asFiles, sizedModel } from "../../support/tinyLlama.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";
import { newDisk, tabOn } from "../storage/backend.ts";

const image = "<image_soft_token>";
const { json, config } = byteLevelTokenizer({ added: ["<|end|>", image] });
const tokenizer = createTokenizer(json, config);
const last = tokenizer.size - 1;

async function open(rows: number, more: object = {}) {
  const storage = await openStorage(tabOn(newDisk()));
  const files = {
    ...sizedModel({ vocab_size: rows }),
    "tokenizer.json": JSON.stringify(json),
    "tokenizer_config.json": JSON.stringify({ ...config, ...more }),
  };
  const library = createLibrary(storage, () => undefined);
  return { storage, model: await library.openModel({ kind: "files", files: asFiles(files), name: "a" }) };
}

test("an added token without a row: the model opens, and a row is left out where its text has the token", async () => {
  expect(tokenizer.addedToken(image)).toBe(last);
  const { storage, model } = await open(last);
  expect(model.files.vocabulary).toBe(last);
  const data = createDatasetService(storage, () => undefined).during("test");
  await data.addModel(model.files);
  const texts = ["A wren.", `See ${image}.`].map((output) => JSON.stringify({ instruction: "Say it.", output }));
  const { sources } = await data.open([new File([texts.join("\n")], "a.jsonl")]);
  const spec = (specialTokens: boolean): DataSpec => ({
    modelHash: model.files.modelHash,
    sources: [
      {
        hash: sources[0]?.hash ?? "",
        mapping: null,
        lambda: 1,
        excluded: [],
        options: { specialTokens, replaced: false },
      },
    ],
    settings: {
      ...{ template: { kind: "built-in", name: "hone" }, systemPrompt: null, mask: "responses" },
      ...{ maxLength: 128, truncation: "drop" },
    },
    mixture: "sampling",
    validationShare: 0,
    seed: 1,
  });
  // In content it is text, unless the source's option says that it is the token.
  expect((await data.heads(spec(false), 0, 0, 2)).map(({ state }) => state)).toEqual(["used", "used"]);
  const [first, second] = await data.heads(spec(true), 0, 0, 2);
  expect(first?.state).toBe("used");
  expect(second).toMatchObject({ state: "left out" });
  expect(second?.problem).toMatch(
    `The text has the token "${image}" with the id ${last}, but the model's vocabulary ends at ${last - 1}.`,
  );
});

describe("refused at the opening", () => {
  it.each<[string, number, object]>([
    ["a token of the vocabulary", 200, {}],
    ["EOS", last, { eos_token: image }],
    ["BOS", last - 3, { eos_token: null }],
  ])("%s", async (_, rows, more) => {
    await expect(open(rows, more)).rejects.toThrow(
      /^tokenizer\.json has ids up to \d+, but config\.json has a vocab_size of \d+: take both from the same model\.$/,
    );
  });
});

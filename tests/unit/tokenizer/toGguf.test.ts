/** Tokenizers as llama.cpp has them. Oracle: its own ids of the same keys, by fromGguf.ts and its golden; `npm run gguf`. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { projectRoot } from "../../../scripts/setup.mjs";
import { tokenTypes } from "../../../src/tokenizer/fromGguf.ts";
import { tokenizerToGguf } from "../../../src/tokenizer/toGguf.ts";
import {
  byteLevelTokenizer,
  gpt2Words,
  llama3Words,
  metaspace,
  qwenWords,
  sentencePieceTokenizer,
  unigramTokenizer,
} from "../../support/tokenizers.ts";

interface Files {
  readonly json: object;
  readonly config: object;
}

const rowsOf = ({ json }: Files): number => {
  const { model, added_tokens: added = [] } = json as {
    model: { vocab: Readonly<Record<string, number>> };
    added_tokens?: readonly { id: number }[];
  };
  return 1 + Math.max(...Object.values(model.vocab), ...added.map(({ id }) => id));
};

const written = (files: Files, rows = rowsOf(files)) =>
  tokenizerToGguf({ tokenizerJson: files.json, tokenizerConfig: files.config, modelType: null, rows });

test.each([
  ["gpt-2", gpt2Words],
  ["qwen2", qwenWords],
  ["dbrx", llama3Words],
])("%s is the name of its pattern", (pre, words) => {
  expect(written(byteLevelTokenizer({}, words))).toMatchObject({ model: "gpt2", pre, scores: null });
});

test("Llama 3's pattern takes whole words too, where the file says so", () => {
  const { json, config } = byteLevelTokenizer({}, llama3Words) as Files & { json: { model: object } };
  const whole = { ...json, model: { ...json.model, ignore_merges: true } };
  expect(written({ json: whole, config }).pre).toBe("llama-bpe");
});

test("a normalizer that composes is noted, because llama.cpp has none", () => {
  expect(written(byteLevelTokenizer({}, qwenWords)).notes).toEqual([
    expect.stringMatching(/does not compose characters/),
  ]);
});

test("SentencePiece's merges become scores, the earliest merge the highest", () => {
  const files = sentencePieceTokenizer({}, metaspace);
  const { model, scores, tokens, types } = written(files);
  expect(model).toBe("llama");
  const merges = (files.json as { model: { merges: readonly (string | readonly string[])[] } }).model.merges;
  const made = merges.map((merge) => (typeof merge === "string" ? merge.replace(" ", "") : merge.join("")));
  const inOrder = [...new Set(made)].map((text) => scores?.[tokens.indexOf(text)] ?? Number.NaN);
  expect(inOrder).toEqual(inOrder.toSorted((a, b) => b - a));
  expect(types?.filter((type) => type === tokenTypes.byte)).toHaveLength(256);
});

test("every row of the embedding has a token, and a vocabulary beyond it is refused", () => {
  const files = byteLevelTokenizer({}, gpt2Words);
  const rows = rowsOf(files);
  const { tokens, types } = written(files, rows + 5);
  expect(tokens.slice(rows)).toEqual([0, 1, 2, 3, 4].map((i) => `[PAD${rows + i}]`));
  expect(types?.slice(rows)).toEqual(Array(5).fill(tokenTypes.unused));
  expect(() => written(files, rows - 1)).toThrow(
    new RegExp(`has ${rows} tokens, but the embedding has ${rows - 1} rows`),
  );
});

test("special tokens are control tokens, the others the user's", () => {
  const { tokens, types } = written(byteLevelTokenizer({ added: ["<|end|>"] }, gpt2Words));
  expect(types?.[tokens.indexOf("<|end|>")]).toBe(tokenTypes.control);
});

test("Seedling's contractions are no pattern of llama.cpp: whole words of the closest stand for them, and a note has the rest", () => {
  const read = (name: string) => JSON.parse(readFileSync(join(projectRoot, "public/models/seedling", name), "utf8"));
  const json = read("tokenizer.json");
  const { pre, merges, tokens, notes } = written({ json, config: read("tokenizer_config.json") });
  expect(pre).toBe("tekken");
  expect(tokens).toContain("'s");
  expect(json.model.merges.map((merge: string | string[]) => [merge].flat().join(" "))).toContain("' s");
  expect(merges).not.toContain("' s");
  expect(notes).toEqual([
    expect.stringMatching(
      /^llama\.cpp has no pattern .* By "tekken", 3,\d{3} of 3,\d{3} samples have the same tokens\.$/,
    ),
    expect.stringMatching(/^In llama\.cpp, [12] of 3,\d{3} samples have other tokens, such as "it'sOK"\.$/),
  ]);
});

test.each([
  ["Unigram", unigramTokenizer(), /its model is Unigram/],
  [
    "words of single characters",
    byteLevelTokenizer(
      {},
      {
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [
            { type: "Split", pattern: { Regex: "." }, behavior: "Isolated", invert: false },
            { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
          ],
        },
      },
    ),
    /its pre_tokenizer splits words as none/,
  ],
])("%s is refused by name, with the way out", (_name, files, message) => {
  expect(() => written(files as Files, 400)).toThrow(message);
  expect(() => written(files as Files, 400)).toThrow(/Take the merged model or the adapter along instead\.$/);
});

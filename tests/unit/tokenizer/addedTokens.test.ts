/** Added tokens that strip white space or stand alone; oracle: the `tokenizers` library, frozen by tests/golden/addedTokens. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Message } from "../../../src/records/example.ts";
import type { WeightedSegment } from "../../../src/tokenizer/segment.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { byteLevelTokenizer, gpt2Words } from "../../support/tokenizers.ts";
import { chatml, controlText, hone, plainText, render } from "./turns.ts";

interface Added {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly normalized: boolean;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

function withAdded(added: readonly Added[]) {
  const { json, config } = byteLevelTokenizer({}, gpt2Words);
  return createTokenizer({ ...json, added_tokens: [...json.added_tokens, ...added] }, config);
}

const groups = readFileSync(new URL("../../golden/addedTokens/golden.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line): { added: Added[]; cases: [string, number[]][] } => JSON.parse(line));

/** Whether a cut at `at` divides an added token or a character. */
const divides = (text: string, at: number, added: readonly Added[]) =>
  added.some(({ content }) =>
    Array.from({ length: content.length - 1 }, (_, i) => at - 1 - i).some((from) => text.startsWith(content, from)),
  ) || /[\ud800-\udbff]$/.test(text.slice(0, at));

describe("frozen", () => {
  test.each(groups)("group %#", ({ added, cases }) => {
    const tokenizer = withAdded(added);
    const ids = (...texts: string[]) => [...tokenizer.encode(texts.map((text) => controlText(text))).ids];
    let cuts = 0;
    for (const [text, expected] of cases) {
      expect([text, ids(text)]).toEqual([text, expected]);
      for (let at = 1; at < text.length; at++) {
        if (divides(text, at, added)) continue;
        cuts++;
        expect(ids(text.slice(0, at), text.slice(at))).toEqual(expected);
      }
    }
    expect(cuts).toBeGreaterThan(50);
  });
});

/** Tokens with these flags, after the ids of the small tokenizer. */
function flagged(contents: readonly string[], flags: Partial<Added>) {
  const { json } = byteLevelTokenizer({}, gpt2Words);
  const next = 1 + Math.max(...json.added_tokens.map(({ id }) => id));
  const plain = { special: true, normalized: false, single_word: false, lstrip: false, rstrip: false };
  return withAdded(contents.map((content, i) => ({ id: next + i, content, ...plain, ...flags })));
}

const answer = (text: string, kind: "content" | "control" = "content"): WeightedSegment => ({
  ...{ text, kind, role: "assistant", message: 1, answer: true, supervised: true, weight: 1 },
});
const names = (tokenizer: ReturnType<typeof withAdded>, segments: readonly WeightedSegment[]) => {
  const { ids, mask } = tokenizer.encode(segments);
  return [...ids].map((id, i) => `${tokenizer.show(id)}${mask[i] ? "*" : ""}`);
};

describe("beside answers", () => {
  const markers = ["<|user|>", "<|assistant|>", "<|end|>"];

  test("a header's token strips its line break and the content's white space", () => {
    const tokenizer = flagged(markers, { rstrip: true });
    const segments = [controlText("<|user|>\n"), plainText(" \n a"), controlText("<|end|>\n<|assistant|>\n")];
    expect(names(tokenizer, segments)).toEqual(["<|user|>", "a", "<|end|>", "<|assistant|>"]);
  });

  test("the white space that the model writes stays, because generation starts there", () => {
    const tokenizer = flagged(markers, { rstrip: true });
    const segments = [controlText("<|assistant|>\n"), answer("\n\nb"), answer("<|end|>", "control"), controlText("\n")];
    expect(names(tokenizer, segments)).toEqual(["<|assistant|>", "\n*", "\n*", "b*", "<|end|>*"]);
  });

  test("lstrip removes the end of an answer, and nothing of a prompt", () => {
    const tokenizer = flagged(markers, { lstrip: true });
    const segments = [controlText("<|assistant|>\n"), answer("b \n"), answer("<|end|>", "control")];
    expect(names(tokenizer, segments)).toEqual(["<|assistant|>", "\n", "b*", "<|end|>*"]);
    const empty = [controlText("<|assistant|>\n"), answer("<|end|>", "control")];
    expect(names(tokenizer, empty)).toEqual(["<|assistant|>", "\n", "<|end|>*"]);
  });

  test("a single word before an answer is a token, as in the prompt", () => {
    const tokenizer = flagged(["end", "ASSISTANT"], { single_word: true });
    expect(names(tokenizer, [controlText("ASSISTANT"), answer("b"), controlText(" endend end")])).toEqual([
      ...["ASSISTANT", "b*", " ", "e", "n", "d", "e", "n", "d", " ", "end"],
    ]);
  });

  test("special tokens in content are text, and strip nothing", () => {
    const tokenizer = flagged(["[M]"], { lstrip: true, rstrip: true });
    expect(names(tokenizer, [plainText("a [M] b")]).join("")).toBe("a [M] b");
    expect(names(tokenizer, [{ ...plainText("a [M] b"), specialTokens: true }])).toEqual(["a", "[M]", "b"]);
  });
});

describe("a prompt's ids are the first ids of the training row", () => {
  const texts = fc
    .array(fc.constantFrom(" ", "\n", "\n\n", "a", "hello", "_", "<|im_end|>", "<|end|>", "1"), { maxLength: 6 })
    .map((parts) => parts.join(""));
  const conversation = fc.array(fc.tuple(texts, texts), { minLength: 1, maxLength: 3 }).map((turns): Message[] =>
    turns.flatMap(([question, reply]): Message[] => [
      { role: "user", content: question },
      { role: "assistant", content: reply },
    ]),
  );
  const contents = ["<|im_start|>", "<|im_end|>", "<|user|>", "<|assistant|>", "<|end|>", "assistant"];

  test.each([
    { rstrip: true },
    { lstrip: true },
    { lstrip: true, rstrip: true },
    { single_word: true },
    { single_word: true, lstrip: true, rstrip: true, special: false },
  ])("%o", (flags) => {
    const tokenizer = flagged(contents, flags);
    fc.assert(
      fc.property(conversation, fc.constantFrom(chatml, hone), (messages, turns) => {
        const whole = tokenizer.encode(render(turns, tokenizer, messages)).ids;
        messages.forEach(({ role }, i) => {
          if (role !== "assistant") return;
          const prompt = tokenizer.encode(render(turns, tokenizer, messages.slice(0, i), true)).ids;
          expect(whole.slice(0, prompt.length).join()).toBe(prompt.join());
        });
      }),
      { seed: 21, numRuns: 200 },
    );
  });
});

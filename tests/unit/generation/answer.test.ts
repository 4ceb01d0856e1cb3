/** Oracle: what a person should see of given token sequences, written out by hand. */

import { describe, expect, it } from "vitest";
import { createTemplate } from "../../../src/data/templates/choose.ts";
import { createTokenizer } from "../../../src/data/tokenizer/tokenizer.ts";
import { answer } from "../../../src/generation/answer.ts";
import type { GenerationRequest } from "../../../src/generation/generate.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";

const { json, config } = byteLevelTokenizer();
const tokenizer = createTokenizer(json, config);
const template = createTemplate({ kind: "built-in", name: "hone" }, { tokenizer, chatTemplate: null });
const encode = (text: string) => [
  ...tokenizer.encode([{ text, kind: "content", role: null, message: null, answer: false, weight: 0 }]).ids,
];
const sampling = { temperature: 0, topK: null, topP: null };

/** Answers with these tokens, and notes what was asked and what was shown piece by piece. */
async function replay(ids: readonly number[], finish: "stop" | "length" = "stop") {
  let asked: GenerationRequest | null = null;
  const shown: string[] = [];
  const generate = async (request: GenerationRequest) => {
    asked = request;
    for (const id of ids) request.onToken?.(id);
    return { ids, finish };
  };
  const parts = { generate, tokenizer, template, systemPrompt: "Be kind." };
  const given = await answer(parts, [{ role: "user", content: "Hello" }], {
    maxTokens: 50,
    sampling,
    seed: 0,
    onText: (text) => shown.push(text),
  });
  return { given, shown, asked: asked as GenerationRequest | null };
}

describe("an answer", () => {
  it("is asked for with the template of training, up to the header of the answer", async () => {
    const { asked } = await replay([]);
    expect(tokenizer.decode(asked?.prompt ?? [])).toBe(
      "<|system|>Be kind.<|end|>\n<|user|>Hello<|end|>\n<|assistant|>",
    );
    expect(asked?.stopIds).toEqual(template.stopIds);
  });

  it("loses the end marker that is plain text, and never shows a part of it", async () => {
    expect(template.endMarker).toBe("<|end|>"); // this tokenizer does not know <|end|> as a token
    const { given, shown } = await replay(encode("Yes.<|end|>"));
    expect(given.text).toBe("Yes.");
    expect(shown.join("")).toBe("Yes.");
  });

  it("keeps what only begins like the end marker", async () => {
    const { given, shown } = await replay(encode("a <|en b <"));
    expect(given.text).toBe("a <|en b <");
    expect(shown.join("")).toBe("a <|en b <");
  });

  it("shows whole characters only", async () => {
    const { given, shown } = await replay(encode("naïve 🦊!"), "length");
    expect(given).toMatchObject({ text: "naïve 🦊!", finish: "length" });
    expect(shown.every((piece) => !piece.includes("\uFFFD"))).toBe(true);
  });
});

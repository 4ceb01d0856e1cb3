/** Oracles: what a person should see of given token sequences, written out by hand; and the ids that the generator was given. */

import { describe, expect, it } from "vitest";
import { answer } from "../../../src/generation/answer.ts";
import type { GenerationRequest } from "../../../src/generation/generate.ts";
import { createPrompt } from "../../../src/generation/prompt.ts";
import type { Message } from "../../../src/records/example.ts";
import { templateTitles } from "../../../src/templates/builtIn.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";

const { json, config } = byteLevelTokenizer();
const tokenizer = createTokenizer(json, config);
const template = createTemplate({ kind: "built-in", name: "hone" }, { tokenizer, chatTemplate: null });
const encode = (text: string) => [
  ...tokenizer.encode([
    { text, kind: "content", role: null, message: null, answer: false, supervised: false, weight: 0 },
  ]).ids,
];
const builtInNames = Object.keys(templateTitles) as (keyof typeof templateTitles)[];
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
  const prompt = createPrompt({ tokenizer, template, systemPrompt: "Be kind." }, [{ role: "user", content: "Hello" }]);
  const given = await answer({ generate, vocabulary: tokenizer }, prompt, {
    maxTokens: 50,
    sampling,
    seed: 0,
    onText: (text) => shown.push(text),
  });
  return { given, shown, asked: asked as GenerationRequest | null };
}

describe("an answer", () => {
  it("ends at every stop token of the template and of the model", async () => {
    let request: GenerationRequest | null = null;
    const generate = async (given: GenerationRequest) => {
      request = given;
      return { ids: [], finish: "stop" as const };
    };
    const prompt = createPrompt({ tokenizer, template, systemPrompt: null }, [{ role: "user", content: "Hello" }]);
    const options = { maxTokens: 5, sampling, seed: 0 };
    await answer({ generate, vocabulary: tokenizer, stopIds: [7, 9] }, prompt, options);
    const { stopIds } = request ?? { stopIds: [] };
    expect([...stopIds].sort()).toEqual([...template.stopIds, 7, 9].sort());
  });

  it("tells exactly the ids that the generator was given, whose words they are, and what was written", async () => {
    const ids = encode("Yes.<|end|>");
    const { given, asked } = await replay(ids);
    const { prompt, written } = given;
    expect(prompt.tokens.map(({ id }) => id)).toEqual([...(asked?.prompt ?? [])]);
    expect(written.map(({ id }) => id)).toEqual(ids);
    expect(prompt.tokens.map(({ text }) => text).join("")).toBe(prompt.text);
    const stretches = prompt.stretches.map(({ end, role }, index) => [
      prompt.text.slice(prompt.stretches[index - 1]?.end ?? 0, end),
      role,
    ]);
    expect(stretches).toEqual([
      ["<s><|system|>", null],
      ["Be kind.", "system"],
      ["<|end|>\n<|user|>", null],
      ["Hello", "user"],
      ["<|end|>\n<|assistant|>", null],
    ]);
    const whose = (role: string | null) =>
      prompt.tokens.flatMap((token) => (token.role === role ? [token.text] : [])).join("");
    // To this tokenizer the marks are text, with tokens over the border: such a one belongs to where it begins.
    expect([whose("system"), whose("user")]).toEqual(["Be kind.<", "Hello<"]);
  });

  it.each(builtInNames)("is asked for after what was said before, unchanged: %s", async (name) => {
    const inForm = createTemplate({ kind: "built-in", name }, { tokenizer, chatTemplate: null });
    const wrote = encode(`${inForm.answerBegins}Good day.${inForm.endMarker}`);
    const fed: number[][] = [];
    const generate = async ({ prompt, onToken }: GenerationRequest) => {
      fed.push([...prompt]);
      for (const id of wrote) onToken?.(id);
      return { ids: wrote, finish: "stop" as const };
    };
    const ask = (messages: readonly Message[]) => {
      const next = createPrompt({ tokenizer, template: inForm, systemPrompt: "Be kind." }, messages);
      return answer({ generate, vocabulary: tokenizer }, next, { maxTokens: 50, sampling, seed: 0 });
    };
    const said: Message[] = [{ role: "user", content: "Hello there" }];
    const first = await ask(said);
    expect(first.text).toBe("Good day.");
    said.push({ role: "assistant", content: first.text }, { role: "user", content: "And now?" });
    const second = await ask(said);
    const read = first.prompt.text + inForm.answerBegins + first.text;
    expect(second.prompt.text.slice(0, read.length)).toBe(read);
    expect(fed[1]?.slice(0, fed[0]?.length)).toEqual(fed[0]);
    expect(fed[1]?.slice(fed[0]?.length, (fed[0]?.length ?? 0) + wrote.length)).toEqual(wrote);
  });

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

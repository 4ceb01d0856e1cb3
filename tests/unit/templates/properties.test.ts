/** Properties of every conversation in every template. Oracle: the messages. */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Message } from "../../../src/records/example.ts";
import { builtInFor } from "../../../src/templates/builtIn.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { weigh } from "../../../src/templates/mask.ts";
import type { Template } from "../../../src/templates/template.ts";
import { createTokenizer, type Encoding, type Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { cases } from "../../support/long.ts";
import { byteLevelTokenizer, metaspace, sentencePieceTokenizer } from "../../support/tokenizers.ts";
import { assistant, golden, system, tool, user } from "./support.ts";

const markers = [
  "<|im_start|>",
  "<|im_end|>",
  "<|start_header_id|>",
  "<|end_header_id|>",
  "<|eot_id|>",
  "<start_of_turn>",
  "<end_of_turn>",
  "[INST]",
  "[/INST]",
  "<|end|>",
];
const open = ({ json, config }: { json: object; config: object }) => createTokenizer(json, config);
const tokenizers: readonly Tokenizer[] = [
  open(byteLevelTokenizer()),
  open(byteLevelTokenizer({ added: markers, bos: "post-processor" })),
  open(sentencePieceTokenizer({ bos: "none" })),
  open(sentencePieceTokenizer({ added: markers, crossing: true })),
  open(sentencePieceTokenizer({ added: markers }, metaspace)),
];

const builtIns = ["hone", "chatml", "llama3", "zephyr", "alpaca", "gemma", "phi3", "mistral", "plain"] as const;
/** Contents reach these as they are; those that trim or take them apart have tests of their own. */
const jinja = ["chatml", "chatml-generation", "mistral", "phi3"] as const;
const made = new Map<string, { readonly tokenizer: Tokenizer; readonly template: Template }>();
tokenizers.forEach((tokenizer, i) => {
  for (const name of builtIns) {
    const template = createTemplate({ kind: "built-in", name }, { tokenizer, chatTemplate: null });
    made.set(`${name}, tokenizer ${i}`, { tokenizer, template });
  }
  if (builtInFor(tokenizer) === null) return;
  for (const name of jinja) {
    const template = createTemplate({ kind: "model" }, { tokenizer, chatTemplate: golden(name) });
    made.set(`${name}.jinja, tokenizer ${i}`, { tokenizer, template });
  }
});

const typed = [
  ...markers,
  "<s>",
  "</s>",
  "<|user|>",
  "<think>",
  "</b>",
  "\n\n",
  " ",
  "hello",
  " the",
  ">",
  "😀",
  "e\u0301",
  "\uE000",
];
/** Any text without lone surrogates, and without "▁", which SentencePiece reads as a space. */
const content = fc
  .array(fc.oneof(fc.constantFrom(...typed), fc.string({ unit: "binary", maxLength: 5 })), { maxLength: 5 })
  .map((list) => list.join("").replaceAll("▁", "_"));
const weight = fc.constantFrom(undefined, 0, 0.5, 2);
const answered = fc
  .tuple(content, content, weight)
  .map(([question, answer, w]) => [user(question), assistant(answer, w === undefined ? {} : { weight: w })]);
/** A question and an answer each, for templates that know no more, with a system message before. */
const conversation = fc
  .tuple(fc.option(content), fc.array(answered, { minLength: 1, maxLength: 3 }))
  .map(([first, turns]): Message[] => [...(first === null ? [] : [system(first)]), ...turns.flat()]);
/** Roles in any order, for templates that write them all. */
const anyOrder = fc.array(
  fc.tuple(fc.constantFrom(user, assistant, tool, system), content).map(([make, text]): Message => make(text)),
  { minLength: 1, maxLength: 5 },
);

/** A template for one tokenizer, by its name, and a conversation that it can write. */
const rendering = fc
  .constantFrom(...made.keys())
  .chain((name) =>
    fc.tuple(fc.constant(name), name.includes(".jinja") ? conversation : fc.oneof(conversation, anyOrder)),
  );

function check(property: (tokenizer: Tokenizer, template: Template, messages: Message[], name: string) => void): void {
  fc.assert(
    fc.property(rendering, ([name, messages]) => {
      const { tokenizer, template } = made.get(name) ?? {};
      if (!tokenizer || !template) throw new Error(name);
      property(tokenizer, template, messages, name);
    }),
    { numRuns: cases(3000), seed: 41 },
  );
}

/** Ids of the tokens that lie in [start, end) of the encoding's text. */
const idsIn = ({ ids, starts, ends }: Encoding, start: number, end: number) =>
  [...ids].filter((_, i) => (starts[i] ?? 0) >= start && (ends[i] ?? 0) <= end && (ends[i] ?? 0) > (starts[i] ?? 0));

test("answers decode to their messages, only answers and their stop tokens are supervised", () => {
  check((tokenizer, template, messages, name) => {
    const { segments } = template.render({ messages });
    const weighted = weigh(segments, messages, "responses");
    const encoding = tokenizer.encode(weighted);
    const { ids, mask, weights, starts, ends, text, straddled } = encoding;
    expect(text).toBe(segments.map((segment) => segment.text).join(""));
    expect(straddled).toBe(0);

    let at = 0;
    const placed = weighted.map((segment) => {
      const start = at;
      at += segment.text.length;
      return { ...segment, start, end: at };
    });
    // Contents are the messages' texts, each where its message stands; Jinja templates leave out empty ones.
    const contents = placed.filter(({ kind, message }) => kind === "content" && message !== null);
    const contentsOf = (list: readonly Message[]) => list.map((message) => message.content).filter((c) => c !== "");
    const inOrder = [...contents].sort((a, b) => (a.message ?? 0) - (b.message ?? 0));
    expect(inOrder.map((segment) => segment.text).filter((c) => c !== "")).toEqual(contentsOf(messages));

    messages.forEach((message, index) => {
      const answer = placed.filter((segment) => segment.answer && segment.message === index);
      const [first, last] = [answer[0], answer.at(-1)];
      expect(answer.length > 0).toBe(message.role === "assistant");
      if (!first || !last) return;
      const own = idsIn(encoding, first.start, last.end);
      expect(template.stopIds).toContain(own.at(-1));
      // Mistral's answers begin with a space; SentencePiece puts one before the first text of a sequence.
      const lead = name.startsWith("mistral") ? " " : "";
      const opens = ["", "<s>"].includes(text.slice(0, first.start));
      const shown = (decoded: string) => (opens ? decoded.trimStart() : decoded);
      const decoder = tokenizer.createStreamDecoder(ids[starts.findIndex((start) => start >= first.start) - 1]);
      const decoded = own.map((id) => decoder.push(id)).join("") + decoder.end();
      expect(shown(decoded)).toBe(shown(lead + message.content + template.endMarker));
    });

    const wrong = [...ids.keys()].filter((i) => {
      const inside = placed.filter((segment) => segment.end > (starts[i] ?? 0) && segment.start < (ends[i] ?? 0));
      const expected = (segment: (typeof placed)[number]) =>
        segment.answer ? (messages[segment.message ?? -1]?.weight ?? 1) : 0;
      // Nothing predicts the first token.
      return inside.some((segment) => {
        const weight = i === 0 ? 0 : expected(segment);
        return weight !== weights[i] || (weight !== 0) !== (mask[i] === 1);
      });
    });
    expect(wrong).toEqual([]);
  });
});

test("a prompt's tokens are the first tokens of the training row, at every answer", () => {
  check((tokenizer, template, messages, name) => {
    const encode = (list: readonly Message[], generationPrompt: boolean) =>
      tokenizer.encode(weigh(template.render({ messages: list }, { generationPrompt }).segments, list, "responses"))
        .ids;
    const whole = encode(messages, false);
    messages.forEach(({ role }, i) => {
      if (role !== "assistant" || (name.includes(".jinja") && i === 0)) return;
      const prompt = encode(messages.slice(0, i), true);
      expect([...whole.subarray(0, prompt.length)]).toEqual([...prompt]);
    });
  });
});

test("typed special-token text stays text", () => {
  check((tokenizer, template, messages) => {
    const special = (list: readonly Message[]) =>
      [...tokenizer.encode(weigh(template.render({ messages: list }).segments, list, "responses")).ids].filter((id) =>
        tokenizer.isSpecial(id),
      );
    expect(special(messages)).toEqual(special(messages.map((message) => ({ ...message, content: "x" }))));
  });
});

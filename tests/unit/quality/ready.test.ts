/** Ready-made text in training. Oracles: the built-in template that wrote the text, and spans by hand. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Tokenized, type TokenizeParts, tokenizeExample } from "../../../src/quality/tokenize.ts";
import type { ChatExample, Message } from "../../../src/records/example.ts";
import { createConverter } from "../../../src/records/formats/convert.ts";
import type { FormatName, Mapping } from "../../../src/records/formats/mapping.ts";
import { type BuiltInTemplate, maskModes } from "../../../src/templates/choice.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { createTokenizer, type Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { cases } from "../../support/long.ts";
import { byteLevelTokenizer, sentencePieceTokenizer } from "../../support/tokenizers.ts";
import { inspectFile } from "./chain.ts";
import { findingOf, rowsOf } from "./made.ts";

const added = ["<|end|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<start_of_turn>", "<end_of_turn>", "<|user|>"];
const tokenizerOf = ({ json, config }: ReturnType<typeof byteLevelTokenizer>) => createTokenizer(json, config);
const byteLevel = tokenizerOf(byteLevelTokenizer({ added }));
const tokenizers: Readonly<Record<string, Tokenizer>> = {
  "byte-level": byteLevel,
  "without BOS": tokenizerOf(byteLevelTokenizer({ added, bos: "none" })),
  "without the markers": tokenizerOf(byteLevelTokenizer()),
  SentencePiece: tokenizerOf(sentencePieceTokenizer({ added })),
};
const names: readonly BuiltInTemplate[] = ["hone", "chatml", "llama3", "zephyr", "alpaca", "gemma", "phi3", "mistral"];

function partsOf(tokenizer: Tokenizer, name: BuiltInTemplate, change: Partial<TokenizeParts["settings"]> = {}) {
  return {
    tokenizer,
    template: createTemplate({ kind: "built-in", name }, { tokenizer, chatTemplate: null }),
    settings: { systemPrompt: null, mask: "responses", maxLength: 999, truncation: "drop", ...change },
  } satisfies TokenizeParts;
}

const columns = { text: "text" };
function converted(row: object | string, format: FormatName, own: Mapping["columns"] = columns): ChatExample {
  const result = createConverter({ format, columns: own })(row);
  if ("problem" in result) throw new Error(result.problem);
  const [example] = result.examples;
  if (example?.kind !== "chat" || result.examples.length !== 1) throw new Error("not one chat");
  return { ...example, row: 0, line: 1 };
}
const problemOf = (row: object | string, format: FormatName, own: Mapping["columns"] = columns) => {
  const result = createConverter({ format, columns: own })(row);
  return "problem" in result ? result.problem : null;
};

function tokenized(example: ChatExample, parts: TokenizeParts): Tokenized {
  const result = tokenizeExample(example, parts);
  if (!("encoding" in result)) throw new Error(result.problem);
  return result;
}
const supervisedOf = ({ segments }: Tokenized) =>
  segments
    .filter(({ supervised }) => supervised)
    .map(({ text, weight }) => (weight === 1 ? text : `${weight}×${text}`));

const messages: readonly Message[] = [
  { role: "user", content: "hello there" },
  { role: "assistant", content: "hello. the tree" },
  { role: "user", content: " the\nother\n\n" },
  { role: "assistant", content: "\n\nabc é" },
];

describe("text kept with its markers has the tokens and the mask of the template that wrote it", () => {
  for (const [kind, tokenizer] of Object.entries(tokenizers)) {
    test.each(names)(`${kind}, %s`, (name) => {
      for (const mask of maskModes) {
        const parts = partsOf(tokenizer, name, { mask });
        const written = tokenized({ kind: "chat", row: 0, line: 1, messages }, parts);
        const text = written.segments.map((segment) => segment.text).join("");
        const marked = tokenized(converted({ text }, "marked"), parts);
        expect([...marked.encoding.ids]).toEqual([...written.encoding.ids]);
        expect([...marked.encoding.mask]).toEqual([...written.encoding.mask]);
        expect([...marked.encoding.weights]).toEqual([...written.encoding.weights]);
        // Read back, the same template writes the same again.
        const rendered = converted({ text }, "rendered");
        expect(rendered.messages).toEqual(messages);
        expect(tokenized(rendered, parts).encoding.text).toBe(written.encoding.text);
      }
    });
  }

  test("for random conversations too", () => {
    const typed = ["a", " ", "\n", "\n\n", "é", "<", "|>", "the", "hello", "  ", "o", ".", "</b>"];
    const own = fc.array(fc.constantFrom(...typed), { maxLength: 8 }).map((parts) => `x${parts.join("")}`);
    const turn = fc.tuple(own, own);
    fc.assert(
      fc.property(
        fc.array(turn, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(...names),
        fc.constantFrom(...Object.values(tokenizers)),
        fc.constantFrom(...maskModes),
        (turns, name, tokenizer, mask) => {
          // One space before Mistral's end is the form's own.
          if (name === "mistral" && turns.flat().some((content) => content.endsWith(" "))) return;
          const chats = turns.flatMap(([question, reply]): Message[] => [
            { role: "user", content: question },
            { role: "assistant", content: reply },
          ]);
          const parts = partsOf(tokenizer, name, { mask });
          const written = tokenized({ kind: "chat", row: 0, line: 1, messages: chats }, parts);
          const text = written.segments.map((segment) => segment.text).join("");
          const marked = tokenized(converted({ text }, "marked"), parts);
          expect([...marked.encoding.ids]).toEqual([...written.encoding.ids]);
          expect([...marked.encoding.mask]).toEqual([...written.encoding.mask]);
        },
      ),
      { seed: 15, numRuns: cases(4000) },
    );
  });

  test("BOS is added where the text has none and the model wants one, once", () => {
    const text = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nho<|im_end|>\n";
    const parts = partsOf(byteLevel, "chatml");
    for (const own of [text, `<s>${text}`, `<s>\n${text}`]) {
      const ids = [...tokenized(converted(own, "marked"), parts).encoding.ids];
      expect(ids.indexOf(byteLevel.bos?.id ?? -1)).toBe(0);
      expect(ids.lastIndexOf(byteLevel.bos?.id ?? -1)).toBe(0);
    }
    const without = tokenizers["without BOS"];
    if (!without) throw new Error("no tokenizer");
    const ids = [...tokenized(converted(text, "marked"), partsOf(without, "chatml")).encoding.ids];
    expect(ids[0]).toBe(without.addedToken("<|im_start|>"));
  });

  test("a marker that a turn only mentions stays text", () => {
    const text = "<|im_start|>user\nWhat is <|im_end|>?<|im_end|>\n<|im_start|>assistant\nAn end.<|im_end|>\n";
    const { encoding } = tokenized(converted({ text }, "marked"), partsOf(byteLevel, "chatml"));
    const end = byteLevel.addedToken("<|im_end|>");
    expect([...encoding.ids].filter((id) => id === end)).toHaveLength(2);
  });

  test("no template and no system prompt apply to it", () => {
    const text = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nho<|im_end|>\n";
    const { encoding } = tokenized(converted({ text }, "marked"), partsOf(byteLevel, "hone", { systemPrompt: "Be." }));
    expect(encoding.text).toBe(`<s>${text}`);
  });
});

describe("a rendered prompt and its completion", () => {
  const own = { text: "prompt", response: "completion" };
  const begin = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n";
  test.each([
    ["the header in the prompt", begin, "ho<|im_end|>\n", ["ho", "<|im_end|>"]],
    [
      "the header in the completion",
      "<|im_start|>user\nhi<|im_end|>\n",
      "<|im_start|>assistant\nho<|im_end|>",
      ["ho", "<|im_end|>"],
    ],
    ["a header cut at its line break", begin.trimEnd(), "\nho<|im_end|>", ["ho", "<|im_end|>"]],
    [
      "an earlier answer in the prompt",
      `${begin}ho<|im_end|>\n<|im_start|>user\nand?<|im_end|>\n<|im_start|>assistant\n`,
      "no<|im_end|>",
      ["no", "<|im_end|>"],
    ],
    ["an answer that the prompt begins", `${begin}Once `, "upon a time<|im_end|>", ["upon a time", "<|im_end|>"]],
    ["Alpaca", "### Instruction:\nhi\n\n### Response:\n", "ho</s>", ["ho", "</s>"]],
    ["Mistral", "<s>[INST] hi [/INST]", " ho</s>", [" ", "ho", "</s>"]],
    [
      "several answers in the completion",
      begin,
      "ho<|im_end|>\n<|im_start|>user\nand?<|im_end|>\n<|im_start|>assistant\nno<|im_end|>",
      ["ho", "<|im_end|>", "no", "<|im_end|>"],
    ],
  ])("%s", (_, prompt, completion, supervised) => {
    const example = converted({ prompt, completion }, "marked", own);
    expect(supervisedOf(tokenized(example, partsOf(byteLevel, "chatml")))).toEqual(supervised);
    const read = converted({ prompt, completion }, "rendered", own);
    expect(read.ready).toBeUndefined();
    const chatml = tokenized(read, partsOf(byteLevel, "chatml"));
    expect(supervisedOf(chatml).filter((text) => !/^<.*>$|^ $/.test(text))).toEqual(
      supervised.filter((text) => !/^<.*>$|^ $/.test(text)),
    );
  });
});

test("rows that cannot be read name the field and the reason", () => {
  expect(problemOf({ text: "The wren is a bird." }, "rendered")).toBe(
    "text does not consist of turns that a known template wrote; correct it, or read it as plain text",
  );
  expect(problemOf({ text: " " }, "marked")).toBe("text is empty");
  expect(problemOf({ text: ["7"] }, "rendered")).toBe("text is a list, not text");
  expect(problemOf({ body: "x" }, "rendered")).toBe('text is missing; its fields are "body"');
  expect(problemOf("<|im_start|>user\nhi<|im_end|>\n", "rendered")).toBe("text has no response at its end");
  expect(problemOf({ text: "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n" }, "marked")).toBe(
    "text has no response at its end",
  );
});

test("with its markers, each supervised answer needs its end; read back, the template writes one", () => {
  const problem = (message: number) =>
    `message ${message}, an answer, has no end marker, so the model would not learn to stop; read the text back into messages instead`;
  const chatml = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nho";
  expect(problemOf({ text: chatml }, "marked")).toBe(problem(2));
  expect(problemOf("### Instruction:\nhi\n\n### Response:\nho", "marked")).toBe(problem(2));
  expect(problemOf("[INST] hi [/INST] ho", "marked")).toBe(problem(2));
  const guanaco = "### Human: hi### Assistant: ho### Human: and?### Assistant: no</s>";
  expect(problemOf(guanaco, "marked")).toBe(problem(2));
  for (const text of [chatml, guanaco, "### Instruction:\nhi\n\n### Response:\nho", "[INST] hi [/INST] ho"]) {
    const supervised = supervisedOf(tokenized(converted(text, "rendered"), partsOf(byteLevel, "chatml")));
    expect(supervised.at(-1)).toBe("<|im_end|>");
  }
  // In a prompt only the completion is supervised.
  const pair = { text: "prompt", response: "completion" };
  const [prompt, completion] = [guanaco.slice(0, -"no</s>".length), "no</s>"];
  expect(problemOf({ prompt, completion }, "marked", pair)).toBeNull();
});

test("an empty system turn is none, read back; with its markers it stays", () => {
  const text = "<|im_start|>system\n<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nho<|im_end|>\n";
  expect(converted({ text }, "rendered").messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
  const { encoding } = tokenized(converted({ text }, "marked"), partsOf(byteLevel, "chatml"));
  expect(encoding.text).toBe(`<s>${text}`);
});

describe("a file of ready-made text", () => {
  const bird = (name: string) =>
    `<|im_start|>user\nName a ${name}.<|im_end|>\n<|im_start|>assistant\nA ${name} it is, as you can see for yourself in the garden at dawn.<|im_end|>\n`;
  const words = ["wren", "carp", "lime", "fox", "moth", "yew", "newt", "rose", "hare", "crab", "mole", "jay"];
  const file = (texts: readonly string[]) => texts.map((text) => JSON.stringify({ text })).join("\n");
  const chain = { tokenizer: byteLevel, template: { kind: "built-in", name: "chatml" } as const };

  test("trains without a finding about markers, and the preflight passes", async () => {
    const { report } = await inspectFile("birds.jsonl", file(words.map(bird)), chain);
    expect(report.examples).toBe(words.length);
    expect(findingOf(report, "template-language")).toBeUndefined();
    expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
  });

  test("a row of another kind is left out with the reason", async () => {
    const { report } = await inspectFile("birds.jsonl", file([...words.map(bird), "A wren sings."]), chain);
    expect(report.examples).toBe(words.length);
    expect(rowsOf(report, "unusable")).toEqual([words.length]);
    expect(report.leftOut[0]?.message).toContain("does not consist of turns");
  });
});

/** Unpaired preferences: an answer with a label, as KTO takes them. Oracle: expectations written by hand. */

import { describe, expect, test } from "vitest";
import { exampleValue } from "../../../../src/datasets/exampleValue.ts";
import { createConverter, type ExampleBody } from "../../../../src/records/formats/convert.ts";
import { formatLabel } from "../../../../src/records/formats/describe.ts";
import { detectFormat } from "../../../../src/records/formats/detect.ts";
import { ratingOf } from "../../../../src/records/formats/label.ts";
import type { Mapping } from "../../../../src/records/formats/mapping.ts";
import { readRecords } from "../../../../src/records/read/read.ts";
import { isObject } from "../../../../src/records/value.ts";
import { writeJson } from "../../../../src/records/writeJson.ts";
import { bytesFromMemory } from "../../../../src/tensor/bytes.ts";

const trl: Mapping = { format: "trl", columns: { prompt: "prompt", response: "completion", label: "label" } };
const hi = { role: "user", content: "Hi" } as const;
const hello = { role: "assistant", content: "Hello" } as const;

/** `prompt > chosen / rejected`, by contents. */
function shown(body: ExampleBody): string {
  if (body.kind !== "preference") return body.kind;
  const texts = (messages: readonly { readonly content: string }[]) => messages.map(({ content }) => content).join("+");
  return `${texts(body.prompt)} > ${texts(body.chosen)} / ${texts(body.rejected)}`;
}

/** The examples of rows as detected, or their problem. */
function read(rows: readonly unknown[]): string[] {
  const convert = createConverter(detectFormat(rows).mapping);
  return rows.map((row) => {
    const converted = convert(row);
    return "problem" in converted ? converted.problem : converted.examples.map(shown).join("; ");
  });
}

describe("words and numbers that rate an answer", () => {
  test.each<[unknown, boolean]>([
    [true, true],
    [1, true],
    ["1", true],
    ["+1", true],
    [1.0, true],
    ["True", true],
    [" TRUE ", true],
    ["thumbs up", true],
    ["thumbs_up", true],
    ["Thumbs-Up", true],
    ["👍", true],
    ["👍🏽", true],
    ["good", true],
    ["chosen", true],
    ["desirable", true],
    ["yes", true],
    [false, false],
    [0, false],
    ["0", false],
    [-1, false],
    ["False", false],
    ["FALSE", false],
    ["thumbs down", false],
    ["thumbs_down", false],
    ["👎", false],
    ["👎🏿", false],
    ["bad", false],
    ["rejected", false],
    ["undesirable", false],
    ["not preferred", false],
    ["no", false],
  ])("%j", (value, wanted) => {
    expect(ratingOf(value)?.wanted).toBe(wanted);
  });

  test.each([
    2,
    5,
    0.5,
    "maybe",
    "",
    " ",
    "neutral",
    "truely",
    null,
    undefined,
    [true],
    {},
    Number.NaN,
    "1".repeat(50),
  ])("not %j", (value) => {
    expect(ratingOf(value)).toBeNull();
  });
});

describe("rows as detected", () => {
  test.each<[string, unknown[], string[]]>([
    [
      "TRL with booleans",
      [
        { prompt: "a", completion: "b", label: true },
        { prompt: "c", completion: "d", label: false },
      ],
      ["a > b / ", "c >  / d"],
    ],
    [
      "TRL with 0 and 1",
      [
        { prompt: "a", completion: "b", label: 1 },
        { prompt: "c", completion: "d", label: 0 },
      ],
      ["a > b / ", "c >  / d"],
    ],
    [
      "TRL with text, as a table has it",
      [
        { prompt: "a", completion: "b", label: "True" },
        { prompt: "c", completion: "d", label: "False" },
      ],
      ["a > b / ", "c >  / d"],
    ],
    [
      "TRL with messages",
      [
        { prompt: [hi], completion: [hello], label: true },
        { prompt: [hi], completion: [{ ...hello, content: "Go" }], label: false },
      ],
      ["Hi > Hello / ", "Hi >  / Go"],
    ],
    [
      "LLaMA-Factory: conversations and kto_tag",
      [
        {
          conversations: [
            { from: "human", value: "a" },
            { from: "gpt", value: "b" },
          ],
          kto_tag: true,
        },
        {
          conversations: [
            { from: "human", value: "c" },
            { from: "gpt", value: "d" },
          ],
          kto_tag: false,
        },
      ],
      ["a > b / ", "c >  / d"],
    ],
    [
      "chats with thumbs",
      [
        { messages: [hi, hello], feedback: "thumbs_up" },
        { messages: [hi, hello, hi, { ...hello, content: "Again" }], feedback: "thumbs_down" },
      ],
      ["Hi > Hello / ", "Hi+Hello+Hi >  / Again"],
    ],
    [
      "Alpaca with a rating",
      [
        { instruction: "a", input: "x", output: "b", rating: "good" },
        { instruction: "c", output: "d", rating: "bad" },
      ],
      ["a\nx > b / ", "c >  / d"],
    ],
    [
      "Dolly with thumbs as signs",
      [
        { instruction: "a", context: "", response: "b", thumbs: "👍" },
        { instruction: "c", context: "", response: "d", thumbs: "👎" },
      ],
      ["a > b / ", "c >  / d"],
    ],
    [
      "a question and an answer with is_preferred 0 and 1",
      [
        { question: "a", answer: "b", is_preferred: 1 },
        { question: "c", answer: "d", is_preferred: 0 },
      ],
      ["a > b / ", "c >  / d"],
    ],
    [
      "FLAN with a truth value",
      [
        { inputs: "a", targets: "b", desirable: true },
        { inputs: "c", targets: "d", desirable: false },
      ],
      ["a > b / ", "c >  / d"],
    ],
    [
      "an answer after a tool's result is rated with the call",
      [
        {
          messages: [
            hi,
            { role: "assistant", content: "", tool_calls: [{ function: { name: "f", arguments: "{}" } }] },
            { role: "tool", content: "7" },
            { role: "assistant", content: "Seven" },
          ],
          label: false,
        },
      ],
      ["Hi >  / +7+Seven"],
    ],
  ])("%s", (_, rows, expected) => {
    const { mapping, reason } = detectFormat(rows);
    expect(mapping.columns.label).toBeDefined();
    expect(formatLabel(mapping)).toBe("answers marked as wanted or not");
    expect(reason).toMatch(/says whether the answer is wanted/);
    expect(read(rows)).toEqual(expected);
  });

  test.each<[string, unknown[]]>([
    ["classes", [{ prompt: "a", completion: "b", label: 3 }]],
    ["classes 0 and 1 beside a text and its class name", [{ instruction: "a", output: "b", label: 1 }]],
    ["words of a class", [{ instruction: "a", output: "b", label: "positive" }]],
    ["stars", [1, 2, 3, 4, 5].map((rating) => ({ instruction: "a", output: "b", rating }))],
    ["counts", [0, 1, 7].map((vote) => ({ prompt: "a", completion: "b", vote }))],
    [
      "labels of a few rows only",
      [
        { prompt: "a", completion: "b", label: true },
        ...Array.from({ length: 9 }, () => ({ prompt: "a", completion: "b" })),
      ],
    ],
    [
      "half of the labels say something else",
      ["true", "neutral"].map((label) => ({ prompt: "a", completion: "b", label })),
    ],
  ])("no rating: %s", (_, rows) => {
    expect(detectFormat(rows).mapping.columns.label).toBeUndefined();
    expect(new Set(read(rows))).toEqual(new Set(["chat"]));
  });
});

test("a missing and an odd label are named in their rows, and the others are used", () => {
  const rows = [
    ...Array.from({ length: 30 }, (_, i) => ({ prompt: `p${i}`, completion: "c", label: i % 2 === 0 })),
    { prompt: "a", completion: "b", label: "maybe" },
    { prompt: "a", completion: "b" },
    { prompt: "a", completion: "b", label: null },
    { prompt: "a", completion: "b", label: "" },
  ];
  expect(read(rows).slice(29)).toEqual([
    "p29 >  / c",
    'label is "maybe": write true for a wanted answer, false for an unwanted one',
    'label is missing; its fields are "prompt", "completion"',
    "label is null: write true for a wanted answer, false for an unwanted one",
    "label is empty: write true for a wanted answer, false for an unwanted one",
  ]);
});

describe("odd labels of a mapped column", () => {
  test.each<[unknown, string]>([
    [2, "is 2"],
    [0.5, "is 0.5"],
    ["so so", 'is "so so"'],
    ["neutral", 'is "neutral"'],
    [[], "is a list"],
    [{}, "is an object"],
    [Number.NaN, "is NaN"],
    [null, "is null"],
    ["", "is empty"],
    ["x".repeat(100), `is "${"x".repeat(30)}…"`],
  ])("%j", (label, message) => {
    expect(createConverter(trl)({ prompt: "a", completion: "b", label })).toEqual({
      problem: `label ${message}: write true for a wanted answer, false for an unwanted one`,
    });
  });
});

describe("mapped by hand", () => {
  const columns = { instruction: "ask", response: "say", label: "fb" } as const;
  test.each<[unknown, string]>([
    [{ ask: "a", say: "b", fb: "yes" }, "a > b / "],
    [{ ask: "a", say: "b", fb: "no" }, "a >  / b"],
    [{ ask: "a", say: "b", fb: 1 }, "a > b / "],
    [{ ask: "a", say: "b", fb: 0 }, "a >  / b"],
    [{ ask: "a", say: "b", fb: -1 }, "a >  / b"],
    [{ ask: "a", say: "b", fb: "like" }, "a > b / "],
    [{ ask: "a", say: "b", fb: "dislike" }, "a >  / b"],
    [{ ask: "a", say: "b", fb: "accept" }, "a > b / "],
    [{ ask: "a", say: "b", fb: "downvoted" }, "a >  / b"],
    [{ ask: "a", say: "b", fb: "positive" }, "a > b / "],
    [{ ask: "a", say: "b", fb: "negative" }, "a >  / b"],
  ])("%j", (row, expected) => {
    const converted = createConverter({ format: "columns", columns })(row);
    expect("examples" in converted && converted.examples.map(shown)).toEqual([expected]);
  });

  test("a rendered conversation, and markers that take only wanted answers", () => {
    const text = "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n";
    const ready = { text: "text", label: "ok" };
    const as = (format: "rendered" | "marked", ok: boolean) =>
      createConverter({ format, columns: ready })({ text, ok });
    const rendered = as("rendered", false);
    expect("examples" in rendered && rendered.examples.map(shown)).toEqual(["a >  / b"]);
    expect(as("marked", true)).toMatchObject({ examples: [{ kind: "chat" }] });
    expect(as("marked", false)).toMatchObject({ problem: /takes only wanted ones/ });
  });
});

describe("in every file format", () => {
  test.each<[string, string]>([
    ["a.csv", "prompt,completion,label\na,b,1\nc,d,0\n"],
    ["b.csv", "prompt,completion,label\na,b,true\nc,d,false\n"],
    ["c.tsv", "prompt\tcompletion\tkto_tag\na\tb\tTrue\nc\td\tFalse\n"],
    ["d.jsonl", '{"prompt":"a","completion":"b","label":true}\n{"prompt":"c","completion":"d","label":false}\n'],
    ["e.json", '[{"prompt":"a","completion":"b","label":1},{"prompt":"c","completion":"d","label":0}]'],
    ["f.csv", "question,answer,feedback\na,b,thumbs up\nc,d,thumbs down\n"],
  ])("%s", async (name, text) => {
    const { batches } = await readRecords(bytesFromMemory(name, new TextEncoder().encode(text)));
    const values: unknown[] = [];
    for await (const batch of batches) for (const record of batch) if ("value" in record) values.push(record.value);
    expect(read(values)).toEqual(["a > b / ", "c >  / d"]);
  });
});

test("written as rows and read again, they are the same", () => {
  const rows = [
    { prompt: [hi], completion: [hello], label: true, tools: [{ name: "f" }] },
    { prompt: [{ role: "system", content: "S" }, hi], completion: [hello], label: false },
  ];
  const examples = (values: readonly unknown[]) => {
    const convert = createConverter(detectFormat(values).mapping);
    return values.flatMap((value) => {
      const converted = convert(value);
      return "examples" in converted ? converted.examples : [];
    });
  };
  const first = examples(rows);
  const written: unknown[] = first.map((example) => JSON.parse(writeJson(exampleValue(example))));
  expect(written.every(isObject)).toBe(true);
  expect(examples(written)).toEqual(first);
  expect(first).toMatchObject([{ rejected: [], tools: [{ name: "f" }] }, { chosen: [] }]);
});

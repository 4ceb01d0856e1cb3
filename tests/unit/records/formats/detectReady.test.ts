/** The format of files with ready-made text. Oracle: rows written by hand. */

import { describe, expect, test } from "vitest";
import { createConverter } from "../../../../src/records/formats/convert.ts";
import { detectFormat } from "../../../../src/records/formats/detect.ts";

const chatml = (bird = "wren") =>
  `<|im_start|>user\nName a bird.<|im_end|>\n<|im_start|>assistant\nA ${bird}.<|im_end|>\n`;
const llama =
  "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHo<|eot_id|>";
const prose = "A wren is a small bird.";
const times = <T>(count: number, value: T) => Array.from({ length: count }, () => value);
const formatsOf = (rows: readonly unknown[]) => {
  const { mapping, alternatives } = detectFormat(rows);
  return [mapping.format, ...alternatives.map(({ format }) => format)];
};

describe("a column of texts", () => {
  test("is read back, with the reason; kept and plain text are alternatives", () => {
    const { mapping, reason, alternatives } = detectFormat([
      ...times(198, { text: chatml() }),
      ...times(2, { text: prose }),
    ]);
    expect(mapping).toEqual({ format: "rendered", columns: { text: "text" } });
    expect(reason).toBe("198 of 200 rows are conversations rendered with ChatML. Hone reads the messages back.");
    expect(alternatives).toEqual([
      { format: "marked", columns: { text: "text" } },
      { format: "text", columns: { text: "text" } },
    ]);
  });

  test("of one row, and of several templates", () => {
    expect(detectFormat([{ text: chatml() }]).reason).toBe(
      "The only row is a conversation rendered with ChatML. Hone reads the messages back.",
    );
    expect(detectFormat([...times(2, { text: chatml() }), { text: llama }]).reason).toBe(
      "All 3 rows are conversations rendered with ChatML (2) and Llama 3 (1). Hone reads the messages back.",
    );
  });

  test("under another name, with a category and a split", () => {
    const { mapping } = detectFormat([{ content: chatml(), category: "birds", split: "train" }]);
    expect(mapping).toEqual({
      format: "rendered",
      columns: { text: "content", category: "category", split: "split" },
    });
  });

  test("stays plain text where fewer than nine in ten rows are; the reason counts them", () => {
    const rows = [...times(8, { text: chatml() }), ...times(2, { text: prose })];
    const { mapping, reason } = detectFormat(rows);
    expect(mapping.format).toBe("text");
    expect(reason).toContain("8 of 10 rows are conversations rendered with ChatML: choose ready-made text");
    expect(formatsOf(rows)).toEqual(["text", "rendered", "marked"]);
  });

  test("of prompts without an answer is plain text", () => {
    expect(formatsOf([{ text: "<|im_start|>user\nHi<|im_end|>\n" }])).toEqual(["text"]);
  });

  test("of prose is plain text, also where it mentions markers", () => {
    expect(formatsOf([{ text: prose }, { text: "<|im_start|> begins a turn." }])).toEqual(["text"]);
  });
});

test("rows that are only text are read back", () => {
  const { mapping, reason, alternatives } = detectFormat([chatml(), chatml("tit")]);
  expect(mapping).toEqual({ format: "rendered", columns: {} });
  expect(reason).toBe("All 2 rows are conversations rendered with ChatML. Hone reads the messages back.");
  expect(alternatives.map(({ format }) => format)).toEqual(["marked", "text"]);
  expect(createConverter(mapping)(chatml())).toMatchObject({
    examples: [{ kind: "chat", messages: [{ content: "Name a bird." }, { content: "A wren." }] }],
  });
});

describe("a rendered prompt and its completion", () => {
  const prompt = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
  test.each([
    ["TRL", { prompt, completion: "Ho<|im_end|>\n" }, { text: "prompt", response: "completion" }],
    ["FLAN", { inputs: prompt, targets: "Ho<|im_end|>" }, { text: "inputs", response: "targets" }],
    ["a table", { question: prompt, answer: "Ho" }, { text: "question", response: "answer" }],
    ["Alpaca's columns", { instruction: prompt, output: "Ho" }, { text: "instruction", response: "output" }],
  ])("%s", (_, row, columns) => {
    const { mapping } = detectFormat([row, row]);
    expect(mapping).toEqual({ format: "rendered", columns });
    const converted = createConverter(mapping)(row);
    expect(converted).toMatchObject({ examples: [{ messages: [{ content: "Hi" }, { content: "Ho" }] }] });
  });

  test("pairs without markers keep their format", () => {
    expect(detectFormat([{ prompt: "Hi", completion: "Ho" }]).mapping.format).toBe("trl");
    expect(detectFormat([{ instruction: "Hi", input: "", output: "Ho" }]).mapping.format).toBe("alpaca");
  });
});

test("messages beside a ready-made text stay the detected format", () => {
  const messages = [
    { role: "user", content: "Name a bird." },
    { role: "assistant", content: "A wren." },
  ];
  expect(formatsOf([{ messages, text: chatml() }])).toEqual(["openai", "text", "rendered", "marked"]);
});

test("a mapping to plain text keeps its meaning", () => {
  const text = chatml();
  expect(createConverter({ format: "text", columns: { text: "text" } })({ text })).toEqual({
    examples: [{ kind: "text", text }],
  });
  expect(createConverter({ format: "mixed", columns: {} })({ text })).toMatchObject({ examples: [{ kind: "text" }] });
});

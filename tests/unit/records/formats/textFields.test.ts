/**
 * A number or a truth value in a text field is its text as the file writes it; NaN, null and the infinities in an optional field
 * are absent. Oracle: expectations written by hand.
 */

import { describe, expect, test } from "vitest";
import { type Converted, createConverter } from "../../../../src/records/formats/convert.ts";
import { detectFormat } from "../../../../src/records/formats/detect.ts";
import { parseJson } from "../../../../src/records/read/parseJson.ts";

function valueOfText(text: string): unknown {
  const parsed = parseJson(text);
  if ("why" in parsed) throw new Error(parsed.why);
  return parsed.value;
}

/** Each row's texts, `role: content`, or its problem, by the format of all rows and as rows of a mixed file. */
function textsOf(rows: readonly string[]): (readonly string[] | string)[] {
  const values = rows.map(valueOfText);
  const texts = (converted: Converted) => {
    if ("problem" in converted) return converted.problem;
    return converted.examples.flatMap((example) => {
      if (example.kind === "text") return [example.text];
      if (example.kind === "chat") return example.messages.map(({ role, content }) => `${role}: ${content}`);
      return [...example.chosen, ...example.rejected].map(({ role, content }) => `${role}: ${content}`);
    });
  };
  const { mapping } = detectFormat(values);
  const found = values.map((value) => texts(createConverter(mapping)(value)));
  expect(values.map((value) => texts(createConverter({ format: "mixed", columns: {} })(value)))).toEqual(found);
  return found;
}

test("Alpaca rows with numbers, truth values, NaN, null and infinities", () => {
  const rows = [
    '{"instruction": "2+2?", "input": NaN, "output": 4}',
    '{"instruction": "Is fire hot?", "input": null, "output": true}',
    '{"instruction": 9, "input": "", "output": "nine"}',
    '{"instruction": "A third of one and a half?", "input": -Infinity, "output": 0.50}',
    '{"instruction": "No word?", "input": "", "output": "null"}',
    '{"instruction": "How many?", "input": Infinity, "output": 12345678901234567890}',
  ];
  expect(textsOf(rows)).toEqual([
    ["user: 2+2?", "assistant: 4"],
    ["user: Is fire hot?", "assistant: true"],
    ["user: 9", "assistant: nine"],
    ["user: A third of one and a half?", "assistant: 0.50"],
    ["user: No word?", "assistant: null"],
    ["user: How many?", "assistant: 12345678901234567890"],
  ]);
});

describe("a number in each text field", () => {
  const rows: [string, string, readonly string[]][] = [
    ["an input", '{"instruction":"Double.","input":1.0,"output":2.0}', ["user: Double.\n1.0", "assistant: 2.0"]],
    ["a system prompt", '{"instruction":"a","output":"b","system":7}', ["system: 7", "user: a", "assistant: b"]],
    ["false", '{"instruction":"a","output":false}', ["user: a", "assistant: false"]],
    ["zero", '{"instruction":"a","output":0}', ["user: a", "assistant: 0"]],
    ["minus zero", '{"instruction":"a","output":-0.0}', ["user: a", "assistant: -0.0"]],
    ["a small number", '{"instruction":"a","output":1e-7}', ["user: a", "assistant: 1e-7"]],
    ["a large letter", '{"instruction":"a","output":1E5}', ["user: a", "assistant: 1E5"]],
    ["Dolly", '{"instruction":"a","context":3,"response":4,"category":5}', ["user: a\n3", "assistant: 4"]],
    ["TRL", '{"prompt":1,"completion":2.50}', ["user: 1", "assistant: 2.50"]],
    ["FLAN", '{"inputs":true,"targets":1}', ["user: true", "assistant: 1"]],
    [
      "OpenAI",
      '{"messages":[{"role":"user","content":1},{"role":"assistant","content":2.0}]}',
      ["user: 1", "assistant: 2.0"],
    ],
    [
      "ShareGPT",
      '{"conversations":[{"from":"human","value":1.10},{"from":"gpt","value":false}]}',
      ["user: 1.10", "assistant: false"],
    ],
    [
      "a part",
      '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"text","text":3.0}]}]}',
      ["user: a", "assistant: 3.0"],
    ],
    [
      "history",
      '{"instruction":"a","output":"b","history":[[1,2.0]]}',
      ["user: 1", "assistant: 2.0", "user: a", "assistant: b"],
    ],
    ["a table", '{"question":"3+4?","answer":7}', ["user: 3+4?", "assistant: 7"]],
    [
      "a table of truths",
      '{"question":"Is it?","passage":"It is.","answer":true}',
      ["user: Is it?\nIt is.", "assistant: true"],
    ],
    ["preference", '{"prompt":"a","chosen":1.0,"rejected":2}', ["assistant: 1.0", "assistant: 2"]],
    ["plain text", '{"text":3.50}', ["3.50"]],
    [
      "a tree",
      '{"message_tree_id":"t","prompt":{"text":"3+4?","role":"prompter","replies":[{"text":7,"role":"assistant","rank":0.0,"replies":[]}]}}',
      ["user: 3+4?", "assistant: 7"],
    ],
  ];
  test.each(rows)("%s", (_, row, texts) => {
    expect(textsOf([row])).toEqual([texts]);
  });
});

describe("NaN, null and infinities", () => {
  const absent: [string, string][] = [
    ["a system prompt", '{"instruction":"a","output":"b","system":NaN}'],
    ["history", '{"instruction":"a","output":"b","history":NaN}'],
    ["a category", '{"instruction":"a","output":"b","category":NaN}'],
    ["a split", '{"instruction":"a","output":"b","split":Infinity}'],
    ["tools", '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"tools":NaN}'],
    ["a name", '{"messages":[{"role":"user","content":"a","name":NaN},{"role":"assistant","content":"b"}]}'],
    [
      "an id",
      '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","tool_call_id":-Infinity}]}',
    ],
    ["calls", '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","tool_calls":NaN}]}'],
    ["a number beyond all floats", '{"instruction":"a","input":1e400,"output":"b"}'],
  ];
  test.each(absent)("%s: absent", (_, row) => {
    const value = valueOfText(row);
    for (const mapping of [detectFormat([value]).mapping, { format: "mixed", columns: {} } as const]) {
      expect(createConverter(mapping)(value)).toEqual({
        examples: [
          {
            kind: "chat",
            messages: [
              { role: "user", content: "a" },
              { role: "assistant", content: "b" },
            ],
          },
        ],
      });
    }
    const columns = {
      instruction: "instruction",
      input: "input",
      response: "output",
      system: "system",
      history: "history",
    };
    if (row.includes("instruction")) {
      const mapped = { ...columns, category: "category", split: "split" };
      expect(createConverter({ format: "alpaca", columns: mapped })(value)).toMatchObject({
        examples: [{ kind: "chat" }],
      });
    }
  });

  const refused: [string, string, string][] = [
    ["an answer", '{"instruction":"a","output":NaN}', "output is NaN, not text"],
    ["an answer of null", '{"instruction":"a","output":null}', "output is null, not text"],
    ["an infinite answer", '{"instruction":"a","output":-Infinity}', "output is -Infinity, not text"],
    ["a question", '{"instruction":NaN,"output":"b"}', "instruction is NaN, not text"],
    ["a completion", '{"prompt":"a","completion":NaN}', "completion is NaN, not text"],
    [
      "content",
      '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":NaN}]}',
      "messages.1.content is NaN, not text",
    ],
    ["a text", '{"text":NaN}', "text is NaN, not text"],
  ];
  test.each(refused)("%s: a problem", (_, row, problem) => {
    const value = valueOfText(row);
    const { mapping } = detectFormat([value]);
    const text = { format: "text", columns: { text: "text" } } as const;
    expect(createConverter(row.includes('"text"') ? text : mapping)(value)).toEqual({ problem });
  });
});

describe("numbers that are no text", () => {
  const chat = (more: string) =>
    `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b",${more}}]}`;
  test.each([
    ['"weight":1.0', 1],
    ['"weight":0.0', 0],
    ['"loss_weight":0.50', 0.5],
    ['"weight":1e-1', 0.1],
    ['"train":1.0', 1],
  ])("%s is a loss weight", (more, weight) => {
    const value = valueOfText(chat(more));
    expect(createConverter(detectFormat([value]).mapping)(value)).toMatchObject({
      examples: [{ messages: [{}, { weight }] }],
    });
  });
  test("a row's weight", () => {
    const value = valueOfText('{"instruction":"a","output":"b","loss_weight":2.0}');
    expect(createConverter(detectFormat([value]).mapping)(value)).toMatchObject({
      examples: [{ messages: [{}, { weight: 2 }] }],
    });
  });
  test("ranks of a table that filled null with NaN", () => {
    const reply = (text: string, rank: string) => `{"text":"${text}","role":"assistant","rank":${rank},"replies":[]}`;
    const replies = [reply("worst", "NaN"), reply("second", "1.0"), reply("best", "0.0")];
    const row = `{"prompt":{"text":"a","role":"prompter","rank":NaN,"replies":[${replies}]}}`;
    const value = valueOfText(row);
    expect(createConverter(detectFormat([value]).mapping)(value)).toMatchObject({
      examples: [
        { messages: [{}, { content: "best" }] },
        { messages: [{}, { content: "second" }] },
        { messages: [{}, { content: "worst" }] },
        { kind: "preference", chosen: [{ content: "best" }], rejected: [{ content: "second" }] },
      ],
    });
  });
  test("a class beside a text is no answer", () => {
    const value = valueOfText('{"text":"A film.","source":"web","target":1}');
    expect(detectFormat([value]).mapping).toEqual({ format: "text", columns: { text: "text" } });
  });
});

test("a column named like an integer is mapped like any other", () => {
  const value = valueOfText('{"2":"Why?","1":"Because.","0":1.0}');
  const columns = { instruction: "2", response: "1", category: "0" };
  expect(createConverter({ format: "columns", columns })(value)).toEqual({
    examples: [
      {
        kind: "chat",
        messages: [
          { role: "user", content: "Why?" },
          { role: "assistant", content: "Because." },
        ],
        category: "1.0",
      },
    ],
  });
  expect(detectFormat([value]).columns).toEqual([
    { name: "2", sample: "Why?" },
    { name: "1", sample: "Because." },
    { name: "0", sample: "1.0" },
  ]);
});

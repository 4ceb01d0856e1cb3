/**
 * Messages keep every field of the file, content keeps its form, and null members are absent. Oracle: expectations written by
 * hand, compared as JSON text, so that the order of keys and the text of numbers count.
 */

import { describe, expect, test } from "vitest";
import type { Message } from "../../../../src/records/example.ts";
import { createConverter } from "../../../../src/records/formats/convert.ts";
import { detectFormat } from "../../../../src/records/formats/detect.ts";
import { carriedText } from "../../../../src/records/formats/messages.ts";
import { parseJson } from "../../../../src/records/read/parseJson.ts";
import { writeJson } from "../../../../src/records/writeJson.ts";

function converted(row: string) {
  const parsed = parseJson(row);
  if ("why" in parsed) throw new Error(parsed.why);
  return createConverter(detectFormat([parsed.value]).mapping)(parsed.value);
}

function messagesOf(row: string): readonly Message[] {
  const result = converted(row);
  if ("problem" in result) throw new Error(result.problem);
  const [example] = result.examples;
  if (example?.kind !== "chat") throw new Error("a chat was expected");
  return example.messages;
}

const chatOf = (message: string, next = "") =>
  `{"messages":[{"role":"user","content":"a"},${message},{"role":"assistant","content":"end"}${next}]}`;
/** The second message of a chat. */
const read = (message: string) => messagesOf(chatOf(message))[1];
const problemOf = (message: string) => {
  const result = converted(chatOf(message));
  return "problem" in result ? result.problem : null;
};
const fieldsOf = (message: string) => writeJson(read(message)?.fields ?? null);

describe("fields", () => {
  const answer = (more: string) => `{"role":"assistant","content":"b",${more}}`;
  const rows: [string, string, string][] = [
    ["reasoning_content", answer('"reasoning_content":" 91 = 7 × 13.\\n"'), '{"reasoning_content":" 91 = 7 × 13.\\n"}'],
    ["reasoning", answer('"reasoning":"Only 1 and 7."'), '{"reasoning":"Only 1 and 7."}'],
    ["thinking", answer('"thinking":"By convention."'), '{"thinking":"By convention."}'],
    ["two names of reasoning", answer('"thinking":"t","reasoning":"r"'), '{"thinking":"t","reasoning":"r"}'],
    ["a name and a weight", answer('"name":"ada","weight":0.0'), '{"name":"ada","weight":0.0}'],
    ["train and loss_weight", answer('"train":false,"loss_weight":0'), '{"train":false,"loss_weight":0}'],
    [
      "task fields",
      answer('"task":"maths","level":3,"tags":["a",null]'),
      '{"task":"maths","level":3,"tags":["a",null]}',
    ],
    ["numbers", answer('"score":12.0,"id":9007199254740993,"p":1e-7'), '{"score":12.0,"id":9007199254740993,"p":1e-7}'],
    [
      "nested members in their order",
      answer('"meta":{"2":{"b":1,"a":0.10},"1":[]}'),
      '{"meta":{"2":{"b":1,"a":0.10},"1":[]}}',
    ],
    ["fields before the role", '{"id":1,"content":"b","role":"assistant","z":2}', '{"id":1,"z":2}'],
    ["an empty text, list and object", answer('"a":"","b":[],"c":{}'), '{"a":"","b":[],"c":{}}'],
    ["a key named __proto__", answer('"__proto__":{"x":1.0}'), '{"__proto__":{"x":1.0}}'],
    ["a user's fields", '{"role":"user","content":"b","name":"eva","lang":"de"}', '{"name":"eva","lang":"de"}'],
    ["a tool's fields", '{"role":"tool","content":"b","tool_call_id":7,"name":"f"}', '{"tool_call_id":7,"name":"f"}'],
    ["a model turn of Gemma", '{"role":"model","content":"b","finish_reason":"stop"}', '{"finish_reason":"stop"}'],
  ];
  test.each(rows)("%s", (_, message, fields) => {
    expect(fieldsOf(message)).toBe(fields);
    expect(read(message)?.content).toBe("b");
  });

  test("ShareGPT turns have fields too", () => {
    const row =
      '{"conversations":[{"from":"human","value":"a","id":"x"},{"from":"gpt","value":"b","weight":1,"reasoning":"r"}]}';
    expect(messagesOf(row).map(({ fields }) => writeJson(fields))).toEqual([
      '{"id":"x"}',
      '{"weight":1,"reasoning":"r"}',
    ]);
  });

  test("prompts, completions, preferences and messages as text have fields too", () => {
    const user = '{"role":"user","content":"a","name":"eva"}';
    const answer = '{"role":"assistant","content":"b","reasoning":"r"}';
    const one = [undefined, { name: "eva" }, { reasoning: "r" }];
    expect([undefined, ...messagesOf(`{"prompt":[${user}],"completion":[${answer}]}`).map((m) => m.fields)]).toEqual(
      one,
    );
    const asText = messagesOf(`{"messages":${JSON.stringify(`[${user},${answer}]`)}}`);
    expect([undefined, ...asText.map((m) => m.fields)]).toEqual(one);
    expect(converted(`{"prompt":[${user}],"chosen":[${answer}],"rejected":"c"}`)).toMatchObject({
      examples: [{ prompt: [{ fields: { name: "eva" } }], chosen: [{ fields: { reasoning: "r" } }] }],
    });
    const earlier = messagesOf(`{"prompt":[${user},${answer},${user}],"completion":"c"}`);
    expect(earlier[1]).toMatchObject({ weight: 0, fields: { reasoning: "r" } });
  });

  test("a row's weight changes the weights, not the fields", () => {
    const row = `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","weight":0.50,"x":1}],"loss_weight":2.0}`;
    expect(writeJson(messagesOf(row)[1])).toBe(
      '{"role":"assistant","content":"b","fields":{"weight":0.50,"x":1},"weight":1}',
    );
  });

  test("a reply of a tree keeps its reasoning", () => {
    const row =
      '{"prompt":{"text":"a","role":"prompter","lang":"de","replies":[{"text":"b","role":"assistant","reasoning":"r","rank":0,"replies":[]}]}}';
    expect(messagesOf(row).map(({ fields }) => fields)).toEqual([undefined, { reasoning: "r" }]);
  });

  test("answers that differ only in their reasoning are a preference", () => {
    const answer = (reasoning: string) => `[{"role":"assistant","content":"b","reasoning":"${reasoning}"}]`;
    const row = (rejected: string) => `{"prompt":"a","chosen":${answer("right")},"rejected":${answer(rejected)}}`;
    expect(converted(row("wrong"))).toMatchObject({ examples: [{ rejected: [{ fields: { reasoning: "wrong" } }] }] });
    expect(converted(row("right"))).toEqual({ problem: "chosen and rejected are the same" });
  });
});

describe("null members are absent", () => {
  const rows: [string, string, string][] = [
    ["every null", '{"role":"user","content":"b","name":null,"tool_calls":null,"reasoning":null,"x":null}', "null"],
    ["one of two", '{"role":"user","content":"b","name":null,"x":1}', '{"x":1}'],
    ["within an object", '{"role":"user","content":"b","x":{"a":null,"b":{"c":null,"d":0}}}', '{"x":{"b":{"d":0}}}'],
    ["not in a list", '{"role":"user","content":"b","x":[null,{"a":null,"b":[null]}]}', '{"x":[null,{"b":[null]}]}'],
    ["an object of nulls", '{"role":"user","content":"b","x":{"a":null}}', '{"x":{}}'],
    ["among keys like integers", '{"role":"user","content":"b","x":{"2":null,"1":"a","0":1}}', '{"x":{"1":"a","0":1}}'],
    ["NaN and infinities of a field", '{"role":"user","content":"b","x":NaN,"y":-Infinity,"z":1}', '{"z":1}'],
    [
      "zero, false and empty stay",
      '{"role":"user","content":"b","x":{"a":0,"b":false,"c":"","d":[],"e":{}}}',
      '{"x":{"a":0,"b":false,"c":"","d":[],"e":{}}}',
    ],
    ["the word null stays", '{"role":"user","content":"b","x":"null"}', '{"x":"null"}'],
    ["lists in lists", '{"role":"user","content":"b","x":[[null,[{"a":null}]]]}', '{"x":[[null,[{}]]]}'],
  ];
  test.each(rows)("%s", (_, message, fields) => {
    expect(fieldsOf(message)).toBe(fields);
  });
});

describe("content", () => {
  const rows: [string, string, string][] = [
    [
      "null beside calls",
      '{"role":"assistant","content":null,"tool_calls":[{"name":"f","arguments":{}}]}',
      '{"role":"assistant","content":"","structured":null,"toolCalls":[{"name":"f","arguments":{}}]}',
    ],
    [
      "none beside calls",
      '{"role":"assistant","tool_calls":[{"name":"f","arguments":{}}]}',
      '{"role":"assistant","content":"","structured":null,"toolCalls":[{"name":"f","arguments":{}}]}',
    ],
    [
      "empty beside calls",
      '{"role":"assistant","content":"","tool_calls":[{"name":"f","arguments":{}}]}',
      '{"role":"assistant","content":"","toolCalls":[{"name":"f","arguments":{}}]}',
    ],
    [
      "a text beside calls",
      '{"role":"assistant","content":" Wait. ","tool_calls":[{"name":"f","arguments":{}}]}',
      '{"role":"assistant","content":" Wait. ","toolCalls":[{"name":"f","arguments":{}}]}',
    ],
    [
      "null beside reasoning",
      '{"role":"assistant","content":null,"reasoning_content":"r"}',
      '{"role":"assistant","content":"","structured":null,"fields":{"reasoning_content":"r"}}',
    ],
    [
      "empty beside thinking",
      '{"role":"assistant","content":"","thinking":"r"}',
      '{"role":"assistant","content":"","fields":{"thinking":"r"}}',
    ],
    ["an empty tool result", '{"role":"tool","content":""}', '{"role":"tool","content":""}'],
    ["a tool result of white space", '{"role":"tool","content":" \\n"}', '{"role":"tool","content":" \\n"}'],
    ["a tool result of null", '{"role":"tool","content":null}', '{"role":"tool","content":"","structured":null}'],
    [
      "no tool result",
      '{"role":"tool","name":"f"}',
      '{"role":"tool","content":"","structured":null,"fields":{"name":"f"},"name":"f"}',
    ],
    [
      "an object",
      '{"role":"tool","content":{"ok":true,"left":3.0,"no":null,"2":[null],"1":9007199254740993}}',
      '{"role":"tool","content":"{\\"ok\\":true,\\"left\\":3.0,\\"2\\":[null],\\"1\\":9007199254740993}","structured":{"ok":true,"left":3.0,"2":[null],"1":9007199254740993}}',
    ],
    [
      "a list of rows",
      '{"role":"tool","content":[{"a":0.10},{"a":null}]}',
      '{"role":"tool","content":"[{\\"a\\":0.10},{}]","structured":[{"a":0.10},{}]}',
    ],
    [
      "a list of texts",
      '{"role":"tool","content":["Oslo","Bergen"]}',
      '{"role":"tool","content":"[\\"Oslo\\",\\"Bergen\\"]","structured":["Oslo","Bergen"]}',
    ],
    ["an empty list", '{"role":"tool","content":[]}', '{"role":"tool","content":"[]","structured":[]}'],
    ["an empty object", '{"role":"tool","content":{}}', '{"role":"tool","content":"{}","structured":{}}'],
    [
      "a list with its own types",
      '{"role":"tool","content":[{"type":"inn","name":"X"}]}',
      '{"role":"tool","content":"[{\\"type\\":\\"inn\\",\\"name\\":\\"X\\"}]","structured":[{"type":"inn","name":"X"}]}',
    ],
    ["a number", '{"role":"tool","content":3.0}', '{"role":"tool","content":"3.0"}'],
    ["a truth value", '{"role":"tool","content":false}', '{"role":"tool","content":"false"}'],
    [
      "JSON as text stays text",
      '{"role":"tool","content":"{\\"ok\\": true, \\"left\\": 3.0}"}',
      '{"role":"tool","content":"{\\"ok\\": true, \\"left\\": 3.0}"}',
    ],
    [
      "white space around code",
      '{"role":"assistant","content":"    return x * 2\\n"}',
      '{"role":"assistant","content":"    return x * 2\\n"}',
    ],
  ];
  test.each(rows)("%s", (_, message, expected) => {
    expect(writeJson(read(message))).toBe(expected);
  });

  test("an observation with an object", () => {
    const row =
      '{"conversations":[{"from":"human","value":"a"},{"from":"function_call","value":"{\\"name\\":\\"f\\",\\"arguments\\":{\\"x\\":1.0}}"},{"from":"observation","value":{"y":2.0}},{"from":"gpt","value":"b"}]}';
    expect(writeJson(messagesOf(row).slice(1, 3))).toBe(
      '[{"role":"assistant","content":"","toolCalls":[{"name":"f","arguments":{"x":1.0}}]},{"role":"tool","content":"{\\"y\\":2.0}","structured":{"y":2.0}}]',
    );
  });

  const refused: [string, string, string][] = [
    ["null", '{"role":"assistant","content":null}', "messages.1.content is null, not text"],
    ["null beside other fields", '{"role":"assistant","content":null,"id":1}', "messages.1.content is null, not text"],
    [
      "empty beside empty reasoning",
      '{"role":"assistant","content":"","reasoning":" "}',
      "messages.1.content is empty",
    ],
    ["empty beside no calls", '{"role":"assistant","content":"","tool_calls":[]}', "messages.1.content is empty"],
    ["a user's null", '{"role":"user","content":null}', "messages.1.content is null, not text"],
    ["an assistant's object", '{"role":"assistant","content":{"a":1}}', "messages.1.content is an object, not text"],
    ["a list of lists", '{"role":"assistant","content":[["a"]]}', "messages.1.content.0 is a list, not a text part"],
  ];
  test.each(refused)("%s is a problem", (_, message, problem) => {
    expect(problemOf(message)).toBe(problem);
  });
});

describe("parts", () => {
  const answer = (parts: string, more = "") => `{"role":"assistant","content":${parts}${more}}`;
  const rows: [string, string, string][] = [
    [
      "texts",
      answer('[{"type":"text","text":"b "},{"type":"text","text":"c"}]'),
      '{"role":"assistant","content":"b c"}',
    ],
    ["bare texts", answer('["b","c"]'), '{"role":"assistant","content":"bc"}'],
    ["no type", answer('[{"text":"b"}]'), '{"role":"assistant","content":"b"}'],
    ["a number", answer('[{"type":"text","text":0.50}]'), '{"role":"assistant","content":"0.50"}'],
    [
      "thinking",
      answer('[{"type":"thinking","thinking":"t"},{"type":"text","text":"b"}]'),
      '{"role":"assistant","content":"b","fields":{"thinking":"t"}}',
    ],
    [
      "thinking as text",
      answer('[{"type":"thinking","text":"t"},{"type":"text","text":"b"}]'),
      '{"role":"assistant","content":"b","fields":{"thinking":"t"}}',
    ],
    [
      "reasoning in two parts",
      answer('[{"type":"reasoning","text":"t "},{"type":"reasoning","reasoning":"u"},{"type":"text","text":"b"}]'),
      '{"role":"assistant","content":"b","fields":{"thinking":"t u"}}',
    ],
    [
      "thinking after a field",
      answer('[{"type":"thinking","thinking":"t"},{"type":"text","text":"b"}]', ',"id":1'),
      '{"role":"assistant","content":"b","fields":{"id":1,"thinking":"t"}}',
    ],
    [
      "thinking alone",
      answer('[{"type":"thinking","thinking":"t"}]'),
      '{"role":"assistant","content":"","fields":{"thinking":"t"}}',
    ],
    [
      "parts that Parquet padded",
      answer(
        '[{"type":"thinking","thinking":"t","text":null},{"type":"text","text":"b","thinking":null,"weight":null}]',
      ),
      '{"role":"assistant","content":"b","fields":{"thinking":"t"}}',
    ],
    [
      "weights beside thinking",
      answer('[{"type":"thinking","thinking":"t"},{"type":"text","text":"b","weight":0.0},{"type":"text","text":"c"}]'),
      '{"role":"assistant","content":"bc","parts":[{"text":"b","weight":0},{"text":"c"}],"fields":{"thinking":"t"}}',
    ],
    [
      "a tool's parts",
      '{"role":"tool","content":[{"type":"text","text":"4"},{"type":"text","text":"2"}]}',
      '{"role":"tool","content":"42"}',
    ],
  ];
  test.each(rows)("%s", (_, message, expected) => {
    expect(writeJson(read(message))).toBe(expected);
  });

  test.each(["image", "image_url", "input_audio", "video", "file"])("%s is refused by name", (type) => {
    for (const role of ["user", "tool"]) {
      const message = `{"role":"${role}","content":[{"type":"text","text":"b"},{"type":"${type}","url":"x"}]}`;
      expect(problemOf(message)).toBe(`messages.1.content.1.type is "${type}": Hone trains on text only`);
    }
  });
});

test("deep fields, results and calls are a problem, whatever their depth", () => {
  let deep: unknown = "leaf";
  for (let i = 0; i < 50_000; i++) deep = [deep];
  const rows: [object, string][] = [
    [{ role: "assistant", content: "b", meta: deep }, "messages.1.meta"],
    [{ role: "tool", content: deep }, "messages.1.content"],
    [{ role: "tool", content: { deep } }, "messages.1.content"],
    [{ role: "assistant", content: "", tool_calls: [{ function: { name: "f" }, deep }] }, "messages.1.tool_calls.0"],
  ];
  for (const [message, place] of rows) {
    const messages = [{ role: "user", content: "a" }, message, { role: "assistant", content: "b" }];
    expect(createConverter({ format: "openai", columns: { messages: "messages" } })({ messages })).toEqual({
      problem: `${place} cannot be read: lists and objects are nested more than 256 levels deep`,
    });
  }
});

test("what a message carries beside its text, for comparisons", () => {
  const texts = [
    '{"role":"assistant","content":"b","reasoning":"r"}',
    '{"role":"assistant","content":"b","reasoning":"s"}',
    '{"role":"assistant","content":"b","score":1}',
    '{"role":"assistant","content":"b","score":1.0}',
    '{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"2":1,"1":2}}}]}',
    '{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"1":2,"2":1}}}]}',
    '{"role":"tool","content":"b","tool_call_id":"x"}',
    '{"role":"tool","content":"b","tool_call_id":"y"}',
  ].map((message) => carriedText(read(message) ?? { role: "user", content: "" }));
  expect(new Set(texts).size).toBe(texts.length);
  const plain = ['{"role":"assistant","content":"b"}', '{"role":"assistant","content":"c","weight":0,"name":null}'];
  for (const message of plain) expect(carriedText(read(message) ?? { role: "user", content: "x" })).toBe("");
});

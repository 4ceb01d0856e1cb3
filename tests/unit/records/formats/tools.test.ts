/**
 * Tool calls and descriptions of tools in every form, with the numbers and the order of the file. Oracle: expectations written
 * by hand, compared as JSON text.
 */

import { describe, expect, test } from "vitest";
import type { ChatExample } from "../../../../src/records/example.ts";
import { createConverter } from "../../../../src/records/formats/convert.ts";
import { detectFormat } from "../../../../src/records/formats/detect.ts";
import { parseJson } from "../../../../src/records/read/parseJson.ts";
import { writeJson } from "../../../../src/records/writeJson.ts";

function converted(row: string) {
  const parsed = parseJson(row);
  if ("why" in parsed) throw new Error(parsed.why);
  return createConverter(detectFormat([parsed.value]).mapping)(parsed.value);
}

function chatOf(row: string): Pick<ChatExample, "messages" | "tools"> {
  const result = converted(row);
  if ("problem" in result) throw new Error(result.problem);
  const [example] = result.examples;
  if (example?.kind !== "chat") throw new Error("a chat was expected");
  return example;
}

const rowOf = (answer: string, more = "") =>
  `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"",${answer}}]${more}}`;
const callsOf = (answer: string) => writeJson(chatOf(rowOf(answer)).messages[1]?.toolCalls ?? null);
const problemOf = (answer: string) => {
  const result = converted(rowOf(answer));
  return "problem" in result ? result.problem : null;
};
/** JSON text as a JSON string. */
const text = JSON.stringify;

describe("calls", () => {
  const numbers = '{"id":9007199254740993,"sum":12.0,"fee":1e-7,"2":"b","1":"a"}';
  const rows: [string, string, string][] = [
    [
      "arguments as text",
      `"tool_calls":[{"id":"c1","type":"function","function":{"name":"pay","arguments":${text(numbers)}}}]`,
      `[{"id":"c1","name":"pay","arguments":${numbers},"whole":{"id":"c1","type":"function","function":{"name":"pay","arguments":${numbers}}}}]`,
    ],
    [
      "arguments as an object",
      `"tool_calls":[{"function":{"arguments":${numbers},"name":"pay"},"id":"c1"}]`,
      `[{"id":"c1","name":"pay","arguments":${numbers},"whole":{"function":{"arguments":${numbers},"name":"pay"},"id":"c1"}}]`,
    ],
    [
      "null in arguments, in lists and in the call",
      '"tool_calls":[{"id":null,"index":0,"function":{"name":"f","arguments":{"city":"Oslo","unit":null,"days":[1,null,{"x":null}]},"strict":null}}]',
      '[{"name":"f","arguments":{"city":"Oslo","days":[1,null,{}]},"whole":{"index":0,"function":{"name":"f","arguments":{"city":"Oslo","days":[1,null,{}]}}}}]',
    ],
    [
      "two calls",
      '"tool_calls":[{"function":{"name":"f","arguments":"{\\"a\\":18446744073709551615}"}},{"function":{"name":"g","arguments":"{\\"a\\":0.10}"}}]',
      '[{"name":"f","arguments":{"a":18446744073709551615},"whole":{"function":{"name":"f","arguments":{"a":18446744073709551615}}}},{"name":"g","arguments":{"a":0.10},"whole":{"function":{"name":"g","arguments":{"a":0.10}}}}]',
    ],
    [
      "calls as text",
      `"tool_calls":${text('[{"function":{"name":"f","arguments":{"a":1.0}}}]')}`,
      '[{"name":"f","arguments":{"a":1.0},"whole":{"function":{"name":"f","arguments":{"a":1.0}}}}]',
    ],
    [
      "a list of calls as text",
      `"tool_calls":[${text('{"function":{"name":"f","arguments":{"a":1.0}}}')}]`,
      '[{"name":"f","arguments":{"a":1.0},"whole":{"function":{"name":"f","arguments":{"a":1.0}}}}]',
    ],
    [
      "a function as text",
      `"tool_calls":[{"id":"x","function":${text('{"name":"f","arguments":"{\\"a\\":1.0}"}')}}]`,
      '[{"id":"x","name":"f","arguments":{"a":1.0},"whole":{"id":"x","function":{"name":"f","arguments":{"a":1.0}}}}]',
    ],
    [
      "one call without a list",
      '"tool_calls":{"function":{"name":"f","arguments":{}}}',
      '[{"name":"f","arguments":{},"whole":{"function":{"name":"f","arguments":{}}}}]',
    ],
    [
      "no arguments",
      '"tool_calls":[{"function":{"name":"f"}},{"function":{"arguments":null,"name":"g"}},{"function":{"name":"h","arguments":""}}]',
      '[{"name":"f","arguments":{},"whole":{"function":{"name":"f","arguments":{}}}},{"name":"g","arguments":{},"whole":{"function":{"arguments":{},"name":"g"}}},{"name":"h","arguments":{},"whole":{"function":{"name":"h","arguments":{}}}}]',
    ],
    [
      "a flat call",
      '"tool_calls":[{"id":"x","name":"f","arguments":{"a":1.0}}]',
      '[{"id":"x","name":"f","arguments":{"a":1.0}}]',
    ],
    [
      "a flat call with parameters",
      '"tool_calls":[{"name":"f","parameters":{"a":1.0}}]',
      '[{"name":"f","arguments":{"a":1.0}}]',
    ],
    [
      "an older function_call",
      '"function_call":{"name":"f","arguments":"{\\"a\\":1.0}"}',
      '[{"name":"f","arguments":{"a":1.0}}]',
    ],
    [
      "a function_call as text",
      `"function_call":${text('{"name":"f","arguments":{"b":1,"a":2}}')}`,
      '[{"name":"f","arguments":{"b":1,"a":2}}]',
    ],
    [
      "arguments that are a list",
      '"tool_calls":[{"name":"f","arguments":[1.0,null]}]',
      '[{"name":"f","arguments":[1.0,null]}]',
    ],
    [
      "an id that is a number",
      '"tool_calls":[{"id":7,"name":"f","arguments":{}}]',
      '[{"id":"7","name":"f","arguments":{}}]',
    ],
    [
      "half a surrogate pair in arguments",
      `"tool_calls":[{"name":"f","arguments":${text('{"a":"\\ud800"}')}}]`,
      '[{"name":"f","arguments":{"a":"\uFFFD"}}]',
    ],
  ];
  test.each(rows)("%s", (_, answer, expected) => {
    expect(callsOf(answer)).toBe(expected);
  });

  test("a ShareGPT call has the standard form", () => {
    const call = '{"type":"function","function":{"name":"f","arguments":{"a":1.0,"b":null}}}';
    for (const value of [call, `[${call}]`]) {
      const row = `{"conversations":[{"from":"human","value":"a"},{"from":"function_call","value":${text(value)}},{"from":"gpt","value":"b"}]}`;
      expect(writeJson(chatOf(row).messages[1])).toBe(
        '{"role":"assistant","content":"","toolCalls":[{"name":"f","arguments":{"a":1.0}}]}',
      );
    }
  });

  const refused: [string, string, string][] = [
    ["no name", '"tool_calls":[{"function":{"arguments":{}}}]', "messages.1.tool_calls.0.function.name is missing"],
    ["an empty name", '"tool_calls":[{"name":" "}]', "messages.1.tool_calls.0.name is empty"],
    [
      "broken arguments",
      '"tool_calls":[{"name":"f","arguments":"{a"}]',
      "messages.1.tool_calls.0.arguments is not JSON",
    ],
    ["a number", '"tool_calls":[5]', 'messages.1.tool_calls.0 is a number, not a tool call {"name", "arguments"}'],
    ["an exact number", '"tool_calls":5.0', 'messages.1.tool_calls is a number, not a tool call {"name", "arguments"}'],
  ];
  test.each(refused)("%s is a problem", (_, answer, problem) => {
    expect(problemOf(answer)).toBe(problem);
  });
});

describe("tools", () => {
  const tool =
    '{"type":"function","function":{"name":"pay","parameters":{"properties":{"sum":{"type":"number","minimum":0.0,"maximum":18446744073709551615},"2":{},"1":{}},"required":["sum"]}}}';
  const padded =
    '{"type":"function","function":{"name":"f","description":null,"parameters":{"properties":{"city":{"type":"string","enum":null},"unit":null,"any":{"enum":["a",null]}},"required":null}}}';
  const bare =
    '{"type":"function","function":{"name":"f","parameters":{"properties":{"city":{"type":"string"},"any":{"enum":["a",null]}}}}}';
  const rows: [string, string, string][] = [
    ["a list", `[${tool}]`, `[${tool}]`],
    ["one object", tool, `[${tool}]`],
    ["a list as text", text(`[${tool}]`), `[${tool}]`],
    ["one object as text", text(tool), `[${tool}]`],
    ["a list of texts", `[${text(tool)},${text(bare)}]`, `[${tool},${bare}]`],
    ["a text of a list of texts", text(`[${text(tool)}]`), `[${tool}]`],
    ["texts and objects", `[${text(tool)},${bare}]`, `[${tool},${bare}]`],
    ["null members", `[${padded}]`, `[${bare}]`],
    ["null members as text", text(padded), `[${bare}]`],
    ["names alone", '["clock"]', '["clock"]'],
    [
      "defaults of every kind",
      '[{"default":false,"min":0,"examples":[null],"title":""}]',
      '[{"default":false,"min":0,"examples":[null],"title":""}]',
    ],
  ];
  test.each(rows)("%s", (_, tools, expected) => {
    expect(writeJson(chatOf(rowOf('"reasoning":"r"', `,"tools":${tools}`)).tools)).toBe(expected);
  });
  test.each(['""', "null", "[]", '"[]"', "NaN"])("%s: no tools", (tools) => {
    expect(chatOf(rowOf('"reasoning":"r"', `,"tools":${tools}`)).tools).toBeUndefined();
  });
  test("another spelling of the column", () => {
    expect(writeJson(chatOf(rowOf('"reasoning":"r"', `,"functions":[{"name":"f"}]`)).tools)).toBe('[{"name":"f"}]');
  });
});

test("a whole conversation: two calls of two turns, empty and structured results, and tools as text", () => {
  const call = (id: string, given: string) =>
    `{"id":"${id}","type":"function","function":{"name":"look","arguments":${given}}}`;
  const row = `{"messages":[
    {"role":"user","content":"Look twice.","tool_calls":null,"name":null},
    {"role":"assistant","content":null,"tool_calls":[${call("a", "{}")}],"name":null},
    {"role":"tool","tool_call_id":"a","name":"look","content":""},
    {"role":"assistant","content":"Again.","tool_calls":[${call("b", text('{"harder":true,"by":2.0}'))},${call("c", '{"by":null}')}]},
    {"role":"tool","tool_call_id":"b","content":{"found":["a key",null],"weight":3.0}},
    {"role":"tool","tool_call_id":"c","content":"{\\"ok\\": true}"},
    {"role":"assistant","content":"A key.","tool_calls":null}
  ],"tools":${text('[{"type":"function","function":{"name":"look","parameters":{"properties":{"by":{"minimum":0.0,"enum":null}}}}}]')}}`;
  expect(writeJson(chatOf(row), 1)).toBe(
    writeJson(
      parsed(`{"kind":"chat","messages":[
        {"role":"user","content":"Look twice."},
        {"role":"assistant","content":"","structured":null,"toolCalls":[{"id":"a","name":"look","arguments":{},"whole":${call("a", "{}")}}]},
        {"role":"tool","content":"","fields":{"tool_call_id":"a","name":"look"},"order":["role","tool_call_id","name","content"],"name":"look","toolCallId":"a"},
        {"role":"assistant","content":"Again.","toolCalls":[
          {"id":"b","name":"look","arguments":{"harder":true,"by":2.0},"whole":${call("b", '{"harder":true,"by":2.0}')}},
          {"id":"c","name":"look","arguments":{},"whole":${call("c", "{}")}}]},
        {"role":"tool","content":"{\\"found\\":[\\"a key\\",null],\\"weight\\":3.0}","structured":{"found":["a key",null],"weight":3.0},"fields":{"tool_call_id":"b"},"order":["role","tool_call_id","content"],"toolCallId":"b"},
        {"role":"tool","content":"{\\"ok\\": true}","fields":{"tool_call_id":"c"},"order":["role","tool_call_id","content"],"toolCallId":"c"},
        {"role":"assistant","content":"A key."}
      ],"tools":[{"type":"function","function":{"name":"look","parameters":{"properties":{"by":{"minimum":0.0}}}}}]}`),
      1,
    ),
  );
});

function parsed(source: string) {
  const result = parseJson(source);
  if ("why" in result) throw new Error(result.why);
  return result.value;
}

/** Real files are read without loss. Oracle: JSON.parse; for the small cases, what their README calls right. */

import { expect } from "vitest";
import { createConverter, type ExampleBody } from "../../../../src/records/formats/convert.ts";
import { detectFormat } from "../../../../src/records/formats/detect.ts";
import { readRecords } from "../../../../src/records/read/read.ts";
import { writeJson } from "../../../../src/records/writeJson.ts";
import { bytesFromMemory } from "../../../../src/tensor/bytes.ts";
import { test } from "../../../support/shared.ts";

async function readAll(name: string, bytes: Uint8Array<ArrayBuffer>) {
  const { batches } = await readRecords(bytesFromMemory(name, bytes));
  const values: unknown[] = [];
  for await (const batch of batches) {
    for (const record of batch) {
      if ("problem" in record) throw new Error(`line ${record.line}: ${record.problem}`);
      values.push(record.value);
    }
  }
  const detection = detectFormat(values.slice(0, 256));
  const convert = createConverter(detection.mapping);
  const examples = values.map((value): ExampleBody => {
    const converted = convert(value);
    if ("problem" in converted) throw new Error(converted.problem);
    const [example, ...more] = converted.examples;
    if (!example || more.length > 0) throw new Error("one row, one example");
    return example;
  });
  return { detection, examples };
}

test("all 999 rows of alpaca_en_demo.json, unchanged", async ({ shared }) => {
  const bytes = await shared.bytes("data/alpaca_en_demo.json");
  const rows: { instruction: string; input: string; output: string }[] = JSON.parse(new TextDecoder().decode(bytes));
  const { detection, examples } = await readAll("alpaca_en_demo.json", bytes);
  expect(detection.mapping).toEqual({
    format: "alpaca",
    columns: { instruction: "instruction", input: "input", response: "output" },
  });
  expect(rows).toHaveLength(999);
  expect(examples).toEqual(
    rows.map(({ instruction, input, output }) => ({
      kind: "chat",
      messages: [
        { role: "user", content: input === "" ? instruction : `${instruction}\n${input}` },
        { role: "assistant", content: output },
      ],
    })),
  );
});

test("300 rows of c4_demo.jsonl, unchanged", async ({ shared }) => {
  const text = await shared.text("data/c4_demo.jsonl");
  const lines = text.split("\n").slice(0, 300);
  const { detection, examples } = await readAll("c4_demo.jsonl", new TextEncoder().encode(lines.join("\n")));
  expect(detection.mapping).toEqual({ format: "text", columns: { text: "text" } });
  expect(examples).toEqual(lines.map((line) => ({ kind: "text", text: JSON.parse(line).text })));
  expect(examples).toHaveLength(300);
});

test("the cases of numbers and truth values in text fields", async ({ shared }) => {
  const { examples } = await readAll("values.jsonl", await shared.bytes("cases/values.jsonl"));
  const texts = examples.map((example) => (example.kind === "chat" ? example.messages.map((m) => m.content) : []));
  expect(texts).toEqual([
    ["3+4?", "7"],
    ["Is ice cold?", "true"],
    ["5", "five"],
    ["Half of one?", "0.50"],
    ["Word for nothing?", "null"],
  ]);
});

test("the cases of reasoning", async ({ shared }) => {
  const { examples } = await readAll("reasoning.jsonl", await shared.bytes("cases/reasoning.jsonl"));
  const fields = examples.map((example) => (example.kind === "chat" ? example.messages.map((m) => m.fields) : []));
  expect(fields).toEqual([
    [undefined, { reasoning_content: "91 = 7 × 13." }],
    [undefined, { reasoning: "Only 1 and 7 divide it." }, undefined, { reasoning: "8 = 2 × 4." }],
    [undefined, { thinking: "By convention it is not." }],
    [undefined, undefined],
  ]);
});

test("the cases of tools", async ({ shared }) => {
  const { examples } = await readAll("tools.jsonl", await shared.bytes("cases/tools.jsonl"));
  const [padded, exact, asText] = examples.map((example) => (example.kind === "chat" ? example : null));
  // The content is null; so is one item of a list, in the arguments and in the whole call.
  expect(writeJson(padded).match(/null/g)).toHaveLength(3);
  expect(padded?.messages[1]?.toolCalls?.[0]?.arguments).toEqual({ city: "Oslo", days: [1, null], exact: true });
  expect(padded?.messages[2]?.content).toBe("");
  expect(exact?.messages[1]?.toolCalls?.map((call) => writeJson(call.arguments))).toEqual([
    '{"id":9007199254740993,"sum":12.0,"fee":1e-7,"2":"b","1":"a"}',
    '{"id":18446744073709551615,"sum":0.10}',
  ]);
  expect(writeJson(exact?.tools)).toMatch(/"maximum":18446744073709551615.*"minimum":0\.0/);
  expect(asText?.tools).toMatchObject([{ function: { name: "look" } }]);
  expect(asText?.messages.map(({ toolCalls }) => toolCalls?.length)).toEqual([
    undefined,
    1,
    undefined,
    1,
    undefined,
    undefined,
  ]);
});

test("the cases of white space", async ({ shared }) => {
  const { examples } = await readAll("spaces.jsonl", await shared.bytes("cases/spaces.jsonl"));
  expect(examples.map((example) => (example.kind === "chat" ? example.messages.at(-1)?.content : null))).toEqual([
    "    return x * 2\n",
    "\n\n\tpass  ",
  ]);
});

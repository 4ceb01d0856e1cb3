/** Real files are read without loss. Oracle: JSON.parse. */

import { expect } from "vitest";
import { createConverter, type ExampleBody } from "../../../../src/records/formats/convert.ts";
import { detectFormat } from "../../../../src/records/formats/detect.ts";
import { readRecords } from "../../../../src/records/read/read.ts";
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

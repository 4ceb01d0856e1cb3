/**
 * Rows are stored with their numbers and keys as the file writes them. Oracles: the texts of small files, and the bytes and
 * the hash that Hone stored for ordinary rows before it knew exact numbers.
 */

import { expect, test } from "vitest";
import { createRowStore } from "../../../src/datasets/rows.ts";
import { readForeignJson } from "../../../src/export/foreignJson.ts";
import { readPiece, writePiece } from "../../../src/records/read/piece.ts";
import { writeJson } from "../../../src/records/writeJson.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { newDisk, tabOn } from "../storage/backend.ts";

const opened = async () => {
  const storage = await openStorage(tabOn(newDisk()));
  return { storage, store: createRowStore(storage) };
};
const fileOf = (text: string) => bytesFromMemory("a.jsonl", new TextEncoder().encode(text));

async function stored(text: string) {
  const { storage, store } = await opened();
  const rows = await store.read(fileOf(text), () => {});
  const files = (await storage.datasets.open(rows.summary.hash)) ?? [];
  const bytes = await Promise.all(files.map((file) => file.slice(0, file.byteLength)));
  const fresh = createRowStore(storage);
  const values: unknown[] = [];
  for await (const { records } of (await fresh.open(rows.summary.hash)).pieces()) {
    values.push(...records.map((record) => ("value" in record ? record.value : record)));
  }
  return { hash: rows.summary.hash, text: bytes.map((piece) => new TextDecoder().decode(piece)).join(""), values };
}

test("ordinary rows have the bytes and the hash of an earlier version", async () => {
  const ordinary = [
    '{"instruction": "Say é.", "input": "", "output": "é 😀\\n\\u0007 \\ud83d\\ude00 \\"x\\" \\\\ /"}',
    '{"messages": [{"role": "user", "content": "1.0, 2.50: [3e5]"}, {"role": "assistant", "content": null, "tool_calls": [{"name": "f", "arguments": "{\\"a\\": 12.0}"}]}], "id": 7, "score": 0.25, "ok": true, "none": null}',
    '{"z": [1, -2, [], {}, [null, false]], "a": {"b": {"c": 1234567890123}}, "__proto__": {"x": 1}, "a": "last"}',
    '"a text alone"',
    '{"s": "half \\ud800 pair", "n": [0.1, 100, -7.125]}',
  ].join("\n");
  const { hash, text } = await stored(ordinary);
  expect(hash).toBe("b8310b49efe10024550a08f173877420a84a0cc8c9c9a43f080e235ed342a729");
  expect(text.split("\n").slice(2, 4)).toEqual([
    '{"line":3,"value":{"z":[1,-2,[],{},[null,false]],"a":"last","__proto__":{"x":1}}},',
    '{"line":4,"value":"a text alone"},',
  ]);
});

const exact = [
  '{"instruction":"a","output":7}',
  '{"instruction":"b","output":0.50,"id":9007199254740993}',
  '{"n":[12.0,1e-7,1E5,-0.0,NaN,-Infinity],"t":"12.0"}',
  '{"2":"b","1":{"10":1.0,"9":"a"}}',
  '"12.0"',
  "18446744073709551615",
];

test("numbers and the order of keys are stored, and read back in a new tab", async () => {
  const { text, values } = await stored(exact.join("\n"));
  expect(text).toBe(`[${exact.map((row, i) => `{"line":${i + 1},"value":${row}}`).join(",\n")}]`);
  expect(values.map((value) => writeJson(value))).toEqual(exact);
});

test("files that differ only in the text of a number are two sources", async () => {
  const hashes = await Promise.all(["1", "1.0", "1.00", "1e0"].map(async (n) => (await stored(`{"a":${n}}\n{}`)).hash));
  expect(new Set(hashes).size).toBe(4);
});

test("one exact row among thousands", async () => {
  const rows = Array.from({ length: 5000 }, (_, i) => `{"instruction":"Say ${i}: 1.0","output":"${i}","n":${i}}`);
  rows[3210] = '{"instruction":"x","output":3210.0}';
  const { values } = await stored(rows.join("\n"));
  expect(values.map((value) => writeJson(value))).toEqual(rows);
});

test("a thread of 500 flat replies is stored deeper than a row may be, with an exact number in it", async () => {
  const reply = (i: number) =>
    `{"message_id":"m${i}","parent_id":${i ? `"m${i - 1}"` : null},"role":"${i % 2 ? "assistant" : "prompter"}","text":"t","rank":0.0}`;
  const { values } = await stored(Array.from({ length: 500 }, (_, i) => reply(i)).join("\n"));
  expect(writeJson(values[0]).match(/"rank":0\.0/g)).toHaveLength(500);
});

test("a piece that another program wrote is read, whatever its white space", () => {
  const rows = exact.map((row, i) => `{"line":${i + 1},"value":${row}}`);
  const problem = { line: 9, problem: 'broken JSON: ",\\n"' };
  const texts = [
    writePiece([...rows, writeJson(problem)]),
    `[ ${rows.join(" , ")} , ${JSON.stringify(problem, null, 2)} ]\n`,
    `[\n${rows.join(",\n")},\n{"problem": ${JSON.stringify(problem.problem)}, "line": 9}\n]`,
    `[${rows.slice(0, 3).join(",")},\n${rows.slice(3).join(",")},\n${writeJson(problem)}]`,
  ];
  for (const text of texts) {
    const records = readPiece(text);
    expect(records.slice(0, -1).map((record) => writeJson("value" in record && record.value))).toEqual(exact);
    expect(records.at(-1)).toEqual(problem);
  }
  expect(readPiece("[]")).toEqual([]);
  expect(() => readPiece('[{"line":1,"value":NaN')).toThrow(/^Stored rows cannot be read: broken JSON/);
});

test("the rows of a run file from elsewhere keep their numbers and keys", async () => {
  const text = `[${exact.map((row, i) => `{"line":${i + 1},"value":${row}}`).join(",\n")}]`;
  const read = await readForeignJson(fileOf(text), { longest: 1e6, deepest: 2000, areRows: true });
  expect(writeJson(read)).toBe(text.replaceAll("\n", ""));
});

/** Memory use on very large files: bytes that are requested ahead, and the heap. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { readRecords } from "../../../../src/records/read/read.ts";
import { type ByteSource, bytesFromMemory } from "../../../../src/tensor/bytes.ts";
import { packed } from "./reading.ts";

const mebibyte = 1 << 20;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

function memory(): number {
  collectGarbage();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + Math.max(external, arrayBuffers);
}

/** A file that repeats one block; its bytes exist only on request. */
function repeated(name: string, head: string, block: string, byteLength: number) {
  const first = new TextEncoder().encode(head);
  const bytes = new TextEncoder().encode(block);
  const requested = { bytes: 0, largest: 0 };
  const source: ByteSource = {
    name,
    byteLength,
    async slice(start, end) {
      requested.bytes += end - start;
      requested.largest = Math.max(requested.largest, end - start);
      const slice = new Uint8Array(end - start);
      let at = 0;
      while (at < slice.length) {
        const place = start + at - first.length;
        const part = place < 0 ? first.subarray(start + at) : bytes.subarray(place % bytes.length);
        slice.set(part.subarray(0, slice.length - at), at);
        at += Math.min(part.length, slice.length - at);
      }
      return slice;
    },
  };
  return { source, requested };
}

const row = JSON.stringify({ instruction: "Say é.", output: "x".repeat(4000) });
const cells = `"Say ""é"".","${"x\n".repeat(2000)}"`;

describe("a file of hundreds of MB needs a few MB", () => {
  const files: [string, string, string, number][] = [
    ["a.jsonl", "", `${row}\n`, 300],
    ["a.json", "[\n", `${row},\n`, 200],
    ["a.csv", "instruction,output\n", `${cells}\n`, 100],
    ["a.txt", "", `${"A line of words.\n".repeat(30)}\n`, 100],
    ["a.md", "# Title\n", `## Part\n\n${"A line of words.\n".repeat(30)}\n`, 100],
  ];
  test.each(files)("%s", async (name, head, block, mebibytes) => {
    const { source, requested } = repeated(name, head, block, mebibytes * mebibyte);
    const before = memory();
    let most = 0;
    let length = 0;
    let rows = 0;
    const { batches } = await readRecords(source);
    for await (const batch of batches) {
      for (const record of batch) {
        rows++;
        if ("value" in record) length += JSON.stringify(record.value).length;
      }
      // At most a few windows are requested before their rows are yielded; 1.1 covers é, one character of two bytes.
      expect(requested.bytes - length * 1.1).toBeLessThan(4 * mebibyte);
      if (requested.bytes % (20 * mebibyte) === 0) most = Math.max(most, memory() - before);
    }
    expect(requested.bytes).toBe(mebibytes * mebibyte);
    expect(requested.largest).toBeLessThanOrEqual(mebibyte);
    expect(rows).toBeGreaterThan((mebibytes * mebibyte) / 10_000);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(40 * mebibyte);
  });
});

test("an archive that unpacks to hundreds of times its size", async () => {
  const line = `${JSON.stringify({ instruction: "x".repeat(4000) })}\n`;
  const file = packed(line.repeat((20 * mebibyte) / line.length));
  const members = 15;
  expect(members * file.length).toBeLessThan((members * 20 * mebibyte) / 300);
  const source = bytesFromMemory("a.jsonl.gz", Buffer.concat(Array.from({ length: members }, () => file)));
  const before = memory();
  let most = 0;
  let length = 0;
  const { batches } = await readRecords(source);
  for await (const batch of batches) {
    if (length % (10 * mebibyte) < batch.length * line.length) most = Math.max(most, memory() - before);
    length += batch.length * line.length;
  }
  expect(length).toBeGreaterThan((members * 20 - 1) * mebibyte);
  expect(most).toBeGreaterThan(0);
  // One step writes up to 32 MiB, which become text and rows before the next step.
  expect(most).toBeLessThan(120 * mebibyte);
});

describe("a row above the limit is a problem; the rows around it are read", () => {
  const long = "x".repeat(3000);
  test.each([
    ["a.jsonl", `{"a":1}\n{"a":"${long}"}\n{"a":3}`, 2],
    ["a.json", `[{"a":1},\n{"a":"${long}"},\n{"a":3}]`, 2],
    ["a.csv", `a,b\n1,1\n2,"${long.replaceAll("xxx", "x\ny")}"\n3,3`, 3],
    ["a.csv", `a,b\n1,1\n2,${long}\n3,3`, 3],
  ])("%s", async (name, text, line) => {
    const bytes = new TextEncoder().encode(text);
    for (const windowBytes of [7, 100, 1 << 20]) {
      const { source } = repeated(name, text, " ", bytes.length);
      const problems: number[] = [];
      const values: unknown[] = [];
      const { batches } = await readRecords(source, { windowBytes, rowLength: 1000 });
      for await (const batch of batches) {
        for (const record of batch) {
          if ("value" in record) values.push(record.value);
          else problems.push(record.line);
          if ("problem" in record && record.line === line) expect(record.problem).toMatch(/longer than|never closed/);
        }
      }
      expect(problems).toContain(line);
      expect(values.length).toBe(2);
    }
  });
});

/**
 * Reads every file of tests/golden/formats, detects its format and converts its rows. Oracle: `<file>.expected.json`, which a
 * person compared with the file row by row. A file without one fails.
 */

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Converted, createConverter } from "../../../../src/records/formats/convert.ts";
import { detectFormat } from "../../../../src/records/formats/detect.ts";
import type { Mapping } from "../../../../src/records/formats/mapping.ts";
import { groupFlatTrees } from "../../../../src/records/formats/oasst.ts";
import { readRecords } from "../../../../src/records/read/read.ts";
import type { DataRecord } from "../../../../src/records/read/record.ts";
import { bytesFromMemory } from "../../../../src/tensor/bytes.ts";
import { chatParquet } from "../../../support/goldenParquet.ts";

const folder = new URL("../../../golden/formats/", import.meta.url);
const names = readdirSync(folder).sort();
const suffix = ".expected.json";
const files = names.filter((name) => !name.endsWith(suffix));

interface Expected {
  readonly mapping: Mapping;
  readonly reason: string;
  readonly alternatives: readonly Mapping[];
  /** One per record, with the line on which it begins. */
  readonly rows: readonly ({ readonly line: number } & Converted)[];
}

test.each(files)("%s", async (name) => {
  expect(names, `${name} needs ${name}${suffix} beside it`).toContain(name + suffix);
  const expected: Expected = JSON.parse(readFileSync(new URL(name + suffix, folder), "utf8"));
  const found = await readGolden(name);
  expect(found.mapping).toEqual(expected.mapping);
  expect(found.reason).toBe(expected.reason);
  expect(found.alternatives).toEqual(expected.alternatives);
  expect(found.rows).toEqual(expected.rows);
});

test("every expectation has its file", () => {
  const left = names.filter((name) => name.endsWith(suffix) && !files.includes(name.slice(0, -suffix.length)));
  expect(left).toEqual([]);
  expect(files.length).toBeGreaterThan(20);
});

test("the Parquet file equals the output of its script", () => {
  const bytes = readFileSync(new URL("chat.parquet", folder));
  expect(new Uint8Array(chatParquet())).toEqual(Uint8Array.from(bytes));
});

/** Like the data worker: joins the flat form of OASST into trees before detection. */
async function readGolden(name: string): Promise<Expected> {
  const bytes = Uint8Array.from(readFileSync(new URL(name, folder)));
  const { batches } = await readRecords(bytesFromMemory(name, bytes));
  const read: DataRecord[] = [];
  for await (const batch of batches) read.push(...batch);
  const group = groupFlatTrees(valuesOf(read));
  const records: DataRecord[] = [];
  if (group) for await (const batch of group(once(read))) records.push(...batch);
  else records.push(...read);
  const { mapping, reason, alternatives } = detectFormat(valuesOf(records));
  const convert = createConverter(mapping);
  const rows = records.map((record) => ({
    line: record.line,
    ...("problem" in record ? { problem: record.problem } : convert(record.value)),
  }));
  return { mapping, reason, alternatives, rows };
}

function valuesOf(records: readonly DataRecord[]): unknown[] {
  return records.flatMap((record) => ("problem" in record ? [] : [record.value]));
}

async function* once(records: readonly DataRecord[]): AsyncGenerator<readonly DataRecord[]> {
  yield records;
}

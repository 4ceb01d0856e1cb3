/**
 * Tables that pyarrow wrote (tests/golden/parquet/make.py), in every type, compression and encoding. Oracle: pyarrow's own
 * rows, in JSON. A table dropped into the folder with its rows is a test.
 */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { writeJson } from "../../../../src/records/writeJson.ts";
import { readFile } from "./reading.ts";

const { HONE_PARQUET: elsewhere } = process.env;
const folder = elsewhere ?? new URL("../../../golden/parquet/", import.meta.url).pathname;
const names = readdirSync(folder).filter((name) => name.endsWith(".parquet"));

describe("tables of pyarrow have pyarrow's rows", () => {
  test.each(names)("%s", async (name) => {
    const { values, lines, problems } = await readFile(name, new Uint8Array(readFileSync(`${folder}/${name}`)));
    const rows = readFileSync(`${folder}/${name.replace(/\.parquet$/, ".jsonl")}`, "utf8")
      .split("\n")
      .slice(0, -1);
    expect(problems).toEqual([]);
    expect(values.map((value) => writeJson(value))).toEqual(rows.map(String));
    expect(lines).toEqual(rows.map((_, i) => i + 1));
  });
});

test("a table with an encrypted column is refused by its name", async () => {
  const bytes = readFileSync(new URL("../../../golden/parquet/encrypted/column.parquet", import.meta.url));
  await expect(readFile("x.parquet", bytes)).rejects.toThrow(
    /^x\.parquet: column answer is encrypted: write the table without encryption\.$/,
  );
});

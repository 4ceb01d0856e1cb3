/** Rows of Parquet tables after storage. Oracle: pyarrow's rows (tests/golden/parquet). */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createRowStore } from "../../../src/datasets/rows.ts";
import { writeJson } from "../../../src/records/writeJson.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { newDisk, tabOn } from "../storage/backend.ts";

test.each(["floats", "integers", "decimals", "texts", "nested", "times"])("%s", async (name) => {
  const file = (ending: string) => readFileSync(new URL(`../../golden/parquet/${name}.${ending}`, import.meta.url));
  const disk = newDisk();
  const rows = createRowStore(await openStorage(tabOn(disk)));
  const { summary } = await rows.read(bytesFromMemory(name, new Uint8Array(file("parquet"))), () => undefined);
  const stored = await createRowStore(await openStorage(tabOn(disk))).open(summary.hash);
  const read: string[] = [];
  for (let row = 0; row < summary.rows; row++) {
    const record = await stored.record(row);
    read.push("value" in record ? writeJson(record.value) : record.problem);
  }
  expect(read).toEqual(file("jsonl").toString().trimEnd().split("\n"));
});

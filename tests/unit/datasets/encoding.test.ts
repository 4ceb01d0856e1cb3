/** The encoding of a file in the summary of its rows. Oracle: the bytes, written out by hand. */

import { expect, test } from "vitest";
import { createRowStore } from "../../../src/datasets/rows.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { sourceWords } from "../../../src/ui/words/data.ts";
import { newDisk, tabOn } from "../storage/backend.ts";

const text = "question,answer\nWo wohnt der Bär?,In der Höhle\nWie heißt er?,Bruno\n";
const files = {
  "utf-8": new Uint8Array(Buffer.from(text)),
  "windows-1252": new Uint8Array(Buffer.from(text, "latin1")),
  "utf-16le": new Uint8Array(Buffer.from(`\uFEFF${text}`, "utf16le")),
  "utf-16be": new Uint8Array(Buffer.from(`\uFEFF${text}`, "utf16le").swap16()),
};

test.each(Object.entries(files))("%s is stored with the rows, which are the same", async (name, bytes) => {
  const disk = newDisk();
  const rows = createRowStore(await openStorage(tabOn(disk)));
  const { summary } = await rows.read(bytesFromMemory("f.csv", bytes), () => undefined);
  const encoding = name === "utf-8" ? undefined : name;
  expect(summary.encoding).toBe(encoding);
  expect("encoding" in summary).toBe(encoding !== undefined);
  const [again] = await createRowStore(await openStorage(tabOn(disk))).list();
  expect(again).toEqual(summary);
  const stored = await createRowStore(await openStorage(tabOn(disk))).open(summary.hash);
  expect((await stored.record(0)).line).toBe(2);
  expect(await stored.record(0)).toMatchObject({ value: { question: "Wo wohnt der Bär?", answer: "In der Höhle" } });
  expect(summary).toMatchObject({ rows: 2, unreadable: 0 });
});

test("the source card says what the file is", () => {
  expect(sourceWords.encoding("windows-1252")).toMatch(/Windows-1252/);
  expect(sourceWords.encoding("utf-16be")).toMatch(/UTF-16/);
});

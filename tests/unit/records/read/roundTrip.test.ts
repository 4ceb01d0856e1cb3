/** Written values are read back equal, for any windows. Oracle: the written values. */

import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import Papa from "papaparse";
import { describe, expect, test } from "vitest";
import { ExactNumber, objectOf } from "../../../../src/records/value.ts";
import { writeJson } from "../../../../src/records/writeJson.ts";
import { cases } from "../../../support/long.ts";
import { packed, type ReadFile, readFile } from "./reading.ts";

const runs = { seed: 3, numRuns: cases(2000) };
/** Window sizes in bytes. */
const windowBytes = fc.integer({ min: 1, max: 64 });
/** Text that UTF-8 can encode, with characters that are special in the formats. */
const characters = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }) },
  fc.string({
    unit: fc.constantFrom('"', ",", ";", "\t", "|", "\n", "\r", "\r\n", " ", "\\", "{", "]", "é", "😀", "\uFFFD", "a"),
  }),
);
const row = fc.dictionary(characters, fc.oneof(fc.jsonValue({ maxDepth: 2 }), characters), { minKeys: 1, maxKeys: 4 });
const rows = fc.array(row, { minLength: 1, maxLength: 6 });

/** The JSON of each value: of the read ones with the numbers and the order of keys that the file has. */
const jsonOf = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value));
const jsonIn = ({ values }: ReadFile) => values.map((value) => writeJson(value));

describe("parse(write(x)) = x", () => {
  test("a JSON array, dense or indented", async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom(0, 1, 2), windowBytes, async (written, indent, windowBytes) => {
        const file = await readFile("a.json", JSON.stringify(written, null, indent), { windowBytes });
        expect(file).toMatchObject({ kind: "json", problems: [] });
        expect(jsonIn(file)).toEqual(jsonOf(written));
      }),
      runs,
    );
  });

  test("JSON Lines with LF or CR LF, with and without blank lines and a last line end", async () => {
    const end = fc.constantFrom("\n", "\r\n", "\n\n", "\n \r\n");
    await fc.assert(
      fc.asyncProperty(rows, end, fc.boolean(), windowBytes, async (written, end, last, windowBytes) => {
        const text = written.map((row) => JSON.stringify(row)).join(end) + (last ? end : "");
        // A single row may be an object that contains rows; another test covers that.
        fc.pre(written.length > 1);
        const file = await readFile("a.jsonl", text, { windowBytes });
        expect(file).toMatchObject({ kind: "jsonl", problems: [] });
        expect(jsonIn(file)).toEqual(jsonOf(written));
        expect(file.lines).toEqual(written.map((_, index) => 1 + index * (end.split("\n").length - 1)));
      }),
      runs,
    );
  });

  test("objects over several lines, one after the other", async () => {
    const objects = fc.array(row, { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(objects, windowBytes, async (written, windowBytes) => {
        const text = written.map((row) => JSON.stringify(row, null, 1)).join("\n");
        const file = await readFile("a.json", text, { windowBytes });
        expect(file).toMatchObject({ kind: "json", problems: [] });
        expect(jsonIn(file)).toEqual(jsonOf(written));
      }),
      runs,
    );
  });

  // NUL at the beginning marks a binary file, and a byte order mark is removed.
  const cell = characters.map((text) => text.replaceAll(/[\0\uFEFF]/g, ""));
  const table = fc.integer({ min: 2, max: 4 }).chain((width) =>
    fc.record({
      names: fc.uniqueArray(
        cell.map((text) => text.trim()).filter((text) => text !== ""),
        { minLength: width, maxLength: width },
      ),
      body: fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 }),
    }),
  );
  const asRows = (names: readonly string[], body: readonly (readonly string[])[]) =>
    body.map((cells) => objectOf(names.map((name, i) => [name, cells[i] ?? ""])));

  test.each([
    ["CSV", "a.csv", ","],
    ["TSV", "a.tsv", "\t"],
  ])("%s of papaparse's writer, with LF or CR LF, quoted if needed or always", async (_, name, delimiter) => {
    const form = fc.record({ newline: fc.constantFrom("\n", "\r\n"), quotes: fc.boolean(), last: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(table, form, windowBytes, async ({ names, body }, { newline, quotes, last }, windowBytes) => {
        const text = Papa.unparse([names, ...body], { delimiter, newline, quotes }) + (last ? newline : "");
        const file = await readFile(name, text, { windowBytes });
        expect(file).toMatchObject({ problems: [], values: asRows(names, body) });
        const starts = body.map((_, i) => Papa.unparse([names, ...body.slice(0, i)], { delimiter, newline, quotes }));
        expect(file.lines).toEqual(starts.map((before) => before.split("\n").length + 1));
      }),
      runs,
    );
  });

  const prose = fc
    .array(
      fc.oneof(
        characters,
        fc.constantFrom("\n", "\n\n", " \n", "# A\n", "## B\n\n", "```\n", "~~~~\n", "\n# C", "   "),
      ),
      {
        minLength: 1,
        maxLength: 30,
      },
    )
    .map((parts) => parts.join("").replaceAll(/[\0\uFEFF]/g, ""))
    .filter((text) => text.trim() !== "" && !text.includes("\r"));
  const long = fc
    .array(fc.tuple(prose, fc.integer({ min: 1, max: 4000 })), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.map(([text, times]) => text.repeat(Math.ceil(times / text.length))).join(""));

  test.each([
    ["text", "a.txt"],
    ["Markdown", "a.md"],
  ])("%s: the joined pieces are the file, each with its line, none too long or blank", async (_, name) => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(prose, long), fc.boolean(), windowBytes, async (text, returns, size) => {
        // Long texts in tiny windows would take too long.
        const windowBytes = text.length > 1000 ? size * 97 : size;
        const file = await readFile(name, returns ? text.replaceAll("\n", "\r\n") : text, { windowBytes });
        const pieces = file.values.map(String);
        expect(file.problems).toEqual([]);
        expect(pieces.join("")).toBe(text);
        let line = 1;
        const starts = pieces.map((piece) => {
          const start = line;
          line += piece.split("\n").length - 1;
          return start;
        });
        expect(file.lines).toEqual(starts);
        expect(pieces.filter((piece) => piece.trim() === "" || piece.trim().length > 8000)).toEqual([]);
      }),
      runs,
    );
  });

  test("the file packed in one member or several", async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.nat(), windowBytes, async (written, cut, windowBytes) => {
        const bytes = new TextEncoder().encode(JSON.stringify(written));
        const at = cut % bytes.length;
        const members = cut % 2 ? [packed(bytes)] : [packed(bytes.subarray(0, at)), packed(bytes.subarray(at))];
        const file = await readFile("a.json.gz", Buffer.concat(members), { windowBytes });
        expect(file).toMatchObject({ kind: "json", gzip: true, problems: [] });
        expect(jsonIn(file)).toEqual(jsonOf(written));
      }),
      runs,
    );
  });

  test("Parquet: text, numbers, booleans and nulls in several row groups, with and without compression", async () => {
    const text = characters.filter((value) => !/\p{Surrogate}/u.test(value));
    const columns = fc.record({
      body: fc.array(
        fc.record({
          text: fc.option(text),
          whole: fc.option(fc.maxSafeInteger()),
          real: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
          flag: fc.option(fc.boolean()),
          same: fc.constantFrom("a", "b"),
        }),
        { minLength: 1, maxLength: 12 },
      ),
      rowGroupSize: fc.integer({ min: 1, max: 12 }),
      codec: fc.constantFrom("SNAPPY" as const, "UNCOMPRESSED" as const),
    });
    await fc.assert(
      fc.asyncProperty(columns, async ({ body, rowGroupSize, codec }) => {
        const file = await readFile("a.parquet", new Uint8Array(tableOf(body, rowGroupSize, codec)));
        expect(file).toMatchObject({ kind: "parquet", problems: [] });
        expect(file.values.map((value) => ({ ...(value as Row), real: numberOf((value as Row).real) }))).toEqual(body);
        expect(file.lines).toEqual(body.map((_, index) => index + 1));
      }),
      runs,
    );
  });
});

/** The number of a float; one without a fraction must be exact, or Python would read an integer. */
function numberOf(real: unknown): unknown {
  if (!(real instanceof ExactNumber)) return Number.isInteger(real) ? `${real} is an integer` : real;
  return Number(real.text);
}

interface Row {
  text: string | null;
  whole: number | null;
  real: number | null;
  flag: boolean | null;
  same: string;
}

function tableOf(body: readonly Row[], rowGroupSize: number, codec: "SNAPPY" | "UNCOMPRESSED") {
  return parquetWriteBuffer({
    rowGroupSize,
    codec,
    columnData: [
      { name: "text", type: "STRING", data: body.map((row) => row.text) },
      { name: "whole", type: "INT64", data: body.map((row) => (row.whole === null ? null : BigInt(row.whole))) },
      { name: "real", type: "DOUBLE", data: body.map((row) => row.real) },
      { name: "flag", type: "BOOLEAN", data: body.map((row) => row.flag) },
      { name: "same", type: "STRING", data: body.map((row) => row.same) },
    ],
  });
}

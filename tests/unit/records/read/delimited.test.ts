/** Rows of delimited text: the same fields as papaparse, which is the oracle; each character is read once. */

import fc from "fast-check";
import Papa from "papaparse";
import { describe, expect, test } from "vitest";
import { createRowReader, type TableForm } from "../../../../src/records/read/delimited.ts";
import { cases } from "../../../support/long.ts";

/** Rows, blank ones left out, and whether a quote is open at the end. */
function ours(text: string, form: TableForm) {
  const reader = createRowReader(text, form, true);
  const rows: string[][] = [];
  for (let row = reader.next(); row !== null && row !== "unfinished"; row = reader.next()) {
    if ("open" in row) return { rows, open: row.open };
    rows.push(row.fields);
  }
  return { rows: rows.filter((fields) => fields.length > 1 || fields[0] !== ""), open: null };
}

function oracle(text: string, form: TableForm) {
  const { data, errors }: { data: string[][]; errors: Papa.ParseError[] } = new Papa.Parser({ ...form }).parse(
    text,
    0,
    false,
  );
  const missing = errors.find(({ code }) => code === "MissingQuotes");
  if (missing) return { rows: data.slice(0, -1), open: (missing.index ?? 1) - 1 };
  return { rows: data.filter((fields) => fields.length > 1 || fields[0] !== ""), open: null };
}

describe("rows of delimited text", () => {
  const forms: TableForm[] = [",", "\t", ";", "|"].flatMap((delimiter) => [
    { delimiter, newline: "\n" },
    { delimiter, newline: "\r" },
  ]);
  test.each(forms)("as papaparse splits them, by %j", (form) => {
    const piece = fc.constantFrom(
      '"',
      '""',
      form.delimiter,
      form.newline,
      " ",
      "\r\n",
      "\t",
      "a",
      "b c",
      "\u00a0",
      "😀",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
        const text = pieces.join("");
        expect(ours(text, form)).toEqual(oracle(text, form));
      }),
      { numRuns: cases(4000), seed: 141 },
    );
  });

  test("a row that may go on is unfinished, wherever the text is cut", () => {
    const form: TableForm = { delimiter: ",", newline: "\n" };
    const text = 'a,"b\n""c""" ,d\n"e" , f\r\n';
    const whole = ours(text, form).rows;
    for (let cut = 0; cut <= text.length; cut++) {
      const reader = createRowReader(text.slice(0, cut), form, false);
      const rows: string[][] = [];
      let row = reader.next();
      for (; row !== null && row !== "unfinished" && "fields" in row; row = reader.next()) rows.push(row.fields);
      expect(rows).toEqual(whole.slice(0, rows.length));
    }
  });

  test("quotes that close nothing before a long run of spaces cost one pass", () => {
    const count = 300_000;
    const text = `"a${'"b'.repeat(count)}${" ".repeat(count)},1\n`;
    const began = performance.now();
    expect(ours(text, { delimiter: ",", newline: "\n" }).open).toBe(0);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

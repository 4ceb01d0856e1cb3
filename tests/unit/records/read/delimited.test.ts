/** Rows of delimited text, in linear time. Oracle: papaparse. */

import fc from "fast-check";
import Papa from "papaparse";
import { describe, expect, test } from "vitest";
import { createRowReader, type TableForm } from "../../../../src/records/read/delimited.ts";
import { cpuTime } from "../../../support/cpuTime.ts";
import { cases } from "../../../support/long.ts";

/** Rows without blank ones, and whether a quote is open at the end. */
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
  test.each(forms)("equal papaparse's rows, with %j", (form) => {
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

  test("a row that may continue is unfinished, for any cut of the text", () => {
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

  test("quotes before many spaces that close no field cost one pass", () => {
    const count = 300_000;
    const text = `"a${'"b'.repeat(count)}${" ".repeat(count)},1\n`;
    const began = cpuTime();
    expect(ours(text, { delimiter: ",", newline: "\n" }).open).toBe(0);
    expect(cpuTime() - began).toBeLessThan(10_000);
  });
});

/** Excel's first line `sep=;`, and values of several types in one column. Oracle: the rows as written. */

import { describe, expect, test } from "vitest";
import { packed, readFile } from "./reading.ts";

const windowSizes = [1, 2, 5, 1000];

describe("the first line sep= names the delimiter and is no row", () => {
  const rows = [
    { a: "1", b: "x, y" },
    { a: "A; or\nB?", b: "" },
  ];
  const body = (delimiter: string) => `${["a", "b"].join(delimiter)}\n1${delimiter}"x, y"\n"A; or\nB?"${delimiter}\n`;
  const files: [string, string, string, "csv" | "tsv"][] = [
    ["semicolon", "f.csv", `sep=;\n${body(";")}`, "csv"],
    ["comma", "f.csv", `sep=,\n${body(",")}`, "csv"],
    ["tab", "f.csv", `sep=\t\n${body("\t")}`, "tsv"],
    ["tab, written with a backslash", "f.csv", `sep=\\t\n${body("\t")}`, "tsv"],
    ["bar", "f.csv", `sep=|\n${body("|")}`, "csv"],
    ["a character that is never guessed", "f.csv", `sep=^\n${body("^")}`, "csv"],
    ["quoted", "f.csv", `"sep=;"\n${body(";")}`, "csv"],
    ["with a mark", "f.csv", `\uFEFFsep=;\n${body(";")}`, "csv"],
    ["capitals", "f.csv", `SEP=;\n${body(";")}`, "csv"],
    ["mixed case", "f.csv", `Sep=;\n${body(";")}`, "csv"],
    ["padded with empty fields", "f.csv", `sep=;;;\n${body(";")}`, "csv"],
    ["quoted and padded with commas", "f.csv", `"sep=;",,\n${body(";")}`, "csv"],
    ["in a .tsv file", "f.tsv", `sep=;\n${body(";")}`, "csv"],
    ["in a file without extension", "f", `sep=;\n${body(";")}`, "csv"],
    ["more commas than semicolons", "f.csv", `sep=;\n${body(";")}`, "csv"],
  ];
  test.each(files)("%s", async (_, name, text, kind) => {
    for (const windowBytes of windowSizes) {
      const file = await readFile(name, text, { windowBytes });
      expect({ values: file.values, lines: file.lines, problems: file.problems, kind: file.kind }).toEqual({
        values: rows,
        lines: [3, 4],
        problems: [],
        kind,
      });
      const returns = await readFile(name, text.replaceAll("\n", "\r\n"), { windowBytes });
      expect(returns.values).toEqual(JSON.parse(JSON.stringify(rows).replaceAll("\\n", "\\r\\n")));
      expect(returns.lines).toEqual([3, 4]);
    }
    expect((await readFile(`${name}.gz`, packed(text))).values).toEqual(rows);
  });

  test("with old line ends", async () => {
    expect((await readFile("f.csv", "sep=;\ra;b\r1;2\r")).records).toEqual([{ line: 3, value: { a: "1", b: "2" } }]);
  });

  test("a problem has the file's line", async () => {
    const { problems } = await readFile("f.csv", "sep=;\r\na;b\r\n1;2\r\n3\r\n");
    expect(problems).toEqual([
      { line: 4, problem: expect.stringMatching(/^the row has 1 field, but the header has 2/) },
    ]);
  });

  test("the line alone is no table, and other lines are headers", async () => {
    await expect(readFile("f.csv", "sep=;\r\n")).rejects.toThrow(/^f\.csv has no row/);
    await expect(readFile("f.csv", "sep=;")).rejects.toThrow(/^f\.csv has no row/);
    expect((await readFile("f.csv", "sep=name,b\n1,2\n")).values).toEqual([{ "sep=name": "1", b: "2" }]);
    expect((await readFile("f.csv", "a,sep=;\n1,2\n")).values).toEqual([{ a: "1", "sep=;": "2" }]);
    expect((await readFile("f.txt", "sep=;\na;b\n")).values).toEqual(["sep=;\na;b\n"]);
  });
});

describe("columns with values of several types, rows of different shapes", () => {
  test("JSON rows stay as they are", async () => {
    const rows = [
      { a: 1 },
      { a: "x" },
      { a: null },
      { a: [1, "x", { b: true }] },
      { b: {} },
      [1],
      "text",
      7,
      null,
      { a: false },
    ];
    const lines = rows.map((row) => JSON.stringify(row)).join("\n");
    expect((await readFile("f.jsonl", lines)).values).toEqual(rows);
    expect((await readFile("f.json", JSON.stringify(rows))).values).toEqual(rows);
  });

  test("CSV: all values are text, and a row of another width is a problem with its line", async () => {
    const { values, problems } = await readFile("f.csv", "a,b\n1,true\n1.50,\nx,[1]\n1,2,3\n4\nNaN,null\n");
    expect(values).toEqual([
      { a: "1", b: "true" },
      { a: "1.50", b: "" },
      { a: "x", b: "[1]" },
      { a: "NaN", b: "null" },
    ]);
    expect(problems).toEqual([
      { line: 5, problem: 'the row has 3 fields, but the header has 2; the row begins "1,2,3\\n"' },
      { line: 6, problem: 'the row has 1 field, but the header has 2; the row begins "4\\n"' },
    ]);
  });

  test("columns with numbers as names stay in the file's order", async () => {
    const { values } = await readFile("f.csv", "b,2,1\nx,y,z\n");
    expect(values).toEqual([
      new Map([
        ["b", "x"],
        ["2", "y"],
        ["1", "z"],
      ]),
    ]);
    expect([...(values[0] as Map<string, string>).keys()]).toEqual(["b", "2", "1"]);
  });
});

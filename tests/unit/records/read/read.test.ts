/** Reading of good and broken files. Oracle: expectations written by hand beside each file. */

import { constants, gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readRecords } from "../../../../src/records/read/read.ts";
import { writeJson } from "../../../../src/records/writeJson.ts";
import { bytesFromMemory } from "../../../../src/tensor/bytes.ts";
import { test as sharedTest } from "../../../support/shared.ts";
import { bytesOf, packed, readFile } from "./reading.ts";

const a = { instruction: "Add.", input: "1 2", output: "3" };
const b = { messages: [{ role: "user", content: "Hi" }] };
const [aText, bText] = [JSON.stringify(a), JSON.stringify(b)];

/** Window sizes for every file: tiny ones split characters, CR LF, and quotes. */
const windowSizes = [1, 3, 64, 1 << 20];

async function expectRead(name: string, content: string | Uint8Array, expected: object) {
  for (const windowBytes of windowSizes) {
    expect(await readFile(name, content, { windowBytes }), `windows of ${windowBytes}`).toMatchObject(expected);
  }
}

describe("JSON and JSON Lines", () => {
  const rows: [string, string, string, object][] = [
    ["an array", "x.json", JSON.stringify([a, b]), { kind: "json", values: [a, b], lines: [1, 1] }],
    ["an indented array", "x.json", JSON.stringify([a, b], null, 2), { kind: "json", values: [a, b], lines: [2, 7] }],
    ["an array with a comma at its end", "x.json", `[${aText},\n]`, { values: [a] }],
    ["an array without a comma between rows", "x.json", `[${aText} ${bText}\n${aText}]`, { values: [a, b, a] }],
    ["an array in a file without extension", "x", JSON.stringify([a, b]), { kind: "json", values: [a, b] }],
    ["an array in a .jsonl file", "x.jsonl", JSON.stringify([a, b], null, 1), { kind: "json", values: [a, b] }],
    ["lines that are arrays", "x.jsonl", "[1,2]\n[3]\n", { kind: "jsonl", values: [[1, 2], [3]], lines: [1, 2] }],
    ["JSON Lines", "x.jsonl", `${aText}\n${bText}`, { kind: "jsonl", values: [a, b], lines: [1, 2] }],
    ["lines in a .json file", "x.json", `${aText}\n${bText}\n`, { kind: "jsonl", values: [a, b] }],
    [
      "a byte order mark, CR LF, blank lines",
      "x.jsonl",
      `\uFEFF${aText}\r\n\r\n${bText}\r\n\r\n`,
      { values: [a, b], lines: [1, 3] },
    ],
    ["one object", "x.json", bText, { values: [b] }],
    [
      "one object over several lines",
      "x.json",
      `\n${JSON.stringify(b, null, 2)}\n`,
      { kind: "json", values: [b], lines: [2] },
    ],
    [
      "objects over several lines",
      "x.json",
      [a, b].map((row) => JSON.stringify(row, null, 1)).join("\n"),
      { values: [a, b], lines: [1, 6] },
    ],
    [
      "a lone surrogate, a pair",
      "x.json",
      '[{"\\ud83d":"\\udc00b \\ud83d\\ude00"}]',
      { values: [{ "\uFFFD": "\uFFFDb 😀" }] },
    ],
    ["a repeated key", "x.json", '[{"a":1,"a":2}]', { values: [{ a: 2 }] }],
    [
      "rows in an object",
      "x.json",
      JSON.stringify({ version: 1, data: [a, b] }, null, 1),
      { values: [a, b], lines: [4, 9] },
    ],
    [
      "rows in an object on one line",
      "x.json",
      `{"features": [{"n":1}], "rows": [${aText}, ${bText}]}`,
      { values: [a, b] },
    ],
    ["rows as an object's only member", "x.json", JSON.stringify({ questions: [a, b] }), { values: [a, b] }],
    [
      "rows by split; a row's own split stays",
      "x.json",
      JSON.stringify({ train: [a, { ...a, split: "x" }], validation: [b], info: "about" }),
      {
        values: [
          { ...a, split: "train" },
          { ...a, split: "x" },
          { ...b, split: "validation" },
        ],
      },
    ],
    [
      "a row that resembles an object of rows",
      "x.json",
      JSON.stringify({ ...b, tools: [a] }, null, 2),
      { values: [{ ...b, tools: [a] }] },
    ],
  ];
  test.each(rows)("%s", async (_, name, text, expected) => {
    await expectRead(name, text, { problems: [], ...expected });
  });

  test.each([
    ["an object of splits", "x.json", '{"train": [{"2": "b", "1": 12.0}], "test": [{"a": NaN, "split": null}]}'],
    ["an object of rows", "x.json", '{"data": [{"2": "b", "1": 12.0}, {"a": NaN, "split": null}], "n": 1.0}'],
    ["an array", "x.json", '[{"2": "b", "1": 12.0}, {"a": NaN, "split": null}]'],
    ["an indented array", "x.json", '[\n {\n  "2": "b",\n  "1": 12.0\n },\n {\n  "a": NaN,\n  "split": null\n }\n]'],
    ["JSON Lines", "x.jsonl", '{"2": "b", "1": 12.0}\n{"a": NaN, "split": null}\n'],
    ["objects over several lines", "x.json", '{"2": "b",\n"1": 12.0}\n{"a": NaN,\n"split": null}'],
  ])("%s keeps numbers and the order of keys", async (what, name, text) => {
    for (const windowBytes of windowSizes) {
      const { values, problems } = await readFile(name, text, { windowBytes });
      expect(problems).toEqual([]);
      const split = what === "an object of splits" ? ',"split":"train"' : "";
      expect(values.map((value) => writeJson(value))).toEqual([`{"2":"b","1":12.0${split}}`, '{"a":NaN,"split":null}']);
    }
  });

  test("a key named __proto__ is a key", async () => {
    const { values } = await readFile("x.jsonl", '{"__proto__":{"admin":true},"s":"\\ud800"}\n{}');
    expect(Object.keys(values[0] as object)).toEqual(["__proto__", "s"]);
    expect(Object.getPrototypeOf(values[0])).toBe(Object.prototype);
    expect("admin" in {}).toBe(false);
  });

  test("brackets nested a hundred thousand levels deep are a problem", async () => {
    const deep = "[".repeat(100_000);
    const problems = [
      {
        line: 2,
        problem: expect.stringMatching(/^lists and objects are nested more than 256 levels deep|^broken JSON/),
      },
    ];
    const closed = deep + "]".repeat(100_000);
    for (const row of [deep, closed, '{"a":'.repeat(100_000)]) {
      expect(await readFile("x.jsonl", `{}\n${row}\n{}`)).toMatchObject({ values: [{}, {}], problems });
    }
    expect(await readFile("x.json", `[{},\n${closed},\n{}]`)).toMatchObject({ values: [{}, {}], problems });
    await expect(readFile("x.json", deep)).rejects.toThrow(/^x\.json: no row can be read.*never closed/);
  });
});

describe("a broken row costs only itself", () => {
  test("JSON Lines: the problem names line 17 and the text", async () => {
    const lines = Array.from({ length: 20 }, (_, i) => (i === 16 ? '{"instruction": "a", "output": "b"' : aText));
    await expectRead("x.jsonl", lines.join("\n"), {
      values: Array.from({ length: 19 }, () => a),
      problems: [{ line: 17, problem: expect.stringMatching(/^broken JSON: .+; the row begins "\{\\"instruction/) }],
    });
  });

  const brokenFirst: [string, string][] = [
    ["a bare word", "{oops}"],
    ["no end", '{"a": "b"'],
    ["no end, after a comma", '{"a": "b",'],
    ["an open string", '{"a": "b'],
    ["text", "oops"],
  ];
  test.each(brokenFirst)("JSON Lines: %s on the first line", async (_, first) => {
    const problems = [{ line: 1, problem: expect.stringMatching(/^broken JSON/) }];
    await expectRead("x.jsonl", `${first}\n${aText}\n\n${bText}`, {
      kind: "jsonl",
      values: [a, b],
      lines: [2, 4],
      problems,
    });
  });

  const broken: [string, string][] = [
    ["a missing quote", '"input": "1 2\n'],
    ["a bare word", '"input": b\n'],
  ];
  test.each(broken)("an indented array: %s", async (_, wrong) => {
    const rows = [a, { instruction: "a", input: "1 2" }, a];
    const text = JSON.stringify(rows, null, 2).replace('"input": "1 2"\n', wrong);
    const problems = [{ line: 7, problem: expect.stringMatching(/^broken JSON/) }];
    await expectRead("x.json", text, { values: [a, a], lines: [2, 11], problems });
  });

  test("an indented array: an unclosed row", async () => {
    const text = JSON.stringify([a, a, b], null, 2).replace("\n  },", "");
    await expectRead("x.json", text, { values: [a, b], problems: [{ line: 2 }] });
  });

  test("an array that is cut off, and text after its end", async () => {
    await expectRead("x.json", `[${aText},\n${aText.slice(0, 20)}`, {
      values: [a],
      problems: [
        { line: 2, problem: expect.stringMatching(/^broken JSON/) },
        { line: 2, problem: "the array is never closed with ]: the file may be cut off" },
      ],
    });
    await expectRead("x.json", `[${aText}]\n{}`, {
      problems: [{ line: 2, problem: '"{}" follows the end of the array' }],
    });
  });

  test("bytes that are not UTF-8 cost only their rows; U+FFFD of the file itself is text", async () => {
    const text = bytesOf('{"a":"\uFFFD"}\n{"a":"x"}\n{"a":"x"}\n');
    const broken = text.map((byte, i) => (byte === 0x78 && i > 10 ? 0xe9 : byte));
    await expectRead("x.jsonl", broken, {
      values: [{ a: "\uFFFD" }],
      problems: [2, 3].map((line) => ({ line, problem: expect.stringContaining("not UTF-8") })),
    });
  });
});

describe("tables", () => {
  const rows: [string, string, string, object][] = [
    [
      "quoted line ends, CR LF",
      "x.csv",
      'a,b\r\n1,"x\r\ny"\r\n\r\n2,"say ""z"""\r\n',
      {
        kind: "csv",
        values: [
          { a: "1", b: "x\r\ny" },
          { a: "2", b: 'say "z"' },
        ],
        lines: [2, 5],
      },
    ],
    [
      "a byte order mark, a last line without end",
      "x.csv",
      '\uFEFF"a",b\n1,\n,2',
      {
        values: [
          { a: "1", b: "" },
          { a: "", b: "2" },
        ],
      },
    ],
    [
      "semicolons",
      "x.csv",
      "a;b\n1,5;2\n3;4",
      {
        kind: "csv",
        values: [
          { a: "1,5", b: "2" },
          { a: "3", b: "4" },
        ],
      },
    ],
    ["bars", "x.csv", "a|b\n1|2", { values: [{ a: "1", b: "2" }] }],
    ["tabs", "x.tsv", "a\tb\n1\t2,3\n", { kind: "tsv", values: [{ a: "1", b: "2,3" }] }],
    ["tabs, detected", "pasted", "a\tb\n1\t2\n", { kind: "tsv", values: [{ a: "1", b: "2" }] }],
    [
      "commas, detected",
      "pasted",
      'question,answer\nWhy?,"Because, yes"\n',
      { kind: "csv", values: [{ question: "Why?", answer: "Because, yes" }] },
    ],
    [
      "CR alone",
      "x.csv",
      "a,b\r1,2\r3,4",
      {
        values: [
          { a: "1", b: "2" },
          { a: "3", b: "4" },
        ],
        lines: [2, 3],
      },
    ],
    ["one column", "x.csv", "text\nHello, you\n\nBye\n", { values: [], problems: [{ line: 2 }, { line: 4 }] }],
    [
      "repeated and empty names",
      "x.csv",
      "a,a, b ,,a (2)\n1,2,3,4,5",
      { values: [{ a: "1", "a (2)": "2", b: "3", "column 4": "4", "a (2) (2)": "5" }] },
    ],
    [
      "a column named __proto__",
      "x.csv",
      "__proto__,b\n1,2",
      {
        values: [
          Object.fromEntries([
            ["__proto__", "1"],
            ["b", "2"],
          ]),
        ],
      },
    ],
    ["a quote within a field", "x.csv", 'a,b\nsay "x" now,2\n', { values: [{ a: 'say "x" now', b: "2" }] }],
  ];
  test.each(rows.filter(([name]) => name !== "one column"))("%s", async (_, name, text, expected) => {
    await expectRead(name, text, { problems: [], ...expected });
  });

  test("one column", async () => {
    await expectRead("x.csv", "text\nHello\n\nBye\n", { values: [{ text: "Hello" }, { text: "Bye" }], lines: [2, 4] });
  });

  test("rows with too many or too few fields are problems with both counts", async () => {
    await expectRead("x.csv", "a,b\n1,2\n1\n1,2,3\n3,4", {
      lines: [2, 5],
      problems: [
        { line: 3, problem: 'the row has 1 field, but the header has 2; the row begins "1\\n"' },
        { line: 4, problem: expect.stringMatching(/^the row has 3 fields, but the header has 2/) },
      ],
    });
  });

  test("a quote that is never closed costs its row; the problem has the quote's line", async () => {
    await expectRead("x.csv", 'a,b\n"1\n1",2\n3,"4\n5,6\n7,8\n', {
      values: [
        { a: "1\n1", b: "2" },
        { a: "5", b: "6" },
        { a: "7", b: "8" },
      ],
      lines: [2, 5, 6],
      problems: [{ line: 4, problem: expect.stringMatching(/^a quoted field that opens here is never closed/) }],
    });
  });

  test("thousands of quotes that are never closed take bounded time", async () => {
    const text = `a,b\n1,2\n${'"x y\n'.repeat(20_001)}`;
    const { problems, values } = await readFile("x.csv", text);
    expect(values).toEqual([{ a: "1", b: "2" }]);
    expect(problems.at(-1)?.problem).toMatch(/the rest of the file is not read$/);
  });
});

describe("text and Markdown", () => {
  test("a short text is one piece", async () => {
    await expectRead("x.txt", "\uFEFFOne.\r\n\r\nTwo.\r\n", { kind: "text", values: ["One.\n\nTwo.\n"], lines: [1] });
  });

  test("a long text is cut at blank lines, else at line ends, else between characters", async () => {
    const paragraph = "Words. ".repeat(400).trim();
    await expectRead("x.txt", Array.from({ length: 4 }, () => paragraph).join("\n\n\n"), {
      values: [`${paragraph}\n\n\n`.repeat(2), `${paragraph}\n\n\n${paragraph}`],
      lines: [1, 7],
    });
    const line = `${"x".repeat(4999)}\n`;
    await expectRead("x.txt", line.repeat(2), { values: [line, line], lines: [1, 2] });
    await expectRead("x.txt", "😀".repeat(4001), { values: ["😀".repeat(4000), "😀"], lines: [1, 1] });
    await expectRead("x.txt", `x${"😀".repeat(4000)}`, { values: [`x${"😀".repeat(3999)}`, "😀"] });
  });

  test("Markdown is cut at headings of level 1 and 2, not within fenced code", async () => {
    const parts = [
      "Before.\n\n",
      "# A\ntext\n### A.1\n#hash\n",
      "## B\n```sh\n# comment\n```\n~~~\n## no\n```\n~~~\n",
      "#\nend",
    ];
    await expectRead("x.md", parts.join(""), { kind: "markdown", values: parts, lines: [1, 3, 7, 15] });
  });

  test("a file that is neither table nor JSON is text", async () => {
    await expectRead("notes", "Hello, world.\nAnd more.", { kind: "text", values: ["Hello, world.\nAnd more."] });
    await expectRead("x.txt", '{"a":1}', { kind: "text", values: ['{"a":1}'] });
  });
});

describe("packed files", () => {
  test("the name without .gz determines the kind, the first bytes the packing", async () => {
    await expectRead("x.csv.gz", packed("a,b\n1,2"), { kind: "csv", gzip: true, values: [{ a: "1", b: "2" }] });
    await expectRead("x.md", packed("# A\n# B\n"), { kind: "markdown", gzip: true, values: ["# A\n", "# B\n"] });
  });

  test("several members", async () => {
    const members = [packed(`${aText}\n`), packed(""), packed(`${bText}\n`)];
    await expectRead("x.jsonl.gz", Buffer.concat(members), { values: [a, b], problems: [] });
  });

  test("thousands of members", async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `${JSON.stringify({ i })}\n`);
    const { values, problems } = await readFile("x.jsonl.gz", Buffer.concat(lines.map((line) => packed(line))));
    expect(problems).toEqual([]);
    expect(values).toHaveLength(lines.length);
  });

  // Rows that compress badly, for a long archive.
  const rows = Array.from({ length: 3000 }, (_, i) => ({ i, n: Math.sin(i) }));
  const archive = packed(rows.map((row) => JSON.stringify(row)).join("\n"));

  test("a cut archive yields every row that zlib can unpack", async () => {
    for (const share of [0.2, 0.5, 0.99]) {
      const cut = archive.subarray(0, archive.length * share);
      const lines = gunzipSync(cut, { finishFlush: constants.Z_SYNC_FLUSH }).toString().split("\n").length - 1;
      const { values, problems } = await readFile("x.jsonl.gz", cut, { windowBytes: 999 });
      expect(lines).toBeGreaterThan(100);
      expect(values).toEqual(rows.slice(0, lines));
      const why = expect.stringMatching(/^the gzip archive is broken or cut off here \(unexpected end\)/);
      expect(problems.at(-1)).toEqual({ line: lines + 1, problem: why });
    }
  });

  /** The archive with one byte changed, at an index from its end. */
  const spoilt = (fromEnd: number) => archive.map((byte, i) => (i === archive.length - fromEnd ? byte ^ 1 : byte));
  const noise = (length: number) => Uint8Array.from({ length }, (_, i) => i + 1);
  const broken: [string, Uint8Array, RegExp][] = [
    ["a wrong checksum", spoilt(8), /wrong checksum/],
    ["a wrong length", spoilt(1), /wrong length/],
    ["a wrong checksum before another member", Buffer.concat([spoilt(5), packed("{}")]), /wrong checksum/],
    ["a trailer cut off", archive.subarray(0, -3), /wrong checksum/],
    ["no trailer", archive.subarray(0, -8), /wrong checksum/],
    ["the next header cut off", Buffer.concat([archive, packed("{}").subarray(0, 7)]), /wrong checksum/],
    [
      "the next member cut off after its header",
      Buffer.concat([archive, packed("{}").subarray(0, 10)]),
      /unexpected end/,
    ],
    ["one byte more", Buffer.concat([archive, noise(1)]), /wrong checksum/],
    ["text after it", Buffer.concat([archive, bytesOf("more and more")]), /invalid gzip data/],
    ["zeros after it", Buffer.concat([archive, new Uint8Array(512)]), /invalid gzip data/],
  ];
  test.each(broken)("%s is a problem; all rows before it are read", async (_, bytes, why) => {
    for (const windowBytes of [999, 1 << 20]) {
      const { values, problems } = await readFile("x.jsonl.gz", bytes, { windowBytes });
      expect(values).toEqual(rows);
      expect(problems).toHaveLength(1);
      expect(problems[0]?.problem).toMatch(/^the gzip archive is broken or cut off here/);
      expect(problems[0]?.problem).toMatch(why);
    }
  });

  /** A member with an extra field (as by bgzip), name, comment and header checksum (RFC 1952, 2.3). */
  function member(text: string, { extra = "", name = "", comment = "", checksum = false }): Uint8Array {
    const flags = (checksum ? 2 : 0) | (extra ? 4 : 0) | (name ? 8 : 0) | (comment ? 16 : 0);
    const plain = packed(text);
    return Buffer.concat(
      [
        Uint8Array.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255),
        extra ? Uint8Array.of(extra.length & 0xff, extra.length >> 8) : "",
        ...[extra, name && `${name}\0`, comment && `${comment}\0`],
        checksum ? Uint8Array.of(1, 2) : "",
        plain.subarray(10),
      ].map((part) => bytesOf(part)),
    );
  }

  test("every part of a header is skipped, in windows of any size", async () => {
    const archive = (nameLength: number, extraLength: number) =>
      Buffer.concat([
        member(`${aText}\n`, { extra: "BC\x02\0ab", checksum: true }),
        member(`${bText}\n`, { name: "b.jsonl", comment: "the second" }),
        member(`${aText}\n`, { name: "n".repeat(nameLength), extra: "x".repeat(extraLength) }),
        // bgzip ends its files with an empty block.
        member("", { extra: "BC\x02\0\x1b\0" }),
      ]);
    // The longest extra field; tiny windows would take too long.
    const small = archive(700, 655);
    const large = archive(70_000, 65_535);
    for (const [file, windowBytes] of [
      [small, 1],
      [small, 7],
      [large, 999],
      [large, 1 << 20],
    ] as const) {
      const { values, problems } = await readFile("x.jsonl.gz", file, { windowBytes });
      expect({ values, problems }).toEqual({ values: [a, b, a], problems: [] });
    }
  });

  test("a name without an end is refused before it fills the memory", async () => {
    const file = member("", { name: "n".repeat(3_000_000) }).subarray(0, 2_500_000);
    await expect(readFile("x.gz", file)).rejects.toThrow(/broken or cut off here \(a header without an end\)/);
  });
});

describe("unreadable files", () => {
  const ascii = (text: string) => [...text].map((c) => c.charCodeAt(0));
  const header = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
  const files: [string, number[] | string, RegExp][] = [
    ["f", "", /^f is empty\./],
    ["f.csv", "\uFEFF \r\n", /^f\.csv is empty\./],
    ["f", [0x89, ...ascii("PNG\r\n\x1a\n"), 0, 0, 0, 13], /a PNG image/],
    ["f", [0xff, 0xd8, 0xff, 0xe0], /a JPEG image/],
    ["f", "%PDF-1.7\n", /a PDF document/],
    ["f.csv", "PK\x03\x04....", /a zip archive or an Office document/],
    ["f", "GGUF....", /a GGUF model/],
    ["f", [header.length, 0, 0, 0, 0, 0, 0, 0, ...ascii(header), 0, 0], /a safetensors model/],
    ["f.json", "<!DOCTYPE html>\n<html></html>", /a web page/],
    ["f.json", [0xff, 0xfe, 0, 0, ...ascii("[{}]").flatMap((c) => [c, 0, 0, 0])], /UTF-32 text \(save it as UTF-8\)/],
    ["f", "PARE....", /an encrypted Parquet table \(write it without encryption\)/],
    ["f", [0x28, 0xb5, 0x2f, 0xfd, 0], /a Zstandard archive/],
    ["f", "ARROW1\0\0", /an Arrow table \(save it as Parquet\)/],
    ["f.txt", "abc\0def", /a binary file/],
    [
      "f.json",
      "instruction,output\na,b",
      /^f\.json, line 1: the JSON begins with "instruction,output.*, not with \[ or \{/,
    ],
    ["f.parquet", "a,b", /^f\.parquet is not a Parquet table/],
    ["f.json", "[ ]", /^f\.json has no row\./],
    ["f.csv", "a,b\n", /^f\.csv has no row\./],
    ["f.json", "[{,\n}x,{y}, z,1a]", /^f\.json: no row can be read\. line 1: broken JSON.*; line 2: .*\(and 1 more\)/],
    ["f.gz", [0x1f, 0x8b, 8, 0, 0], /^f\.gz: the gzip archive is broken or cut off here/],
  ];
  test.each(files)("%s %j", async (name, content, message) => {
    const bytes = typeof content === "string" ? bytesOf(content) : Uint8Array.from(content);
    await expect(readFile(name, bytes)).rejects.toThrow(message);
    if (!/gzip/.test(message.source))
      await expect(readFile(name, bytes)).rejects.toThrow(/Choose a JSON, JSON Lines, CSV/);
  });

  test("a file in an archive is treated equally", async () => {
    await expect(readFile("f.gz", packed(packed("a")))).rejects.toThrow(/a gzip archive within another/);
    await expect(readFile("f.gz", packed(""))).rejects.toThrow(/^f\.gz is empty/);
    const tar = new Uint8Array(1024).fill(65);
    tar.set(ascii("ustar"), 257);
    await expect(readFile("f.tar.gz", packed(tar))).rejects.toThrow(/a tar archive \(unpack it/);
  });
});

describe("the stream", () => {
  const many = Array.from({ length: 2000 }, (_, i) => JSON.stringify({ i, text: "x".repeat(i % 7 === 0 ? 5000 : 10) }));

  test("has batches of at most 512 records and about 1 MiB", async () => {
    const { batches } = await readRecords(bytesFromMemory("x.jsonl", bytesOf(many.join("\n"))));
    let rows = 0;
    for await (const batch of batches) {
      expect(batch.length).toBeLessThanOrEqual(512);
      expect(JSON.stringify(batch).length).toBeLessThan(1.2 * (1 << 20));
      rows += batch.length;
    }
    expect(rows).toBe(2000);
  });

  test("problems without a row also have batches of 512, and end with an error", async () => {
    const { batches } = await readRecords(bytesFromMemory("x.jsonl", bytesOf("oops\n".repeat(3000))));
    const sizes: number[] = [];
    const all = (async () => {
      for await (const batch of batches) sizes.push(batch.length);
    })();
    await expect(all).rejects.toThrow(/no row can be read.*\(and 2997 more\)/);
    expect(Math.max(...sizes)).toBe(512);
  });

  test.each(["x.jsonl", "x.jsonl.gz"])("%s reports its progress", async (name) => {
    const text = bytesOf(many.join("\n"));
    const bytes = name.endsWith(".gz") ? packed(text) : text;
    const progress: number[] = [];
    const onProgress = (done: number, total: number) => {
      expect(total).toBe(bytes.length);
      progress.push(done);
    };
    await readFile(name, bytes, { windowBytes: 1000, onProgress });
    expect(progress).toEqual([...progress].sort((x, y) => x - y));
    expect(progress.length).toBe(Math.ceil(bytes.length / 1000));
    expect(progress.at(-1)).toBe(bytes.length);
  });

  test.each(["x.jsonl", "x.jsonl.gz"])("%s stops when cancelled, with the signal's reason", async (name) => {
    const text = bytesOf(many.join("\n"));
    const bytes = name.endsWith(".gz") ? packed(text) : text;
    const cancel = new AbortController();
    const options = { windowBytes: 500, signal: cancel.signal };
    const { batches } = await readRecords(bytesFromMemory(name, bytes), options);
    await batches.next();
    cancel.abort(new Error("enough"));
    await expect(batches.next()).rejects.toThrow("enough");
    await expect(readRecords(bytesFromMemory(name, bytes), options)).rejects.toThrow("enough");
  });

  test.each(["x.jsonl", "x.jsonl.gz"])("%s throws the errors of the source", async (name) => {
    const text = bytesOf(many.join("\n"));
    const bytes = name.endsWith(".gz") ? packed(text) : text;
    const memory = bytesFromMemory(name, bytes);
    const source = {
      ...memory,
      async slice(start: number, end: number) {
        if (start > bytes.length / 2) throw new Error("the disk is gone");
        return memory.slice(start, end);
      },
    };
    const all = async () => {
      const { batches } = await readRecords(source, { windowBytes: 300 });
      for await (const _ of batches);
    };
    await expect(all()).rejects.toThrow(/^the disk is gone$/);
  });
});

sharedTest("all 999 rows of alpaca_en_demo.json are read, none with a problem", async ({ shared }) => {
  const bytes = await shared.bytes("data/alpaca_en_demo.json");
  const text = new TextDecoder().decode(bytes);
  const { kind, values, problems, lines } = await readFile("alpaca_en_demo.json", bytes, { windowBytes: 1001 });
  expect(kind).toBe("json");
  expect(problems).toEqual([]);
  expect(values).toEqual(JSON.parse(text));
  expect(values).toHaveLength(999);
  const fileLines = text.split("\n");
  expect(lines.filter((line) => fileLines[line - 1]?.trim() !== "{")).toEqual([]);
});

sharedTest("all 300 rows of c4_demo.jsonl are read, none with a problem", async ({ shared }) => {
  const bytes = await shared.bytes("data/c4_demo.jsonl");
  const { kind, values, problems } = await readFile("c4_demo.jsonl", bytes, { windowBytes: 1001 });
  expect(kind).toBe("jsonl");
  expect(problems).toEqual([]);
  expect(values).toHaveLength(300);
});

/** Files and rows that could take more than linear time or overflow the stack: each ends in rows or an error for the user. */

import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, test } from "vitest";
import { createConverter } from "../../../src/records/formats/convert.ts";
import { detectFormat } from "../../../src/records/formats/detect.ts";
import { cpuTime } from "../../support/cpuTime.ts";
import { expectMessage, throughAllSteps } from "./pipeline.ts";
import { readFile } from "./read/reading.ts";

const longestWait = 10_000;

/** Reads a file and processes its first rows to sequences; fails after ten seconds. */
async function readWhole(name: string, content: string | Uint8Array) {
  const began = cpuTime();
  try {
    const file = await readFile(name, content);
    for (const { line, problem } of file.problems.slice(0, 50)) expectMessage(`line ${line}: ${problem}`, name);
    throughAllSteps(file.values.slice(0, 8), name);
    return file;
  } finally {
    expect(cpuTime() - began).toBeLessThan(longestWait);
  }
}

async function refusal(name: string, content: string | Uint8Array): Promise<string> {
  const outcome = await readWhole(name, content).catch((error: unknown) => error);
  if (!(outcome instanceof Error)) throw new Error("It was read.");
  expectMessage(outcome.message, name);
  return outcome.message;
}

const repeat = (count: number, of: (i: number) => string, between = ",") =>
  Array.from({ length: count }, (_, i) => of(i)).join(between);

describe("tables take linear time", () => {
  const row = (count: number) => repeat(count, () => "1");
  const rows: [string, string, number][] = [
    ["a header of one name", repeat(10_000, () => "a"), 10_000],
    ["a header of empty names", repeat(10_000, () => ""), 10_000],
    ["names that collide with numbered ones", repeat(10_000, (i) => (i % 2 ? "a" : `a (${i})`)), 10_000],
    ["numbered names first", repeat(10_000, (i) => (i < 5000 ? `a (${i + 2})` : "a")), 10_000],
    ["names that differ in white space", repeat(10_000, (i) => `a${" ".repeat(i % 100)}`), 10_000],
    ["names of columns that are empty", repeat(10_000, (i) => (i % 2 ? "" : `column ${i + 2}`)), 10_000],
    ["two names in turn", repeat(10_000, (i) => (i % 2 ? "a" : "b")), 10_000],
    ["names in quotes", repeat(10_000, () => '"a"'), 10_000],
    ["names that are numbered twice", repeat(9_999, (i) => `a${" (2)".repeat(i % 40)}`), 9_999],
    ["names of other cases", repeat(10_000, (i) => (i % 2 ? "A" : "a")), 10_000],
  ];
  test.each(rows)("%s", async (_, header, count) => {
    const { values, problems } = await readWhole("f.csv", `${header}\n${row(count)}\n`);
    expect(problems).toEqual([]);
    expect(Object.keys(values[0] ?? {})).toHaveLength(count);
  });

  test("repeated names have the same numbers as before", async () => {
    const { values } = await readWhole("f.csv", "a,a,a (2),a,,column 5,a (2)\n1,2,3,4,5,6,7\n");
    expect(values).toEqual([
      { a: "1", "a (2)": "2", "a (2) (2)": "3", "a (3)": "4", "column 5": "5", "column 5 (2)": "6", "a (2) (3)": "7" },
    ]);
  });

  const n = 200_000;
  const odd: [string, string][] = [
    ["quotes before spaces that close no field", `x,y\n"a${'"b'.repeat(n)}${" ".repeat(n)},1\n2,3\n`],
    ["quotes that are never closed", `x,y\n1,2\n${'"a,1\n2,3\n'.repeat(n / 10)}"`],
    ["a quote in every row", `x,y\n${'a"b,1\n'.repeat(n / 4)}`],
    ["one long line", `x,y\n${"a".repeat(n * 10)},1\n`],
    ["a line of delimiters", `x,y\n${",".repeat(n * 5)}\n1,2\n`],
    ["lines of every delimiter", `x,y\n${",;\t|\n".repeat(n / 4)}1,2\n`],
    ["empty lines", `x,y\n${"\n".repeat(n * 5)}1,2\n`],
    ["returns", `x,y\n1,2\n${"\r".repeat(n * 5)}\n`],
    ["spaces after quotes", `x,y\n${`"a"${" ".repeat(100)},1\n`.repeat(n / 50)}`],
    ["a delimiter that is guessed among quotes", `${'"a;b|c\t'.repeat(n / 20)}"\n1,2\n`],
  ];
  test.each(odd)("%s", async (_, content) => {
    await readWhole("f.csv", content).catch((error: unknown) => expectMessage(String(error), "f.csv"));
  });

  test("an impossible header is refused", async () => {
    const wide = repeat(10_001, (i) => `c${i}`);
    expect(await refusal("f.csv", `${wide}\n${row(10_001)}\n`)).toMatch(/^f\.csv: .*10001 columns, but at most 10000/);
    const long = "n".repeat(500);
    expect(await refusal("f.csv", `a,${long}\n1,2\n`)).toMatch(/name of column 2 has 500 characters, but at most 200/);
  });
});

describe("JSON takes linear time", () => {
  const n = 100_000;
  const rows: [string, string, string][] = [
    ["a hundred thousand keys", "f.json", `[{${repeat(n, (i) => `"k${i}":"x"`)}}]`],
    ["the same key again", "f.json", `[{${repeat(n, () => '"k":"x"')}}]`],
    [
      "keys that are conversations",
      "f.json",
      `[{${repeat(n / 20, (i) => `"k${i}":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]`)}}]`,
    ],
    ["rows with distinct keys", "f.jsonl", repeat(400, (i) => `{${repeat(200, (k) => `"k${i}_${k}":"x"`)}}`, "\n")],
    ["keys of a megabyte", "f.jsonl", repeat(3, (i) => `{"${"k".repeat(1e6)}${i}":"x"}`, "\n")],
    ["brackets that are never closed", "f.json", "[".repeat(n * 5)],
    ["objects that are never closed", "f.json", '{"a":\n'.repeat(n / 4)],
    ["quotes that are never closed", "f.json", `[${'"a\n'.repeat(n)}`],
    ["commas", "f.json", `[${",".repeat(n * 5)}`],
    ["backslashes", "f.json", `["${"\\".repeat(n * 10)}`],
    [
      "lists of splits by many names",
      "f.json",
      `{${repeat(500, (i) => `"${i % 2 ? "train" : "TRAIN"}":[{"a":${i}}]`)}}`,
    ],
    [
      "a conversation of 25,000 messages",
      "f.jsonl",
      JSON.stringify({
        messages: Array.from({ length: n / 4 }, (_, i) => ({ role: i % 2 ? "assistant" : "user", content: "a" })),
      }),
    ],
  ];
  test.each(rows)("%s", async (_, name, content) => {
    await readWhole(name, content).catch((error: unknown) => expectMessage(String(error), name));
  });

  test("detection lists a limited number of columns and alternatives", () => {
    const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, "x"]));
    const { mapping, columns } = detectFormat([{ ...wide, question: "q", answer: "a" }]);
    expect(Object.values(mapping.columns)).toEqual(["question", "answer"]);
    expect(columns.length).toBeLessThan(1010);
    expect(columns.map(({ name }) => name)).toEqual(expect.arrayContaining(["question", "answer"]));
    const chats = Object.fromEntries(
      Array.from({ length: 3000 }, (_, i) => [
        `c${i}`,
        [
          { role: "user", content: "a" },
          { role: "assistant", content: "b" },
        ],
      ]),
    );
    expect(detectFormat([chats]).alternatives.length).toBeLessThan(20);
  });
});

describe("text, archives and Parquet take linear time", () => {
  const n = 300_000;
  const rows: [string, string, string][] = [
    ["one line", "f.txt", "x".repeat(n * 10)],
    ["one line of Markdown", "f.md", "x".repeat(n * 10)],
    ["a long fence and many short ones", "f.md", `${"`".repeat(n)}\n${"```\n".repeat(n)}x`],
    ["headings", "f.md", "# a\n".repeat(n)],
    ["blank lines", "f.md", `a${"\n".repeat(n * 4)}b`],
    ["lines of spaces", "f.txt", `a\n${" \n".repeat(n)}b`],
    ["high surrogates", "f.txt", "😀".repeat(n)],
    ["returns", "f.txt", "a\r".repeat(n)],
  ];
  test.each(rows)("%s", async (_, name, content) => {
    const { values } = await readWhole(name, content);
    expect(values.length).toBeGreaterThan(0);
  });

  test("many members of an archive", async () => {
    const member = gzipSync("a\n");
    const { values } = await readWhole("f.txt.gz", Buffer.concat(Array.from({ length: 20_000 }, () => member)));
    expect(values.join("")).toBe("a\n".repeat(20_000));
  });

  test("a zip bomb ends with a problem, and the rows before it are read", async () => {
    // 480 MiB of spaces in half a megabyte: one packed member, repeated.
    const block = gzipSync(" ".repeat(1 << 24), { level: 9 });
    const bomb = Buffer.concat([gzipSync("hello\n\n"), ...Array.from({ length: 30 }, () => block)]);
    const { values, problems } = await readWhole("f.txt.gz", bomb);
    expect(values.length).toBeGreaterThan(0);
    expect(problems.at(-1)?.problem).toMatch(/unpack to more than/);
  });

  const parquet = (columnData: Parameters<typeof parquetWriteBuffer>[0]["columnData"], rowGroupSize = 1 << 20) =>
    new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize }));

  test("many columns", async () => {
    const columns = Array.from({ length: 5000 }, (_, i) => ({
      name: `c${i}`,
      data: [i, i + 1],
      type: "INT32" as const,
    }));
    const { values } = await readWhole("f.parquet", parquet(columns));
    expect(values).toHaveLength(2);
    expect(values[1]).toMatchObject({ c0: 1, c127: 128, c128: 129, c4999: 5000 });
  });

  test("many row groups", async () => {
    const { values } = await readWhole(
      "f.parquet",
      parquet([{ name: "a", data: Array.from({ length: 1500 }, (_, i) => i) }], 1),
    );
    expect(values).toHaveLength(1500);
  });

  test("a text that is once in the file, but in many rows", async () => {
    const text = "x".repeat(100_000);
    const { values, problems } = await readWhole(
      "f.parquet",
      parquet([{ name: "a", data: Array.from({ length: 20_000 }, () => text) }]),
    );
    expect(values.length).toBeGreaterThan(500);
    expect(values.length).toBeLessThan(10_000);
    expect(problems.at(-1)?.problem).toMatch(/the rest is not read/);
  });

  test("columns with equal names, and names that are too long", async () => {
    const data = [1, 2];
    const twice = [
      { name: "a", data },
      { name: "a", data },
    ];
    expect(await refusal("f.parquet", parquet(twice))).toMatch(/two columns have the name a/);
    expect(await refusal("f.parquet", parquet([{ name: "n".repeat(300), data }]))).toMatch(
      /300 characters, but at most 200/,
    );
  });
});

describe("nesting of 50,000 levels is a problem of its row", () => {
  const deep = 50_000;
  const lists = `${"[".repeat(deep)}1${"]".repeat(deep)}`;
  const objects = `${'{"a":'.repeat(deep)}1${"}".repeat(deep)}`;
  const cell = `"${objects.replaceAll('"', '""')}"`;
  const good = '{"instruction":"q","output":"a"}';
  const rows: [string, string, string][] = [
    ["a row of lists", "f.jsonl", `${good}\n${lists}`],
    ["a row of objects", "f.jsonl", `${good}\n${objects}`],
    ["an element of an array", "f.json", `[${good},\n${objects}]`],
    ["a field", "f.jsonl", `${good}\n{"instruction":"q","output":${lists}}`],
    [
      "an element among others",
      "f.json",
      `[${lists},
${good}]`,
    ],
  ];
  test.each(rows)("%s", async (_, name, content) => {
    const { values, problems } = await readWhole(name, content);
    expect(values).toEqual([{ instruction: "q", output: "a" }]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ line: expect.any(Number) });
    expect(problems[0]?.problem).toMatch(/nested more than 256 levels deep/);
  });

  const user = { role: "user", content: "a" };
  const call = (given: string) => [
    user,
    { role: "assistant", content: "", tool_calls: [{ name: "f", arguments: given }] },
  ];
  const cells: [string, Record<string, unknown>, RegExp][] = [
    [
      "arguments of a call",
      { messages: call(lists) },
      /messages\.1\.tool_calls\.0\.arguments cannot be read: .*256 levels/,
    ],
    ["arguments of objects", { messages: call(objects) }, /256 levels/],
    ["messages as text", { messages: lists }, /messages is a string, not a list: .*256 levels/],
    [
      "tools as text",
      { messages: [user, { role: "assistant", content: "b" }], tools: lists },
      /tools is not a list of tools: .*256 levels/,
    ],
    [
      "calls as text",
      { messages: [user, { role: "assistant", content: "", tool_calls: lists }] },
      /tool_calls is a string/,
    ],
    [
      "a function call as text",
      { messages: [user, { role: "assistant", content: "", function_call: objects }] },
      /function_call is a string/,
    ],
  ];
  test.each(cells)("%s", (_, value, message) => {
    const converted = createConverter({ format: "openai", columns: { messages: "messages", tools: "tools" } })(value);
    expect(converted).toEqual({ problem: expect.stringMatching(message) });
    throughAllSteps([value], "a row");
  });

  test("deep JSON in a table's cell or in Parquet stays text", async () => {
    const table = await readWhole("f.csv", `instruction,output\n${cell},b\n`);
    expect(table.values).toEqual([{ instruction: objects, output: "b" }]);
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData: [{ name: "text", type: "STRING", data: [lists] }] }));
    expect((await readWhole("f.parquet", bytes)).values).toEqual([{ text: lists }]);
  });
});

describe("trees and conversations", () => {
  const reply = (role: string, replies: object[]) => ({ text: "x", role, replies });
  const oasst = createConverter({ format: "oasst", columns: { prompt: "prompt" } });

  test("a deep tree with many leaves is refused: each leaf is a thread", () => {
    let prompt = reply(
      "prompter",
      Array.from({ length: 5000 }, () => reply("assistant", [])),
    );
    for (let i = 0; i < 200; i++) prompt = reply(i % 2 ? "prompter" : "assistant", [prompt]);
    expect(oasst({ prompt })).toEqual({
      problem: expect.stringMatching(/threads of prompt have more than 100000 messages/),
    });
  });

  test("a wide tree is read", () => {
    const converted = oasst({
      prompt: reply(
        "prompter",
        Array.from({ length: 20_000 }, () => reply("assistant", [])),
      ),
    });
    expect("examples" in converted ? converted.examples.length : 0).toBe(20_000);
  });

  test("a prompt in a column and in both answers", () => {
    const messages = Array.from({ length: 4000 }, (_, i) => ({ role: i % 2 ? "assistant" : "user", content: `m${i}` }));
    const began = cpuTime();
    const columns = { prompt: "prompt", chosen: "chosen", rejected: "rejected" };
    const answer = (content: string) => [...messages, { role: "assistant", content }];
    const converted = createConverter({ format: "preference", columns })({
      prompt: messages,
      chosen: answer("a"),
      rejected: answer("b"),
    });
    expect(converted).toMatchObject({ examples: [{ prompt: { length: 4000 } }] });
    expect(cpuTime() - began).toBeLessThan(longestWait);
  });
});

describe("numbers of a file that become weights", () => {
  const messages = (weight: unknown) => ({
    messages: [
      { role: "user", content: "a" },
      { role: "assistant", content: "b", weight },
    ],
  });
  const convert = createConverter({ format: "openai", columns: { messages: "messages", weight: "w" } });
  test.each([1e300, -1, 1e7, 1e-7, 5e-324, Number.NaN, Number.POSITIVE_INFINITY, "2", true, [], {}])(
    "%j of a message is refused",
    (weight) => {
      expect(convert(messages(weight))).toEqual({ problem: expect.stringMatching(/^messages\.1\.weight is/) });
    },
  );
  test.each([0, 1, 0.5, 1e6, 1e-6])("%j is a weight", (weight) => {
    expect(convert(messages(weight))).toMatchObject({ examples: [{ messages: [{}, { weight }] }] });
  });
  test("the product with the row's weight has the same limits", () => {
    expect(convert({ ...messages(1e6), w: 1e6 })).toEqual({
      problem: expect.stringMatching(/^the row's weight times .* is 1000000000000;/),
    });
    expect(convert({ ...messages(1e-6), w: "0.000001" })).toEqual({
      problem: expect.stringMatching(/a weight is 0, or from/),
    });
  });
});

describe("messages name their subject, and are short", () => {
  const long = "x".repeat(5000);
  const control = "\u0001".repeat(5000);
  const files: [string, string][] = [
    [`${long}.csv`, ""],
    [`${long}.json`, "x"],
    ["f.json", long],
    ["f.json", control],
    ["f.jsonl", `{"a": ${long}}\n`.repeat(5)],
    ["f.jsonl", `{"a": ${control}}\n`.repeat(5)],
    ["f.csv", `a,b\n${`${long},${long},${long}\n`.repeat(5)}`],
    ["f.csv", `a,b\n"${long}`],
    ["f.json", `[${long},${long}]`],
    ["f.parquet", long],
  ];
  test.each(files.map(([name, content], i) => [i, name, content] as const))("file %i", async (_, name, content) => {
    const message = await refusal(name, content);
    expect(message.startsWith(name.slice(0, 40))).toBe(true);
  });

  const convert = createConverter({ format: "mixed", columns: {} });
  const rows: unknown[] = [
    { [long]: 1 },
    Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${i}${long}`, 1])),
    { messages: [{ role: long, content: "a" }] },
    { messages: [{ role: "user", content: [{ type: long, text: "a" }] }] },
    { messages: long },
    { messages: `[${long}` },
    { instruction: "a", output: "b", split: long },
    { [`${long}`]: "a", instruction: "a" },
    { prompt: long },
    { conversations: [{ from: control, value: "a" }] },
  ];
  test.each(rows.map((row, i) => [i, row] as const))("row %i", (_, row) => {
    const converted = convert(row);
    if ("problem" in converted) {
      expectMessage(`line 1: ${converted.problem}`, "a row");
      expect(converted.problem.length).toBeLessThanOrEqual(300);
    }
  });
});

/** Edited rows, source options and rows written as JSON Lines, on the real service. Oracles are named at each test. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createDatasetService } from "../../../src/datasets/datasets.ts";
import { exampleValue } from "../../../src/datasets/exampleValue.ts";
import { type Converted, createConverter } from "../../../src/records/formats/convert.ts";
import { parseJson } from "../../../src/records/read/parseJson.ts";
import { ExactNumber, objectOf } from "../../../src/records/value.ts";
import { writeJson } from "../../../src/records/writeJson.ts";
import type { DataSpec } from "../../../src/run/dataSpec.ts";
import { choiceOf, type SourceChoice } from "../../../src/run/source.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";
import { newDisk, tabOn } from "../storage/backend.ts";

const { json, config } = byteLevelTokenizer();
const model = { modelHash: "m", tokenizerJson: json, tokenizerConfig: config, chatTemplate: null, contextLength: 512 };

async function open(disk = newDisk()) {
  const data = createDatasetService(await openStorage(tabOn(disk)), () => undefined).during("test");
  await data.addModel(model);
  const read = async (name: string, content: string) => {
    const { sources, failures } = await data.open([new File([content], name)]);
    expect(failures).toEqual([]);
    const [source] = sources;
    if (!source) throw new Error("a source was expected");
    return source.hash;
  };
  return { data, read };
}

const specOf = (hash: string, change: Partial<SourceChoice> = {}): DataSpec => ({
  modelHash: "m",
  sources: [{ hash, mapping: null, lambda: 1, excluded: [], ...change }],
  settings: {
    template: { kind: "built-in", name: "hone" },
    systemPrompt: null,
    mask: "responses",
    maxLength: 128,
    truncation: "drop",
  },
  mixture: "sampling",
  validationShare: 0,
  seed: 1,
});

const lines = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).join("\n");
const pair = (i: number, output = `It is ${i}.`) => ({ instruction: `Say ${i}.`, input: "", output });
const pairs = (count: number) => Array.from({ length: count }, (_, i) => pair(i));

describe("an edited row", () => {
  /** Oracle: the same calls on a file that has the row as edited. */
  test("is listed, shown, checked, tokenized and questioned as a file with that row", async () => {
    const { data, read } = await open();
    const hash = await read("a.jsonl", lines(pairs(12)));
    const other = await read("b.jsonl", lines(pairs(12).with(7, pair(7, "Seven."))));
    const edits = await data.editRows(hash, [{ row: 7, value: JSON.stringify(pair(7, "Seven.")) }]);
    const edited = specOf(hash, { edits });
    const plain = specOf(other);
    expect(await data.heads(edited, 0, 0, 12)).toEqual(await data.heads(plain, 0, 0, 12));
    const row = await data.row(edited, 0, 7);
    expect(row).toEqual({ ...(await data.row(plain, 0, 7)), edited: true });
    expect((await data.row(edited, 0, 6)).edited).toBe(false);
    const [mine, theirs] = [await data.prepare(edited), await data.prepare(plain)];
    expect(mine.table).toEqual(theirs.table);
    expect((await data.prepare(specOf(hash))).table.ids).not.toEqual(mine.table.ids);
    const wanted = [{ source: 0, row: 7 }];
    expect(await data.questions(edited, wanted)).toEqual([{ prompt: "Say 7.", reference: "Seven." }]);
  });

  test("mends a row that cannot be read; a bad edit leaves its row out with the reason", async () => {
    const { data, read } = await open();
    const hash = await read("a.jsonl", `${lines(pairs(2))}\n{"instruction": broken\n${lines(pairs(2))}`);
    expect(await data.row(specOf(hash), 0, 2)).toMatchObject({ value: null, problem: expect.stringContaining("JSON") });
    const mended = specOf(hash, { edits: await data.editRows(hash, [{ row: 2, value: JSON.stringify(pair(9)) }]) });
    expect(await data.row(mended, 0, 2)).toMatchObject({ line: 3, edited: true, problem: null });
    expect((await data.inspect(mended)).examples).toBe(5);
    const bad = specOf(hash, { edits: await data.editRows(hash, [{ row: 0, value: '{"instruction":"Only this"}' }]) });
    expect((await data.row(bad, 0, 0)).problem).toMatch(/^no response: output is missing/);
  });

  test("survives a reload; edits of two tabs do not overwrite each other; deleted rows take their edits along", async () => {
    const disk = newDisk();
    const [one, two] = [await open(disk), await open(disk)];
    const hash = await one.read("a.jsonl", lines(pairs(4)));
    await one.data.editRows(hash, [{ row: 2, value: JSON.stringify(pair(2, "Two.")) }]);
    const both = await two.data.editRows(hash, [{ row: 0, value: JSON.stringify(pair(0, "Nought.")) }]);
    expect(both.map(({ row }) => row)).toEqual([0, 2]);
    const { data } = await open(disk);
    expect(await data.edits(hash)).toEqual(both);
    await data.delete(hash);
    expect(await data.edits(hash)).toEqual([]);
  });

  test("keeps the numbers as they are typed: 12 is another row than 12.0", async () => {
    const { data, read } = await open();
    const row = (number: string) => `{"instruction":"Q","output":"A","n":${number}}`;
    const hash = await read("a.jsonl", [row("12.0"), row("9007199254740993")].join("\n"));
    expect(await data.editRows(hash, [{ row: 0, value: row("12.0") }])).toEqual([]);
    const changes = [
      { row: 0, value: row("12") },
      { row: 1, value: row("9007199254740992.50") },
    ];
    expect(await data.editRows(hash, changes)).toEqual(changes);
    const written = await data.writeRows({ hash, mapping: null, excluded: [], edits: changes }, "rows");
    expect(await written.content.text()).toBe(`${row("12")}\n${row("9007199254740992.50")}\n`);
  });

  test.each([
    ["null", null],
    ["the file's own value", JSON.stringify(pair(1))],
    ["the file's own value with other white space", JSON.stringify(pair(1), null, 4)],
  ])("is undone by %s", async (_, value) => {
    const { data, read } = await open();
    const hash = await read("a.jsonl", lines(pairs(3)));
    await data.editRows(hash, [{ row: 1, value: '{"instruction":"?","output":"!"}' }]);
    expect(await data.editRows(hash, [{ row: 1, value }])).toEqual([]);
  });

  test.each([
    ["{", /^Row 2 of a\.jsonl is not JSON: expected a name in double quotes/],
    ["", /^Row 2 of a\.jsonl is not JSON/],
    ["undefined", /^Row 2 of a\.jsonl is not JSON/],
    ['{"a":1}}', /^Row 2 of a\.jsonl is not JSON/],
    [`${"[".repeat(300)}${"]".repeat(300)}`, /more than 256 levels deep/],
    ["[".repeat(1_000_000), /more than 256 levels deep/],
  ])("is refused with its text %.20s, and no change of the call is saved", async (value, message) => {
    const { data, read } = await open();
    const hash = await read("a.jsonl", lines(pairs(3)));
    const changes = [
      { row: 0, value: "{}" },
      { row: 1, value },
    ];
    await expect(data.editRows(hash, changes)).rejects.toThrow(message);
    await expect(data.editRows(hash, [{ row: 3, value: "{}" }])).rejects.toThrow("3 rows, so there is no row 4");
    expect(await data.edits(hash)).toEqual([]);
  });
});

describe("options of a source", () => {
  const tools = '[{"type":"function","function":{"name":"weather","parameters":{}}}]';
  const chat = (more = {}) => ({
    messages: [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello" },
    ],
    ...more,
  });

  test("its tools go to rows without their own", async () => {
    const { data, read } = await open();
    const own = chat({ tools: [{ type: "function", function: { name: "search" } }] });
    const hash = await read("a.jsonl", lines([chat(), own]));
    const spec = specOf(hash, { options: { tools } });
    const names = async (row: number) => (await data.row(spec, 0, row)).examples[0]?.tools.map(({ name }) => name);
    expect(await names(0)).toEqual(["weather"]);
    expect(await names(1)).toEqual(["search"]);
    expect((await data.row(specOf(hash), 0, 0)).examples[0]?.tools).toEqual([]);
    const broken = specOf(hash, { options: { tools: "[weather" } });
    await expect(data.row(broken, 0, 0)).rejects.toThrow(/^The option of a\.jsonl cannot be used: Tools /);
  });

  test("a choice without options or edits is recorded as before", () => {
    const plain = { hash: "a", mapping: null, excluded: [1] };
    expect(JSON.stringify(choiceOf(plain))).toBe('{"hash":"a","mapping":null,"excluded":[1]}');
  });
});

describe("rows as JSON Lines", () => {
  test("as they are: edited, without excluded and unreadable rows, keys in their order", async () => {
    const { data, read } = await open();
    const rows = ['{"z":1,"instruction":"A","output":"B"}', "{broken", '{"instruction":"C","output":"D"}'];
    const hash = await read("a.jsonl", [...rows, ...rows].join("\n"));
    const edits = await data.editRows(hash, [{ row: 1, value: '{"instruction": "mended", "output": "x"}' }]);
    const written = await data.writeRows({ hash, mapping: null, excluded: [2], edits }, "rows");
    expect(await written.content.text()).toBe(
      `${[rows[0], '{"instruction":"mended","output":"x"}', rows[0], rows[2]].join("\n")}\n`,
    );
    expect(written).toMatchObject({ rows: 4, excluded: 1, leftOut: 1 });
  });

  test("an aborted call rejects with the signal's reason", async () => {
    const { data, read } = await open();
    const hash = await read("a.jsonl", lines(pairs(3)));
    const signal = AbortSignal.abort(new DOMException("enough", "AbortError"));
    await expect(data.writeRows({ hash, mapping: null, excluded: [] }, "rows", signal)).rejects.toThrow("enough");
  });

  /** Oracle: the examples of the file itself. */
  const golden = "tests/golden/formats";
  const names = readdirSync(golden).filter((name) => !name.endsWith(".expected.json") && !name.endsWith(".parquet"));
  test.each(names)("%s as messages gives the same examples when it is read again", async (name) => {
    const { data, read } = await open();
    const examplesOf = async (hash: string) => {
      const { content } = await data.writeRows({ hash, mapping: null, excluded: [] }, "messages");
      return content.text();
    };
    const first = await examplesOf(await read(name, readFileSync(`${golden}/${name}`, "utf8")));
    expect(first === "").toBe(name === "unknown.jsonl");
    if (first === "") return;
    expect(await examplesOf(await read("again.jsonl", first))).toBe(first);
  });

  const valueIn = (text: string) => {
    const parsed = parseJson(text);
    if ("why" in parsed) throw new Error(parsed.why);
    return parsed.value;
  };

  test("messages have their fields, calls and numbers as the file writes them", async () => {
    const { data, read } = await open();
    const row =
      '{"messages":[{"role":"user","content":"Q","name":"Ann"},' +
      '{"role":"assistant","content":null,"reasoning_content":"Think.","tool_calls":' +
      '[{"type":"function","id":"a","function":{"name":"f","arguments":{"2":12.0,"1":9007199254740993}}}]},' +
      '{"role":"tool","content":[{"n":1e-7}],"tool_call_id":"a"},{"role":"assistant","content":"A"}],' +
      '"tools":[{"name":"f","limit":0.10}]}';
    const hash = await read("a.jsonl", row);
    const written = async (form: "rows" | "messages") =>
      (await data.writeRows({ hash, mapping: null, excluded: [] }, form)).content.text();
    expect(await written("rows")).toBe(`${row}\n`);
    expect(await written("messages")).toBe(`${row}\n`);
    const { value, examples } = await data.row(specOf(hash), 0, 0);
    expect(value).toContain('"limit": 0.10');
    expect(
      examples[0]?.messages.map(({ reasoning, toolCalls, tool, structured, fields }) => ({
        reasoning,
        arguments: toolCalls.map((call) => call.arguments),
        tool,
        structured,
        fields,
      })),
    ).toEqual([
      { reasoning: null, arguments: [], tool: null, structured: null, fields: [["name", '"Ann"']] },
      {
        reasoning: { key: "reasoning_content", text: "Think." },
        arguments: ['{\n  "2": 12.0,\n  "1": 9007199254740993\n}'],
        tool: null,
        structured: null,
        fields: [],
      },
      {
        reasoning: null,
        arguments: [],
        tool: "f",
        structured: '[\n  {\n    "n": 1e-7\n  }\n]',
        fields: [["tool_call_id", '"a"']],
      },
      { reasoning: null, arguments: [], tool: null, structured: null, fields: [] },
    ]);
  });

  const chatOf = (row: unknown): Converted => createConverter({ format: "mixed", columns: {} })(row);
  test.each([
    [
      "calls, results and weights",
      {
        messages: [
          { role: "system", content: "Be short." },
          { role: "user", content: "Weather?" },
          {
            role: "assistant",
            content: "",
            tool_calls: [{ id: "a", type: "function", function: { name: "w", arguments: '{"city":"Oslo"}' } }],
          },
          { role: "tool", content: "4 °C", tool_call_id: "a", name: "w" },
          { role: "assistant", content: "Cold.", weight: 0.5 },
        ],
        tools: [{ name: "w" }],
        category: "weather",
        split: "validation",
      },
    ],
    ["a row's weight", { instruction: "Q", output: "A", loss_weight: 0.25 }],
    ["a prompt that is context", { prompt: "Q", completion: "A" }],
    [
      "parts with weights",
      {
        messages: [
          { role: "user", content: "Q" },
          {
            role: "assistant",
            content: [
              { type: "text", text: "no", weight: 0 },
              { type: "text", text: "yes" },
            ],
          },
        ],
      },
    ],
    ["a pair", { prompt: "Q", chosen: "good", rejected: "bad" }],
    ["a text", { text: "Once." }],
  ])("%s: an example as a row is that example again", (_, row) => {
    const converted = chatOf(row);
    if ("problem" in converted) throw new Error(converted.problem);
    for (const example of converted.examples) {
      const text = writeJson(exampleValue(example));
      const again = chatOf(valueIn(text));
      // The weight of a row becomes a field of its answers.
      const plain = (body: unknown) => JSON.parse(writeJson(body).replace(/"fields":\{"weight":[^}]*\},?/g, ""));
      expect(plain("examples" in again ? again.examples : again)).toEqual(plain([example]));
      expect("examples" in again && again.examples.map((body) => writeJson(exampleValue(body)))).toEqual([text]);
    }
  });
});

describe("the JSON text of a value", () => {
  test("has numbers as written and keys in their order", () => {
    const value = objectOf([
      ["2", new ExactNumber("12.0")],
      ["1", [new ExactNumber("9007199254740993"), 7, "é\n", null, true, {}, []]],
    ]);
    expect(writeJson(value)).toBe('{"2":12.0,"1":[9007199254740993,7,"é\\n",null,true,{},[]]}');
  });

  test("is indented as JSON.stringify indents", () => {
    const value = { a: [1, { b: [] }], c: {}, d: { e: "x" } };
    expect(writeJson(value, 2)).toBe(JSON.stringify(value, null, 2));
  });
});

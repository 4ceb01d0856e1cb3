/** The dataset service on storage in memory. Oracle: the rows of small files, written out by hand. */

import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createDatasetService } from "../../../src/datasets/datasets.ts";
import type { DataApi, DataEvent, TokenTable } from "../../../src/protocol/datasets.ts";
import type { DataSpec } from "../../../src/run/dataSpec.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";
import { newDisk, tabOn } from "../storage/backend.ts";

const { json, config } = byteLevelTokenizer();
const model = { modelHash: "m", tokenizerJson: json, tokenizerConfig: config, chatTemplate: null, contextLength: 512 };

async function open(disk = newDisk(), cacheBytes?: number) {
  const events: DataEvent[] = [];
  const data = createDatasetService(
    await openStorage(tabOn(disk)),
    (event) => events.push(event),
    cacheBytes === undefined ? {} : { cacheBytes },
  ).during("test");
  await data.addModel(model);
  return { data, events };
}

const lines = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).join("\n");
const pairs = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ instruction: `Say ${i}.`, input: "", output: `It is ${i}.` }));

async function take(data: DataApi, name: string, content: string | Uint8Array<ArrayBuffer>) {
  const { sources, failures } = await data.open([new File([content], name)]);
  expect(failures).toEqual([]);
  const [source] = sources;
  if (!source) throw new Error("a source was expected");
  return source;
}

function specOf(
  hashes: readonly string[],
  change: Partial<DataSpec["settings"]> = {},
  excluded: number[] = [],
): DataSpec {
  return {
    modelHash: "m",
    sources: hashes.map((hash) => ({ hash, mapping: null, lambda: 1, excluded })),
    settings: {
      template: { kind: "built-in", name: "hone" },
      systemPrompt: null,
      mask: "responses",
      maxLength: 128,
      truncation: "drop",
      ...change,
    },
    mixture: "sampling",
    validationShare: 0,
    seed: 1,
  };
}

test.each([
  ["without a template, the built-in one whose marks it knows", [], null, { kind: "built-in", name: "hone" }],
  ["with ChatML's marks", ["<|im_start|>", "<|im_end|>"], null, { kind: "built-in", name: "chatml" }],
  [
    "with a template of its own whose spans are found",
    [],
    "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}",
    { kind: "model" },
  ],
  [
    "with a template that never ends an answer",
    [],
    "{% for m in messages %}{{ m.content }}{% endfor %}",
    { kind: "built-in", name: "hone" },
  ],
])("a model %s gets the template that suits it", async (_, added, chatTemplate, template) => {
  const { data } = await open();
  const { json: tokenizerJson, config: tokenizerConfig } = byteLevelTokenizer({ added });
  const files = { modelHash: "other", tokenizerJson, tokenizerConfig, chatTemplate, contextLength: 64 };
  expect(await data.addModel(files)).toEqual({ template });
});

describe("files", () => {
  test("of several files the readable ones are stored, and each unreadable one has its reason", async () => {
    const disk = newDisk();
    const { data } = await open(disk);
    const files = [
      new File([lines(pairs(3))], "a.jsonl"),
      new File([], "empty.json"),
      new File([gzipSync(lines(pairs(2)))], "b.jsonl.gz"),
    ];
    const { sources, failures } = await data.open(files);
    expect(sources.map(({ name, rows, kind, gzip }) => ({ name, rows, kind, gzip }))).toEqual([
      { name: "a.jsonl", rows: 3, kind: "jsonl", gzip: false },
      { name: "b.jsonl.gz", rows: 2, kind: "jsonl", gzip: true },
    ]);
    expect(failures).toEqual([{ name: "empty.json", message: expect.stringMatching(/^empty\.json is empty/) }]);
    const reloaded = await open(disk);
    expect(await reloaded.data.list()).toEqual(sources);
    await reloaded.data.delete(sources[0]?.hash ?? "");
    expect((await reloaded.data.list()).map(({ name }) => name)).toEqual(["b.jsonl.gz"]);
  });

  test("the same rows are the same source, compressed or pasted; other rows are not", async () => {
    const { data } = await open();
    const text = lines(pairs(3));
    const { hash } = await take(data, "a.jsonl", text);
    expect((await take(data, "b.jsonl.gz", new Uint8Array(gzipSync(text)))).hash).toBe(hash);
    expect((await data.paste("pasted", text)).hash).toBe(hash);
    expect((await data.paste("pasted", lines(pairs(4)))).hash).not.toBe(hash);
  });

  test("each row of many pieces is read back by its index", async () => {
    const { data } = await open();
    const rows = Array.from({ length: 300 }, (_, i) => ({ instruction: `Row ${i}`, output: "x".repeat(10_000) }));
    const { hash } = await take(data, "long.jsonl", lines(rows));
    for (const row of [299, 0, 104, 105, 106, 211]) {
      expect((await data.row(specOf([hash]), 0, row)).examples[0]?.messages[0]?.content).toBe(`Row ${row}`);
    }
    await expect(data.row(specOf([hash]), 0, 300)).rejects.toThrow(/300 rows, so there is no row 301/);
  });
});

describe("a row", () => {
  test("its spans and tokens cover the rendered text; only the answer with its stop token is supervised", async () => {
    const { data } = await open();
    const { hash } = await take(data, "a.jsonl", lines(pairs(1)));
    const { examples, value, line } = await data.row(specOf([hash]), 0, 0);
    expect(JSON.parse(value ?? "")).toEqual(pairs(1)[0]);
    expect(line).toBe(1);
    const [example] = examples;
    if (!example) throw new Error("an example was expected");
    const { text, spans, tokens, supervised } = example;
    expect(spans.map(({ start, end }) => text.slice(start, end)).join("")).toBe(text);
    const supervisedText = spans.filter((span) => span.supervised).map(({ start, end }) => text.slice(start, end));
    expect(supervisedText.join("")).toMatch(/^It is 0\.<\|end\|>/);
    const supervisedTokens = tokens.filter(({ weight }) => weight > 0);
    expect(supervisedTokens.map(({ start, end }) => text.slice(start, end)).join("")).toBe(supervisedText.join(""));
    expect(supervised).toBe(supervisedTokens.length);
    expect(example).toMatchObject({ lost: 0, problem: null, proof: "structure" });
  });

  test("as a prompt it ends with the header of its last answer, and no token is supervised", async () => {
    const { data } = await open();
    const messages = ["a", "b", "c", "d"].map((content, i) => ({ role: i % 2 ? "assistant" : "user", content }));
    const { hash } = await take(data, "a.jsonl", lines([{ messages }]));
    const [trained] = (await data.row(specOf([hash], { systemPrompt: "S" }), 0, 0)).examples;
    const [prompt] = (await data.row(specOf([hash], { systemPrompt: "S" }), 0, 0, "prompt")).examples;
    if (!trained || !prompt) throw new Error("both were expected");
    expect(prompt.text).toMatch(/<\|system\|>S.*<\|assistant\|>b.*<\|user\|>c.*<\|assistant\|>$/s);
    expect(trained.text.startsWith(prompt.text)).toBe(true);
    const ids = (tokens: typeof prompt.tokens) => tokens.map(({ id }) => id);
    expect(ids(trained.tokens).slice(0, prompt.tokens.length)).toEqual(ids(prompt.tokens));
    expect(prompt).toMatchObject({ supervised: 0, lost: 0, problem: null });
    expect(prompt.tokens.every(({ cut, straddles }) => !cut && !straddles)).toBe(true);
  });

  test("a changed mapping decides what the row becomes", async () => {
    const { data } = await open();
    const { hash } = await take(data, "odd.jsonl", lines([{ q: "Why?", a: "Because.", b: "No." }]));
    const mapping = (response: string) => ({ format: "columns", columns: { instruction: "q", response } }) as const;
    const contentsWith = async (response: string) => {
      const spec = specOf([hash]);
      const sources = [{ hash, mapping: mapping(response), lambda: 1, excluded: [] }];
      return (await data.row({ ...spec, sources }, 0, 0)).examples[0]?.messages.map(({ content }) => content);
    };
    expect(await contentsWith("a")).toEqual(["Why?", "Because."]);
    expect(await contentsWith("b")).toEqual(["Why?", "No."]);
  });

  test("tokens beyond the length limit are marked as cut, and supervised ones count as lost", async () => {
    const { data } = await open();
    const { hash } = await take(data, "a.jsonl", lines([{ instruction: "Say a lot.", output: "lot ".repeat(50) }]));
    const { examples } = await data.row(specOf([hash], { maxLength: 64, truncation: "right" }), 0, 0);
    const tokens = examples[0]?.tokens ?? [];
    expect(tokens.filter(({ cut }) => !cut)).toHaveLength(64);
    expect(examples[0]?.lost).toBe(tokens.filter(({ cut, weight }) => cut && weight > 0).length);
    const dropped = await data.row(specOf([hash], { maxLength: 64 }), 0, 0);
    expect(dropped.examples[0]?.problem).toMatch(/exceed the limit of 64/);
  });
});

describe("the list of rows", () => {
  test("gives each row its state and problem", async () => {
    const { data } = await open();
    const rows = [
      ...pairs(2),
      { instruction: "Why?", output: "" },
      { prompt: "Hi", chosen: "Hello.", rejected: "Go." },
      { instruction: "Long", output: "long ".repeat(200) },
    ];
    const { hash } = await take(data, "a.jsonl", `${lines(rows)}\n{broken`);
    const heads = await data.heads(specOf([hash], {}, [1]), 0, 0, 100);
    expect(heads.map(({ state }) => state)).toEqual([
      "used",
      "excluded",
      "left out",
      "preference",
      "left out",
      "left out",
    ]);
    expect(heads[0]).toMatchObject({ row: 0, text: "Say 0.", lost: 0, problem: null });
    expect(heads[2]?.problem).toMatch(/no response/);
    expect(heads[5]?.problem).toMatch(/broken JSON/);
  });
});

describe("an inspection", () => {
  test("counts the tokens of the prepared table, row by row", async () => {
    const { data, events } = await open();
    const one = await take(data, "a.jsonl", lines(pairs(20)));
    // An empty line is no row, so row and line numbers differ.
    const two = await take(data, "b.jsonl", `\n\n${lines([{ text: "Plain text. ".repeat(30) }])}`);
    const spec = specOf([one.hash, two.hash], { maxLength: 64 }, [3]);
    const report = await data.inspect(spec);
    const { table, sourceNames } = await data.prepare(spec);
    expect(sourceNames).toEqual(["a.jsonl", "b.jsonl"]);
    const supervisedTokens = table.mask.filter((one) => one === 1).length;
    expect(report).toMatchObject({ tokens: table.ids.length, supervisedTokens, examples: table.rows.length });
    const ofFirst = [...table.rows].filter((_, i) => table.sources[i] === 0);
    expect(ofFirst).toEqual([...Array(20).keys()].filter((row) => row !== 3));
    expect([...table.lines].slice(0, ofFirst.length)).toEqual(ofFirst.map((row) => row + 1));
    expect(new Set(table.lines.slice(ofFirst.length))).toEqual(new Set([3]));
    expect(table.mask).toHaveLength(table.ids.length);
    // Text beyond the limit becomes windows; its row is not left out.
    expect(report.leftOut.filter(({ source }) => source === 1)).toEqual([]);
    expect([...table.sources].filter((source) => source === 1).length).toBeGreaterThan(1);
    expect(table.offsets.at(-1)).toBe(table.ids.length);
    expect(report.checks.every(({ passed }) => passed)).toBe(true);
    expect(events.some(({ task, done, total }) => task === "Checking the rows" && done === total)).toBe(true);
  });

  test("separates plain text from chats, in the table and in the report", async () => {
    const { data } = await open();
    const mixed = await take(data, "a.jsonl", lines([...pairs(3), { text: "Plain text." }]));
    const text = await take(data, "b.jsonl", lines([{ text: "More of it." }]));
    const spec = specOf([mixed.hash, text.hash]);
    const { table, report } = await data.prepare(spec);
    expect([...table.kinds]).toEqual([1, 1, 1, 0, 0]);
    expect(report.sources.map(({ byKind }) => [byKind.text.training, byKind.chat.training])).toEqual([
      [1, 3],
      [1, 0],
    ]);
  });

  test.each([
    ["rows within the cache are prepared once, and each call gets a copy", 2 ** 20, 1],
    ["rows beyond the cache are prepared by each call", 1000, 3],
  ])("of three calls: %s", async (_, cacheBytes, passes) => {
    const { data, events } = await open(newDisk(), cacheBytes);
    const { hash } = await take(data, "a.jsonl", lines(pairs(20)));
    const given: { table: TokenTable; ids: Int32Array }[] = [];
    for (let time = 0; time < 3; time++) {
      const { table } = await data.prepare(specOf([hash]));
      given.push({ table: structuredClone(table), ids: table.ids });
      // The channel between the workers transfers the buffers.
      structuredClone(table, { transfer: [table.ids.buffer] });
    }
    expect(given.map(({ table }) => table)).toEqual(given.map(() => given[0]?.table));
    expect(given.map(({ ids }) => ids.length)).toEqual([0, 0, 0]);
    expect(events.filter(({ task, done, total }) => task === "Checking the rows" && done === total)).toHaveLength(
      passes,
    );
    // Another spec does not get the cached rows.
    const { table } = await data.prepare(specOf([hash], {}, [0]));
    expect(table.rows.length).toBe(19);
  });

  test("can be cancelled, and another can follow", async () => {
    const { data } = await open();
    const { hash } = await take(data, "a.jsonl", lines(pairs(5000)));
    const aborter = new AbortController();
    const pending = data.inspect(specOf([hash]), aborter.signal);
    aborter.abort();
    await expect(pending).rejects.toMatchObject({ name: "AbortError" });
    expect((await data.inspect(specOf([hash]))).examples).toBe(5000);
  });

  test("without the model it is refused", async () => {
    const { data } = await open();
    const { hash } = await take(data, "a.jsonl", lines(pairs(1)));
    await expect(data.inspect({ ...specOf([hash]), modelHash: "other" })).rejects.toThrow(/No model is open/);
  });
});

test("adding a model again replaces its template", async () => {
  const { data } = await open();
  const { hash } = await take(data, "a.jsonl", lines(pairs(1)));
  const own = { ...specOf([hash], { template: { kind: "model" } }), modelHash: "other" };
  const addWithMark = (mark: string) =>
    data.addModel({
      ...model,
      modelHash: "other",
      chatTemplate: `{% for m in messages %}{{ m.role }}${mark}{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}assistant${mark}{% endif %}`,
    });
  const rendered = async () => (await data.row(own, 0, 0)).examples[0]?.text;
  await addWithMark(": ");
  expect(await rendered()).toContain("user: Say 0.");
  expect(await rendered()).toContain("user: Say 0.");
  await addWithMark("> ");
  expect(await rendered()).toContain("user> Say 0.");
});

describe("a template that is tried", () => {
  test("gives the rendered example, or the place of its error", async () => {
    const { data } = await open();
    const { settings } = specOf([]);
    const good = await data.tryTemplate("m", settings);
    expect(good).toMatchObject({ ok: true, example: { proof: "structure" } });
    const source = "{{ bos_token }}\n{% for m in messages %}{{ m.content }";
    const bad = await data.tryTemplate("m", { ...settings, template: { kind: "custom", source } });
    expect(bad).toMatchObject({ ok: false, place: { line: 2 } });
  });
});

test("questions of the given rows come once each, with their answers", async () => {
  const { data } = await open();
  const { hash } = await take(data, "a.jsonl", lines([...pairs(3), ...pairs(1)]));
  const rows = [2, 0, 3].map((row) => ({ source: 0, row }));
  expect(await data.questions(specOf([hash]), rows)).toEqual([
    { prompt: "Say 2.", reference: "It is 2." },
    { prompt: "Say 0.", reference: "It is 0." },
  ]);
});

test("a row's source shows numbers and keys as the file has them", async () => {
  const { data } = await open();
  const row = '{"instruction":"a","output":7.0,"meta":{"2":9007199254740993,"1":NaN}}';
  const { hash } = await take(data, "a.jsonl", `${row}\n${row}`);
  const { value, examples } = await data.row(specOf([hash]), 0, 0);
  expect(value?.replace(/\n */g, "").replaceAll('": ', '":')).toBe(row);
  expect(examples[0]?.messages.map(({ content }) => content)).toEqual(["a", "7.0"]);
});

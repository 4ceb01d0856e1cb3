/** The data worker's desk on storage in memory. Oracle: what small files say, written out by hand. */

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
    "with a template of its own that can be spanned",
    [],
    "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}",
    { kind: "model" },
  ],
  [
    "with one that never ends an answer",
    [],
    "{% for m in messages %}{{ m.content }}{% endfor %}",
    { kind: "built-in", name: "hone" },
  ],
])("a model %s is suggested the template that suits it", async (_, added, chatTemplate, template) => {
  const { data } = await open();
  const { json: tokenizerJson, config: tokenizerConfig } = byteLevelTokenizer({ added });
  const files = { modelHash: "other", tokenizerJson, tokenizerConfig, chatTemplate, contextLength: 64 };
  expect(await data.addModel(files)).toEqual({ template });
});

describe("files", () => {
  test("several at once: those that cannot be read say why, the others are there, after a reload too", async () => {
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

  test("rows of many pieces are found again, each at its place", async () => {
    const { data } = await open();
    const rows = Array.from({ length: 300 }, (_, i) => ({ instruction: `Row ${i}`, output: "x".repeat(10_000) }));
    const { hash } = await take(data, "long.jsonl", lines(rows));
    for (const row of [299, 0, 104, 105, 106, 211]) {
      expect((await data.row(specOf([hash]), 0, row)).examples[0]?.messages[0]?.content).toBe(`Row ${row}`);
    }
    await expect(data.row(specOf([hash]), 0, 300)).rejects.toThrow(/300 rows, and row 301/);
  });
});

describe("a row", () => {
  test("its spans and tokens cover the rendered text, and only the answer with its stop is learnt", async () => {
    const { data } = await open();
    const { hash } = await take(data, "a.jsonl", lines(pairs(1)));
    const { examples, raw, line } = await data.row(specOf([hash]), 0, 0);
    expect(JSON.parse(raw)).toEqual(pairs(1)[0]);
    expect(line).toBe(1);
    const [example] = examples;
    if (!example) throw new Error("an example was expected");
    const { text, spans, tokens, supervised } = example;
    expect(spans.map(({ start, end }) => text.slice(start, end)).join("")).toBe(text);
    const learnt = spans.filter((span) => span.supervised).map(({ start, end }) => text.slice(start, end));
    expect(learnt.join("")).toMatch(/^It is 0\.<\|end\|>/);
    const learntTokens = tokens.filter(({ weight }) => weight > 0);
    expect(learntTokens.map(({ start, end }) => text.slice(start, end)).join("")).toBe(learnt.join(""));
    expect(supervised).toBe(learntTokens.length);
    expect(example).toMatchObject({ lost: 0, problem: null, proof: "structure" });
  });

  test("as it is asked, it is the prompt up to its last answer with that answer's header, and nothing is learnt", async () => {
    const { data } = await open();
    const messages = ["a", "b", "c", "d"].map((content, i) => ({ role: i % 2 ? "assistant" : "user", content }));
    const { hash } = await take(data, "a.jsonl", lines([{ messages }]));
    const [learnt] = (await data.row(specOf([hash], { systemPrompt: "S" }), 0, 0)).examples;
    const [asked] = (await data.row(specOf([hash], { systemPrompt: "S" }), 0, 0, "asked")).examples;
    if (!learnt || !asked) throw new Error("both were expected");
    expect(asked.text).toMatch(/<\|system\|>S.*<\|assistant\|>b.*<\|user\|>c.*<\|assistant\|>$/s);
    expect(learnt.text.startsWith(asked.text)).toBe(true);
    const ids = (tokens: typeof asked.tokens) => tokens.map(({ id }) => id);
    expect(ids(learnt.tokens).slice(0, asked.tokens.length)).toEqual(ids(asked.tokens));
    expect(asked).toMatchObject({ supervised: 0, lost: 0, problem: null });
    expect(asked.tokens.every(({ cut, straddles }) => !cut && !straddles)).toBe(true);
  });

  test("a mapping that the user changes is what the row becomes", async () => {
    const { data } = await open();
    const { hash } = await take(data, "odd.jsonl", lines([{ q: "Why?", a: "Because.", b: "No." }]));
    const mapping = (response: string) => ({ format: "columns", columns: { instruction: "q", response } }) as const;
    const look = async (response: string) => {
      const spec = specOf([hash]);
      const sources = [{ hash, mapping: mapping(response), lambda: 1, excluded: [] }];
      return (await data.row({ ...spec, sources }, 0, 0)).examples[0]?.messages.map(({ content }) => content);
    };
    expect(await look("a")).toEqual(["Why?", "Because."]);
    expect(await look("b")).toEqual(["Why?", "No."]);
  });

  test("what the length limit cuts away is marked, and counted as lost", async () => {
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
  test("says of each what becomes of it", async () => {
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
      "kept for later",
      "left out",
      "left out",
    ]);
    expect(heads[0]).toMatchObject({ row: 0, text: "Say 0.", lost: 0, problem: null });
    expect(heads[2]?.problem).toMatch(/no response/);
    expect(heads[5]?.problem).toMatch(/broken JSON/);
  });
});

describe("an inspection", () => {
  test("counts what the table for the engine holds, row by row", async () => {
    const { data, events } = await open();
    const one = await take(data, "a.jsonl", lines(pairs(20)));
    // An empty line is no row, so that rows and lines go apart.
    const two = await take(data, "b.jsonl", `\n\n${lines([{ text: "Plain text. ".repeat(30) }])}`);
    const spec = specOf([one.hash, two.hash], { maxLength: 64 }, [3]);
    const report = await data.inspect(spec);
    const { table, sourceNames } = await data.prepare(spec);
    expect(sourceNames).toEqual(["a.jsonl", "b.jsonl"]);
    const learnt = table.mask.filter((one) => one === 1).length;
    expect(report).toMatchObject({ tokens: table.ids.length, supervisedTokens: learnt, examples: table.rows.length });
    const ofFirst = [...table.rows].filter((_, i) => table.sources[i] === 0);
    expect(ofFirst).toEqual([...Array(20).keys()].filter((row) => row !== 3));
    expect([...table.lines].slice(0, ofFirst.length)).toEqual(ofFirst.map((row) => row + 1));
    expect(new Set(table.lines.slice(ofFirst.length))).toEqual(new Set([3]));
    expect(table.mask).toHaveLength(table.ids.length);
    // Text longer than the limit is windows, not a row left out.
    expect(report.leftOut.filter(({ source }) => source === 1)).toEqual([]);
    expect([...table.sources].filter((source) => source === 1).length).toBeGreaterThan(1);
    expect(table.offsets.at(-1)).toBe(table.ids.length);
    expect(report.checks.every(({ passed }) => passed)).toBe(true);
    expect(events.some(({ task, done, total }) => task === "Checking the rows" && done === total)).toBe(true);
  });

  test("tells plain text from chats, in the table and by kind in the report", async () => {
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
    ["few tokens stay, and each time a copy of them is given", 2 ** 20, 1],
    ["many go with the first who asks, and are prepared anew", 1000, 3],
  ])("asked for three times: %s", async (_, keptBytes, passes) => {
    const { data, events } = await open(newDisk(), keptBytes);
    const { hash } = await take(data, "a.jsonl", lines(pairs(20)));
    const given: { table: TokenTable; ids: Int32Array }[] = [];
    for (let time = 0; time < 3; time++) {
      const { table } = await data.prepare(specOf([hash]));
      given.push({ table: structuredClone(table), ids: table.ids });
      // As the channel between the workers leaves it.
      structuredClone(table, { transfer: [table.ids.buffer] });
    }
    expect(given.map(({ table }) => table)).toEqual(given.map(() => given[0]?.table));
    expect(given.map(({ ids }) => ids.length)).toEqual([0, 0, 0]);
    expect(events.filter(({ task, done, total }) => task === "Checking the rows" && done === total)).toHaveLength(
      passes,
    );
    // Other choices are not mistaken for them.
    const { table } = await data.prepare(specOf([hash], {}, [0]));
    expect(table.rows.length).toBe(19);
  });

  test("is cancelled, and another can follow", async () => {
    const { data } = await open();
    const { hash } = await take(data, "a.jsonl", lines(pairs(5000)));
    const aborter = new AbortController();
    const pending = data.inspect(specOf([hash]), aborter.signal);
    aborter.abort();
    await expect(pending).rejects.toMatchObject({ name: "AbortError" });
    expect((await data.inspect(specOf([hash]))).examples).toBe(5000);
  });

  test("without the model it says which one to choose", async () => {
    const { data } = await open();
    const { hash } = await take(data, "a.jsonl", lines(pairs(1)));
    await expect(data.inspect({ ...specOf([hash]), modelHash: "other" })).rejects.toThrow(/No model is open/);
  });
});

test("a template that a model brings anew is the one used", async () => {
  const { data } = await open();
  const { hash } = await take(data, "a.jsonl", lines(pairs(1)));
  const own = { ...specOf([hash], { template: { kind: "model" } }), modelHash: "other" };
  const tell = (mark: string) =>
    data.addModel({
      ...model,
      modelHash: "other",
      chatTemplate: `{% for m in messages %}{{ m.role }}${mark}{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}assistant${mark}{% endif %}`,
    });
  const look = async () => (await data.row(own, 0, 0)).examples[0]?.text;
  await tell(": ");
  expect(await look()).toContain("user: Say 0.");
  expect(await look()).toContain("user: Say 0.");
  await tell("> ");
  expect(await look()).toContain("user> Say 0.");
});

describe("a template that is tried", () => {
  test("shows how it reads, or where it is wrong", async () => {
    const { data } = await open();
    const { settings } = specOf([]);
    const good = await data.tryTemplate("m", settings);
    expect(good).toMatchObject({ ok: true, example: { proof: "structure" } });
    const source = "{{ bos_token }}\n{% for m in messages %}{{ m.content }";
    const bad = await data.tryTemplate("m", { ...settings, template: { kind: "custom", source } });
    expect(bad).toMatchObject({ ok: false, place: { line: 2 } });
  });
});

test("questions are those of the rows asked for, each once, with their answers", async () => {
  const { data } = await open();
  const { hash } = await take(data, "a.jsonl", lines([...pairs(3), ...pairs(1)]));
  const asked = [2, 0, 3].map((row) => ({ source: 0, row }));
  expect(await data.questions(specOf([hash]), asked)).toEqual([
    { prompt: "Say 2.", reference: "It is 2." },
    { prompt: "Say 0.", reference: "It is 0." },
  ]);
});

/**
 * Measures reading and preparing of rows in Node: records and examples from JSON Lines, then rendering, tokenizing and the
 * report, with Seedling's tokenizer. `--before` names another checkout: both alternate in one process, and the table gives the
 * ratio of each round, because other programs slow both. Processor time.
 * `npx tsx bench/rows.ts [--before DIR] [--rows N] [--rounds N] [--only TEXT] [--json FILE]`
 */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { count, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { withMarkers } from "../scripts/oracle/tokenizer.ts";
import type { Mapping } from "../src/records/formats/mapping.ts";
import { createRandom } from "../src/tensor/random.ts";

/** The modules under test of one checkout. */
async function load(root: string) {
  const from = <T>(path: string): Promise<T> => import(join(root, "src", path));
  return {
    ...(await from<typeof import("../src/tensor/bytes.ts")>("tensor/bytes.ts")),
    ...(await from<typeof import("../src/records/read/read.ts")>("records/read/read.ts")),
    ...(await from<typeof import("../src/records/formats/convert.ts")>("records/formats/convert.ts")),
    ...(await from<typeof import("../src/quality/tokenize.ts")>("quality/tokenize.ts")),
    ...(await from<typeof import("../src/quality/inspect.ts")>("quality/inspect.ts")),
    ...(await from<typeof import("../src/templates/builtIn.ts")>("templates/builtIn.ts")),
    ...(await from<typeof import("../src/templates/chatTemplate.ts")>("templates/chatTemplate.ts")),
    ...(await from<typeof import("../src/tokenizer/tokenizer.ts")>("tokenizer/tokenizer.ts")),
  };
}
type Checkout = Awaited<ReturnType<typeof load>>;

const random = createRandom(7);
const letters = "eeeeeeettttttaaaaaoooooiiiinnnnssssshhhhrrrrddlllcuumwfgypbvk";
const words = Array.from({ length: 4000 }, () =>
  Array.from({ length: 2 + random.below(7) }, () => letters[random.below(letters.length)]).join(""),
);
const text = (length: number) =>
  Array.from({ length }, () => words[Math.floor(words.length * random.next() ** 2)]).join(" ");

const alpaca = () => ({ instruction: `${text(18)}?`, input: "", output: `${text(44)}.` });
const chat = (turns: number) => () => ({
  messages: Array.from({ length: turns }, (_, i) =>
    i % 2 === 0 ? { role: "user", content: `${text(18)}?` } : { role: "assistant", content: `${text(44)}.` },
  ),
});
const file = (rows: number, row: () => unknown) =>
  new TextEncoder().encode(Array.from({ length: rows }, () => `${JSON.stringify(row())}\n`).join(""));

const openai = { format: "openai", columns: { messages: "messages" } } as const;
const alpacaColumns = { instruction: "instruction", input: "input", response: "output" };
const mixed = { format: "mixed", columns: {} } as const;

/** Reads a file into examples. */
async function read(
  { readRecords, createConverter, bytesFromMemory }: Checkout,
  bytes: Uint8Array<ArrayBuffer>,
  mapping: Mapping = openai,
) {
  const { batches } = await readRecords(bytesFromMemory("rows.jsonl", bytes));
  const convert = createConverter(mapping);
  const examples = [];
  for await (const records of batches) {
    for (const record of records) {
      const converted = "problem" in record ? record : convert(record.value);
      if ("problem" in converted) throw new Error(`line ${record.line}: ${converted.problem}`);
      for (const example of converted.examples)
        if (example.kind === "chat") examples.push({ ...example, row: record.line - 1, line: record.line });
    }
  }
  return examples;
}

const here = resolve(import.meta.dirname, "..");
const model = (name: string): unknown => JSON.parse(readFileSync(join(here, "public/models/seedling", name), "utf8"));
const jinja = (name: string) => readFileSync(join(here, "tests/golden/templates", `${name}.jinja`), "utf8");

/** Renders and tokenizes the examples, and reports. Returns the number of tokens. */
function prepare(checkout: Checkout, name: string, examples: Awaited<ReturnType<typeof read>>): number {
  const source = name === "built-in" ? "" : jinja(name);
  const files = withMarkers({ json: model("tokenizer.json"), config: model("tokenizer_config.json") }, source);
  const tokenizer = checkout.createTokenizer(files.json, files.config);
  const template =
    name === "built-in"
      ? checkout.createBuiltIn("hone", tokenizer)
      : checkout.createChatTemplate({ name, source, tokenizer });
  const settings = { systemPrompt: null, mask: "responses", maxLength: 2048, truncation: "drop" } as const;
  const inspector = checkout.createInspector({
    sources: [{ name: "rows", records: examples.length, lambda: 1 }],
    mixture: "sampling",
    maxLength: settings.maxLength,
    tokenizer,
    template,
  });
  let tokens = 0;
  for (const example of examples) {
    const tokenized = checkout.tokenizeExample(example, { tokenizer, template, settings });
    if (!("encoding" in tokenized)) throw new Error(tokenized.problem);
    const [sequence] = tokenized.sequences;
    if (!sequence) throw new Error(`line ${example.line}: ${tokenized.problem}`);
    inspector.add(example, tokenized, sequence, 0);
    tokens += sequence.ids.length;
  }
  inspector.finish({ isHeldOut: (sequence) => sequence % 10 === 7 });
  return tokens;
}

/** Seconds of processor time. */
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function main() {
  const { values } = parseArgs({
    options: {
      before: { type: "string" },
      rows: { type: "string" },
      rounds: { type: "string" },
      only: { type: "string" },
      json: { type: "string" },
    },
  });
  const rows = count("rows", values.rows) ?? 100_000;
  const rounds = count("rounds", values.rounds) ?? 3;
  const now = await load(here);
  const before = values.before === undefined ? null : await load(resolve(values.before));
  const prepared = Math.ceil(rows / 5);
  const kinds = { "1 turn": chat(2), "6 turns": chat(12) };
  const tasks: { name: string; rows: number; open: () => Promise<(checkout: Checkout) => unknown> }[] = [
    ...[
      { name: "Alpaca", row: alpaca, mapping: { format: "alpaca", columns: alpacaColumns } as const },
      { name: "messages", row: chat(2), mapping: openai },
      { name: "Alpaca as a mixed file", row: alpaca, mapping: mixed },
      { name: "messages as a mixed file", row: chat(2), mapping: mixed },
    ].map(({ name, row, mapping }) => ({
      name: `read, ${name}`,
      rows,
      open: async () => {
        const bytes = file(rows, row);
        return (checkout: Checkout) => read(checkout, bytes, mapping);
      },
    })),
    ...["built-in", "chatml", "qwen"].flatMap((template) =>
      Object.entries(kinds).map(([name, row]) => ({
        name: `prepare, ${template}, ${name}`,
        rows: prepared,
        open: async () => {
          const bytes = file(prepared, row);
          const examples = new Map<Checkout, Awaited<ReturnType<typeof read>>>();
          for (const checkout of [now, ...(before ? [before] : [])])
            examples.set(checkout, await read(checkout, bytes));
          return (checkout: Checkout) => prepare(checkout, template, examples.get(checkout) ?? []);
        },
      })),
    ),
  ];
  const table: Record<string, Record<string, number | string>> = {};
  for (const task of tasks.filter(({ name }) => name.includes(values.only ?? ""))) {
    const work = await task.open();
    const seconds = async (checkout: Checkout) => {
      const start = cpu();
      await work(checkout);
      return cpu() - start;
    };
    const speeds: { now: number; before: number }[] = [];
    for (let round = 0; round <= rounds; round++) {
      // Each is first in every other round, because garbage of one is collected while the next one works.
      const early = before && round % 2 === 0 ? await seconds(before) : Number.NaN;
      const own = await seconds(now);
      const first = before && round % 2 === 1 ? await seconds(before) : early;
      // The first round compiles and fills caches.
      if (round > 0) speeds.push({ now: task.rows / own, before: task.rows / first });
    }
    const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1] ?? Number.NaN;
    const ratios = speeds.map((speed) => speed.now / speed.before);
    table[task.name] = {
      "rows/s": Math.round(median(speeds.map((speed) => speed.now))),
      ...(before && {
        "rows/s before": Math.round(median(speeds.map((speed) => speed.before))),
        "× before": median(ratios).toFixed(2),
        rounds: ratios.map((ratio) => ratio.toFixed(2)).join(" "),
      }),
    };
    console.info(task.name, JSON.stringify(table[task.name]));
  }
  console.table(table);
  writeJson(values.json, table);
}

runCommand(main);

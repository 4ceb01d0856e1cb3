/** The samples contain what their README promises. Oracle: the README, line by line. */

import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { FindingKind } from "../../../src/quality/report.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { test as sharedTest } from "../../support/shared.ts";
import { type Chain, inspectFile, recordsOf } from "./chain.ts";
import { findingOf } from "./made.ts";

const at = (name: string) => new URL(`../../../public/samples/${name}`, import.meta.url);
const sample = async (name: string) => new Uint8Array(await readFile(at(name)));
const readme = await readFile(at("README.md"), "utf8");

async function inspectSample(name: string, chain: Chain = {}) {
  return (await inspectFile(name, await sample(name), chain)).report;
}
const counts = (kinds: readonly { kind: string }[]) => kinds.map(({ kind }) => kind);

test("each sample has a line in the README, and each line a sample", async () => {
  const named = [...readme.matchAll(/^\| `([\w.-]+)` \|/gm)].map(([, name]) => name ?? "");
  const files = readdirSync(at("")).filter((name) => name !== "README.md");
  expect(named.toSorted()).toEqual(files.toSorted());
  for (const name of named) expect((await sample(name)).length).toBeGreaterThan(0);
});

test("the instructions are 62 correct pairs in seven tasks", async () => {
  const records = await recordsOf("instructions.jsonl", await sample("instructions.jsonl"));
  const categories = records.map((record) =>
    "value" in record && record.value instanceof Object && "category" in record.value ? record.value.category : null,
  );
  const promised = /`category` names the task: ([\w, ]+)\./.exec(readme)?.[1]?.split(/, | or /);
  expect([...new Set(categories)].sort()).toEqual(promised?.sort());
  expect(new Set(categories).size).toBe(7);
  const report = await inspectSample("instructions.jsonl");
  expect(report).toMatchObject({ examples: 62, leftOutCount: 0, findings: [] });
  expect(report.checks.every(({ passed }) => passed)).toBe(true);
});

test("the chats are 15 conversations of one to four turns; one has an unsupervised answer", async () => {
  const report = await inspectSample("chats.json");
  expect(report).toMatchObject({ examples: 15, leftOutCount: 0, findings: [] });
  expect(report.checks.every(({ passed }) => passed)).toBe(true);
  const chats: { messages: { role: string; weight?: number }[] }[] = JSON.parse(
    await readFile(at("chats.json"), "utf8"),
  );
  const turns = chats.map(({ messages }) => messages.filter(({ role }) => role === "assistant").length);
  expect([Math.min(...turns), Math.max(...turns)]).toEqual([1, 4]);
  expect(chats.filter(({ messages }) => messages[0]?.role === "system").length).toBeGreaterThan(3);
  expect(chats.flatMap(({ messages }) => messages.filter(({ weight }) => weight === 0))).toHaveLength(1);
});

test("every token of the domain text is supervised, except the first of each sequence", async () => {
  const text = await readFile(at("gardening.md"), "utf8");
  expect(text.length).toBeGreaterThan(5500);
  expect(text.length).toBeLessThan(6500);
  const report = await inspectSample("gardening.md", { maxLength: 256 });
  expect(report.leftOutCount).toBe(0);
  expect(report.findings).toEqual([]);
  expect(report.supervisedTokens).toBe(report.tokens - report.examples);
});

test("the preferences are 15 preference pairs", async () => {
  const report = await inspectSample("preferences.jsonl");
  expect(report).toMatchObject({ examples: 0, leftOutCount: 0 });
  expect(counts(report.findings)).toEqual(["preference"]);
  expect(findingOf(report, "preference")?.rows.rows).toHaveLength(15);
});

test("with a stage of preferences, both samples of preferences are used whole, and the short answers have that bias", async () => {
  const general = await inspectSample("preferences.jsonl", { preferences: true });
  expect(general).toMatchObject({ examples: 15, leftOutCount: 0 });
  const short = await inspectSample("small-world-preferences.jsonl", { preferences: true });
  expect(short).toMatchObject({ examples: 60, leftOutCount: 0 });
  expect(short.sources[0]?.byKind.preference.training).toBe(60);
  expect(findingOf(short, "length-bias")?.title).toMatch(/^In 100 % of 60 pairs the chosen answer is shorter/);
  for (const { checks } of [general, short]) expect(checks.every(({ passed }) => passed)).toBe(true);
});

describe("the faulty file has the faults that its README promises", async () => {
  const file = await readFile(at("faulty.jsonl"), "utf8");
  const lines = file.trimEnd().split("\n");
  /** Row numbers do not count the blank line 9. */
  const lineOf = (row: number) => (row < 8 ? row + 1 : row + 2);
  const rows = [...readme.matchAll(/^\| ([\d, ]+) \| .* \| (.*) \|$/gm)];
  const promises = new Map<string, number[]>();
  for (const [, which = "", as = ""] of rows) {
    const only = /\((\d+)\)/.exec(as)?.[1];
    for (const kind of as.match(/\b(?:un)?[a-z]+(?:-[a-z]+)*\b/g) ?? []) {
      const known = promises.get(kind) ?? [];
      promises.set(
        kind,
        [...known, ...(only ?? which).split(",").map(Number)].sort((a, b) => a - b),
      );
    }
  }
  /** Tries seeds and shares until only line 1 or line 39 is held out. */
  const settings: Partial<Record<FindingKind, Chain>> = {
    truncated: { truncation: "right", maxLength: 600 },
    "too-long": { maxLength: 2000 },
    leakage: { validationShare: 0.5 },
  };
  const kinds: FindingKind[] = [
    "unreadable",
    "unusable",
    "empty-answer",
    "exact-duplicate",
    "near-duplicate",
    "contradiction",
    "short-answer",
    "control-characters",
    "replacement-character",
    "personal-data",
    "special-token-text",
    "template-language",
    "too-long",
    "truncated",
    "preference",
  ];

  test("line 9 is blank, and there are 40 lines", () => {
    expect(lines).toHaveLength(40);
    expect(lines[8]).toBe("");
    expect(rows.length).toBeGreaterThan(12);
  });
  test.each(kinds)("%s", async (kind) => {
    const report = await inspectSample("faulty.jsonl", { maxLength: 20_000, ...settings[kind] });
    expect(findingOf(report, kind)?.rows.rows.map(lineOf)).toEqual(promises.get(kind));
  });
  test("leakage, if one of two equal rows is held out", async () => {
    const found: number[] = [];
    for (const validationShare of [0.1, 0.2, 0.3, 0.4, 0.5]) {
      const report = await inspectSample("faulty.jsonl", { maxLength: 20_000, validationShare });
      found.push(...(findingOf(report, "leakage")?.rows.rows ?? []).map(lineOf));
    }
    expect(found.some((line) => line === 39 || line === 3)).toBe(true);
    expect(found.every((line) => [3, 5, 39].includes(line))).toBe(true);
  });
  test("without the rows of all findings it has no fault", async () => {
    const first = await inspectSample("faulty.jsonl", { maxLength: 2000 });
    const excluded = first.findings.filter((finding) => finding.excludable).flatMap(({ rows: { rows: out } }) => out);
    const report = await inspectSample("faulty.jsonl", { maxLength: 2000, excluded });
    expect(report.findings.filter((finding) => finding.excludable)).toEqual([]);
    expect(report.sources[0]?.excluded).toBe(new Set(excluded).size);
    expect(report.checks.every(({ passed }) => passed)).toBe(true);
    expect(report.examples).toBeGreaterThan(3);
  });
});

sharedTest(
  "all 999 rows of a real dataset pass the checks with a real tokenizer, in Hone's template",
  async ({ shared }) => {
    const tokenizer = createTokenizer(
      await shared.json("models/stories260K/tokenizer.json"),
      await shared.json("models/stories260K/tokenizer_config.json"),
    );
    const file = await shared.bytes("data/alpaca_en_demo.json");
    const { report } = await inspectFile("alpaca_en_demo.json", file, { tokenizer, maxLength: 100_000 });
    expect(report).toMatchObject({ examples: 999, leftOutCount: 0 });
    expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
    // Oracle: the rows compared as JSON texts.
    const rows: unknown[] = JSON.parse(new TextDecoder().decode(file));
    const texts = rows.map((row) => JSON.stringify(row));
    const repeated = texts.flatMap((text, row) => (texts.indexOf(text) < row ? [row] : []));
    expect(findingOf(report, "exact-duplicate")?.rows.rows).toEqual(repeated);
    expect(repeated.length).toBeGreaterThan(0);
  },
);

/**
 * The hard checks on models' own templates, whose turns merge, begin in other turns or open with BOS, and on custom ones.
 * Oracle: what the model is prompted with.
 */

import { expect, test } from "vitest";
import type { CheckKind, DataReport } from "../../../src/quality/report.ts";
import { families, lineOf, spoken } from "../templates/families.ts";
import { inspectFile } from "./chain.ts";

const failed = ({ checks }: DataReport) => checks.filter(({ passed }) => !passed).map(({ kind }) => kind);
const titleOf = ({ checks }: DataReport, kind: CheckKind) => checks.find((check) => check.kind === kind)?.title;

const fileOf = (names: readonly string[]) => names.map((name) => lineOf(spoken[name] ?? { messages: [] })).join("\n");
const familyOf = (name: string) => {
  const family = families.find((one) => one.name === name);
  if (!family) throw new Error(`There is no family "${name}".`);
  return family;
};
const rows = fileOf(["one turn", "several turns", "white space"]);

test.each(families)("$name is accepted, whether the tokenizer adds BOS or not", async (family) => {
  const known = family.expected.filter(({ proof }) => proof !== "refused").map(({ conversation }) => conversation);
  for (const tokenizer of [family.tokenizer, family.adding]) {
    if (!tokenizer) continue;
    const chain = { template: { kind: "model" }, chatTemplate: family.source, tokenizer } as const;
    const { report, table } = await inspectFile("rows.jsonl", fileOf(known), chain);
    expect(failed(report)).toEqual([]);
    expect(report.leftOut).toEqual([]);
    expect(new Set(table.rows).size).toBe(known.length);
  }
});

test.each(["tinychat", "gemma3", "llama31", "openturn"])(
  "%s without BOS, as a custom template, is refused where the tokenizer adds BOS",
  async (name) => {
    const { source, adding } = familyOf(name);
    if (!adding) throw new Error("A BOS is expected.");
    const without = source.replace(/\{\{- bos_token \}\}|bos_token \+ /, "");
    const template = { kind: "custom", source: without } as const;
    const { report } = await inspectFile("rows.jsonl", rows, { template, tokenizer: adding });
    expect(failed(report)).toEqual(["bos"]);
    expect(titleOf(report, "bos")).toMatch(/begins with 0 tokens .*, but the model expects 1/);
  },
);

test.each([
  ["tinychat", "custom"],
  ["openturn", "custom"],
  ["openturn", "model"],
  ["gemma4", "custom"],
  ["smollm2", "custom"],
  ["smollm2", "model"],
] as const)("%s with a BOS too many, as the %s template, is refused", async (name, kind) => {
  const { source, tokenizer } = familyOf(name);
  const twice = `${name === "tinychat" ? "{{- bos_token }}" : ""}{{- bos_token }}${source}`;
  const chain = kind === "model" ? { template: { kind }, chatTemplate: twice } : { template: { kind, source: twice } };
  const { report } = await inspectFile("rows.jsonl", rows, { ...chain, tokenizer });
  expect(failed(report)).toEqual(["bos"]);
  expect(titleOf(report, "bos")).toMatch(/^Row 1: it begins with 2 tokens ".*", but the model expects 1/);
});

/**
 * The hard checks on each model of the catalogue, with a small tokenizer of its published form and the template that Hone
 * suggests. Oracle: ids and masks of transformers 5.18, frozen by tests/golden/catalogue/make.ts.
 */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { conversations } from "../../../scripts/oracle/conversations.ts";
import { compare, type Masked, prepare } from "../../../scripts/oracle/masks.ts";
import { catalogue } from "../../../src/models/catalogue.ts";
import type { TemplateChoice } from "../../../src/templates/choice.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import {
  baseRows,
  catalogueForms,
  catalogueRows,
  formOf,
  suggestedFor,
  templateOf,
} from "../../support/catalogueForms.ts";
import { lineOf } from "../templates/families.ts";
import { type Chain, inspectFile } from "./chain.ts";

interface Frozen extends Partial<Masked> {
  readonly name: string;
  readonly row: string;
  readonly ids: readonly number[];
}

const frozen = readFileSync(new URL("../../golden/catalogue/golden.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line): Frozen => JSON.parse(line));

const crossing = "their token crosses the start of an answer, where generation starts";

const otherSettings: Readonly<Record<string, Chain>> = {
  "as it is": {},
  "the last turn": { mask: "last" },
  "everything supervised": { mask: "everything" },
  "a system prompt": { systemPrompt: "Be kind." },
  "each answer apart": { turns: "each" },
  "cut from the left": { truncation: "left", maxLength: 60 },
};

const spokenIn = (row: string) => conversations[row] ?? { messages: [] };
const file = catalogueRows.map((row) => lineOf(spokenIn(row))).join("\n");

test("every form belongs to a model, and every model to a form", () => {
  const ids = catalogue.map(({ id }) => id).toSorted();
  expect(catalogueForms.flatMap(({ models }) => models).toSorted()).toEqual(ids);
});

describe.each(catalogue)("$id", ({ id, template: form }) => {
  const made = formOf(id);
  const { tokenizer, choice, template } = suggestedFor(made);
  const { bos } = tokenizer;

  test("the suggested template is its own where it has one, and all hard checks pass", async () => {
    expect(choice.kind).toBe(form === null ? "built-in" : "model");
    expect(templateOf(made) === null).toBe(form === null);
    const { report, table } = await inspectFile("rows.jsonl", file, {
      template: choice,
      chatTemplate: templateOf(made),
      tokenizer,
    });
    expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(report.leftOut).toEqual([]);
    expect(new Set(table.rows).size).toBe(catalogueRows.length);
  });

  test("so do an edited copy of its template, other settings, and a tokenizer that adds BOS or does not", async () => {
    const chatTemplate = templateOf(made);
    const copy: TemplateChoice[] =
      chatTemplate === null ? [] : [{ kind: "custom", source: `${chatTemplate}{# mine #}` }];
    const failed: string[] = [];
    for (const adds of bos === null ? [false] : [false, true]) {
      const { json, config } = made.tokenizer;
      const other = createTokenizer(json, { ...config, pad_token: made.ends, add_bos_token: adds });
      for (const chosen of [choice, ...copy]) {
        for (const [name, settings] of Object.entries(otherSettings)) {
          const chain = { ...settings, template: chosen, chatTemplate, tokenizer: other };
          const { report } = await inspectFile("rows.jsonl", file, chain);
          const titles = report.checks.filter(({ passed }) => !passed).map(({ title }) => title);
          failed.push(...titles.map((title) => `${chosen.kind}, ${name}, BOS ${adds}: ${title}`));
        }
      }
    }
    expect(failed).toEqual([]);
  });

  test.each(catalogueRows)("%s: ids, BOS and mask are those of transformers, and each answer ends", (row) => {
    const theirs = frozen.find((one) => one.name === made.name && one.row === row);
    const mine = prepare(template, tokenizer, spokenIn(row));
    if (typeof mine === "string") throw new Error(mine);
    const isFrozen = form !== null || baseRows.includes(row);
    expect(theirs !== undefined).toBe(isFrozen);
    if (theirs?.mask) {
      const { ids, mask, starts = [], ends = [] } = theirs;
      const places = compare(mine, { ids, mask, starts, ends }, tokenizer);
      expect(places.map(({ reason }) => reason)).toEqual(explained[made.name]?.[row] ?? []);
      if (places.length === 0) expect(mine).toMatchObject({ ids, mask });
    } else if (theirs) expect(mine.ids).toEqual(theirs.ids);

    expect(bos !== null && mine.ids[0] === bos.id).toBe(made.beginsWithBos);
    expect(bos !== null && mine.ids[1] === bos.id).toBe(false);
    const end = tokenizer.addedToken(made.ends);
    expect(template.stopIds).toContain(end);
    const answers = spokenIn(row).messages.filter(({ role }) => role === "assistant").length;
    const supervisedEnds = mine.ids.filter((token, i) => token === end && mine.mask[i] === 1);
    expect(supervisedEnds).toHaveLength(answers);
    const last = mine.mask.lastIndexOf(1);
    expect(mine.ids[last]).toBe(end);
  });
});

/** Rows that differ from transformers, and why; all others are equal. */
const explained: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "smollm2 instruct": { "white space": [crossing] },
  "qwen2.5 base": { "white space": [crossing] },
  "qwen2.5 instruct": { "white space": [crossing] },
};

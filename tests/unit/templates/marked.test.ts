/**
 * Templates with added generation tags. Oracle: transformers 5.18, frozen by tests/golden/handOver/makeMarked.ts: its ids and
 * mask of each row, through the template alone, are those that Hone measures; and Hone's own where the subject is equal.
 */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { markedTemplates } from "../../../src/templates/marked.ts";
import { markedSubjects } from "../../support/marked.ts";

const frozen = new Map(
  readFileSync(new URL("../../golden/handOver/marked.jsonl", import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line): [string, string | null] => {
      const { name, mode, row, hash } = JSON.parse(line);
      return [`${name}, ${mode}, ${row}`, hash];
    }),
);

const subjects = markedSubjects();

test.each(subjects)("$name, $mode: transformers has the measured ids and mask", ({ name, mode, rows, hashOf }) => {
  const expected = Object.fromEntries(rows.map((row) => [row, frozen.get(`${name}, ${mode}, ${row}`)]));
  expect(Object.fromEntries(rows.map((row) => [row, hashOf(row)]))).toEqual(expected);
});

test("the frozen rows are all compared", () => {
  expect(subjects.reduce((sum, { rows }) => sum + rows.length, 0)).toBe(frozen.size);
});

test("these templates alone do not give Hone's mask: their rows are given as tokens", () => {
  const different = subjects.filter(({ mode, equal }) => mode !== "everything" && !equal);
  expect(different.map(({ name, mode }) => `${name}, ${mode}`)).toEqual([
    // Tags that leave out the end of the turn, or templates without the header of an answer to generate.
    "chatml-generation, responses",
    "chatml-generation, last",
    // An answer of an earlier turn ends in another token.
    "families/gptoss, responses",
    "families/r1, responses",
    "families/r1, last",
    "qwen-generation, responses",
    "qwen-generation, last",
  ]);
  // No template masks an answer of weight 0 where every token is supervised.
  expect(subjects.filter(({ mode, equal }) => mode === "everything" && equal)).toEqual([]);
});

test("a template's own tags stay as they are, and are replaced where the mask has to be another", () => {
  const source = "{% for m in messages %}{%- generation -%}{{ m.content }}{%- endgeneration %}{% endfor %}";
  const [own, made] = markedTemplates(source, "responses", "<|end|>");
  expect(own).toEqual({ source, assistantOnly: true });
  expect(made?.source).toContain("{%- if true -%}{{ m.content }}{%- endif %}");
  expect(markedTemplates(source, "last", "<|end|>").some((one) => one.source === source)).toBe(false);
  expect(markedTemplates(source, "everything", "<|end|>")).toEqual([
    { source: source.replace("generation -", "if true -").replace("endgeneration", "endif"), assistantOnly: false },
  ]);
});

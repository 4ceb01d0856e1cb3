/**
 * Rows as files write them, from their bytes to the rendered text. Oracle: Python, which reads the same text with json.loads
 * and renders it with Jinja; frozen in tests/golden/jinja, and in the long form Python itself (seed 2026).
 */

import { describe, expect, test } from "vitest";
import { printedCases, printWithPython } from "../../../scripts/oracle/freeze.ts";
import { conversationsOf, jsonTextOf, renderWithHone } from "../../../scripts/oracle/hone.ts";
import { jinjaMissing, renderWithPython } from "../../../scripts/oracle/jinja.ts";
import { printing } from "../../../scripts/oracle/printing.ts";
import kinds from "../../golden/jinja/kinds.json";
import frozen from "../../golden/jinja/random.json";
import { isLong } from "../../support/long.ts";
import { families, spoken } from "./families.ts";

/** Hone's text; null where the template is refused. */
async function rendered(source: string, row: string, generationPrompt = false): Promise<string | null> {
  const [read] = await conversationsOf("row.jsonl", new TextEncoder().encode(row));
  if (!read) throw new Error("The row has no conversation.");
  const { result } = renderWithHone(source, read.spoken, generationPrompt);
  return "text" in result ? result.text : null;
}

describe("random rows", () => {
  test("200 frozen cases", async () => {
    expect(frozen.cases).toHaveLength(200);
    for (const { template, row, generationPrompt, text } of frozen.cases)
      expect(await rendered(printing[template] ?? "", row, generationPrompt), `${template}: ${row}`).toBe(text);
    expect(frozen.cases.filter(({ text }) => text === null).length).toBeLessThan(20);
  });

  test("the frozen rows are those of the generator", () => {
    expect(frozen.cases.map(({ row }) => row)).toEqual(printedCases(200, 15).map(({ row }) => row));
  });
});

describe.each([...new Set(kinds.cases.map(({ kind }) => kind))])("%s", (kind) => {
  const own = kinds.cases.filter((one) => one.kind === kind);
  test.each(own)("$source", async ({ source, row, text }) => {
    expect(await rendered(source, row)).toBe(text);
  });
});

const missing = isLong ? jinjaMissing() : "it is part of the long tests";
if (missing !== null) console.info(`Hone beside Python was not tried: ${missing}.`);

describe.skipIf(missing !== null)("beside Python itself", () => {
  test("the texts that were written by hand for the families", () => {
    const written = families.flatMap(({ name, source, bos, eos, expected }) =>
      expected
        .filter(({ proof }) => proof !== "refused")
        .map(({ conversation, text }) => {
          const { variables } = renderWithHone(source, spoken[conversation] ?? { messages: [] }, false);
          const own = new Map([...variables, ["bos_token", bos], ["eos_token", eos]]);
          const label = `${name}, ${conversation}`;
          return { label, text: text.replaceAll(/[⟦⟧]/g, ""), source, variables: jsonTextOf(own) };
        }),
    );
    expect(written.length).toBeGreaterThan(70);
    const python = renderWithPython(written);
    for (const [i, { label, text }] of written.entries()) expect(python[i], label).toEqual({ text });
  });

  test("2,000 random rows", { timeout: 600_000 }, async () => {
    const cases = printedCases(2000, 2026);
    const python = printWithPython(cases);
    for (const [i, { template, row, generationPrompt }] of cases.entries()) {
      const theirs = python[i];
      const wanted = theirs && "text" in theirs ? theirs.text : null;
      expect(await rendered(printing[template] ?? "", row, generationPrompt), `${template}: ${row}`).toBe(wanted);
    }
  });
});

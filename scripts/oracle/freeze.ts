/** Writes what Python's Jinja renders to tests/golden/jinja, so that tests need no Python. */

import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createRandom } from "../../src/tensor/random.ts";
import { type JinjaResult, renderRowsWithPython } from "./jinja.ts";
import { kindRows, kinds } from "./kinds.ts";
import { printing, printingNames } from "./printing.ts";
import { type RandomCase, randomCase } from "./randomRows.ts";

const folder = new URL("../../tests/golden/jinja/", import.meta.url);

export interface PrintedCase extends RandomCase {
  /** A name in `printing`. */
  readonly template: string;
}

/** `count` random rows; each template of `printing` comes up in turn. */
export function printedCases(count: number, seed: number): PrintedCase[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, i) => ({
    template: printingNames[i % printingNames.length] ?? "",
    ...randomCase(random),
  }));
}

/** Python's rendering of each case, in order. */
export const printWithPython = (cases: readonly PrintedCase[]): JinjaResult[] =>
  renderRowsWithPython(cases.map((one) => ({ source: printing[one.template] ?? "", ...one })));

const textOf = (result: JinjaResult | undefined): string | null => (result && "text" in result ? result.text : null);

async function write(name: string, cases: readonly object[]): Promise<void> {
  const note =
    "Python's Jinja 3.1 with transformers' settings; null where it raises an error. npm run templates -- --freeze";
  const path = fileURLToPath(new URL(name, folder));
  await writeFile(path, `${JSON.stringify({ note, cases }, null, 2)}\n`);
  console.info(`${path}: ${cases.length} cases`);
}

/** Needs python3 with jinja2. */
export async function freeze(): Promise<void> {
  const random = printedCases(200, 15);
  const printed = printWithPython(random);
  await write(
    "random.json",
    random.map((one, i) => ({ ...one, text: textOf(printed[i]) })),
  );
  const all = Object.entries(kinds).flatMap(([kind, { rows, sources }]) =>
    sources.flatMap((source) => rows.map((name) => ({ kind, source, row: kindRows[name] }))),
  );
  const rendered = renderRowsWithPython(all.map((one) => ({ ...one, generationPrompt: false })));
  await write(
    "kinds.json",
    all.map((one, i) => ({ ...one, text: textOf(rendered[i]) })),
  );
}

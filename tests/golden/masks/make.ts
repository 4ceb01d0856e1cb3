/** Freezes what transformers makes of these templates: `npx tsx tests/golden/masks/make.ts PYTHON > tests/golden/masks/golden.jsonl` */

import { conversations } from "../../../scripts/oracle/conversations.ts";
import { maskWithPython, pythonRow } from "../../../scripts/oracle/masks.ts";
import { createClock } from "../../../src/templates/clock.ts";
import { compile } from "../../../src/templates/jinja/parse.ts";
import { maskSubjects } from "../../support/masks.ts";

const python = process.argv[2];
if (python === undefined) throw new Error("Name a Python that has transformers.");
const results = maskWithPython(
  python,
  maskSubjects.map(({ source, files, rows }) => {
    const { words } = compile(source, createClock());
    const chosen = rows.map((row) => pythonRow(words, conversations[row] ?? { messages: [] }));
    return { template: source, files, rows: chosen };
  }),
);
maskSubjects.forEach(({ name, rows }, i) => {
  for (const [at, row] of rows.entries()) console.log(JSON.stringify({ name, row, ...results[i]?.[at] }));
});

/** Freezes what transformers makes of templates with added tags: `npx tsx tests/golden/handOver/makeMarked.ts PYTHON > tests/golden/handOver/marked.jsonl` */

import { maskWithPython, pythonRow } from "../../../scripts/oracle/masks.ts";
import { createClock } from "../../../src/templates/clock.ts";
import { compile } from "../../../src/templates/jinja/parse.ts";
import { hashTokens, markedRows, markedSubjects } from "../../support/marked.ts";

const python = process.argv[2];
if (python === undefined) throw new Error("Name a Python that has transformers.");
const subjects = markedSubjects();
const results = maskWithPython(
  python,
  subjects.map(({ marked, files, rows }) => {
    const { words } = compile(marked.source, createClock());
    return {
      template: marked.source,
      files,
      rows: rows.map((row) => pythonRow(words, markedRows[row] ?? { messages: [] })),
    };
  }),
);
subjects.forEach(({ name, mode, rows, marked }, i) => {
  for (const [at, row] of rows.entries()) {
    const found = results[i]?.[at] ?? { error: "no result" };
    const mask = "error" in found ? [] : marked.assistantOnly ? found.mask : found.ids.map(() => 1);
    console.log(
      JSON.stringify({ name, mode, row, hash: "error" in found ? null : hashTokens({ ids: found.ids, mask }) }),
    );
  }
});

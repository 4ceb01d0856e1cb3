/**
 * `npm run configs -- [--only TEXT] [--random N] [--seed N] [--python PATH] [--json FILE] [--table FILE]`: opens published
 * configs and odd variants of small ones in Hone and in transformers, on the same random weights. Prints whether Hone takes
 * each and how far the logits differ; exit 1 when an accepted config is wrong or one is refused without need. `--random` takes
 * random variants instead. `--freeze` writes the golden logits where nothing is wrong, `--newer` the configs as transformers
 * saves them. A development command: it needs a Python with transformers.
 */

import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { count, runCommand, writeJson } from "./harness/arguments.ts";
import { configCases } from "./oracle/configs/cases.ts";
import { compareCases, type Verdict } from "./oracle/configs/compare.ts";
import { freeze, freezeNewer } from "./oracle/configs/freeze.ts";
import { randomCases } from "./oracle/configs/randomCases.ts";
import { markdownTable } from "./oracle/configs/table.ts";
import { transformersMissing } from "./oracle/configs/transformers.ts";

const figure = (value: number | null) => (value === null ? "" : value.toExponential(1));

function line({ name, outcome, reason, rows, cached, transformers, problem }: Verdict): string {
  const what = outcome === "accepted" ? `accepted, ${figure(rows)} ${figure(cached)}` : `refused: ${reason}`;
  const other = transformers === "" ? "" : ` [transformers: ${transformers}]`;
  return `${problem === "" ? "" : `✗ ${problem}: `}${name}: ${what}${other}`;
}

async function main() {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      python: { type: "string", default: "python3" },
      json: { type: "string" },
      table: { type: "string" },
      freeze: { type: "boolean" },
      newer: { type: "boolean" },
      random: { type: "string" },
      seed: { type: "string", default: "1" },
    },
  });
  const missing = transformersMissing(values.python);
  if (missing !== null) {
    console.info(`Skipped: ${missing}.`);
    return;
  }
  const random = count("random", values.random);
  const all = random === null ? configCases : randomCases(random, Number(values.seed));
  const { only } = values;
  const cases = only === undefined ? all : all.filter(({ name }) => name.includes(only));
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  try {
    const verdicts = await compareCases(runtime, values.python, cases);
    for (const verdict of verdicts) console.info(line(verdict));
    const accepted = verdicts.filter(({ outcome }) => outcome === "accepted");
    console.table({
      cases: verdicts.length,
      accepted: accepted.length,
      refused: verdicts.length - accepted.length,
      "worst deviation": figure(Math.max(0, ...accepted.map(({ rows, cached }) => Math.max(rows ?? 0, cached ?? 0)))),
      problems: verdicts.filter(({ problem }) => problem !== "").length,
    });
    writeJson(
      values.json,
      verdicts.map(({ frozen: _, saved: __, ...verdict }) => verdict),
    );
    if (values.newer === true) await freezeNewer(verdicts);
    if (values.table !== undefined) await writeFile(values.table, markdownTable(verdicts));
    if (verdicts.some(({ problem }) => problem !== "")) process.exitCode = 1;
    else if (values.freeze === true && cases === configCases) await freeze(verdicts);
  } finally {
    await runtime.dispose();
  }
}

runCommand(main);

/**
 * `npm run exports -- [--model DIR …] [--python PATH] [--json FILE]`: trains each model for a few steps, exports it as adapter
 * and merged, and compares the exports with PEFT and transformers, and with the base's files; exit 1 on a difference. Without
 * --model: the tiny models of ../shared, where they are, and a small random model of every family. A development command.
 */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { smallFamilies, smallFolder } from "../tests/support/smallFamilies.ts";
import { existing, runCommand, writeJson } from "./harness/arguments.ts";
import { type Exported, trainAndExport } from "./oracle/exported.ts";
import { compareWithPython, peftMissing } from "./oracle/exports.ts";
import { projectRoot } from "./setup.mjs";

const usage = "npm run exports -- [--model DIR …] [--python PATH] [--json FILE]";

/** Folders by their name: the tiny models, then a small one of every family, written below `place`. */
function everyFamily(place: string): [string, string][] {
  const shared = join(projectRoot, "..", "shared", "models");
  const tiny = existsSync(shared) ? readdirSync(shared).filter((name) => name.startsWith("tiny-")) : [];
  const small = Object.entries(smallFamilies).map(([name, config]): [string, string] => {
    const folder = join(place, name);
    mkdirSync(folder);
    for (const [file, content] of Object.entries(smallFolder(config))) writeFileSync(join(folder, file), content);
    return [`small ${name}`, folder];
  });
  return [...tiny.sort().map((name): [string, string] => [name, join(shared, name)]), ...small];
}

async function main() {
  const { values } = parseArgs({
    options: {
      model: { type: "string", multiple: true },
      python: { type: "string", default: "python3" },
      json: { type: "string" },
    },
  });
  const missing = peftMissing(values.python);
  if (missing !== null) {
    console.info(`Skipped: ${missing}.`);
    return;
  }
  const place = mkdtempSync(join(tmpdir(), "hone-exports-"));
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  try {
    const given = values.model?.map((folder): [string, string] => [basename(folder), existing("model", folder, usage)]);
    const all: Exported[] = [];
    for (const [name, folder] of given ?? everyFamily(place)) {
      for (const kind of ["lora", "full"] as const) {
        all.push(await trainAndExport(runtime, name, folder, kind, join(place, "exports", name, kind)));
      }
    }
    const verdicts = compareWithPython(values.python, all);
    for (const { name, kind, what, deviation, greedy, faults } of verdicts) {
      const share = deviation === null ? "not opened" : deviation.toExponential(1);
      const found = faults.length === 0 ? "" : `: ${faults.join("; ")}`;
      console.info(
        `${faults.length === 0 ? "ok  " : "FAIL"} ${share}  ${greedy} ids  ${name}, ${kind}, ${what}${found}`,
      );
    }
    const failed = verdicts.filter(({ faults }) => faults.length > 0);
    console.info(`\n${verdicts.length} exports, ${failed.length} with differences.`);
    writeJson(values.json, verdicts);
    process.exitCode = failed.length > 0 ? 1 : 0;
  } finally {
    await runtime.dispose();
    rmSync(place, { recursive: true, force: true });
  }
}

runCommand(main);

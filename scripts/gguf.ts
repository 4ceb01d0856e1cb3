/**
 * `npm run gguf -- [--model DIR|FILE] [--run FILE] [--out DIR] [--json FILE] [--freeze]`: exports models as GGUF in every
 * type and as a LoRA, opens each file in llama.cpp, and compares tokens, template, answers and log-probabilities with Hone;
 * exit 1 on a difference. A development command.
 */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { ggufConfigs, llamaFolder } from "../tests/support/smallGguf.ts";
import { existing, runCommand, writeJson } from "./harness/arguments.ts";
import { checkGguf, type GgufVerdict } from "./oracle/ggufs.ts";
import { llamaMissing, startLlama } from "./oracle/llama.ts";
import { projectRoot } from "./setup.mjs";

const usage = "npm run gguf -- [--model DIR|FILE] [--run FILE] [--out DIR] [--json FILE] [--freeze]";

/** Paths by name: Seedling, the models of ../shared, and a small model of every family, written below `place`. */
function everyModel(place: string): [string, string][] {
  const shared = join(projectRoot, "..", "shared", "models");
  const others = existsSync(shared) ? readdirSync(shared).sort() : [];
  const small = Object.entries(ggufConfigs).map(([name, config]): [string, string] => {
    const folder = join(place, "models", name);
    mkdirSync(folder, { recursive: true });
    for (const [file, content] of Object.entries(llamaFolder(config))) writeFileSync(join(folder, file), content);
    return [`small ${name}`, folder];
  });
  return [
    ["Seedling", join(projectRoot, "public", "models", "seedling")],
    ...others.map((name): [string, string] => [name, join(shared, name)]),
    ...small,
  ];
}

function show({ name, refusal, notes, texts, comparisons }: GgufVerdict): number {
  if (refusal !== null) {
    console.info(`none ${name}: ${refusal}`);
    return 0;
  }
  const faults = [...texts.faults];
  console.info(
    `${texts.faults.length === 0 ? "ok  " : "FAIL"} ${name}: ${texts.equal} of 60 texts have equal tokens, ${texts.noted} others as noted`,
  );
  for (const fault of texts.faults) console.info(`       ${fault}`);
  for (const { what, deviation, greedy, answered, faults: own } of comparisons) {
    const found = own.length === 0 ? "" : `: ${own.join("; ")}`;
    console.info(
      `${own.length === 0 ? "ok  " : "FAIL"}   ${what.padEnd(4)} ${deviation.toExponential(1)}  ${greedy} of ${answered} ids${found}`,
    );
    faults.push(...own);
  }
  for (const note of notes) console.info(`       note: ${note}`);
  return faults.length;
}

async function main() {
  const { values } = parseArgs({
    options: {
      model: { type: "string", multiple: true },
      out: { type: "string" },
      json: { type: "string" },
    },
  });
  const missing = llamaMissing();
  if (missing !== null) {
    console.info(`Skipped: ${missing}.`);
    return;
  }
  const place = mkdtempSync(join(tmpdir(), "hone-gguf-"));
  const out = values.out ? resolve(values.out) : join(place, "out");
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  const llama = await startLlama();
  try {
    const given = values.model?.map((path): [string, string] => [basename(path), existing("model", path, usage)]);
    const verdicts: GgufVerdict[] = [];
    let faults = 0;
    for (const [name, path] of given ?? everyModel(place)) {
      const verdict = await checkGguf(runtime, llama, name, path, join(out, name));
      faults += show(verdict);
      verdicts.push(verdict);
    }
    const refused = verdicts.filter(({ refusal }) => refusal !== null).length;
    console.info(`\n${verdicts.length} models, ${refused} refused by name, ${faults} differences.`);
    writeJson(values.json, verdicts);
    process.exitCode = faults > 0 ? 1 : 0;
  } finally {
    await llama.dispose();
    await runtime.dispose();
    rmSync(place, { recursive: true, force: true });
  }
}

runCommand(main);

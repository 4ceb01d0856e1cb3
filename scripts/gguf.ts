/**
 * `npm run gguf -- [--model DIR|FILE …] [--exam] [--out DIR] [--json FILE]`: trains each model for a few steps, writes it as GGUF in
 * every type and as a GGUF LoRA, and compares llama.cpp's tokens, answers and log-probabilities with Hone's; exit 1 on a
 * difference. --exam: Seedling, tuned, takes its exam in llama.cpp as well. Without --model: Seedling, the models of ../shared, where they are, and a small model of every family. A development
 * command; skipped where node-llama-cpp is missing.
 */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { smallFamilies, smallFolder } from "../tests/support/smallFamilies.ts";
import { existing, runCommand, writeJson } from "./harness/arguments.ts";
import { compareGguf, type GgufVerdict } from "./oracle/gguf/compare.ts";
import { examInLlama } from "./oracle/gguf/exam.ts";
import { openLlama } from "./oracle/gguf/llama.ts";
import { projectRoot } from "./setup.mjs";

const usage = "npm run gguf -- [--model DIR|FILE …] [--exam] [--out DIR] [--json FILE]";

type Config = Readonly<Record<string, unknown>>;

/** A small Gemma 3 that llama.cpp can express: a window in five of six layers, and scores by the head's size. */
const gemma3 = {
  ...smallFamilies["Gemma 3"],
  num_hidden_layers: 6,
  sliding_window_pattern: 6,
  layer_types: null,
  query_pre_attn_scalar: smallFamilies["Gemma 3"]?.head_dim,
};

/** The small models' tokenizer has a pattern of its own; llama.cpp knows GPT-2's. */
function splitAsGpt2(path: string): void {
  const pre_tokenizer = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  const json = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...json, pre_tokenizer }));
}

function everyModel(place: string): [string, string][] {
  const shared = join(projectRoot, "..", "shared", "models");
  const given = existsSync(shared) ? readdirSync(shared).sort() : [];
  // Their windows hide tokens of a row, and the file's context would end before it: here they hide none.
  const wide = (config: Config): Config =>
    typeof config.sliding_window === "number" && !String(config.model_type).startsWith("gemma")
      ? { ...config, sliding_window: 128 }
      : config;
  const small = Object.entries({ ...smallFamilies, "Gemma 3 as llama.cpp has it": gemma3 });
  return [
    ["Seedling", join(projectRoot, "public/models/seedling")],
    ...given.map((name): [string, string] => [name, join(shared, name)]),
    ...small.map(([name, config]): [string, string] => {
      const folder = join(place, name);
      mkdirSync(folder);
      for (const [file, content] of Object.entries(smallFolder(wide(config))))
        writeFileSync(join(folder, file), content);
      splitAsGpt2(join(folder, "tokenizer.json"));
      return [`small ${name}`, folder];
    }),
  ];
}

function line({ name, what, texts, greedy, logProbability, notes, faults }: GgufVerdict): string {
  if (what === "refused") return `no    ${name}: ${notes[0] ?? ""}`;
  const deviation = logProbability === null ? "" : `, log-probabilities within ${logProbability.toExponential(1)}`;
  const found = faults.length === 0 ? "" : `: ${faults.join("; ")}`;
  return `${faults.length === 0 ? "ok  " : "FAIL"}  ${name}, ${what}: tokens of ${texts} texts, ${greedy} greedy ids${deviation}${found}`;
}

async function main() {
  const { values } = parseArgs({
    options: {
      model: { type: "string", multiple: true },
      exam: { type: "boolean", default: false },
      out: { type: "string" },
      json: { type: "string" },
    },
  });
  const llama = await openLlama();
  if (typeof llama === "string") {
    console.info(`Skipped: ${llama}.`);
    return;
  }
  const place = mkdtempSync(join(tmpdir(), "hone-gguf-"));
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  try {
    const given = values.model?.map((path): [string, string] => [basename(path), existing("model", path, usage)]);
    const verdicts: GgufVerdict[] = [];
    for (const [name, folder] of given ?? everyModel(place)) {
      const found = await compareGguf(runtime, llama, name, folder, join(values.out ?? join(place, "out"), name));
      for (const verdict of found) console.info(line(verdict));
      verdicts.push(...found);
    }
    const failed = verdicts.filter(({ faults }) => faults.length > 0);
    const refused = verdicts.filter(({ what }) => what === "refused");
    console.info(
      `\n${verdicts.length - refused.length} files, ${failed.length} with differences; ${refused.length} models refused.`,
    );
    const exams = values.exam ? await examInLlama(llama, join(values.out ?? join(place, "out"), "exam")) : [];
    for (const { type, questions, prompts, same, ended, correct } of exams) {
      console.info(
        `Exam of tuned Seedling in ${type}: ${questions} questions, ${prompts} prompts with the same tokens, ${same} answers the same, ` +
          `${ended} ended by themselves; ${correct.llama} right in llama.cpp, ${correct.hone} in Hone.`,
      );
    }
    writeJson(values.json, { verdicts, exams });
    // Float16 rounds, so there an answer may differ where two tokens are almost equally likely.
    const differs = exams.some(
      ({ type, questions, prompts, same, ended }) =>
        Math.min(prompts, ended, type === "F32" ? same : questions) < questions,
    );
    process.exitCode = failed.length > 0 || differs ? 1 : 0;
  } finally {
    await runtime.dispose();
    await llama.dispose();
    rmSync(place, { recursive: true, force: true });
  }
}

runCommand(main);

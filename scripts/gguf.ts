/**
 * `npm run gguf -- [--model DIR|FILE] [--run FILE] [--out DIR] [--json FILE] [--freeze]`: exports models as GGUF in every
 * type and as a LoRA, opens each file in llama.cpp, and compares tokens, template, answers and log-probabilities with Hone;
 * exit 1 on a difference. Without --model it also trains Seedling on the page's data, and its files take the exam. --run
 * takes the file of a run, whose base is --model; --freeze writes the golden file of the tests. A development command.
 */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { defaultsFor } from "../src/store/recipe.ts";
import { demoData, demoExam } from "../src/store/seedling.ts";
import { ggufConfigs, llamaFolder } from "../tests/support/smallGguf.ts";
import { existing, runCommand, writeJson } from "./harness/arguments.ts";
import { type Comparison, checkGguf, type GgufVerdict } from "./oracle/gguf/compare.ts";
import { type ExamVerdict, examineRun } from "./oracle/gguf/exam.ts";
import { type LlamaRunner, llamaMissing, startLlama } from "./oracle/gguf/llama.ts";
import { openLaboratory } from "./seedling/laboratory.ts";
import type { Pair } from "./seedling/pairs.ts";
import { readRows } from "./seedling/samples.ts";
import { projectRoot } from "./setup.mjs";

const usage = "npm run gguf -- [--model DIR|FILE] [--run FILE] [--out DIR] [--json FILE] [--freeze]";

const golden = join(projectRoot, "tests", "golden", "gguf", "llama.json");

/** What llama.cpp said of Seedling's texts, and of the small models. */
function freeze(verdicts: readonly GgufVerdict[]): void {
  const seedling = verdicts.find(({ name }) => name === "seedling")?.texts;
  const small = verdicts.flatMap(({ name, refusal, comparisons }) => {
    const family = /^small (.*)/.exec(name)?.[1];
    const ids = comparisons.find(({ what }) => what === "F32")?.ids;
    return family === undefined ? [] : [{ family, refused: refusal !== null, ids: ids ?? [] }];
  });
  const { tokens = [], prompts = [] } = seedling ?? {};
  writeFileSync(golden, JSON.stringify({ seedling: { tokens, prompts }, small }));
}

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
    ["seedling", join(projectRoot, "public", "models", "seedling")],
    ...others.map((name): [string, string] => [name, join(shared, name)]),
    ...small,
  ];
}

type Figures = Pick<Comparison, "deviation" | "divergence">;

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
  for (const { what, deviation, divergence, fromFloat, greedy, answered, faults: own } of comparisons) {
    const found = own.length === 0 ? "" : `: ${own.join("; ")}`;
    const figures = ({ deviation: most, divergence: mean }: Figures) =>
      `${most.toExponential(1)} (mean divergence ${mean.toExponential(1)})`;
    const same = figures({ deviation, divergence });
    const beside = fromFloat && what !== "F32" ? `, from the float model ${figures(fromFloat)}` : "";
    console.info(
      `${own.length === 0 ? "ok  " : "FAIL"}   ${what.padEnd(4)} ${same}${beside}  ${greedy} of ${answered} ids${found}`,
    );
    faults.push(...own);
  }
  for (const note of notes) console.info(`       note: ${note}`);
  return faults.length;
}

const pairsOf = (name: string) => readRows<Pair>(join(projectRoot, "public", "samples", name));

/** As the page proposes for Seedling. */
const pageRecipe = { ...defaultsFor({ name: "Seedling" }, "lora"), maxLength: 256, samplePrompts: 0, watchEvery: null };

/** The run of a file or, for Seedling, of the page's data; its files answer questions. */
async function examine(llama: LlamaRunner, model: string, run: string | null, out: string): Promise<ExamVerdict[]> {
  const laboratory = await openLaboratory(model, basename(model), { entries: nodeEntries });
  const { engine } = laboratory;
  const base = join(out, "..", basename(model), "F32", `${basename(model)}-F32.gguf`);
  const record = run
    ? (await engine.importRun(new File([readFileSync(run)], basename(run)))).record
    : await laboratory.train(pairsOf(demoData), pageRecipe);
  const prompts = record.samples.length > 0 ? record.samples : [{ prompt: "What is it?", after: null }];
  const questions = run
    ? prompts.map(({ prompt, after }) => ({ prompt, expected: after ?? "" }))
    : pairsOf(demoExam[0] ?? "").map(({ instruction, output }) => ({ prompt: instruction, expected: output }));
  const parts = { questions, base: existsSync(base) ? base : null, out };
  const verdicts = await examineRun(engine, llama, record, parts);
  for (const { what, questions: asked, equal, ended, endedHere, correct, faults } of verdicts) {
    console.info(
      `${faults.length === 0 ? "ok  " : "FAIL"}   ${what.padEnd(4)} ${equal} of ${asked} answers are Hone's, ${ended} end by themselves (Hone: ${endedHere}), ${correct} are right`,
    );
    for (const fault of faults) console.info(`       ${fault}`);
  }
  return verdicts;
}

async function main() {
  const { values } = parseArgs({
    options: {
      model: { type: "string", multiple: true },
      run: { type: "string" },
      out: { type: "string" },
      json: { type: "string" },
      freeze: { type: "boolean", default: false },
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
    let exam: readonly ExamVerdict[] = [];
    let faults = 0;
    for (const [name, path] of given ?? everyModel(place)) {
      const verdict = await checkGguf(runtime, llama, name, path, join(out, name));
      faults += show(verdict);
      verdicts.push(verdict);
    }
    if (!given || values.run) {
      const [[, path = ""] = []] = given ?? [["seedling", join(projectRoot, "public", "models", "seedling")]];
      console.info(values.run ? `\n${values.run}` : "\nSeedling, trained on the page's data, takes the exam");
      exam = await examine(llama, path, values.run ? existing("run", values.run, usage) : null, join(out, "tuned"));
      faults += exam.filter(({ faults: found }) => found.length > 0).length;
    }
    const refused = verdicts.filter(({ refusal }) => refusal !== null).length;
    console.info(`\n${verdicts.length} models, ${refused} refused by name, ${faults} differences.`);
    writeJson(values.json, { models: verdicts, exam });
    if (values.freeze && !given) freeze(verdicts);
    process.exitCode = faults > 0 ? 1 : 0;
  } finally {
    await llama.dispose();
    await runtime.dispose();
    rmSync(place, { recursive: true, force: true });
  }
}

runCommand(main);

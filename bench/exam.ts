/**
 * Measures an exam on Seedling: `tsx bench/exam.ts [--threads N] [--questions N] [--against FILE] [--json FILE]`.
 *
 * The page's engine under Node, on wasm, trains the usual LoRA run and takes the page's exam with the base model and with the
 * run. `--against` compares every answer with those of an earlier `--json`.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { count, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { openLaboratory, questionsOf } from "../scripts/seedling/laboratory.ts";
import type { ExamQuestion, Pair } from "../scripts/seedling/pairs.ts";
import { readRows } from "../scripts/seedling/samples.ts";
import { projectRoot } from "../scripts/setup.mjs";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { defaultsFor } from "../src/store/recipe.ts";

interface Taken {
  readonly model: string;
  readonly seconds: number;
  /** Of all threads; the machine's other work does not count. */
  readonly cpuSeconds: number;
  readonly correct: number;
  readonly answers: readonly string[];
}

async function main() {
  const { values } = parseArgs({
    options: {
      threads: { type: "string" },
      questions: { type: "string" },
      against: { type: "string" },
      json: { type: "string" },
    },
  });
  const samples = join(projectRoot, "public", "samples");
  const questions = readRows<ExamQuestion>(join(samples, "small-world-exam.jsonl"));
  const asked = questionsOf(questions.slice(0, count("questions", values.questions) ?? questions.length));
  const pairs = readRows<Pair>(join(samples, "small-world.jsonl"));
  const folder = join(projectRoot, "public", "models", "seedling");
  // ONNX Runtime fixes the number of threads at the first session of a process.
  const first = await createRuntime("wasm", { entries: nodeEntries, threads: count("threads", values.threads) ?? 2 });
  await first.dispose();
  const { engine, model, reason, train } = await openLaboratory(folder, "Seedling", { entries: nodeEntries });
  console.log(`${asked.length} questions. ${reason}`);
  const recipe = { ...defaultsFor({ name: "Seedling" }, "lora"), maxLength: 256, samplePrompts: 0, watchEvery: null };
  const { template, systemPrompt } = recipe;
  const record = await train(pairs, recipe);
  const taken: Taken[] = [];
  for (const [name, runId] of [
    ["base model", null],
    ["LoRA run", record.id],
    ["LoRA run, again", record.id],
  ] as const) {
    const subject = { modelHash: model.hash, runId, checkpoint: null, template, systemPrompt };
    const before = cpuTime();
    const { answers, seconds } = await engine.examine({ ...subject, questions: asked, texts: [] });
    const correct = answers.filter((answer) => answer.correct).length;
    const cpuSeconds = cpuTime() - before;
    taken.push({ model: name, seconds, cpuSeconds, correct, answers: answers.map(({ text }) => text) });
    console.log(
      `${name.padEnd(18)}${seconds.toFixed(1).padStart(7)} s   ${cpuSeconds.toFixed(1)} s CPU   ${correct} correct`,
    );
  }
  if (values.against !== undefined) compare(taken, JSON.parse(readFileSync(values.against, "utf8")));
  writeJson(values.json, taken);
}

function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Throws where an answer differs. */
function compare(taken: readonly Taken[], before: readonly Taken[]): void {
  for (const { model, answers } of taken) {
    const known = before.find((other) => other.model === model)?.answers ?? [];
    const differing = answers.flatMap((text, i) => (text === known[i] ? [] : [`${i}: ${known[i]} → ${text}`]));
    if (differing.length > 0) throw new Error(`${model}: ${differing.length} answers differ.\n${differing.join("\n")}`);
  }
  console.log("Every answer is the same as before.");
}

runCommand(main);

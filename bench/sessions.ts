/**
 * Measures the memory that questions under Compare leave: `tsx bench/sessions.ts [--questions N] [--context N] [--json FILE]`.
 *
 * Seedling's base model and an adapter answer prompts of different lengths with the engine's code, on the processor under
 * Node. `--context` sets a longer context, which needs more cache capacities. Each row has the live sessions and bytes after
 * a number of questions.
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { count, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { modelFiles } from "../scripts/seedling/laboratory.ts";
import { readRows } from "../scripts/seedling/samples.ts";
import { projectRoot } from "../scripts/setup.mjs";
import type { Method } from "../src/artifacts/method.ts";
import { createLibrary } from "../src/engine/library.ts";
import { answererOf } from "../src/engine/respondent.ts";
import { createWeights } from "../src/engine/weights.ts";
import { answer } from "../src/generation/answer.ts";
import { createPrompt } from "../src/generation/prompt.ts";
import { greedySampling } from "../src/generation/sampling.ts";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { openStorage } from "../src/storage/storage.ts";
import { createTemplate, suggestTemplate } from "../src/templates/choose.ts";
import { createRandom } from "../src/tensor/random.ts";
import { createTokenizer } from "../src/tokenizer/tokenizer.ts";

const lora: Method = { kind: "lora", rank: 8, alpha: 16, targets: ["q_proj", "v_proj"] };
const maxTokens = 16;
/** Tokens that the template may add to a prompt. */
const templateTokens = 16;

async function main() {
  const { values } = parseArgs({
    options: { questions: { type: "string" }, context: { type: "string" }, json: { type: "string" } },
  });
  const questions = count("questions", values.questions) ?? 200;
  const context = count("context", values.context);
  const shownAt = new Set([1, questions / 4, questions / 2, questions].map(Math.ceil));

  const folder = join(projectRoot, "public", "models", "seedling");
  const storage = await openStorage();
  const library = createLibrary(storage, () => undefined);
  const files = await Promise.all(modelFiles(folder).map((file) => (context ? withContext(file, context) : file)));
  const model = await library.openModel({ kind: "files", files, name: "Seedling" });
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  const weights = createWeights(runtime, storage, () => undefined);
  const [{ all: base }, { all: tuned }] = [
    await weights.base(model),
    await weights.trainable(model, lora, { seed: 1, start: null }),
  ];
  const respondents = [
    { runtime, model, method: null, parameters: base },
    { runtime, model, method: lora, parameters: tuned },
  ];
  const { opened, files: modelHead, summary } = model;
  const tokenizer = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig);
  const templateModel = { tokenizer, chatTemplate: modelHead.chatTemplate };
  const template = createTemplate(suggestTemplate(templateModel), templateModel);
  const promptParts = { tokenizer, template, systemPrompt: null };
  const prompts = promptsOf(questions, summary.contextLength - maxTokens - templateTokens, tokenizer);

  console.log(`${questions} questions to two models, context ${summary.contextLength}. ${runtime.report.reason}`);
  console.log("questions   live sessions   session MB   heap MB   seconds");
  const rows: object[] = [];
  const started = performance.now();
  for (const [index, content] of prompts.entries()) {
    for (const respondent of respondents) {
      const prompt = createPrompt(promptParts, [{ role: "user", content }]);
      await answer(answererOf(respondent), prompt, { maxTokens, sampling: greedySampling, seed: 0 });
    }
    if (!shownAt.has(index + 1)) continue;
    const { sessions, sessionBytes } = runtime.memory();
    const heap = runtime.memoryUse()?.bytes ?? Number.NaN;
    const seconds = (performance.now() - started) / 1000;
    rows.push({ questions: index + 1, sessions, sessionBytes, heap, seconds });
    const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
    const cells = [sessions, megabytes(sessionBytes), megabytes(heap), seconds.toFixed(1)];
    console.log(`${String(index + 1).padStart(9)}${cells.map((cell) => String(cell).padStart(13)).join("")}`);
  }
  await runtime.dispose();
  writeJson(values.json, rows);
}

/** Changes the context in config.json; returns every other file unchanged. */
async function withContext(file: File, context: number): Promise<File> {
  if (file.name !== "config.json") return file;
  const config: object = JSON.parse(await file.text());
  return new File([JSON.stringify({ ...config, max_position_embeddings: context })], file.name);
}

/** Prompts with evenly spread lengths up to `most` tokens, in seeded order; each is the beginning of one long text. */
function promptsOf(questions: number, most: number, tokenizer: Parameters<typeof suggestTemplate>[0]["tokenizer"]) {
  const samples = readRows<{ text: string }>(join(projectRoot, "public", "samples", "small-world-text.jsonl"));
  const words = samples
    .map(({ text }) => text)
    .join(" ")
    .split(/\s+/)
    .slice(0, most);
  const tokensOf = (text: string) =>
    tokenizer.encode([
      { text, kind: "content", role: null, message: null, answer: false, supervised: false, weight: 0 },
    ]).ids.length;
  const wordsPerToken = words.length / tokensOf(words.join(" "));
  const random = createRandom(1);
  return Array.from({ length: questions }, (_, i) => ({ i, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ i }) => words.slice(0, Math.max(1, Math.floor((wordsPerToken * most * (i + 1)) / questions))).join(" "));
}

runCommand(main);

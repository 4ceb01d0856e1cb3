/**
 * `npm run evaluate -- [--model DIR] [--adapter FILE] [--exam FILE] [--texts FILE] [--statements N] [--json FILE]`: measures
 * a model: exact match per task and group, completed statements, and the loss on held-out text.
 */

import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { compileGeneration } from "../src/artifacts/generation.ts";
import { type Method, parametersOf } from "../src/artifacts/method.ts";
import { createLibrary, type LoadedModel } from "../src/engine/library.ts";
import { takeExam } from "../src/engine/respondent.ts";
import { readAdapter } from "../src/export/readAdapter.ts";
import { createGenerator } from "../src/generation/generate.ts";
import { countTokens, createPrompt } from "../src/generation/prompt.ts";
import { modelFromFiles } from "../src/hub/files.ts";
import { processorEntries } from "../src/runtime/nativeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { openStorage } from "../src/storage/storage.ts";
import { createTemplate, suggestTemplate } from "../src/templates/choose.ts";
import { renderText } from "../src/templates/mask.ts";
import { createTokenizer } from "../src/tokenizer/tokenizer.ts";
import { parameterPieces, uploadParameters } from "../src/training/parameters.ts";
import { count, existing, runCommand, writeJson } from "./harness/arguments.ts";
import { createProgress } from "./harness/progress.ts";
import { modelFiles, questionsOf } from "./seedling/laboratory.ts";
import { completions, type ExamQuestion, groups } from "./seedling/pairs.ts";
import { readRows } from "./seedling/samples.ts";
import { completeStatements, type Score, shareOf, tally } from "./seedling/statements.ts";
import { projectRoot } from "./setup.mjs";

const usage =
  "npm run evaluate -- [--model DIR] [--adapter FILE] [--exam FILE] [--texts FILE] [--statements N] [--json FILE]";

/** Default number of statements, about a quarter of all. */
const usualStatements = 1200;

const samples = join(projectRoot, "public", "samples");

/** Every n-th item, about `wanted` items in total. */
function thinned<T>(items: readonly T[], wanted: number): T[] {
  const stride = Math.max(1, items.length / wanted);
  return Array.from({ length: Math.min(wanted, items.length) }, (_, i) => items[Math.floor(i * stride)] as T);
}

/** The scores of one group, per task. */
function scoresBy(questions: readonly ExamQuestion[], correct: readonly boolean[], group: string) {
  const scores: Record<string, Score> = {};
  questions.forEach((question, i) => {
    if (question.group === group) tally(scores, question.task, correct[i] ?? false);
  });
  return scores;
}

function show(title: string, scores: Readonly<Record<string, Score>>) {
  const percent = (score: Score) => `${String(Math.round((100 * score.right) / score.total)).padStart(4)} %`;
  console.log(`${title}: ${(100 * shareOf(Object.values(scores))).toFixed(1)} %`);
  for (const [task, score] of Object.entries(scores)) {
    console.log(`  ${percent(score)}  ${task} (${score.right} of ${score.total})`);
  }
}

const summary = (scores: Readonly<Record<string, Score>>) => ({ share: shareOf(Object.values(scores)), tasks: scores });

async function main() {
  const { values } = parseArgs({
    options: {
      model: { type: "string", default: join(projectRoot, "public", "models", "seedling") },
      adapter: { type: "string" },
      exam: { type: "string", default: join(samples, "small-world-exam.jsonl") },
      texts: { type: "string", default: join(samples, "small-world-text.jsonl") },
      statements: { type: "string" },
      json: { type: "string" },
    },
  });
  const folder = existing("model", values.model, usage);
  const questions = readRows<ExamQuestion>(existing("exam", values.exam, usage));
  const texts = readRows<{ text: string }>(existing("texts", values.texts, usage)).map(({ text }) => text);
  const statements = thinned(completions(), count("statements", values.statements) ?? usualStatements);

  const library = createLibrary(await openStorage(), () => undefined);
  const model = await library.openModel({ kind: "files", files: modelFiles(folder), name: basename(folder) });
  const adapter = values.adapter
    ? await openAdapter(existing("adapter", values.adapter, usage), model)
    : { method: null, tensors: new Map<string, Float32Array<ArrayBuffer>>() };
  const { method, tensors }: { method: Method | null; tensors: ReadonlyMap<string, Float32Array> } = adapter;
  const runtime = await createRuntime("wasm", { entries: await processorEntries() });
  try {
    const parameters = await uploadParameters(
      runtime,
      parametersOf(model.definition, method),
      (spec) => tensors.get(spec.name) ?? parameterPieces(spec, model.opened.devicePieces),
    );
    console.log(
      `${basename(folder)}${values.adapter ? ` with ${basename(values.adapter)}` : ""}. ${runtime.report.reason}\n`,
    );
    const bar = createProgress("evaluating");
    const { definition, opened, files } = model;
    const tokenizer = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig);
    const template = createTemplate(suggestTemplate({ tokenizer, chatTemplate: files.chatTemplate }), {
      tokenizer,
      chatTemplate: files.chatTemplate,
    });
    const asked = { tokenizer, template, systemPrompt: null };
    const generate = createGenerator({
      runtime,
      parameters,
      artifact: (shape) => compileGeneration(definition, method, shape),
      contextLength: definition.contextLength,
    });
    const completed = await completeStatements({ generate, tokenizer }, statements, (done, total) =>
      bar(done, total, "statements"),
    );
    const { answers, textLoss } = await takeExam(
      { runtime, model, method, parameters },
      {
        questions: questionsOf(questions).map(({ prompt, expected }) => ({
          expected,
          prompt: createPrompt(asked, [{ role: "user", content: prompt }]),
          expectedTokens: countTokens(expected, tokenizer),
        })),
        texts: texts.map((text) => tokenizer.encode(renderText(text, tokenizer)).ids),
      },
      (event) => event.type === "progress" && bar(event.done, event.total ?? event.done, event.task),
    );
    const correct = answers.map((answer) => answer.correct);
    const exam = Object.fromEntries(groups.map((group) => [group, scoresBy(questions, correct, group)]));
    for (const group of groups) show(`Exact match, ${group}`, exam[group] ?? {});
    show("Statements completed", completed);
    const perplexity = textLoss === null ? null : Math.exp(textLoss);
    if (textLoss !== null) {
      console.log(`Held-out text: loss ${textLoss.toFixed(4)} nats a token, perplexity ${perplexity?.toFixed(3)}`);
    }
    writeJson(values.json, {
      model: basename(folder),
      modelHash: model.summary.hash,
      adapter: values.adapter ?? null,
      exactMatch: Object.fromEntries(groups.map((group) => [group, summary(exam[group] ?? {})])),
      statements: summary(completed),
      textLoss,
      perplexity,
      answers: questions.map((question, i) => ({ ...question, answer: answers[i]?.text, correct: correct[i] })),
    });
  } finally {
    await runtime.dispose();
  }
}

/** Opens an adapter in PEFT's layout; `path` is the folder with both files, or one of the files. */
async function openAdapter(path: string, { definition, opened }: LoadedModel) {
  const folder = existsSync(join(path, "adapter_config.json")) ? path : dirname(path);
  const names = ["adapter_config.json", "adapter_model.safetensors"];
  const files = names.map((name) => new File([readFileSync(join(folder, name))], name));
  return readAdapter(modelFromFiles(files), definition, opened.read);
}

runCommand(main);

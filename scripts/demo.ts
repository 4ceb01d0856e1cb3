/**
 * `npm run demo`: a new user's first visit in headless Chromium on the built page. It trains the page's own model and data,
 * asks a question, takes the exam and prints a record. --model and --data choose others; the exam is for the page's own model.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Page } from "playwright";
import type { WholeRecord } from "../src/run/record.ts";
import { demoData, demoExam } from "../src/store/seedling.ts";
import { count, existing, oneOf, runCommand, writeJson } from "./harness/arguments.ts";
import { launchChromium } from "./harness/chromium.ts";
import { createProgress } from "./harness/progress.ts";
import { serveBuilt } from "./harness/serve.ts";
import {
  alertText,
  downloadRecord,
  type ExamRecord,
  enterStep,
  fillRecipe,
  openData,
  openModelFolder,
  openStudio,
  promptBoth,
  takeExam,
  waitForRun,
} from "./harness/studio.ts";
import { readRows } from "./seedling/samples.ts";
import { projectRoot } from "./setup.mjs";

const usage =
  "npm run demo -- [--model DIR] [--data FILE] [--method lora|full] [--provider wasm|webgpu] [--steps N] " +
  "[--exam small-world|none] [--questions N] [--json FILE]";

/** Names of the exam's groups, in the record. */
const groups = {
  trainedEntities: "trained entities",
  heldOutEntities: "held-out entities",
  heldOutTasks: "held-out tasks",
} as const;

function readArguments() {
  const { values } = parseArgs({
    options: {
      model: { type: "string" },
      data: { type: "string" },
      method: { type: "string", default: "lora" },
      provider: { type: "string", default: "wasm" },
      steps: { type: "string" },
      exam: { type: "string", default: "small-world" },
      questions: { type: "string" },
      json: { type: "string" },
    },
  });
  const given = (name: "model" | "data") => (values[name] === undefined ? null : existing(name, values[name], usage));
  const [model, data] = [given("model"), given("data")];
  return {
    model,
    data,
    method: oneOf("method", values.method, ["lora", "full"]),
    provider: oneOf("provider", values.provider, ["wasm", "webgpu"]),
    steps: count("steps", values.steps),
    // The exam belongs to the page's own data, and only the page's own model can pass it.
    exam: model || data ? ("none" as const) : oneOf("exam", values.exam, ["small-world", "none"]),
    questions: count("questions", values.questions),
    json: values.json,
  };
}

/** The demo's summary of a run, from the run's record. */
function summarize(record: WholeRecord) {
  const sum = (pick: (step: WholeRecord["metrics"][number]) => number) =>
    record.metrics.reduce((total, step) => total + pick(step), 0);
  return {
    provider: record.provider,
    model: record.model.name,
    parameters: record.model.parameters,
    trainable: record.trainable,
    examples: record.examples.training + record.examples.validation,
    steps: record.step,
    seconds: record.seconds,
    tokensPerSecond: sum((step) => step.tokens) / record.seconds,
    supervisedTokensPerSecond: sum((step) => step.supervisedTokens) / record.seconds,
    trainLoss: { first: record.metrics.at(0)?.loss ?? null, last: record.metrics.at(-1)?.loss ?? null },
    validationLoss: {
      before: record.evaluations.find((evaluation) => evaluation.step === 0)?.loss ?? null,
      after: record.evaluations.at(-1)?.loss ?? null,
    },
    samples: record.samples.map(({ prompt, before, after }) => ({ prompt, before, after })),
  };
}

/** Shares of exact matches by group, and the loss on general text. */
function summarizeExam(exam: ExamRecord) {
  const scoreOf = (name: string) => {
    const score = exam.groups.find((group) => group.name === name);
    if (!score) throw new Error(`The exam has no group "${name}".`);
    return { before: score.before, after: score.after };
  };
  const { trainedEntities, heldOutEntities, heldOutTasks } = groups;
  return {
    exactMatch: {
      trainedEntities: scoreOf(trainedEntities),
      heldOutEntities: scoreOf(heldOutEntities),
      heldOutTasks: scoreOf(heldOutTasks),
    },
    generalLoss: exam.generalLoss,
    questions: exam.all.questions,
  };
}

const rowsOf = (sample: string) =>
  readRows<Readonly<Record<string, unknown>>>(join(projectRoot, "public", "samples", sample));

/** Takes the page's exam, or a shorter one with the first questions of each group. */
async function examine(page: Page, perGroup: number | null): Promise<ExamRecord> {
  const bar = createProgress("exam");
  const onProgress = (text: string) => {
    const percent = /(\d+) %/.exec(text)?.[1];
    if (percent && !text.startsWith("Reading")) bar(Number(percent), 100, text.replace(/ · \d+ %/, ""));
  };
  if (perGroup === null) return takeExam(page, null, onProgress);
  const folder = mkdtempSync(join(tmpdir(), "hone-exam-"));
  try {
    const seen = new Map<unknown, number>();
    const few = demoExam.flatMap(rowsOf).filter(({ group }) => {
      const before = seen.get(group) ?? 0;
      seen.set(group, before + 1);
      // Texts have no group; all of them stay.
      return group === undefined || before < perGroup;
    });
    const file = join(folder, "few-questions.jsonl");
    writeFileSync(file, few.map((row) => `${JSON.stringify(row)}\n`).join(""));
    return await takeExam(page, file, onProgress);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main() {
  const { model, data, method, provider, steps, exam, questions, json } = readArguments();
  const served = await serveBuilt();
  const browser = await launchChromium();
  try {
    const { page } = browser;
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") console.error(message.text());
    });
    const opened = performance.now();
    await openStudio(page, served.address, provider, { keepDemoData: data === null });
    if (model !== null) await openModelFolder(page, model);
    if (data !== null) await openData(page, data);
    await enterStep(page, "Train");
    await page.getByRole("radio", { name: method === "lora" ? "LoRA" : "Full training" }).check();
    if (steps !== null) await fillRecipe(page, { steps: String(steps) });
    const start = page.getByRole("button", { name: "Start training" });
    if (await start.isDisabled()) throw new Error(await alertText(page));
    await start.click();
    const bar = createProgress("training");
    await waitForRun(page, ["finished"], ({ step, total, loss, tokensPerSecond }) => {
      const figures = [
        loss !== null && `loss ${loss.toFixed(3)}`,
        tokensPerSecond !== null && `${Math.round(tokensPerSecond)} tokens/s`,
      ];
      if (total > 0) bar(step, total, figures.filter(Boolean).join(" · "));
    });
    const record = summarize(await downloadRecord(page));
    const summary = data === null ? { ...record, ...(await newcomer(page, opened)) } : record;
    const examined = exam === "none" ? {} : summarizeExam(await examine(page, questions));
    const whole = { ...summary, ...examined };
    console.log(JSON.stringify(whole, null, 2));
    writeJson(json, whole);
  } finally {
    await browser.dispose();
    await served.dispose();
  }
}

/** The tuned model's answer to a first question, and the seconds from opening the page to that answer. */
async function newcomer(page: Page, opened: number) {
  const question = String(rowsOf(demoData)[0]?.instruction ?? "Hello");
  const answers = await promptBoth(page, question);
  return { coldStartSeconds: (performance.now() - opened) / 1000, answers: { question, ...answers } };
}

runCommand(main);

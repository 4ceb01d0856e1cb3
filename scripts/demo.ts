/**
 * `npm run demo -- --model DIR --data FILE [--method lora|full] [--provider wasm|webgpu] [--steps N] [--json FILE]`: the
 * main job in headless Chromium on the built page, driven as a person would, with a progress bar and a record at the end.
 */

import { parseArgs } from "node:util";
import type { RunRecord } from "../src/storage/run.ts";
import { count, existing, oneOf, runCommand, writeJson } from "./harness/arguments.ts";
import { launchChromium } from "./harness/chromium.ts";
import { createProgress } from "./harness/progress.ts";
import { serveBuilt } from "./harness/serve.ts";
import { downloadRecord, fillRecipe, openData, openModelFolder, openStudio, waitForRun } from "./harness/studio.ts";

const usage =
  "npm run demo -- --model DIR --data FILE [--method lora|full] [--provider wasm|webgpu] [--steps N] [--json FILE]";

function readArguments() {
  const { values } = parseArgs({
    options: {
      model: { type: "string" },
      data: { type: "string" },
      method: { type: "string", default: "lora" },
      provider: { type: "string", default: "wasm" },
      steps: { type: "string" },
      json: { type: "string" },
    },
  });
  return {
    model: existing("model", values.model, usage),
    data: existing("data", values.data, usage),
    method: oneOf("method", values.method, ["lora", "full"]),
    provider: oneOf("provider", values.provider, ["wasm", "webgpu"]),
    steps: count("steps", values.steps),
    json: values.json,
  };
}

/** What the demo prints, from what the run itself recorded. */
function summarize(record: RunRecord) {
  const sum = (pick: (step: RunRecord["metrics"][number]) => number) =>
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

async function main() {
  const { model, data, method, provider, steps, json } = readArguments();
  const served = await serveBuilt();
  const browser = await launchChromium();
  try {
    const { page } = browser;
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") console.error(message.text());
    });
    await openStudio(page, served.address, provider);
    await openModelFolder(page, model);
    await openData(page, data);
    await page.getByRole("radio", { name: method === "lora" ? "LoRA" : "Full training" }).check();
    if (steps !== null) await fillRecipe(page, { steps: String(steps) });
    await page.getByRole("button", { name: "Start training" }).click();
    const bar = createProgress("training");
    await waitForRun(page, ["finished"], ({ step, total, loss, tokensPerSecond }) => {
      const figures = [
        loss !== null && `loss ${loss.toFixed(3)}`,
        tokensPerSecond !== null && `${Math.round(tokensPerSecond)} tokens/s`,
      ];
      if (total > 0) bar(step, total, figures.filter(Boolean).join(" · "));
    });
    const summary = summarize(await downloadRecord(page));
    console.log(JSON.stringify(summary, null, 2));
    writeJson(json, summary);
  } finally {
    await browser.dispose();
    await served.dispose();
  }
}

runCommand(main);

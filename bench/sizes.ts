/**
 * Measures a model of a real size in the built page, in headless Chromium: opening, what precedes the first step, steps, and
 * the memory of all browser processes. The model has random weights from a seed.
 *
 * `npx tsx bench/sizes.ts --shape smollm2-135m|smollm2-360m|qwen3-0.6b|llama3.2-1b [--provider wasm|webgpu] [--length 512]
 * [--steps 3] [--rows 64] [--batch 1] [--precision float32|float16|int8|int4|uint4] [--program whole|layers|smallest] [--skip]
 * [--set NAME=VALUE …] [--data FILE] [--models DIR] [--tokenizer DIR] [--page BUILD_DIR] [--no-peak] [--json FILE]`.
 * `--precision` stores the frozen weights so; `--skip` skips what precedes the first step; `--set` fills any field of the
 * recipe; `--page` takes another build of the page.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Page } from "playwright";
import { count, existing, oneOf, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { type Headless, launchFor } from "../scripts/harness/chromium.ts";
import { readTokenizerFiles } from "../scripts/harness/modelFolder.ts";
import { createProgress } from "../scripts/harness/progress.ts";
import { callInPage, serveModules } from "../scripts/harness/serve.ts";
import {
  downloadRecord,
  enterStep,
  fillRecipe,
  openData,
  openModelFolder,
  openStudio,
  startTraining,
  waitForRun,
} from "../scripts/harness/studio.ts";
import { methodOf } from "../src/engine/prepare.ts";
import { defineModel } from "../src/models/define.ts";
import type { WholeRecord } from "../src/run/record.ts";
import { weightStorages } from "../src/tensor/storage.ts";
import { createTokenizer } from "../src/tokenizer/tokenizer.ts";
import { createMeter, processorSecondsBetween, type Sample } from "./browserUse.ts";
import type { Peak } from "./products.ts";
import { writeFolder } from "./sizes/folder.ts";
import { partsOf } from "./sizes/parts.ts";
import { type Mark, recordMarks, takeMarks } from "./sizes/recorder.ts";
import { makeRows } from "./sizes/rows.ts";
import { servePage } from "./sizes/serve.ts";
import { shapeNames, shapes } from "./sizes/shapes.ts";
import { matrixOperations } from "./step/problem.ts";

const seed = 7;
const usage = "npx tsx bench/sizes.ts --shape NAME [--provider wasm|webgpu] [--length N] [--steps N] [--json FILE]";

type Settings = ReturnType<typeof readArguments>;

function readArguments() {
  const { values } = parseArgs({
    options: {
      shape: { type: "string", default: "smollm2-135m" },
      provider: { type: "string", default: "wasm" },
      length: { type: "string" },
      steps: { type: "string" },
      rows: { type: "string" },
      batch: { type: "string" },
      precision: { type: "string" },
      program: { type: "string" },
      skip: { type: "boolean", default: false },
      set: { type: "string", multiple: true, default: [] },
      data: { type: "string" },
      models: { type: "string" },
      tokenizer: { type: "string" },
      page: { type: "string" },
      peak: { type: "boolean", default: true },
      json: { type: "string" },
    },
    allowNegative: true,
  });
  const given = (name: "data" | "tokenizer" | "page") =>
    values[name] === undefined ? null : existing(name, values[name], usage);
  return {
    shape: oneOf("shape", values.shape, shapeNames),
    provider: oneOf("provider", values.provider, ["wasm", "webgpu"]),
    length: count("length", values.length) ?? 512,
    steps: count("steps", values.steps) ?? 3,
    rows: count("rows", values.rows) ?? 64,
    batch: count("batch", values.batch) ?? 1,
    fields: {
      ...(values.precision && { weights: oneOf("precision", values.precision, weightStorages) }),
      ...(values.program && { program: oneOf("program", values.program, ["whole", "layers", "smallest"]) }),
      ...Object.fromEntries(
        values.set.map((field) => [field.slice(0, field.indexOf("=")), field.slice(field.indexOf("=") + 1)]),
      ),
    },
    skip: values.skip,
    data: given("data"),
    models: values.models ?? join(tmpdir(), "hone-shapes"),
    tokenizer: given("tokenizer"),
    page: given("page"),
    peak: values.peak,
    json: values.json,
  };
}

/** What the engine reported about its work, with seconds since the start of the run. */
function tasksOf(marks: readonly Mark[]) {
  const start = marks.find(({ call }) => call === "startRun")?.at ?? 0;
  return marks.flatMap(({ at, event }) => (event?.type === "progress" ? [{ at: (at - start) / 1000, ...event }] : []));
}

/**
 * Speed of the steps after the first; with one step alone, of that one. On a machine with other work the share of the peak by
 * processor time says more than the one by the clock.
 */
function speedOf(
  record: WholeRecord,
  marks: readonly Mark[],
  samples: readonly Sample[],
  gflop: number,
  peak: MeasuredPeak | null,
) {
  const later = record.metrics.length > 1 ? record.metrics.slice(1) : record.metrics;
  const seconds = later.reduce((sum, step) => sum + step.seconds, 0);
  const tokens = later.reduce((sum, step) => sum + step.tokens, 0);
  const ends = marks.flatMap(({ at, event }) => (event?.type === "step" ? [at] : [])).slice(-later.length);
  const began = (ends[0] ?? 0) - 1000 * (later[0]?.seconds ?? 0);
  const processor = processorSecondsBetween(samples, began, ends.at(-1) ?? 0);
  const gflops = (gflop * later.length) / seconds;
  const perProcessorSecond = (gflop * later.length) / processor;
  return {
    secondsOfSteps: record.metrics.map((step) => step.seconds),
    secondsPerStep: seconds / later.length,
    processorSecondsPerStep: processor / later.length,
    tokensPerSecond: tokens / seconds,
    gflops,
    shareOfPeak: peak && gflops / peak.gflops,
    shareOfPeakByProcessorTime: peak && perProcessorSecond / peak.gflopPerProcessorSecond,
    losses: record.metrics.map(({ loss }) => loss),
  };
}

interface MeasuredPeak {
  readonly gflops: number;
  readonly gflopPerProcessorSecond: number;
}

/** The speed of large products on the same provider, in a page of its own in a new browser. */
async function measurePeak(provider: "wasm" | "webgpu"): Promise<MeasuredPeak> {
  const served = await serveModules();
  const meter = createMeter();
  let browser: Headless | null = null;
  try {
    browser = await launchFor(provider, served.address);
    await browser.page.goto(served.address);
    const request = { provider, n: 1024, count: 8, tries: 20 };
    const peak = await callInPage<Peak>(browser.page, "/bench/sizes/peakPage.ts", "measurePeak", request);
    meter.take();
    const processor = processorSecondsBetween(meter.samples, peak.began, peak.ended);
    return { gflops: peak.gflops, gflopPerProcessorSecond: peak.gflop / processor };
  } finally {
    meter.stop();
    await browser?.dispose();
    await served.dispose();
  }
}

async function train(page: Page, { steps, batch, length, fields, skip }: Settings) {
  await enterStep(page, "Train");
  await page.getByRole("radio", { name: "LoRA" }).check();
  await fillRecipe(page, {
    ...{ maxLength: String(length), batchSize: String(batch), accumulation: "1", steps: String(steps) },
    ...fields,
  });
  await takeMarks(page);
  await startTraining(page);
  // A run may reach its first step before it can be skipped.
  if (skip)
    void page
      .getByRole("button", { name: "Skip", exact: true })
      .first()
      .click()
      .catch(() => undefined);
  const bar = createProgress("training");
  let cancelling = false;
  await waitForRun(page, ["finished", "cancelled"], ({ step, total, loss }) => {
    if (total > 0) bar(step, total, loss === null ? "" : `loss ${loss.toFixed(3)}`);
    if (step < steps || cancelling) return;
    cancelling = true;
    // The last validation and answers would double the time and measure nothing new.
    void page
      .getByRole("button", { name: "Cancel run", exact: true })
      .click()
      .catch(() => undefined);
  });
  return { marks: await takeMarks(page), record: await downloadRecord(page) };
}

/** Opens model and data in the built page, trains, and closes the browser. */
async function measureRun(settings: Settings, folder: string, data: string) {
  const { provider, page: build } = settings;
  const served = await servePage(build);
  const browser = await launchFor(provider, served.address);
  const meter = createMeter();
  try {
    const { page } = browser;
    page.on("console", (message) => {
      if (message.type() === "error") console.error(message.text());
    });
    await recordMarks(page);
    await openStudio(page, served.address, provider);
    const before = meter.take();
    await openModelFolder(page, folder);
    const opened = meter.take();
    await openData(page, data);
    meter.take();
    const { marks, record } = await train(page, settings);
    return { before, opened, trained: meter.take(), samples: meter.samples, marks, record };
  } finally {
    meter.stop();
    await browser.dispose();
    await served.dispose();
  }
}

async function main() {
  const settings = readArguments();
  const { shape, provider, length, models } = settings;
  const folder = join(models, shape);
  writeFolder(folder, { config: shapes[shape], seed, tokenizer: settings.tokenizer });
  const work = mkdtempSync(join(tmpdir(), "hone-sizes-"));
  try {
    const data = settings.data ?? join(work, "rows.json");
    if (settings.data === null) {
      const files = await readTokenizerFiles(folder);
      const tokenizer = createTokenizer(files.tokenizerJson, files.tokenizerConfig);
      writeFileSync(data, JSON.stringify(makeRows(settings.rows, length, { ...files, tokenizer }, seed)));
    }
    const { before, opened, trained, samples, marks, record } = await measureRun(settings, folder, data);
    // A run may have taken minutes: its figures stay without the peak.
    const peak = settings.peak
      ? await measurePeak(provider).catch((error: unknown) => {
          console.error(`The matrix peak was not measured: ${error instanceof Error ? error.message : String(error)}`);
          return null;
        })
      : null;

    const parts = partsOf(marks).map(({ name, seconds, began, ended }) => ({
      ...{ name, seconds, processorSeconds: processorSecondsBetween(samples, began, ended) },
    }));
    const sumOf = (pick: (part: (typeof parts)[number]) => number) => parts.reduce((sum, part) => sum + pick(part), 0);
    const { tokens = 0, supervisedTokens: supervised = 0 } = record.metrics.at(-1) ?? {};
    const rows = settings.batch;
    const model = defineModel(shapes[shape]);
    const method = methodOf(record.recipe);
    const gflop = matrixOperations({ model, method, shape: { rows, length, supervised } }) / 1e9;
    const { weights, compute, program } = record.recipe;
    const figures = {
      shape,
      provider: record.provider,
      recipe: { weights, compute, program },
      skipped: settings.skip,
      parameters: record.model.parameters,
      trainable: record.trainable,
      tokensPerStep: tokens,
      supervisedPerStep: supervised,
      open: { seconds: opened.seconds, peakBytes: opened.peak, cores: opened.cores },
      toFirstStep: {
        seconds: sumOf(({ seconds }) => seconds),
        processorSeconds: sumOf(({ processorSeconds }) => processorSeconds),
      },
      parts,
      ...speedOf(record, marks, samples, gflop, peak),
      gflopPerStep: gflop,
      matrixPeak: peak,
      cores: trained.cores,
      browserBytes: { before: before.now, open: opened.now, peakOfRun: trained.peak, end: trained.now },
      device: record.memory ?? null,
      tasks: tasksOf(marks),
    };
    console.log(JSON.stringify({ ...figures, tasks: figures.tasks.length }, null, 2));
    writeJson(settings.json, figures);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

runCommand(main);

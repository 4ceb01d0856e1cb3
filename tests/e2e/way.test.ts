/** The way of a person through the built page on a real model, from its files to what is taken away; and a second tab. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { unzipSync } from "fflate";
import type { Page } from "playwright";
import { afterAll, beforeAll, expect, inject, onTestFinished } from "vitest";
import { type Headless, launchChromium } from "../../scripts/harness/chromium.ts";
import {
  downloadRecord,
  enterStep,
  fillRecipe,
  openData,
  openModelFolder,
  openStudio,
  progressOf,
  startTraining,
  waitForRun,
} from "../../scripts/harness/studio.ts";
import { readModel } from "../../src/onnx/model.ts";
import { type Shared, test } from "../support/shared.ts";
import { folderOf, watch } from "./tab.ts";

let browser: Headless;
beforeAll(async () => {
  browser = await launchChromium({ webgpu: false });
});
afterAll(() => browser?.dispose());

/** Short rows, so that steps are quick: each question once. */
async function shortRows(shared: Shared, count: number) {
  const all = (await shared.json("data/alpaca_en_demo.json")) as {
    instruction: string;
    input: string;
    output: string;
  }[];
  const rows = [...new Map(all.map((row) => [row.instruction, row])).values()];
  const length = ({ instruction, input, output }: (typeof rows)[number]) => (instruction + input + output).length;
  return rows.sort((a, b) => length(a) - length(b)).slice(0, count);
}

/** Opens a tab with the shared model and pairs of it chosen, and the recipe of a short run filled in. */
async function prepared(page: Page, shared: Shared, steps: number) {
  const folder = await folderOf({ "short.json": JSON.stringify(await shortRows(shared, 24)) });
  await openStudio(page, inject("page"), "wasm");
  await openModelFolder(page, shared.at("models/stories260K"));
  await openData(page, join(folder, "short.json"));
  await fillRecipe(page, {
    steps: String(steps),
    learningRate: "5e-3",
    batchSize: "2",
    accumulation: "4",
    validationShare: "0.2",
    evaluateEvery: "4",
    checkpointEvery: "2",
    samplePrompts: "2",
    runName: `Short rows, ${steps} steps`,
  });
}

const training = (page: Page) => waitForRun(page, ["training", "finished"]);
const runs = (page: Page) => page.getByRole("region", { name: "Runs", exact: true });

test("from a model folder and pairs to a resumed, compared and exported run", async ({ shared }) => {
  const page = await browser.context.newPage();
  onTestFinished(() => page.close());
  watch(page, inject("page"));
  await page.setViewportSize({ width: 1280, height: 900 });
  const steps = 12;
  await prepared(page, shared, steps);
  expect(await page.getByTestId("start-note").textContent()).toBe(`About ${steps} steps of 8 rows.`);

  await startTraining(page);
  await training(page);
  await page.getByRole("button", { name: "Pause" }).click();
  await waitForRun(page, ["paused"]);
  const paused = await progressOf(page);
  expect(paused?.step).toBeGreaterThanOrEqual(1);
  expect(paused?.step).toBeLessThan(steps);
  expect(paused?.loss).toBeGreaterThan(0);

  await page.reload();
  const name = `Short rows, ${steps} steps`;
  await enterStep(page, "Runs");
  await page.getByRole("button", { name: `Resume ${name}` }).click();
  await waitForRun(page, ["finished"]);
  await enterStep(page, "Runs");
  const card = runs(page).getByRole("article", { name });
  expect(await card.getAttribute("data-status")).toBe("finished");
  expect(await card.textContent()).toContain(`${steps} / ${steps}`);

  const record = await downloadRecord(page);
  expect(record).toMatchObject({
    name,
    status: "finished",
    step: steps,
    provider: "wasm",
    examples: { training: 19, validation: 5 },
    model: { name: "stories260K" },
    sources: [{ name: "short.json" }],
  });
  // Each step once and in order, over the pause.
  expect(record.metrics.map(({ step }) => step)).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
  expect(record.evaluations.map(({ step }) => step)).toEqual([0, 4, 8, 12]);
  const [before, after] = [record.evaluations[0]?.loss ?? 0, record.evaluations.at(-1)?.loss ?? 0];
  expect(after).toBeLessThan(before);
  expect(record.samples).toHaveLength(2);
  for (const sample of record.samples) {
    expect(sample).toEqual({
      prompt: expect.stringMatching(/\w/),
      reference: expect.stringMatching(/\w/),
      before: expect.any(String),
      after: expect.any(String),
    });
  }

  await enterStep(page, "Compare");
  const compare = page.getByRole("region", { name: "Compare", exact: true });
  await compare.getByLabel("Question", { exact: true }).fill("Name three colors.");
  await compare.getByRole("button", { name: "Answer settings" }).click();
  await compare.locator('[name="maxTokens"]').fill("24");
  await compare.getByRole("button", { name: "Ask both" }).click();
  for (const title of ["Base model", "Tuned model"]) {
    const card = compare.getByRole("region", { name: title });
    await card.and(page.locator('[data-status="done"]')).waitFor();
    expect(await card.getByTestId("answer").textContent(), title).toMatch(/\w/);
    expect(await card.textContent(), title).toMatch(/\d+ tokens?/);
  }

  await enterStep(page, "Take away");
  const [archive] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Make the artifacts" }).click(),
  ]);
  const files = unzipSync(await readFile(await archive.path()));
  const inputs = Object.fromEntries(
    Object.entries(files).map(([file, bytes]) => [file, readModel(bytes).inputs.map((input) => input.name)]),
  );
  expect(Object.keys(inputs).sort()).toEqual([
    "eval_model.onnx",
    "generation_model.onnx",
    "optimizer_model.onnx",
    "training_model.onnx",
  ]);
  expect(inputs["training_model.onnx"]).toContain("lazy_reset_grad");
  expect(inputs["optimizer_model.onnx"]).toContain("learning_rate");

  // Deleted with a way back, and for good once the page is left.
  await enterStep(page, "Runs");
  await page.getByRole("button", { name: `Delete ${name}` }).click();
  await page.getByRole("button", { name: `Undo: keep ${name}` }).click();
  await card.waitFor();
  await page.getByRole("button", { name: `Delete ${name}` }).click();
  await card.waitFor({ state: "detached" });
  await page.reload();
  await runs(page).getByText("No run is kept in this browser").waitFor();
});

test("a second tab shows the run that the first trains, and starts none beside it", async ({ shared }) => {
  const page = await browser.context.newPage();
  onTestFinished(() => page.close());
  watch(page, inject("page"));
  await prepared(page, shared, 5000);
  await startTraining(page);
  await training(page);

  const second = await browser.context.newPage();
  onTestFinished(() => second.close());
  watch(second, inject("page"));
  await second.setViewportSize({ width: 1280, height: 900 });
  await openStudio(second, inject("page"), "wasm");
  // It follows the first one's steps, and its own Start is closed with the reason.
  await enterStep(second, "Runs");
  const card = runs(second).getByRole("article", { name: "Short rows, 5000 steps" });
  await card.and(second.locator('[data-status="elsewhere"]')).waitFor();
  await enterStep(second, "Train");
  const idle = second.getByRole("button", { name: "Start training" });
  expect(await idle.isDisabled()).toBe(true);
  expect(await second.getByTestId("start-note").textContent()).toMatch(/^A run trains in another tab/);
  const followed = (await progressOf(second))?.step ?? 0;
  await expect.poll(async () => (await progressOf(second))?.step, { timeout: 60_000 }).toBeGreaterThan(followed);

  // The first trains on as if nothing had been, and what it holds is given back at its end.
  const seen = (await progressOf(page))?.step ?? 0;
  await expect.poll(async () => (await progressOf(page))?.step, { timeout: 60_000 }).toBeGreaterThan(seen);
  await page.getByRole("button", { name: "Cancel run" }).click();
  await waitForRun(page, ["cancelled"]);
  await fillRecipe(second, { steps: "1", samplePrompts: "0" });
  await idle.and(second.locator(":enabled")).waitFor();
  await startTraining(second);
  await waitForRun(second, ["finished"]);
});

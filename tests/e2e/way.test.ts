/**
 * A user's own files through the built page, from opening to export and import in another profile; and a second tab.
 */

import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { unzipSync } from "fflate";
import type { Page } from "playwright";
import { expect, inject, onTestFinished, test } from "vitest";
import {
  downloadRecord,
  enterStep,
  fillRecipe,
  openData,
  openModelFolder,
  openStudio,
  progressOf,
  promptBoth,
  startTraining,
  waitForRun,
} from "../../scripts/harness/studio.ts";
import { readModel } from "../../src/onnx/model.ts";
import { jsonLines, tinyModel, tinyRows } from "../support/tinyLlama.ts";
import { folderOf, freshTab, watch } from "./tab.ts";

/** The answers are in a column that no format knows; two rows repeat others. */
const rows = Array.from({ length: 42 }, (_, i) => {
  const n = i % 40;
  return { instruction: `Say ${n}.`, output: "No.", better: `It is ${n}.` };
});

/** With its own marks; the supervised text is between the generation tags. */
const template = `{{- bos_token -}}{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
[reply]{%- generation -%}{{ message.content }}{{ eos_token }}{%- endgeneration -%}
{%- else -%}
[ask]{{ message.content }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}[reply]{%- endif -%}`;

const name = "Own way";
const question = "Say 7.";
const steps = 200;

/** Clicks, and returns the downloaded bytes and their path. */
async function take(page: Page, button: string): Promise<{ path: string; files: Record<string, Uint8Array> }> {
  await enterStep(page, "Take away");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: button, exact: true }).click(),
  ]);
  const path = await download.path();
  return { path, files: unzipSync(await readFile(path)) };
}

/** Short answers, because the made-up model rarely ends one itself. */
async function answerShortly(page: Page) {
  await enterStep(page, "Compare");
  await page.getByRole("button", { name: "Answer settings" }).click();
  await page.locator('[name="maxTokens"]').fill("24");
}

const runs = (page: Page) => page.getByRole("region", { name: "Runs", exact: true });

test("own model, file, mapping, template, exclusions and settings; paused, reloaded, resumed; compared, taken to another profile, deleted", {
  timeout: 600_000,
}, async () => {
  const folder = await folderOf({ ...tinyModel(), "rows.jsonl": jsonLines(rows) });
  const page = await freshTab();
  watch(page, inject("page"));
  await openStudio(page, inject("page"), "wasm");
  await openModelFolder(page, folder);
  await openData(page, join(folder, "rows.jsonl"));

  await page.getByRole("button", { name: "Change the columns of rows.jsonl" }).click();
  await page.getByLabel("Response", { exact: true }).selectOption("better");
  await enterStep(page, "Template and mask");
  await page.locator('select[name="template"]').selectOption("custom");
  await page.getByRole("textbox", { name: "Your template" }).fill(template);
  const preview = page.getByRole("region", { name: "Preview", exact: true });
  await preview.getByText("It is 0.").first().waitFor();
  await expect.poll(() => preview.textContent(), { timeout: 60_000 }).toContain("[reply]It is 0.");
  await fillRecipe(page, {
    maxLength: "96",
    steps: String(steps),
    rank: "4",
    alpha: "8",
    learningRate: "3e-3",
    batchSize: "4",
    accumulation: "2",
    validationShare: "0.2",
    evaluateEvery: "50",
    checkpointEvery: "20",
    samplePrompts: "2",
    runName: name,
  });
  await enterStep(page, "Data");
  await page.getByTestId("report-state").filter({ hasText: "All checks passed" }).waitFor();
  await page.getByRole("button", { name: /^Exclude these 2 rows/ }).click();
  await page.getByRole("region", { name: "Excluded rows" }).waitFor();
  await enterStep(page, "Train");
  expect(await page.getByTestId("start-note").textContent()).toMatch(/^(About )?200 steps of (up to )?8 rows\.$/);

  await startTraining(page);
  await waitForRun(page, ["training"]);
  await page.getByRole("button", { name: "Pause" }).click();
  await waitForRun(page, ["paused"]);
  const paused = await progressOf(page);
  expect(paused?.step).toBeGreaterThanOrEqual(1);
  expect(paused?.step).toBeLessThan(steps);
  expect(paused?.loss).toBeGreaterThan(0);

  await page.reload();
  await enterStep(page, "Runs");
  await page.getByRole("button", { name: `Resume ${name}` }).click();
  await waitForRun(page, ["finished"]);
  await enterStep(page, "Runs");
  const card = runs(page).getByRole("article", { name });
  expect(await card.getAttribute("data-status")).toBe("finished");
  expect(await card.textContent()).toContain(`${steps} / ${steps}`);
  // All choices are still there after the reload.
  await enterStep(page, "Template and mask");
  expect(await page.getByRole("textbox", { name: "Your template" }).inputValue()).toBe(template);

  const record = await downloadRecord(page);
  expect(record).toMatchObject({
    name,
    status: "finished",
    step: steps,
    provider: "wasm",
    examples: { training: 32, validation: 8 },
    model: { name: basename(folder) },
    sources: [{ name: "rows.jsonl", excluded: [40, 41] }],
  });
  // Each step once and in order, across the pause.
  expect(record.metrics.map(({ step }) => step)).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
  expect(record.evaluations.map(({ step }) => step)).toEqual([0, 50, 100, 150, 200]);
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

  await answerShortly(page);
  const answers = await promptBoth(page, question);
  for (const title of ["Base model", "Tuned model"]) {
    expect(await page.getByRole("region", { name: title }).textContent(), title).toMatch(/\d+ tokens?/);
  }
  // Another colour scheme comes without a style element, which the policy would stop.
  await page.getByLabel("Colours").selectOption("dark");
  expect(await page.locator("style").count()).toBe(0);

  const adapter = await take(page, "Export the adapter");
  const artifacts = await take(page, "Make the artifacts");
  const inputs = Object.fromEntries(
    Object.entries(artifacts.files).map(([file, bytes]) => [file, readModel(bytes).inputs.map((input) => input.name)]),
  );
  expect(Object.keys(inputs).sort()).toEqual([
    "eval_model.onnx",
    "generation_model.onnx",
    "optimizer_model.onnx",
    "training_model.onnx",
  ]);
  expect(inputs["training_model.onnx"]).toContain("lazy_reset_grad");
  expect(inputs["optimizer_model.onnx"]).toContain("learning_rate");
  const whole = await take(page, "Export the whole run");
  expect(Object.keys(whole.files)).toContain("run.json");

  const other = await freshTab();
  watch(other, inject("page"));
  await openStudio(other, inject("page"), "wasm");
  await enterStep(other, "Runs");
  await other.getByLabel("Run file").setInputFiles(whole.path);
  const taken = other.getByRole("article", { name });
  await taken.waitFor();
  expect(await taken.textContent()).toContain(`${steps} / ${steps}`);
  // Rows and settings were imported; the page names the base model that is missing.
  expect(await taken.textContent()).toMatch(/is not in this browser\. Open it under Model/);
  await openModelFolder(other, folder);
  await answerShortly(other);
  expect(await promptBoth(other, question)).toEqual(answers);
  const again = await take(other, "Export the adapter");
  const weights = "adapter_model.safetensors";
  expect(adapter.files[weights]?.length).toBeGreaterThan(1000);
  expect(Buffer.compare(again.files[weights] ?? Buffer.of(), adapter.files[weights] ?? Buffer.of())).toBe(0);

  // A deletion can be undone until the page is left.
  await enterStep(page, "Runs");
  await page.getByRole("button", { name: `Delete ${name}` }).click();
  await page.getByRole("button", { name: `Undo: keep ${name}` }).click();
  await card.waitFor();
  await page.getByRole("button", { name: `Delete ${name}` }).click();
  await card.waitFor({ state: "detached" });
  await page.reload();
  await runs(page).getByText("This browser has no runs").waitFor();
});

test("a second tab shows the run that the first trains, and starts none beside it", async () => {
  const folder = await folderOf({ ...tinyModel(), "rows.jsonl": jsonLines(tinyRows()) });
  const page = await freshTab();
  watch(page, inject("page"));
  await openStudio(page, inject("page"), "wasm");
  await openModelFolder(page, folder);
  await openData(page, join(folder, "rows.jsonl"));
  const short = { maxLength: "128", accumulation: "1", samplePrompts: "0" };
  await fillRecipe(page, { ...short, steps: "100000", evaluateEvery: "1000", runName: "In the first tab" });
  await startTraining(page);
  await waitForRun(page, ["training"]);

  const second = await page.context().newPage();
  onTestFinished(() => second.close());
  watch(second, inject("page"));
  await openStudio(second, inject("page"), "wasm");
  // It follows the first tab's steps; its own Start is disabled, with the reason.
  await enterStep(second, "Runs");
  const card = runs(second).getByRole("article", { name: "In the first tab" });
  await card.and(second.locator('[data-status="elsewhere"]')).waitFor();
  await enterStep(second, "Train");
  const idle = second.getByRole("button", { name: "Start training" });
  expect(await idle.isDisabled()).toBe(true);
  expect(await second.getByTestId("start-note").textContent()).toMatch(/^Another tab of this browser trains a run/);
  const followed = (await progressOf(second))?.step ?? 0;
  await expect.poll(async () => (await progressOf(second))?.step, { timeout: 60_000 }).toBeGreaterThan(followed);

  // The first tab continues to train, and releases its lock at the end.
  const seen = (await progressOf(page))?.step ?? 0;
  await expect.poll(async () => (await progressOf(page))?.step, { timeout: 60_000 }).toBeGreaterThan(seen);
  await page.getByRole("button", { name: "Cancel run" }).click();
  await waitForRun(page, ["cancelled"]);
  await fillRecipe(second, { ...short, steps: "1" });
  await idle.and(second.locator(":enabled")).waitFor();
  await startTraining(second);
  await waitForRun(second, ["finished"]);
});

/** The expert's way on the built page: everything changed that can be, a run paused, reloaded, resumed, and moved to another profile. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { unzipSync } from "fflate";
import type { Page } from "playwright";
import { expect, inject, onTestFinished, test } from "vitest";
import { launchChromium } from "../../scripts/harness/chromium.ts";
import {
  askBoth,
  enterStep,
  fillRecipe,
  openData,
  openModelFolder,
  openStudio,
  progressOf,
  startTraining,
  waitForRun,
} from "../../scripts/harness/studio.ts";
import { jsonLines, tinyModel } from "../support/tinyLlama.ts";
import { folderOf, watch } from "./tab.ts";

/** Of each row the answer that is wanted stands in a column that no format is known for; two rows repeat others. */
const rows = Array.from({ length: 42 }, (_, i) => {
  const n = i % 40;
  return { instruction: `Say ${n}.`, output: "No.", better: `It is ${n}.` };
});

/** With marks of its own; what is learnt stands between the generation tags. */
const template = `{{- bos_token -}}{%- for message in messages -%}
{%- if message.role == "assistant" -%}
[reply]{% generation %}{{ message.content }}{{ eos_token }}{% endgeneration %}{{ "\\n" }}
{%- else -%}
[{{ message.role }}]{{ message.content }}{{ "\\n" }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
[reply]
{%- endif -%}
`;

const name = "An expert's run";
const question = "Say 7.";

async function profile(): Promise<Page> {
  const { page, dispose } = await launchChromium({ webgpu: false, profile: await folderOf({}) });
  onTestFinished(dispose);
  watch(page, inject("page"));
  await openStudio(page, inject("page"), "wasm");
  return page;
}

/** Clicks and gives the bytes of what is downloaded, and where they lie. */
async function take(page: Page, button: string): Promise<{ path: string; files: Record<string, Uint8Array> }> {
  await enterStep(page, "Take away");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: button, exact: true }).click(),
  ]);
  const path = await download.path();
  return { path, files: unzipSync(await readFile(path)) };
}

test("own file, mapping, template, exclusions and settings; paused, reloaded, resumed; taken to another profile", {
  timeout: 600_000,
}, async () => {
  const folder = await folderOf({ ...tinyModel(), "rows.jsonl": jsonLines(rows) });
  const page = await profile();
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
    steps: "400",
    rank: "4",
    alpha: "8",
    learningRate: "1e-3",
    batchSize: "4",
    accumulation: "1",
    evaluateEvery: "100",
    checkpointEvery: "50",
    samplePrompts: "1",
    runName: name,
  });
  await enterStep(page, "Data");
  await page.getByTestId("report-state").filter({ hasText: "All checks passed" }).waitFor();
  await page.getByRole("button", { name: /^Exclude these 2 rows/ }).click();
  await page.getByRole("region", { name: "Excluded rows" }).waitFor();

  await startTraining(page);
  await waitForRun(page, ["training"]);
  await page.getByRole("button", { name: "Pause" }).click();
  await waitForRun(page, ["paused"]);
  const paused = await progressOf(page);
  expect(paused?.step).toBeLessThan(400);
  await page.reload();
  await enterStep(page, "Runs");
  await page.getByRole("button", { name: `Resume ${name}` }).click();
  await waitForRun(page, ["finished"]);
  expect((await progressOf(page))?.step).toBe(400);
  // All that was chosen is still there after the reload.
  await enterStep(page, "Template and mask");
  expect(await page.getByRole("textbox", { name: "Your template" }).inputValue()).toBe(template);

  const asked = await askBoth(page, question);
  const adapter = await take(page, "Export the adapter");
  const whole = await take(page, "Export the whole run");
  expect(Object.keys(whole.files)).toContain("run.json");

  const other = await profile();
  await enterStep(other, "Runs");
  await other.getByLabel("Run file").setInputFiles(whole.path);
  const card = other.getByRole("article", { name });
  await card.waitFor();
  expect(await card.textContent()).toContain("400 / 400");
  // Rows and settings came along; the model is named, and asked for.
  expect(await card.textContent()).toMatch(/is not in this browser: open it under Model/);
  await openModelFolder(other, folder);
  expect(await askBoth(other, question)).toEqual(asked);
  const again = await take(other, "Export the adapter");
  const weights = "adapter_model.safetensors";
  expect(adapter.files[weights]?.length).toBeGreaterThan(1000);
  expect(Buffer.compare(again.files[weights] ?? Buffer.of(), adapter.files[weights] ?? Buffer.of())).toBe(0);
});

/**
 * The data screens on the built page with its real workers. Oracle: the promises of the samples' README for each file.
 */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright";
import { expect, inject, onTestFinished, test } from "vitest";
import {
  downloadRecord,
  enterStep,
  fillRecipe,
  openData,
  openModelFolder,
  openStudio,
  startTraining,
  waitForRun,
} from "../../scripts/harness/studio.ts";
import { isLong } from "../support/long.ts";
import { jsonLines, tinyConfig, tinyModel, tinyRows } from "../support/tinyLlama.ts";
import { folderOf, oneProfile, watch } from "./tab.ts";

const profile = oneProfile();

const region = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

/** A tab with a tiny model whose context has room for the samples' rows. */
async function studio(): Promise<Page> {
  const page = await profile().newPage();
  onTestFinished(() => page.close());
  watch(page, inject("page"));
  await openStudio(page, inject("page"), "wasm");
  // The profile remembers the choices of other tests.
  await enterStep(page, "Data");
  for (const box of await page.getByRole("checkbox", { name: /^Train on / }).all()) await box.uncheck();
  const config = JSON.stringify({ ...tinyConfig, max_position_embeddings: 2048 });
  await openModelFolder(page, await folderOf({ ...tinyModel(), "config.json": config }));
  await fillRecipe(page, { maxLength: "1500" });
  return page;
}

async function openSample(page: Page, label: string): Promise<void> {
  await enterStep(page, "Data");
  const samples = page.getByRole("list", { name: "Samples", exact: true });
  if ((await samples.count()) === 0) await region(page, "Data").getByText("Samples", { exact: true }).click();
  await samples.getByRole("button", { name: label, exact: true }).click();
}

const state = (page: Page, text: string) => page.getByTestId("report-state").filter({ hasText: text }).waitFor();
const findings = (page: Page) =>
  page.locator("[data-finding]").evaluateAll((cards) => cards.map((card) => (card as HTMLElement).dataset.finding));

test("the faulty sample: every fault is named, excluded by a click, included by another", async () => {
  const page = await studio();
  await openSample(page, "A faulty file");
  await state(page, "All checks passed");
  expect(await findings(page)).toEqual(
    expect.arrayContaining([
      "unreadable",
      "unusable",
      "too-long",
      "empty-answer",
      "exact-duplicate",
      "near-duplicate",
      "contradiction",
      "template-language",
      "short-answer",
      "control-characters",
      "personal-data",
      "preference",
    ]),
  );
  const duplicates = page.locator('[data-finding="exact-duplicate"]');
  await duplicates.getByRole("button", { name: /^Exclude these 2 rows/ }).click();
  await expect.poll(() => findings(page), { timeout: 60_000 }).not.toContain("exact-duplicate");
  await region(page, "Excluded rows").getByRole("button", { name: /^Undo/ }).click();
  await expect.poll(() => findings(page), { timeout: 60_000 }).toContain("exact-duplicate");
});

test("a run learns from several sources with their weights, without the excluded rows, edited as shown, packed", async () => {
  const page = await studio();
  const rows = tinyRows(12);
  const edited = { ...rows[1], output: "An edited answer." };
  const folder = await folderOf({
    "a.jsonl": jsonLines(rows),
    "b.csv": "question,answer\nWhy?,Because.\nWho?,I.\n",
  });
  await openData(page, join(folder, "a.jsonl"));
  await openData(page, join(folder, "b.csv"));
  await page.getByLabel("Weight λ of b.csv").fill("2");
  const recipe = { steps: "2", maxLength: "256", accumulation: "1", samplePrompts: "0", validationShare: "0" };
  await fillRecipe(page, { ...recipe, watchRow: "2" });
  await enterStep(page, "Template and mask");
  await page.getByRole("checkbox", { name: /Packing/ }).check();
  const preview = region(page, "Preview");
  await preview.getByRole("button", { name: "Exclude this row" }).click();
  await preview.getByRole("button", { name: "Next" }).click();
  await preview.getByRole("button", { name: "Edit row" }).click();
  await preview.getByLabel("Response (output)").fill("An edited answer.");
  await preview.getByRole("button", { name: "Save row" }).click();
  await preview.getByTestId("row-title").filter({ hasText: "edited" }).waitFor();
  await enterStep(page, "Data");
  await state(page, "All checks passed");
  await startTraining(page);
  await waitForRun(page, ["finished"]);
  const record = await downloadRecord(page);
  expect(record).toMatchObject({
    status: "finished",
    recipe: {
      packing: true,
      stages: [
        {
          mixture: "weight",
          sources: [
            { source: 0, lambda: 1 },
            { source: 1, lambda: 2 },
          ],
        },
      ],
    },
    sources: [
      { name: "a.jsonl", excluded: [0], edits: [{ row: 1, value: JSON.stringify(edited) }] },
      { name: "b.csv", excluded: [] },
    ],
    examples: { training: 13, validation: 0 },
  });
  expect(record.watch?.tokens.map(({ text }) => text).join("")).toContain("An edited answer.");
  // Four rows of up to 256 tokens have room for far more than four examples.
  expect(record.metrics[0]?.tokens).toBeGreaterThan(300);
  await page.reload();
  await enterStep(page, "Data");
  await page.getByText("You edited 1 row:").waitFor();
});

test("reading a file of tens or hundreds of megabytes can be cancelled, and leaves nothing behind", {
  timeout: 600_000,
}, async () => {
  const page = await studio();
  const folder = await folderOf({});
  const file = join(folder, "large.jsonl");
  const stream = createWriteStream(file);
  const output = "word ".repeat(20_000);
  for (let row = 0; row < (isLong ? 3000 : 800); row++) {
    if (!stream.write(`${JSON.stringify({ instruction: `Row ${row}`, output })}\n`)) await once(stream, "drain");
  }
  stream.end();
  await once(stream, "finish");
  await enterStep(page, "Data");
  const reading = openData(page, file);
  await region(page, "Data").getByRole("button", { name: "Cancel" }).click();
  await reading;
  expect(await page.getByRole("checkbox", { name: "Train on large.jsonl" }).count()).toBe(0);
  expect(await region(page, "Data").getByRole("alert").count()).toBe(0);
});

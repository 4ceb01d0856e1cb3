/** A newcomer's way on the built page: Seedling and its data are there, train, and are examined; and nobody is overruled. */

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Page } from "playwright";
import { expect, inject, onTestFinished, test } from "vitest";
import { launchChromium } from "../../scripts/harness/chromium.ts";
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
import { demoData } from "../../src/store/seedling.ts";
import { jsonLines, tinyModel, tinyRows } from "../support/tinyLlama.ts";
import { folderOf, watch } from "./tab.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A browser that has never seen the page. */
async function newcomer(expected: readonly RegExp[] = []): Promise<Page> {
  const { page, dispose } = await launchChromium({ webgpu: false });
  onTestFinished(dispose);
  watch(page, inject("page"), expected);
  return page;
}

const region = (page: Page, name: string) => page.getByRole("region", { name, exact: true });
/** Name of the model that is trained, as Model shows it. */
async function modelOf(page: Page): Promise<string | null> {
  await enterStep(page, "Model");
  return region(page, "Model").getByLabel("Train this model").locator("option:checked").textContent();
}
/** Whether the demo data are chosen, as Data shows it. */
async function demoChosen(page: Page): Promise<boolean> {
  await enterStep(page, "Data");
  return page.getByRole("checkbox", { name: `Train on ${demoData}` }).isChecked();
}

const run = promisify(execFile);

/** The whole demo takes a minute and a half on two free cores. */
const patience = 1_200_000;

test("npm run demo: Seedling learns to answer about entities that it was never asked about", {
  timeout: patience,
}, async () => {
  const json = join(await folderOf({}), "demo.json");
  const { stderr } = await run(process.execPath, ["--import", "tsx", "scripts/demo.ts", "--json", json], { cwd: root });
  expect(stderr).not.toMatch(/error|warning/i);
  const record = JSON.parse(await readFile(json, "utf8"));
  expect(record).toMatchObject({
    model: "Seedling",
    provider: "wasm",
    steps: 180,
    examples: 200,
    questions: 256,
    answers: { tuned: expect.any(String) },
  });
  const { trainedEntities, heldOutEntities, heldOutTasks } = record.exactMatch;
  for (const { before } of [trainedEntities, heldOutEntities, heldOutTasks]) expect(before).toBeLessThanOrEqual(0.05);
  // 95 and 92 % when it was measured.
  expect(trainedEntities.after).toBeGreaterThanOrEqual(0.8);
  expect(heldOutEntities.after).toBeGreaterThanOrEqual(0.8);
  expect(record.generalLoss.before).toBeCloseTo(0.743, 2);
  expect(record.generalLoss.after).toBeGreaterThan(record.generalLoss.before);
  expect(record.coldStartSeconds).toBeGreaterThan(record.seconds);
});

test("a first visit has a model, data and a recipe without a doubt; what is then removed stays away", async () => {
  const page = await newcomer();
  await openStudio(page, inject("page"), "wasm", { keepDemoData: true });
  expect(await modelOf(page)).toBe("Seedling");
  expect(await demoChosen(page)).toBe(true);
  await page.getByTestId("report-state").filter({ hasText: "All checks passed" }).waitFor();
  // Its own defaults, and nothing to say against them.
  await enterStep(page, "Train");
  expect(await page.locator('[name="learningRate"]').inputValue()).not.toBe("2e-4");
  expect(
    await region(page, "Recipe")
      .getByText(/usually/i)
      .filter({ visible: true })
      .count(),
  ).toBe(0);
  expect(await page.getByRole("button", { name: "Start training" }).isEnabled()).toBe(true);

  // Kept: the next visit fetches nothing of it again.
  const before = watchModels(page);
  await page.reload();
  await page.locator('[data-settled="true"]').waitFor();
  expect(await modelOf(page)).toBe("Seedling");
  expect(await demoChosen(page)).toBe(true);
  expect(before).toEqual([]);

  await page.getByRole("checkbox", { name: `Train on ${demoData}` }).uncheck();
  await enterStep(page, "Model");
  await page.getByRole("button", { name: "Remove Seedling" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByLabel("Train this model").waitFor({ state: "detached" });
  await page.reload();
  await page.locator('[data-settled="true"]').waitFor();
  await enterStep(page, "Model");
  expect(await page.getByLabel("Train this model").count()).toBe(0);
  expect(await demoChosen(page)).toBe(false);

  // One click brings it back.
  await enterStep(page, "Model");
  await page.getByRole("button", { name: "Seedling, comes with the page" }).click();
  await page.getByLabel("Train this model").waitFor();
  expect(await modelOf(page)).toBe("Seedling");
});

test("where the host has neither, the page says so in place, and a model and data of one's own train", async () => {
  const page = await newcomer([/status of 404/]);
  for (const absent of ["**/models/**", "**/samples/**"])
    await page.context().route(absent, (route) => route.fulfill({ status: 404, body: "not here" }));
  await openStudio(page, inject("page"), "wasm");
  await enterStep(page, "Model");
  await region(page, "Model").getByRole("alert").filter({ hasText: "Seedling could not be loaded" }).waitFor();
  await enterStep(page, "Data");
  await region(page, "Data")
    .getByRole("alert")
    .filter({ hasText: `${demoData} is not served` })
    .waitFor();
  const folder = await folderOf({ ...tinyModel(), "rows.jsonl": jsonLines(tinyRows()) });
  await openModelFolder(page, folder);
  await openData(page, join(folder, "rows.jsonl"));
  await fillRecipe(page, { steps: "2", maxLength: "128", accumulation: "1", samplePrompts: "0" });
  await startTraining(page);
  await waitForRun(page, ["finished"]);
  expect(await downloadRecord(page)).toMatchObject({ sources: [{ name: "rows.jsonl" }], step: 2 });
});

/** Addresses of model files that are asked for from now on. */
function watchModels(page: Page): string[] {
  const asked: string[] = [];
  page.context().on("request", (request) => {
    if (request.url().includes("/models/")) asked.push(request.url());
  });
  return asked;
}

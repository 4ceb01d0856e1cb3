/** Seedling and its data: `npm run demo` as a user runs it, and a host without either. */

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Page } from "playwright";
import { expect, inject, test } from "vitest";
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
import { isLong } from "../support/long.ts";
import { jsonLines, tinyModel, tinyRows } from "../support/tinyLlama.ts";
import { folderOf, freshTab, watch } from "./tab.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A new browser profile. */
async function newcomer(expected: readonly RegExp[] = []): Promise<Page> {
  const page = await freshTab();
  watch(page, inject("page"), expected);
  return page;
}

const region = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

const run = promisify(execFile);

/** The whole demo takes a minute and a half on two free cores. */
const patience = 1_200_000;

/** Questions of each group of the exam; the long form has all of them. */
const few = 24;

test("npm run demo: Seedling learns to answer about entities that it was never asked about", {
  timeout: patience,
}, async () => {
  const json = join(await folderOf({}), "demo.json");
  const options = ["--json", json, ...(isLong ? [] : ["--questions", String(few)])];
  const { stderr } = await run(process.execPath, ["--import", "tsx", "scripts/demo.ts", ...options], { cwd: root });
  expect(stderr).not.toMatch(/error|warning/i);
  const record = JSON.parse(await readFile(json, "utf8"));
  expect(record).toMatchObject({
    model: "Seedling",
    provider: "wasm",
    steps: 180,
    examples: 200,
    questions: isLong ? 256 : 3 * few,
    answers: { tuned: expect.any(String) },
  });
  const { trainedEntities, heldOutEntities, heldOutTasks } = record.exactMatch;
  for (const { before } of [trainedEntities, heldOutEntities, heldOutTasks]) expect(before).toBeLessThanOrEqual(0.05);
  // 95 and 92 % of all questions when it was measured.
  expect(trainedEntities.after).toBeGreaterThanOrEqual(0.8);
  expect(heldOutEntities.after).toBeGreaterThanOrEqual(0.8);
  expect(record.generalLoss.before).toBeCloseTo(0.743, 2);
  expect(record.generalLoss.after).toBeGreaterThan(record.generalLoss.before);
  expect(record.coldStartSeconds).toBeGreaterThan(record.seconds);
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

/**
 * A browser of version 1 (tests/fixtures/version1) opens the built page: the page shows everything and resumes its
 * runs.
 */

import type { Page } from "playwright";
import { expect, inject, test } from "vitest";
import { downloadRecord, enterStep, openModelFolder, openStudio, waitForRun } from "../../scripts/harness/studio.ts";
import {
  type Dump,
  modelFiles,
  outcomeOf,
  readDump,
  readExpected,
  runFilePath,
  version1Run,
} from "../support/version1.ts";
import { folderOf, freshTab, watch } from "./tab.ts";

const expected = readExpected();
/** Name of the resumed run. */
const full = "Full, paused";
const resumed = { from: 0, ...expected.resumed[expected.ids.full] };

/** Writes the dump into the page's databases without any code of the page. */
async function load(page: Page, dump: Dump): Promise<void> {
  await page.goto(`${inject("page")}favicon.svg`);
  await page.evaluate(async ({ databases, localStorage: values }) => {
    for (const [name, { version, stores }] of Object.entries(databases)) {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open(name, version);
        opening.onupgradeneeded = () => {
          for (const store of Object.keys(stores)) opening.result.createObjectStore(store);
        };
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(opening.error);
      });
      for (const [store, entries] of Object.entries(stores)) {
        const transaction = database.transaction(store, "readwrite");
        for (const [key, value] of entries) transaction.objectStore(store).put(value, key);
        await new Promise<void>((resolve, reject) => {
          transaction.oncomplete = () => resolve();
          transaction.onabort = () => reject(transaction.error);
        });
      }
      database.close();
    }
    for (const [key, value] of Object.entries(values)) localStorage.setItem(key, value);
  }, dump);
}

/** Resumes the full run to its end and compares its downloaded record with version 1's. */
async function resumeFull(page: Page): Promise<void> {
  await enterStep(page, "Runs");
  await page.getByRole("button", { name: `Resume ${full}`, exact: true }).click();
  await waitForRun(page, ["finished"]);
  await enterStep(page, "Runs");
  const card = page.getByRole("article", { name: full, exact: true });
  expect(await card.textContent()).toContain("12 / 12");
  await page.getByRole("button", { name: `Take away ${full}`, exact: true }).click();
  const { tensors: _, ...outcome } = resumed;
  expect(outcomeOf(version1Run(await downloadRecord(page)), resumed.from)).toEqual(outcome);
}

test("the page opens with all runs, the model, the data, typed texts and questions; a paused run resumes to its end", async () => {
  const page = await freshTab();
  watch(page, inject("page"));
  await load(page, readDump());
  await openStudio(page, inject("page"), "auto", { keepDemoData: true });
  expect(await page.getByTestId("engine-status").getAttribute("data-provider")).toBe("wasm");
  await page.getByRole("navigation", { name: "Other screens" }).getByText("9 runs", { exact: true }).waitFor();

  await enterStep(page, "Runs");
  const cards = await page
    .getByRole("article")
    .evaluateAll((list) =>
      list.map((card) => [card.getAttribute("aria-label"), card.getAttribute("data-status"), card.textContent]),
    );
  expect(cards).toEqual(
    expected.runs.map(({ name, status, step, totalSteps }) => [
      name,
      status,
      expect.stringContaining(`${step} / ${totalSteps}`),
    ]),
  );

  await enterStep(page, "Model");
  expect(await page.getByLabel("Train this model").locator("option:checked").textContent()).toBe("Small Fox");
  expect(await page.getByRole("listitem").filter({ hasText: "Larger Fox" }).textContent()).toContain("Unfinished");

  await enterStep(page, "Data");
  const boxes = await page.getByRole("checkbox", { name: /^Train on / }).all();
  const sources = await Promise.all(
    boxes.map(async (box) => [await box.getAttribute("aria-label"), await box.isChecked()]),
  );
  expect(sources).toEqual(
    expected.datasets.map(({ name }) => [`Train on ${name}`, ["pairs.jsonl", "better.csv"].includes(name)]),
  );
  const better = page.getByRole("listitem").filter({ has: page.getByLabel("Train on better.csv") });
  expect(await better.textContent()).toContain("You excluded 2 rows.");

  await enterStep(page, "Train");
  expect(await page.locator('[name="runName"]').inputValue()).toBe("Typed, not started");

  await enterStep(page, "Compare");
  const [conversation] = expected.conversations;
  await page.getByTestId("answer").first().waitFor();
  const answers = await page.getByTestId("answer").allTextContents();
  // The newest question comes first.
  expect(answers).toEqual(
    conversation?.turns
      .toReversed()
      .flatMap(({ answers: { base, tuned, other } }) => [base, tuned, other].map((answer) => answer?.text)),
  );

  await resumeFull(page);
});

test("a browser that has only the model imports a run file, and the run resumes to the same end", async () => {
  const page = await freshTab();
  watch(page, inject("page"));
  await openStudio(page, inject("page"), "wasm");
  await openModelFolder(page, await folderOf(modelFiles()));
  await enterStep(page, "Runs");
  await page.getByLabel("Run file").setInputFiles(runFilePath("run.zip"));
  await page.getByText(`${full} was imported.`).waitFor();
  await resumeFull(page);
});

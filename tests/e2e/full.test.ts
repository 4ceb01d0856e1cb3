/**
 * A full disk: stored data stays, and there is a way to continue. Chromium reports the full disk because of DevTools'
 * simulated quota. The quota is set before anything is stored; set later, it would take effect after half a minute.
 */

import { join } from "node:path";
import type { Page } from "playwright";
import { expect, inject, onTestFinished, test } from "vitest";
import { callInPage, serveModules } from "../../scripts/harness/serve.ts";
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
import { jsonLines, tinyModel, tinyRows } from "../support/tinyLlama.ts";
import type { Outcome } from "./fullPage.ts";
import { folderOf, freshTab, watch } from "./tab.ts";

/** Sets the page's quota in Chromium, in bytes; without a size, the real one. */
async function quotaOf(page: Page, address: string) {
  const session = await page.context().newCDPSession(page);
  const { origin } = new URL(address);
  return (quotaSize?: number) =>
    session.send("Storage.overrideQuotaForOrigin", { origin, ...(quotaSize !== undefined && { quotaSize }) });
}

/** Fills the storage with useless data, in smaller and smaller pieces. */
const fillUp = (page: Page) =>
  page.evaluate(async () => {
    const opening = indexedDB.open("ballast", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("values");
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
    let stored = 0;
    for (let size = 2 ** 22, key = 0; size >= 2 ** 12; key++) {
      const bytes = crypto.getRandomValues(new Uint8Array(2 ** 12));
      const piece = new Uint8Array(size).map((_, i) => bytes[i % bytes.length] ?? 0);
      const fits = await new Promise<boolean>((resolve) => {
        const transaction = database.transaction("values", "readwrite", { durability: "strict" });
        transaction.objectStore("values").put(piece, key);
        transaction.oncomplete = () => resolve(true);
        transaction.onabort = () => resolve(false);
      });
      if (fits) stored += size;
      else size /= 4;
    }
    database.close();
    return stored;
  });

test("a full disk pauses the run with the reason; with room again it resumes from its last checkpoint", async () => {
  const page = await freshTab();
  watch(page, inject("page"));
  const setQuota = await quotaOf(page, inject("page"));
  await setQuota(80e6);
  const folder = await folderOf({ ...tinyModel(), "rows.jsonl": jsonLines(tinyRows()) });
  await openStudio(page, inject("page"), "wasm");
  await openModelFolder(page, folder);
  await openData(page, join(folder, "rows.jsonl"));
  // More than the storage can take.
  const steps = 100_000;
  await fillRecipe(page, {
    steps: String(steps),
    maxLength: "128",
    accumulation: "1",
    samplePrompts: "0",
    checkpointEvery: "10",
    watchEvery: "",
    runName: "Short of room",
  });
  await startTraining(page);
  // After its first checkpoint, which the full disk must not damage.
  await waitForRun(page, ["training"]);
  await expect.poll(async () => (await progressOf(page))?.step, { timeout: 60_000 }).toBeGreaterThan(12);

  expect(await fillUp(page)).toBeGreaterThan(1e6);
  await waitForRun(page, ["paused"]);
  const alert = page.getByRole("alert").filter({ hasText: "The run is paused" });
  expect(await alert.textContent()).toMatch(/room|full|disk/i);
  const paused = (await progressOf(page))?.step ?? 0;
  expect(paused).toBeGreaterThanOrEqual(10);
  expect(paused).toBeLessThan(steps);

  await setQuota();
  await page.reload();
  await enterStep(page, "Runs");
  await page.getByRole("button", { name: "Resume Short of room" }).click();
  await waitForRun(page, ["training", "finished"]);
  await expect.poll(async () => (await progressOf(page))?.step, { timeout: 60_000 }).toBeGreaterThan(paused);
  await page.getByRole("button", { name: "Pause" }).click();
  await waitForRun(page, ["paused", "finished"]);
  // Every step once, across the full disk.
  const { metrics } = await downloadRecord(page);
  expect(metrics.map(({ step }) => step)).toEqual(metrics.map((_, index) => index + 1));
});

test("a full disk is reported and loses nothing; with room again the same save succeeds", async () => {
  const served = await serveModules();
  onTestFinished(served.dispose);
  const page = await freshTab();
  const setQuota = await quotaOf(page, served.address);
  await setQuota(60e6);
  await page.goto(served.address);
  const call = <Result>(name: string) => callInPage<Result>(page, "/tests/e2e/fullPage.ts", name, null);
  const { full, model, left } = await call<Outcome>("saveTooMuch");
  // The first batch of four chunks was written, so less than the whole was missing.
  expect(full).toMatchObject({ name: "StorageFullError", needed: expect.any(Number) });
  expect(full.needed).toBeLessThan(75e6 - 16e6);
  expect(full.message).toMatch(
    /The checkpoint of step 2 of run "run r" needs \d+ MB, but this browser gives .*All earlier data is still there\./,
  );
  expect(model.name).toBe("StorageFullError");
  expect(left).toEqual({ step: 1, sound: true, recorded: 1, chunks: 2, orphans: 0, damaged: 0 });

  await setQuota();
  expect(await call<number>("saveAgain")).toBe(2);
});

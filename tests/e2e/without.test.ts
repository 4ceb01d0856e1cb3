/** The page without a feature of the browser: it names the cost, and still trains. */

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Page } from "playwright";
import { expect, inject, onTestFinished, test } from "vitest";
import { launchChromium } from "../../scripts/harness/chromium.ts";
import { serveBuilt } from "../../scripts/harness/serve.ts";
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
import { jsonLines, tinyModel, tinyRows } from "../support/tinyLlama.ts";
import { folderOf, oneProfile, watch } from "./tab.ts";

/** Chromium's own message without an adapter. */
const noAdapter = [/^warning: No available adapters\./];

const profile = oneProfile({ serviceWorkers: false });

async function newTab(): Promise<Page> {
  const page = await profile().newPage();
  onTestFinished(() => page.close());
  return page;
}

/** Runs code in the workers before their own code. */
const inWorker = (page: Page, code: string) =>
  page.route(/\/assets\/entry-[^/]+\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${code};${await response.text()}` });
  });

/** Opens the page, trains two steps on the made-up model, and returns the engine's text before and the record after. */
async function trainTwoSteps(page: Page, address: string) {
  const folder = await folderOf({ ...tinyModel(), "rows.jsonl": jsonLines(tinyRows()) });
  await openStudio(page, address, "auto");
  await enterStep(page, "Machine");
  const words = (await page.getByRole("region", { name: "Engine", exact: true }).textContent()) ?? "";
  await openModelFolder(page, folder);
  const model = (await page.getByRole("region", { name: "Model", exact: true }).textContent()) ?? "";
  await openData(page, join(folder, "rows.jsonl"));
  await fillRecipe(page, { steps: "2", maxLength: "128", accumulation: "1", samplePrompts: "1" });
  await startTraining(page);
  await waitForRun(page, ["finished"]);
  return { words, model, record: await downloadRecord(page) };
}

const twoSteps = { status: "finished", step: 2, provider: "wasm", samples: [{ after: expect.any(String) }] };

test("no WebGPU adapter: WebAssembly with threads, and that it is slower", async () => {
  const page = await newTab();
  watch(page, inject("page"), noAdapter);
  const { words, model, record } = await trainTwoSteps(page, inject("page"));
  expect(words).toMatch(/This browser offers no WebGPU adapter, so Hone runs on the processor with \d+ threads?\./);
  expect(words).toContain("Training without a GPU is many times slower. Choose a small model and few steps.");
  expect(words).not.toContain("isolat");
  expect(model).toMatch(/Saved here\s*yes/);
  expect(record).toMatchObject(twoSteps);

  // A choice that is not available is refused in its place, with a way back.
  await enterStep(page, "Machine");
  await page.getByLabel("Provider").selectOption("webgpu");
  const refusal = page.getByRole("alert");
  await refusal.filter({ hasText: "choose the processor instead" }).waitFor();
  await page.getByLabel("Provider").selectOption("wasm");
  await refusal.waitFor({ state: "detached" });
  await enterStep(page, "Runs");
  expect(await page.getByRole("region", { name: "Runs", exact: true }).textContent()).toContain("2 / 2");
});

test("no WebGPU and no cross-origin isolation: one thread", async () => {
  const served = await serveBuilt({ isolated: false });
  onTestFinished(served.dispose);
  const page = await newTab();
  watch(page, served.address);
  await inWorker(page, 'Object.defineProperty(navigator, "gpu", { value: undefined })');
  const { words, record } = await trainTwoSteps(page, served.address);
  expect(await page.evaluate("crossOriginIsolated")).toBe(false);
  expect(words).toContain(
    "This browser has no WebGPU, so Hone runs on the processor, and with 1 thread only because the page is not " +
      "cross-origin isolated: training takes",
  );
  expect(words).toContain("Serve the page with the headers Cross-Origin-Opener-Policy: same-origin");
  expect(record).toMatchObject(twoSteps);
});

test("no IndexedDB: everything in memory until the tab closes", async () => {
  const page = await newTab();
  watch(page, inject("page"), noAdapter);
  await inWorker(page, 'Object.defineProperty(self, "indexedDB", { value: undefined })');
  const { words, model, record } = await trainTwoSteps(page, inject("page"));
  expect(words).toContain("This browser stores nothing for this page");
  expect(words).toContain("New data stays in memory and is lost when this tab closes");
  expect(model).toMatch(/Saved here\s*no: lost when the tab closes/);
  expect(record).toMatchObject(twoSteps);
});

const storageOf = (page: Page) =>
  page.evaluate("(() => { try { return typeof localStorage } catch (error) { return error.name } })()");

/** Simulates blocked site data for a headless browser without this setting. */
async function blockSiteData(page: Page): Promise<void> {
  const refuse = "() => { throw new DOMException('Access is denied for this document.', 'SecurityError') }";
  await page.addInitScript(`for (const name of ["localStorage", "sessionStorage", "indexedDB"])
    Object.defineProperty(window, name, { get: ${refuse} })`);
  const inside = `indexedDB.constructor.prototype.open = ${refuse};
    navigator.locks.request = navigator.locks.query = async ${refuse}`;
  await inWorker(page, inside);
}

test("all site data blocked, locks and localStorage with it: the same", async () => {
  const folder = await folderOf({});
  const preferences = join(folder, "Default", "Preferences");
  await mkdir(dirname(preferences));
  await writeFile(preferences, JSON.stringify({ profile: { default_content_setting_values: { cookies: 2 } } }));
  const { context, page, dispose } = await launchChromium({ webgpu: false, profile: folder, serviceWorkers: false });
  onTestFinished(dispose);
  // Uses Chromium's own setting if it works; its headless shell reads no preferences.
  const probe = await context.newPage();
  await probe.goto(`${inject("page")}favicon.svg`);
  if ((await storageOf(probe)) !== "SecurityError") await blockSiteData(page);
  await probe.close();
  watch(page, inject("page"), noAdapter);
  const { words, record } = await trainTwoSteps(page, inject("page"));
  expect(await storageOf(page)).toBe("SecurityError");
  expect(words).toContain("is lost when this tab closes");
  expect(record).toMatchObject(twoSteps);
});

/** The built page without a network, on a host without headers, and when a new version arrives. */

import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright";
import { expect, inject, onTestFinished, test } from "vitest";
import { servePlain } from "../../scripts/harness/plainHost.ts";
import { serveBuilt } from "../../scripts/harness/serve.ts";
import {
  downloadRecord,
  enterStep,
  fillRecipe,
  openStudio,
  promptBoth,
  startTraining,
  waitForRun,
} from "../../scripts/harness/studio.ts";
import { pageHeaders } from "../../scripts/isolation.mjs";
import { projectRoot } from "../../scripts/setup.mjs";
import { updateWords } from "../../src/ui/words/update.ts";
import { folderOf, freshTab, watch } from "./tab.ts";

const patience = 600_000;

/** A new browser profile. */
async function newcomer(address: string): Promise<Page> {
  const page = await freshTab();
  watch(page, address);
  return page;
}

/** Paths in the service worker's cache, relative to the page; a revision follows a `?`. */
const cachedBy = (page: Page) =>
  page.evaluate(async () => {
    const requests = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
    return requests.flat().map(({ url }) => url.replace(new URL("./", document.baseURI).href, ""));
  });

/** Waits until a first visit's files are cached: the page, its runtime, the samples. */
async function untilCached(page: Page): Promise<void> {
  await expect
    .poll(() => cachedBy(page), { timeout: 120_000 })
    .toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^index\.html\?/),
        expect.stringMatching(/^assets\/entry-.*\.js$/),
        expect.stringMatching(/^assets\/ort-wasm-simd-threaded-.*\.wasm$/),
        expect.stringMatching(/^samples\/small-world-exam\.jsonl\?/),
        expect.stringMatching(/^samples\/chats\.json\?/),
      ]),
    );
}

/** Trains two steps and generates an answer. */
async function trainAndAnswer(page: Page): Promise<void> {
  await fillRecipe(page, { steps: "2", samplePrompts: "0" });
  await startTraining(page);
  await waitForRun(page, ["finished"]);
  const { tuned } = await promptBoth(page, "What is the capital of France?");
  expect(tuned).toMatch(/\w/);
}

test("after a first visit the page opens, trains and answers without a network", { timeout: patience }, async () => {
  const served = await serveBuilt();
  const page = await newcomer(served.address);
  await openStudio(page, served.address, "wasm", { keepDemoData: true });
  await untilCached(page);
  // Only files that this browser uses: the runtime's other builds are 17 and 27 MB.
  expect((await cachedBy(page)).filter((path) => path.endsWith(".wasm"))).toEqual([
    expect.stringMatching(/^assets\/ort-wasm-simd-threaded-/),
  ]);
  await served.dispose();
  await expect(fetch(served.address)).rejects.toThrow();

  await page.goto(`${served.address}?from=a-link`);
  await page.locator('[data-settled="true"]').waitFor();
  expect(await page.evaluate("crossOriginIsolated")).toBe(true);
  await trainAndAnswer(page);
  // Samples that were not opened before are cached too.
  await enterStep(page, "Data");
  await page.getByRole("button", { name: "Samples", exact: true }).click();
  await page.getByRole("button", { name: "Chats", exact: true }).click();
  await page.getByRole("checkbox", { name: "Train on chats.json" }).waitFor();
});

test("below a path of a host without headers: threads after one reload; a new version waits for the run's end", {
  timeout: patience,
}, async () => {
  const folder = await folderOf({});
  await cp(join(projectRoot, "dist"), folder, { recursive: true });
  const served = await servePlain(folder, "/some/where/");
  onTestFinished(served.dispose);
  const page = await newcomer(served.address);
  const note = page.getByRole("status").filter({ hasText: updateWords.reload });
  const reload = page.getByRole("button", { name: updateWords.reload, exact: true });

  await openStudio(page, served.address, "wasm", { keepDemoData: true });
  expect(await page.evaluate("crossOriginIsolated")).toBe(false);
  await untilCached(page);
  const cores = await page.evaluate("navigator.hardwareConcurrency");
  if (cores === 1) await page.reload();
  else {
    await note.filter({ hasText: updateWords.threads }).waitFor();
    await reload.click();
  }
  await page.waitForFunction(() => crossOriginIsolated && document.querySelector('[data-settled="true"]'));
  await expect.poll(() => note.count()).toBe(0);
  // The service worker adds the missing headers to the page, its assets and large files.
  const asset = await page.locator("script[src]").first().getAttribute("src");
  for (const file of ["./", asset ?? "", "models/seedling/config.json", "samples/chats.json"]) {
    const sent = await page.evaluate(async (address) => Object.fromEntries((await fetch(address)).headers), file);
    for (const [name, value] of Object.entries(pageHeaders)) {
      expect(sent[name.toLowerCase()], `${name} of ${file}`).toBe(value);
    }
  }

  // A new version: another page, all other files unchanged.
  const edit = async (file: string, change: (text: string) => string) => {
    const text = await readFile(join(folder, file), "utf8");
    expect(change(text), file).not.toBe(text);
    await writeFile(join(folder, file), change(text));
  };
  await edit("index.html", (html) => html.replace("<title>Hone", "<title>Hone, the next"));
  await edit("sw.js", (code) => code.replace(/("revision":")[^"]+(","url":"index\.html")/, "$1next$2"));
  await fillRecipe(page, { steps: "100000", samplePrompts: "0", evaluateEvery: "100000" });
  await startTraining(page);
  await waitForRun(page, ["training"]);
  await page.evaluate("navigator.serviceWorker.ready.then((registration) => registration.update())");
  await page.getByText(updateWords.versionAfterRun).waitFor();
  expect(await reload.count()).toBe(0);
  // The run continues in its own version.
  await page.getByRole("button", { name: "Cancel run" }).click();
  await waitForRun(page, ["cancelled"]);
  expect(await page.title()).not.toContain("the next");
  expect((await downloadRecord(page)).provider).toBe("wasm");

  await reload.click();
  await page.waitForFunction(() => document.title.includes("the next"));
  await page.locator('[data-settled="true"]').waitFor();
  expect(await page.evaluate("crossOriginIsolated")).toBe(true);
  // Files of the old version alone are deleted; shared files stay.
  await expect
    .poll(async () => (await cachedBy(page)).filter((path) => path.startsWith("index.html")))
    .toEqual(["index.html?__WB_REVISION__=next"]);
  await untilCached(page);
  await expect.poll(() => note.count()).toBe(0);
});

test("the page can be installed: name, start and icons of the sizes that it says", async () => {
  const page = inject("page");
  const link = /<link rel="manifest" href="([^"]+)"/.exec(await (await fetch(page)).text())?.[1] ?? "";
  const at = new URL(link, page);
  const manifest = await (await fetch(at)).json();
  expect(manifest).toMatchObject({ name: "Hone", display: "standalone", start_url: "./", scope: "./" });
  const icons: { src: string; sizes: string; type: string; purpose: string }[] = manifest.icons;
  expect(icons.map(({ sizes, purpose }) => `${sizes} ${purpose}`)).toEqual([
    "any any",
    "192x192 any",
    "512x512 any",
    "512x512 maskable",
  ]);
  for (const { src, sizes, type } of icons) {
    const response = await fetch(new URL(src, at));
    expect(response.headers.get("Content-Type"), src).toBe(type);
    if (type !== "image/png") continue;
    // A PNG's first chunk begins with width and height.
    const view = new DataView(await response.arrayBuffer());
    expect(`${view.getUint32(16)}x${view.getUint32(20)}`, src).toBe(sizes);
  }
});

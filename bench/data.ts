/**
 * Measures a large dataset on the built page in headless Chromium: reading, rendering, tokenizing and reporting with a real
 * tokenizer, the memory of all browser processes, the delay of a key press, and the time from "Cancel" to rest while the rows
 * of a run are prepared.
 * `npx tsx bench/data.ts --model DIR [--rows N] [--json FILE]`
 */

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { count, existing, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { launchChromium } from "../scripts/harness/chromium.ts";
import { serveBuilt } from "../scripts/harness/serve.ts";
import { enterStep, fillRecipe, openData, openModelFolder, openStudio } from "../scripts/harness/studio.ts";
import { createRandom } from "../src/tensor/random.ts";
import { browserBytes } from "./browserUse.ts";
import { inventedWords } from "./sizes/rows.ts";

const usage = "npx tsx bench/data.ts --model DIR [--rows N] [--json FILE]";

const words = inventedWords(7);

/** Writes the rows, some 300 tokens each with a vocabulary of 512. */
async function writeRows(file: string, rows: number): Promise<void> {
  const random = createRandom(1);
  const text = (length: number) =>
    Array.from({ length }, () => words[Math.floor(words.length * random.next() ** 2)]).join(" ");
  const stream = createWriteStream(file);
  for (let row = 0; row < rows; row++) {
    const line = JSON.stringify({ instruction: `${text(18)}?`, input: "", output: `${text(44)}.` });
    if (!stream.write(`${line}\n`)) await once(stream, "drain");
  }
  stream.end();
  await once(stream, "finish");
}

/** Median and worst of ascending numbers. */
const spread = (sorted: readonly number[]) => ({
  count: sorted.length,
  median: sorted[sorted.length >> 1] ?? 0,
  worst: sorted.at(-1) ?? 0,
});

async function main() {
  const { values } = parseArgs({
    options: { model: { type: "string" }, rows: { type: "string" }, json: { type: "string" } },
  });
  const model = existing("model", values.model, usage);
  const rows = count("rows", values.rows) ?? 100_000;
  const folder = await mkdtemp(join(tmpdir(), "hone-bench-"));
  const file = join(folder, "rows.jsonl");
  await writeRows(file, rows);
  const served = await serveBuilt();
  const browser = await launchChromium({ webgpu: false });
  try {
    const { page } = browser;
    await openStudio(page, served.address, "wasm");
    await openModelFolder(page, model);
    await enterStep(page, "Data");
    await page.getByRole("button", { name: "Paste text" }).click();
    await page.evaluate(() => {
      const seen: number[] = [];
      Object.assign(window, { keyDelays: seen });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (entry.name === "keydown") seen.push(entry.duration);
      }).observe({ type: "event", durationThreshold: 16, buffered: true } as PerformanceObserverInit);
    });
    const before = browserBytes();
    let peak = before;
    let keys = 0;
    /** Types and measures until `work` ends; returns its seconds. */
    const during = async (work: Promise<unknown>): Promise<number> => {
      const start = performance.now();
      let done = false;
      const ended = work.finally(() => {
        done = true;
      });
      const field = page.getByRole("textbox", { name: "Rows as text" });
      while (!done) {
        await field.press("a");
        keys++;
        peak = Math.max(peak, browserBytes());
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 250))]);
      }
      await ended;
      return (performance.now() - start) / 1000;
    };
    const delaysOf = () =>
      page.evaluate(() => (window as unknown as { keyDelays: number[] }).keyDelays.splice(0).sort((a, b) => a - b));
    await during(new Promise((resolve) => setTimeout(resolve, 5000)));
    const atRest = await delaysOf();
    const reading = await during(openData(page, file));
    const state = page.getByTestId("report-state");
    const checking = await during(
      (async () => {
        await page.getByRole("button", { name: "Check all rows" }).click();
        await page.waitForFunction(() => document.querySelector('[aria-label="Preflight checks"]') !== null, null, {
          timeout: 1_200_000,
          polling: 250,
        });
      })(),
    );
    const delays = await delaysOf();
    const verdict = await state.textContent();
    const report = await page.getByRole("region", { name: "Quality report", exact: true }).innerText();
    const cancels: { afterMs: number; idleMs: number }[] = [];
    for (const [index, afterMs] of [200, 1000, 3000].entries()) {
      // Another length: what was checked cannot be used again.
      await fillRecipe(page, { maxLength: String(500 - index) });
      await page.getByRole("button", { name: "Start training" }).click();
      const cancel = page.getByRole("button", { name: "Cancel run", exact: true });
      await cancel.waitFor();
      await page.waitForTimeout(afterMs);
      const pressed = performance.now();
      await cancel.click();
      await cancel.waitFor({ state: "detached" });
      cancels.push({ afterMs, idleMs: Math.round(performance.now() - pressed) });
    }
    const figures = {
      rows,
      fileBytes: (await stat(file)).size,
      verdict,
      summary: report.slice(0, 600),
      readSeconds: reading,
      readRowsPerSecond: rows / reading,
      checkSeconds: checking,
      checkRowsPerSecond: rows / checking,
      browserBytesBefore: before,
      browserBytesPeak: peak,
      keysTyped: keys,
      /** Milliseconds from "Cancel" to the page at rest, `afterMs` after "Start training". */
      cancels,
      /** Milliseconds from a key to the frame that shows it; Event Timing lists none below 16. */
      keyDelay: { atRest: spread(atRest), atWork: spread(delays) },
    };
    console.log(JSON.stringify(figures, null, 2));
    writeJson(values.json, figures);
  } finally {
    await browser.dispose();
    await served.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

runCommand(main);

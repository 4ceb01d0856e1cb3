/**
 * Measures the delay of input while a run trains on wasm: from keys, clicks and wheel turns on the built page to the next
 * frame, at rest and during a Seedling run, in headless Chromium. Run it on an idle machine.
 * `npx tsx bench/input.ts [--rounds N] [--json FILE]`
 */

import { parseArgs } from "node:util";
import type { Page } from "playwright";
import { count, runCommand, writeJson } from "../scripts/harness/arguments.ts";
import { launchChromium } from "../scripts/harness/chromium.ts";
import { serveBuilt } from "../scripts/harness/serve.ts";
import { enterStep, fillRecipe, openStudio, progressOf, startTraining, waitForRun } from "../scripts/harness/studio.ts";

/** The goal: milliseconds from an event to its frame. */
const goal = 100;

const kinds = { keydown: "key", pointerdown: "click", wheel: "wheel" } as const;
type Kind = (typeof kinds)[keyof typeof kinds];

interface Delay {
  readonly kind: Kind;
  /** Milliseconds from the event's timestamp to the frame after it. */
  readonly milliseconds: number;
}

/**
 * Records each event's delay with two animation frames: the second begins when the first is painted. Event Timing ignores the
 * wheel and rounds to 8 ms.
 */
const listen = (page: Page) =>
  page.evaluate((names) => {
    const delays: Delay[] = [];
    Object.assign(window, { delays });
    for (const [name, kind] of Object.entries(names)) {
      addEventListener(
        name,
        (event) =>
          requestAnimationFrame(() =>
            requestAnimationFrame((now) => delays.push({ kind, milliseconds: now - event.timeStamp })),
          ),
        { capture: true, passive: true },
      );
    }
  }, kinds);

const taken = (page: Page) => page.evaluate(() => (window as unknown as { delays: Delay[] }).delays.splice(0));

/** A user's actions during a run: writes a question, visits the other screens, scrolls, and returns to the curves. */
async function goThrough(page: Page, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await enterStep(page, "Compare");
    await page
      .getByLabel("Question", { exact: true })
      .pressSequentially("What is the capital of Peru? ", { delay: 60 });
    await enterStep(page, "Data");
    for (let turn = 0; turn < 8; turn++) {
      await page.mouse.wheel(0, turn < 4 ? 200 : -200);
      await page.waitForTimeout(80);
    }
    await enterStep(page, "Template and mask");
    await enterStep(page, "Train");
    await page.locator('[name="runName"]').pressSequentially("A name ", { delay: 80 });
    for (let turn = 0; turn < 8; turn++) {
      await page.mouse.wheel(0, turn < 4 ? 200 : -200);
      await page.waitForTimeout(80);
    }
  }
}

/** Median, 95th percentile and worst, in milliseconds. */
function spread(delays: readonly Delay[]) {
  const sorted = delays.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { count: sorted.length, median: at(0.5), p95: at(0.95), worst: at(1) };
}

const summary = (delays: readonly Delay[]) => ({
  ...Object.fromEntries(
    Object.values(kinds).map((kind) => [kind, spread(delays.filter((delay) => delay.kind === kind))]),
  ),
  all: spread(delays),
});

runCommand(async () => {
  const { values } = parseArgs({ options: { rounds: { type: "string" }, json: { type: "string" } } });
  const rounds = count("rounds", values.rounds) ?? 5;
  const served = await serveBuilt();
  const browser = await launchChromium({ webgpu: false });
  try {
    const { page } = browser;
    await page.setViewportSize({ width: 1280, height: 800 });
    await openStudio(page, served.address, "wasm", { keepDemoData: true });
    await fillRecipe(page, { steps: "100000", samplePrompts: "0" });
    // The budget of these settings is measured first; after that the engine is idle.
    await page.locator('[data-testid="budget"][data-state="measured"]').waitFor({ timeout: 120_000 });
    await listen(page);
    // A warm-up, for code that is loaded or compiled at first use.
    await goThrough(page, 1);
    await taken(page);
    await goThrough(page, rounds);
    const atRest = await taken(page);
    await startTraining(page);
    await waitForRun(page, ["training"]);
    const before = await progressOf(page);
    const began = performance.now();
    await taken(page);
    await goThrough(page, rounds);
    const training = await taken(page);
    const seconds = (performance.now() - began) / 1000;
    const after = await progressOf(page);
    const late = training.filter(({ milliseconds }) => milliseconds > goal).length;
    const figures = {
      stepsPerSecond: ((after?.step ?? 0) - (before?.step ?? 0)) / seconds,
      threads: await page.evaluate(() => Math.min(4, navigator.hardwareConcurrency)),
      atRest: summary(atRest),
      training: summary(training),
      /** Events whose frame came after more than the goal of 100 ms. */
      late,
    };
    console.log(JSON.stringify(figures, null, 2));
    writeJson(values.json, figures);
  } finally {
    await browser.dispose();
    await served.dispose();
  }
});

/**
 * `npm run screenshots [-- --only TEXT]`: saves each screen of the built page with the real engine into screenshots/: on a
 * first visit, during training and afterwards, at two widths, light and dark. `--only` selects names that contain the text,
 * such as 390-dark or compare. Exit 1 when the console had an error.
 */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Page } from "playwright";
import { runCommand } from "./harness/arguments.ts";
import { launchChromium } from "./harness/chromium.ts";
import { createProgress } from "./harness/progress.ts";
import { serveBuilt } from "./harness/serve.ts";
import {
  enterStep,
  measureRows,
  openStudio,
  promptBoth,
  type ScreenName,
  startTraining,
  takeExam,
  waitForRun,
} from "./harness/studio.ts";
import { projectRoot } from "./setup.mjs";

const sizes = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
] as const;
const schemes = ["light", "dark"] as const;

/** A file name, and the screen that it shows. */
type Shot = readonly [name: string, screen: ScreenName];

const firstVisit: readonly Shot[] = [
  ["model", "Model"],
  ["data", "Data"],
  ["template", "Template and mask"],
  ["train-before", "Train"],
  ["compare-before", "Compare"],
  ["take-away-before", "Take away"],
  ["runs-before", "Runs"],
  ["machine", "Machine"],
  ["glossary", "Glossary"],
];
const whileTraining: readonly Shot[] = [["train-during", "Train"]];
const afterwards: readonly Shot[] = [
  ["train", "Train"],
  ["compare", "Compare"],
  ["take-away", "Take away"],
  ["runs", "Runs"],
];

const folder = join(projectRoot, "screenshots");

runCommand(async () => {
  const { values } = parseArgs({ options: { only: { type: "string" } } });
  const wanted = (name: string) => values.only === undefined || name.includes(values.only);
  const files = [...firstVisit, ...whileTraining, ...afterwards].flatMap(([name]) =>
    sizes.flatMap(({ width }) => schemes.map((scheme) => `${width}-${scheme}-${name}`)),
  );
  const total = files.filter(wanted).length;
  if (total === 0) throw new Error(`No screenshot has "${values.only}" in its name; there are ${files.join(", ")}.`);

  await mkdir(folder, { recursive: true });
  const served = await serveBuilt();
  const browser = await launchChromium({ webgpu: false });
  const errors: string[] = [];
  try {
    const { page } = browser;
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    page.on("pageerror", (error) => errors.push(error.message));
    const bar = createProgress("screenshots");
    let done = 0;
    /** The screens as they are now, at both widths and in both colours; one run serves all of them. */
    const take = async (shots: readonly Shot[]) => {
      for (const [name, screen] of shots) {
        for (const size of sizes) {
          for (const colorScheme of schemes) {
            const file = `${size.width}-${colorScheme}-${name}`;
            if (!wanted(file)) continue;
            await page.setViewportSize(size);
            await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
            await enterStep(page, screen);
            await settled(page);
            // A window as tall as the page, so that elements at the window's bottom are at the picture's bottom.
            const height = await page.evaluate(() => document.documentElement.scrollHeight);
            await page.setViewportSize({ width: size.width, height: Math.max(height, size.height) });
            await settled(page);
            await page.screenshot({ path: join(folder, `${file}.png`) });
            bar(++done, total, file);
          }
        }
      }
    };

    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setScrollbarsHidden", { hidden: true });
    await page.setViewportSize(sizes[0]);
    await openStudio(page, served.address, "wasm", { keepDemoData: true });
    await enterStep(page, "Train");
    await page.locator('[data-testid="budget"][data-state="measured"]').waitFor({ timeout: 120_000 });
    await enterStep(page, "Data");
    await page.getByTestId("report-state").filter({ hasText: "All checks passed" }).waitFor({ timeout: 120_000 });
    await take(firstVisit);
    if (
      [...whileTraining, ...afterwards].some(([name]) =>
        files.some((file) => file.endsWith(`-${name}`) && wanted(file)),
      )
    ) {
      await page.setViewportSize(sizes[0]);
      await startTraining(page);
      await waitForRun(page, ["training"]);
      await page.waitForFunction(
        () => Number(document.querySelector<HTMLElement>("[role=progressbar][data-run]")?.dataset.step ?? 0) >= 20,
        null,
        { timeout: 300_000 },
      );
      await take(whileTraining);
      await waitForRun(page, ["finished"]);
      await page.setViewportSize(sizes[0]);
      await promptBoth(page, "What is the capital of France?");
      if (files.some((file) => file.endsWith("-compare") && wanted(file))) await takeExam(page, null);
      if (files.some((file) => file.endsWith("-compare") && wanted(file))) await measureRows(page);
      await take(afterwards);
    }
  } finally {
    await browser.dispose();
    await served.dispose();
  }
  if (errors.length > 0) throw new Error(`The console had errors:\n${errors.join("\n")}`);
  console.log(`\n${total} in ${folder}`);
});

/** Waits until fonts have loaded and requests have ended, then two more frames. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await document.fonts.ready;
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  });
  // Charts adapt to a new width only after the browser's layout.
  await page.waitForTimeout(250);
}

/** Pause and Cancel work at any time: while a stored model opens, while graphs compile, while a run trains. */

import { join } from "node:path";
import { expect, inject, test } from "vitest";
import {
  enterStep,
  fillRecipe,
  openData,
  openModelFolder,
  openStudio,
  progressOf,
  startTraining,
} from "../../scripts/harness/studio.ts";
import { isLong } from "../support/long.ts";
import { jsonLines, tinyModel, tinyRows } from "../support/tinyLlama.ts";
import { folderOf, freshTab, watch } from "./tab.ts";

/** Delays from the start to the click, in milliseconds. */
const all = [
  ["Pause", "paused", [0, 20, 300]],
  ["Cancel run", "cancelled", [0, 20, 300]],
] as const;
const quick = [
  ["Pause", "paused", [0, 300]],
  ["Cancel run", "cancelled", [20, 300]],
] as const;

/** Far more steps than fit before the click. */
const steps = 20_000;

test("a run stops at any delay between its start and the click", async () => {
  const page = await freshTab();
  watch(page, inject("page"));
  const folder = await folderOf({ ...tinyModel(), "rows.jsonl": jsonLines(tinyRows()) });
  await openStudio(page, inject("page"), "wasm");
  await openModelFolder(page, folder);
  await openData(page, join(folder, "rows.jsonl"));
  await fillRecipe(page, { steps: String(steps), maxLength: "128", accumulation: "1", samplePrompts: "1" });

  const idle = page.getByRole("button", { name: "Start training" }).and(page.locator(":enabled"));
  /** Ends on the Train screen. */
  const runs = async () => {
    await enterStep(page, "Runs");
    const listed = new Map(
      await page
        .getByRole("region", { name: "Runs", exact: true })
        .locator("[data-run]")
        .evaluateAll((rows) =>
          rows.map((row) => [row.getAttribute("data-run"), row.getAttribute("data-status")] as const),
        ),
    );
    await enterStep(page, "Train");
    return listed;
  };
  for (const [button, ending, delays] of isLong ? all : quick) {
    for (const milliseconds of delays) {
      const what = `${button} after ${milliseconds} ms`;
      // A reload closes the model in the engine, so the start has to open it from the storage first.
      await page.reload();
      await idle.waitFor();
      const before = await runs();
      await page.evaluate(
        async ([wanted, delay]) => {
          const button = (text: string) =>
            [...document.querySelectorAll("button")].find(({ textContent }) => textContent === text);
          button("Start training")?.click();
          await new Promise((resolve) => setTimeout(resolve, delay));
          button(wanted)?.click();
        },
        [button, milliseconds] as const,
      );
      await idle.waitFor({ timeout: 120_000 });
      // A run that was stopped before the engine knew it leaves no record.
      for (const [id, status] of await runs()) if (!before.has(id)) expect(status, what).toBe(ending);
    }
  }
  // On a busy machine every click above may come before the run has a record; this one comes after its first step.
  await startTraining(page);
  const trained = async () => {
    const progress = await progressOf(page);
    return progress?.status === "training" ? progress.step : 0;
  };
  await expect.poll(trained, { timeout: 120_000 }).toBeGreaterThan(0);
  await page.getByRole("button", { name: "Cancel run" }).click();
  await idle.waitFor({ timeout: 120_000 });
  expect([...(await runs()).values()]).toContain("cancelled");
});

/** A disk that fills up while the built page trains: the run pauses and says so, loses no checkpoint, and goes on once there is room. */

import { join } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { launchChromium } from "../../scripts/harness/chromium.ts";
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
import { folderOf, watch } from "./tab.ts";

test("a full disk pauses the run with the reason; with room again it goes on from its last checkpoint", async () => {
  const { page, dispose } = await launchChromium({ webgpu: false, profile: await folderOf({}) });
  onTestFinished(dispose);
  watch(page, inject("page"));
  const folder = await folderOf({ ...tinyModel(), "rows.jsonl": jsonLines(tinyRows()) });
  await openStudio(page, inject("page"), "wasm");
  await openModelFolder(page, folder);
  await openData(page, join(folder, "rows.jsonl"));
  // More than it can take: Chromium looks at the quota again only after some 25 s, which once was time for 1,700 steps.
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
  // Past its first checkpoint, so that there is one to lose.
  await waitForRun(page, ["training"]);
  await expect.poll(async () => (await progressOf(page))?.step, { timeout: 60_000 }).toBeGreaterThan(12);

  const session = await page.context().newCDPSession(page);
  const { origin } = new URL(inject("page"));
  await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 });
  await waitForRun(page, ["paused"]);
  const alert = page.getByRole("alert").filter({ hasText: "The run is paused" });
  expect(await alert.textContent()).toMatch(/room|full|disk/i);
  const paused = (await progressOf(page))?.step ?? 0;
  expect(paused).toBeGreaterThanOrEqual(10);
  expect(paused).toBeLessThan(steps);

  await session.send("Storage.overrideQuotaForOrigin", { origin });
  await page.reload();
  await enterStep(page, "Runs");
  await page.getByRole("button", { name: "Resume Short of room" }).click();
  await waitForRun(page, ["training", "finished"]);
  await expect.poll(async () => (await progressOf(page))?.step, { timeout: 60_000 }).toBeGreaterThan(paused);
  await page.getByRole("button", { name: "Pause" }).click();
  await waitForRun(page, ["paused", "finished"]);
  // Every step once, over the full disk.
  const { metrics } = await downloadRecord(page);
  expect(metrics.map(({ step }) => step)).toEqual(metrics.map((_, index) => index + 1));
});

/** Three stages, built by keyboard: text, chats and preferences, from the list to the figures of the run. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Page } from "playwright";
import { expect, inject, test } from "vitest";
import {
  downloadRecord,
  fillRecipe,
  openData,
  openModelFolder,
  openStudio,
  startTraining,
  waitForRun,
} from "../../scripts/harness/studio.ts";
import { jsonLines, tinyModel } from "../support/tinyLlama.ts";
import { folderOf, freshTab, watch } from "./tab.ts";

const files = {
  "handbook.jsonl": jsonLines(
    Array.from({ length: 20 }, (_, i) => ({ text: `House ${i} is ${i % 2 ? "red" : "old"}.` })),
  ),
  "chats.jsonl": jsonLines(Array.from({ length: 20 }, (_, i) => ({ instruction: `Say ${i}.`, output: `It is ${i}.` }))),
  "pairs.jsonl": jsonLines(
    Array.from({ length: 20 }, (_, i) => ({
      prompt: `Say ${i}.`,
      chosen: `It is ${i}.`,
      rejected: `Well, ${i} or so.`,
    })),
  ),
};

/** More Tab stops than the screen has. */
const mostStops = 200;

/** Presses the key until an element matches the selector and has the focus. */
async function tabTo(page: Page, selector: string, key = "Tab"): Promise<void> {
  for (let stop = 0; stop < mostStops; stop++) {
    if ((await page.locator(`${selector}:focus`).count()) > 0) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${key} does not reach ${selector}.`);
}

const labelled = (name: string) => `[aria-label="${name}"]`;
const focused = (page: Page) => page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
const objectives = (page: Page) =>
  page.locator('[data-act="objective"]').evaluateAll((all) => all.map((one) => (one as HTMLSelectElement).value));

/** Replaces the text of a field. */
async function type(page: Page, field: string, text: string): Promise<void> {
  await tabTo(page, `[name="${field}"]`);
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type(text);
}

test("text, chats and preferences: arranged, moved, duplicated, removed and set by keyboard, then trained", {
  timeout: 600_000,
}, async () => {
  const folder = await folderOf({ ...tinyModel(), ...files });
  const page = await freshTab();
  watch(page, inject("page"));
  await openStudio(page, inject("page"), "wasm");
  await openModelFolder(page, folder);
  for (const name of Object.keys(files)) await openData(page, join(folder, name));
  await fillRecipe(page, { accumulation: "1", batchSize: "2", evaluateEvery: "2", samplePrompts: "1", watchEvery: "" });

  await page.locator('[data-testid="stages"] button').first().focus();
  await page.keyboard.press("Enter");
  await expect.poll(() => objectives(page)).toEqual(["text", "chat", "preference"]);
  expect(await focused(page)).toBe("Objective: stage 1");

  await tabTo(page, labelled("Move down: stage 2"));
  await page.keyboard.press("Enter");
  await expect.poll(() => objectives(page)).toEqual(["text", "preference", "chat"]);
  // It is the last one now: only the other direction is left.
  expect(await focused(page)).toBe("Move up: stage 3");
  await page.keyboard.press("Enter");
  await expect.poll(() => objectives(page)).toEqual(["text", "chat", "preference"]);
  expect(await focused(page)).toBe("Move up: stage 2");

  await tabTo(page, labelled("Duplicate: stage 2"));
  await page.keyboard.press("Enter");
  await expect.poll(() => objectives(page)).toEqual(["text", "chat", "chat", "preference"]);
  expect(await focused(page)).toBe("Objective: stage 3");
  await tabTo(page, labelled("Remove stage 3"), "Shift+Tab");
  await page.keyboard.press("Enter");
  // The answer that keeps the stage has the focus.
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await expect.poll(() => objectives(page)).toEqual(["text", "chat", "preference"]);
  expect(await focused(page)).toBe("Objective: stage 3");

  await type(page, "stage3.beta", "0.5");
  await type(page, "stage3.steps", "4");
  await page.locator(labelled("Objective: stage 1")).focus();
  await type(page, "stage1.steps", "2");
  await type(page, "stage2.steps", "3");
  // Evaluated by the debugger: the page's policy allows no such script.
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
  const violations = () =>
    page.evaluate(async () => {
      const { axe } = window as unknown as { axe: typeof import("axe-core") };
      return (await axe.run("#root")).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
    });
  expect(await violations()).toEqual([]);

  await startTraining(page);
  await waitForRun(page, ["finished"]);
  await page.getByTestId("preferences-in-words").waitFor();
  expect(await page.getByTestId("preferences-in-words").textContent()).toMatch(
    /^Held-out pairs at step 9: margin \S+, accuracy \d+ %, log-probability -\S+ of chosen and -\S+ of rejected answers\.$/,
  );
  expect(await page.getByTestId("loss-in-words").textContent()).toMatch(
    /The stage of chats starts at step 3\. The stage of preferences starts at step 6\.$/,
  );
  const run = page.getByRole("region", { name: "Training", exact: true });
  for (const figure of [
    "Margin",
    "Accuracy of pairs",
    "Chosen log-probability",
    "Rejected log-probability",
    "Answer length",
  ])
    expect(await run.getByText(figure, { exact: true }).count()).toBeGreaterThan(0);
  expect(await violations()).toEqual([]);

  const record = await downloadRecord(page);
  expect(record.recipe.stages).toMatchObject([
    { objective: "text", steps: 2 },
    { objective: "chat", steps: 3 },
    { objective: "preference", steps: 4, preference: { loss: "dpo", beta: 0.5 } },
  ]);
  expect(record.metrics.map(({ preference }) => preference !== undefined)).toEqual([
    ...Array.from({ length: 5 }, () => false),
    ...Array.from({ length: 4 }, () => true),
  ]);
});

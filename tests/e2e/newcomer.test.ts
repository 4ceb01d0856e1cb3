/**
 * A first visit to the built page by keyboard, without changing a setting: open, train, compare, export; then later
 * visits, which keep the user's choices.
 */

import { readFile } from "node:fs/promises";
import { strFromU8, unzipSync } from "fflate";
import type { Page } from "playwright";
import { expect, inject, test } from "vitest";
import { enterStep } from "../../scripts/harness/studio.ts";
import { readAddress } from "../../src/store/address.ts";
import { demoData } from "../../src/store/seedling.ts";
import { freshTab, watch } from "./tab.ts";

/** More Tab stops than any screen has. */
const mostStops = 120;

/** Presses Tab, or Shift+Tab, until the element with this role and name has the focus. */
async function tabTo(page: Page, role: "button" | "link" | "textbox", name: string, key = "Tab"): Promise<void> {
  const wanted = page.getByRole(role, { name, exact: true }).and(page.locator(":focus"));
  for (let stop = 0; stop < mostStops; stop++) {
    await page.keyboard.press(key);
    if ((await wanted.count()) > 0) return;
  }
  throw new Error(`${key} does not reach the ${role} "${name}".`);
}

const heading = (page: Page, name: string) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();

const region = (page: Page, name: string) => page.getByRole("region", { name, exact: true });
/** Name of the training model on the Model screen. */
async function modelOf(page: Page): Promise<string | null> {
  await enterStep(page, "Model");
  return region(page, "Model").getByLabel("Train this model").locator("option:checked").textContent();
}
/** Whether the demo data are chosen on the Data screen. */
async function demoChosen(page: Page): Promise<boolean> {
  await enterStep(page, "Data");
  return page.getByRole("checkbox", { name: `Train on ${demoData}` }).isChecked();
}

/** Opens the page again. */
async function visitAgain(page: Page): Promise<void> {
  await page.reload();
  await page.locator('[data-settled="true"]').waitFor();
}

test("open, Train, Compare, adapter downloaded: by keyboard, no setting touched, no request to another host; a removed model stays away", {
  timeout: 600_000,
}, async () => {
  const page = await freshTab();
  const { requests } = watch(page, inject("page"));
  page.setDefaultTimeout(300_000);
  await page.goto(inject("page"));
  await page.locator('[data-settled="true"]').waitFor();
  await heading(page, "Train");
  await page.getByText("Ready to start").waitFor();
  // The defaults fit the model, so there is no warning.
  expect(await page.locator('[name="learningRate"]').inputValue()).not.toBe("2e-4");
  const doubts = region(page, "Recipe").getByText(/usually/i);
  expect(await doubts.filter({ visible: true }).count()).toBe(0);
  // The budget was measured without a click, before the start.
  await page.getByTestId("budget").and(page.locator('[data-state="measured"]')).waitFor();

  await tabTo(page, "button", "Start training");
  await page.keyboard.press("Enter");
  const bar = page.getByRole("progressbar", { name: "Training progress" });
  await bar.and(page.locator('[data-status="finished"]')).waitFor();
  const [before, after] = await bar.evaluate(({ dataset }) => [Number(dataset.step), Number(dataset.total)]);
  expect(before).toBe(after);

  await tabTo(page, "link", "Compare before and after");
  await page.keyboard.press("Enter");
  await heading(page, "Compare");
  // The requested screen has the focus, so the next stop is on it.
  await tabTo(page, "textbox", "Question");
  await page.keyboard.type("What is the capital of Fiji?");
  await tabTo(page, "button", "Ask both");
  await page.keyboard.press("Enter");
  const tuned = page.getByRole("region", { name: "Tuned model" });
  await tuned.and(page.locator('[data-status="done"]')).waitFor();
  // A base model does not answer; the tuned one answers in its own words and ends with a stop token.
  expect(await tuned.getByTestId("answer").last().textContent()).toMatch(/^The capital of Fiji is \w+\.$/);
  expect(await tuned.textContent()).toContain("ended with a stop token");

  await tabTo(page, "link", "Next: Take away →");
  await page.keyboard.press("Enter");
  await heading(page, "Take away");
  await tabTo(page, "button", "Export the adapter");
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  expect(download.suggestedFilename()).toMatch(/\.adapter\.zip$/);
  const files = unzipSync(await readFile(await download.path()));
  expect(Object.keys(files)).toEqual(expect.arrayContaining(["adapter_config.json", "adapter_model.safetensors"]));
  const config = JSON.parse(strFromU8(files["adapter_config.json"] ?? new Uint8Array()));
  expect(config).toMatchObject({ peft_type: "LORA", r: 8, lora_alpha: 16 });
  // The address has no setting, because none was changed.
  expect(readAddress(new URL(page.url()).hash)).toEqual({ page: "take-away", part: null, settings: null });

  // Stored: the next visit downloads nothing of it again.
  const seen = requests.length;
  await visitAgain(page);
  expect(await modelOf(page)).toBe("Seedling");
  expect(await demoChosen(page)).toBe(true);
  expect(requests.slice(seen).filter((url) => url.includes("/models/"))).toEqual([]);

  await page.getByRole("checkbox", { name: `Train on ${demoData}` }).uncheck();
  await enterStep(page, "Model");
  await page.getByRole("button", { name: "Remove Seedling" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByLabel("Train this model").waitFor({ state: "detached" });
  await visitAgain(page);
  await enterStep(page, "Model");
  expect(await page.getByLabel("Train this model").count()).toBe(0);
  expect(await demoChosen(page)).toBe(false);

  // One click brings it back.
  await enterStep(page, "Model");
  await page.getByRole("button", { name: "Use Seedling" }).click();
  await page.getByLabel("Train this model").waitFor();
  expect(await modelOf(page)).toBe("Seedling");
});

/** Votes on sampled answers through the built page: prompts from the data, votes by key, a reload, a dataset, its preview. */

import { expect, inject, test } from "vitest";
import { enterStep, openStudio } from "../../scripts/harness/studio.ts";
import { freshTab } from "./tab.ts";

test("two answers of Seedling to each prompt, voted on, become rows of prompt, chosen and rejected", async () => {
  const page = await freshTab();
  await openStudio(page, inject("page"), "wasm", { keepDemoData: true });
  await enterStep(page, "Compare");
  const part = page.getByRole("region", { name: "Vote on sampled answers", exact: true });
  await part.getByRole("button", { name: "Take 10 from the data" }).click();
  await expect.poll(() => part.getByLabel("Prompts, one per line").inputValue()).toMatch(/^.+\n.+/s);
  const prompts = (await part.getByLabel("Prompts, one per line").inputValue()).split("\n").slice(0, 4);
  await part.getByLabel("Prompts, one per line").fill(prompts.join("\n"));
  await part.getByLabel("Temperature").fill("1.2");
  await part.getByLabel(/^Maximum answer length/).fill("24");
  await part.getByRole("button", { name: "Write 8 answers" }).click();
  const ballot = part.getByTestId("sampled-ballot");
  await ballot.waitFor();
  await part.getByRole("button", { name: "Stop" }).waitFor({ state: "hidden" });
  const drawn = Number(/^\d+/.exec((await ballot.textContent()) ?? "")?.[0]);
  expect(drawn).toBeGreaterThan(2);

  const shown = await ballot.locator("dd").allTextContents();
  await ballot.focus();
  await page.keyboard.press("2");
  await page.keyboard.press("0");
  await expect.poll(() => part.getByTestId("sampled-votes").textContent()).toBe("2 votes, 1 tie");

  await page.reload();
  await enterStep(page, "Compare");
  await expect.poll(() => part.getByTestId("sampled-votes").textContent()).toBe("2 votes, 1 tie");
  await part.getByRole("button", { name: "Use 1 vote as preferences" }).click();
  await expect
    .poll(() => part.getByTestId("used-votes").textContent())
    .toBe("Added under Data: Votes on sampled answers, 1 pair. Left out: 1 tie.");

  await enterStep(page, "Data");
  await page.getByText("Found preference pairs", { exact: true }).waitFor();
  await enterStep(page, "Template and mask");
  const preview = page.getByRole("region", { name: "Preview", exact: true });
  await preview.getByLabel("Source of the preview").selectOption({ label: "Votes on sampled answers" });
  const cards = preview.getByTestId("answers").getByRole("region");
  await expect.poll(() => cards.count()).toBe(2);
  const texts = await cards.locator("div").allTextContents();
  expect(texts.map((text) => text.trim())).toEqual([shown[1], shown[0]].map((text) => text?.trim()));
});

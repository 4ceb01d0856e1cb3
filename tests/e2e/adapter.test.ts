/** An adapter that PEFT wrote, through the built page: opened, compared with the base, exported, and trained on. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { unzipSync } from "fflate";
import type { Page } from "playwright";
import { expect, inject, test } from "vitest";
import {
  enterStep,
  fillRecipe,
  openData,
  openModelFolder,
  openStudio,
  promptBoth,
  startTraining,
  waitForRun,
} from "../../scripts/harness/studio.ts";
import { goldenFolder } from "../../scripts/oracle/adapters.ts";
import { smallFamilies, smallFolder } from "../support/smallFamilies.ts";
import { jsonLines, tinyRows } from "../support/tinyLlama.ts";
import { byteLevelTokenizer, gpt2Words } from "../support/tokenizers.ts";
import { folderOf, freshTab, watch } from "./tab.ts";

const part = (page: Page) => page.getByRole("region", { name: "Open an adapter or a tuned model" });

/** Chooses a golden adapter's folder; resolves with the sentence or the refusal that follows. */
async function choose(page: Page, name: string): Promise<string> {
  await enterStep(page, "Runs");
  await part(page)
    .locator('input[aria-label="Folder of an adapter or tuned model"]')
    .setInputFiles(join(goldenFolder, name));
  // The pickers are disabled while the page reads the files.
  await part(page).locator("button:enabled", { hasText: "Choose a folder" }).waitFor({ timeout: 60_000 });
  return (await part(page).locator('[data-testid="tuned-result"], [role="alert"]').allTextContents()).join(" ");
}

/** A small Llama whose words llama.cpp knows. */
const llama = {
  ...smallFolder(smallFamilies.Llama ?? {}),
  "tokenizer.json": JSON.stringify(byteLevelTokenizer({}, gpt2Words).json),
};

/** The files of an export. */
async function exported(page: Page, button: string) {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: button }).click(),
  ]);
  return unzipSync(await readFile(await download.path()));
}

test("an adapter of PEFT is opened, compared, exported, and trained on; one that LoRA cannot hold is refused", {
  timeout: 300_000,
}, async () => {
  const folder = await folderOf({ ...llama, "rows.jsonl": jsonLines(tinyRows()) });
  const page = await freshTab();
  watch(page, inject("page"));
  await openStudio(page, inject("page"), "wasm");
  await openModelFolder(page, folder);

  expect(await choose(page, "dora")).toContain("use_dora is true, but must be off");
  expect(await choose(page, "ranks")).toContain(
    "ranks is open, and listed below. Its files name the base model owner/base",
  );
  const card = page.getByRole("article", { name: "ranks" });
  expect(await card.textContent()).toContain("LoRA of rank 6");
  expect(await choose(page, "ranks")).toContain("ranks was open before.");

  await card.getByRole("button", { name: "Compare answers of ranks" }).click();
  await page.getByRole("button", { name: "Answer settings" }).click();
  await page.locator('[name="maxTokens"]').fill("12");
  const { base, tuned } = await promptBoth(page, "Say 7.");
  expect(tuned).not.toBe(base);

  await enterStep(page, "Take away");
  const merged = await exported(page, "Export the merged model");
  expect(Object.keys(merged)).toEqual(expect.arrayContaining(["config.json", "model.safetensors"]));
  expect(Object.keys(await exported(page, "Export the GGUF adapter"))).toEqual([
    "ranks-lora.gguf",
    "Modelfile",
    "README.txt",
  ]);
  const { "ranks-F16.gguf": gguf, Modelfile: modelfile } = await exported(page, "Export the GGUF file");
  expect(new TextDecoder().decode(modelfile)).toMatch(/^FROM \.\/ranks-F16\.gguf\nPARAMETER stop "/);
  // What was taken along opens as a base model.
  await openModelFolder(page, await folderOf({ "tuned.gguf": gguf ?? new Uint8Array() }));
  await openModelFolder(page, folder);

  await openData(page, join(folder, "rows.jsonl"));
  await enterStep(page, "Runs");
  await card.getByRole("button", { name: "Train on it: ranks" }).click();
  await expect.poll(() => page.locator('select[name="startFrom"] option:checked').textContent()).toBe("ranks");
  expect(await page.locator('[name="rank"]').inputValue()).toBe("6");
  expect(await page.locator('[name="rank"]').isDisabled()).toBe(true);
  await fillRecipe(page, { steps: "2", maxLength: "64", samplePrompts: "0", watchEvery: "" });
  await startTraining(page);
  await waitForRun(page, ["finished"]);
  await enterStep(page, "Runs");
  expect(await page.locator('article[data-status="finished"]').textContent()).toContain("Starts from ranks, weights ");

  // Chosen as a model, an adapter opens all the same.
  await enterStep(page, "Model");
  await page.locator('input[aria-label="Model folder"]').setInputFiles(join(goldenFolder, "rslora"));
  await page.getByRole("article", { name: "rslora" }).waitFor();
});

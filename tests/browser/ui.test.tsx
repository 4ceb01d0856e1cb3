/** The page in Chromium on a fake engine: the main way through it, refusals, a dead engine. Oracle: what a user sees. */

import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { createHone } from "../../src/store/hone.ts";
import { defaultRecipe } from "../../src/store/recipe.ts";
import { App } from "../../src/ui/App.tsx";
import "../../src/ui/styles.ts";
import { createEngineClient, type EngineWorker } from "../../src/worker/client.ts";
import { type FakeSettings, fakeDataset, fakeModel, fakeRun, fakeWorker } from "../support/fakeEngine.ts";

const kept: FakeSettings = { pace: 5, models: [fakeModel], datasets: [fakeDataset] };
const request = {
  name: "left alone",
  modelHash: fakeModel.hash,
  datasetHash: fakeDataset.hash,
  recipe: defaultRecipe("lora"),
};
let root: Root;
let complaints: unknown[];

beforeEach(() => {
  localStorage.clear();
  document.body.innerHTML = '<div id="root"></div>';
  complaints = [];
  for (const level of ["error", "warn"] as const)
    vi.spyOn(console, level).mockImplementation((...words) => void complaints.push(words));
});

afterEach(() => {
  root.unmount();
  vi.restoreAllMocks();
  expect(complaints).toEqual([]);
});

async function open(start: () => EngineWorker) {
  const hone = createHone(createEngineClient(start));
  root = createRoot(document.getElementById("root") as HTMLElement);
  root.render(<App hone={hone} />);
  await hone.engine.start("auto");
}

async function choose() {
  await page.getByLabelText("Train this model").selectOptions(fakeModel.hash);
  await page.getByLabelText("Train on these pairs").selectOptions(fakeDataset.hash);
}

test("from the kept model and pairs through a run to two answers", async () => {
  await open(() => fakeWorker(kept));
  await choose();
  await page.getByLabelText("Steps instead").fill("12");
  await page.getByRole("button", { name: "Start training" }).click();
  const progress = page.getByRole("progressbar", { name: "Training progress" });
  await expect.element(progress).toHaveAttribute("data-status", "finished");
  await expect.element(progress).toHaveAttribute("data-step", "12");
  await expect.element(page.getByTestId("loss-in-words")).toHaveTextContent(/Train loss .* at step 12.*best/);
  await expect.element(page.getByRole("region", { name: "Rows left out of the run" })).toHaveTextContent("Line 41");
  await page.getByRole("textbox", { name: "Question" }).fill("Name three primary colours.");
  await page.getByRole("button", { name: "Ask both" }).click();
  await expect.element(page.getByRole("region", { name: "Tuned model" })).toHaveTextContent("ended by itself");
  await expect.element(page.getByRole("region", { name: "Base model" })).toHaveTextContent("Once upon a time");
});

test("a refused value stays as typed, is explained at its field, and is not sent", async () => {
  await open(() => fakeWorker(kept));
  await choose();
  const rate = page.getByLabelText("Learning rate");
  await rate.fill("fast");
  await page.getByRole("button", { name: "Start training" }).click();
  await expect.element(rate).toHaveValue("fast");
  await expect.element(rate).toHaveFocus();
  await expect.element(rate).toHaveAccessibleDescription(/"fast" is not a number/);
  await expect.element(page.getByText("No run yet.")).toBeVisible();
  await page.getByRole("radio", { name: "Full training" }).click();
  await expect.element(rate).toHaveValue("fast");
  await page.getByRole("button", { name: "Back to defaults" }).click();
  await expect.element(rate).toHaveValue("2e-5");
});

test("a run that a dead tab left is interrupted, resumes, pauses and resumes", async () => {
  await open(() => fakeWorker({ ...kept, pace: 20, runs: [fakeRun(request, 20, 60)] }));
  const status = page.getByTestId("run-status");
  await expect.element(status).toHaveTextContent("Not training here");
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await page.getByRole("button", { name: "Pause" }).click();
  await expect.element(status).toHaveTextContent("Paused");
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await expect.element(status).toHaveTextContent("Finished");
});

test("what was typed outlives the page", async () => {
  await open(() => fakeWorker(kept));
  await choose();
  await page.getByRole("button", { name: "More settings" }).click();
  await page.getByLabelText("System prompt").fill("Be brief.");
  await page.getByRole("textbox", { name: "Question" }).fill("Why is the sky blue?");
  root.unmount();
  await open(() => fakeWorker(kept));
  await expect.element(page.getByRole("textbox", { name: "Question" })).toHaveValue("Why is the sky blue?");
  await expect.element(page.getByLabelText("Train this model")).toHaveValue(fakeModel.hash);
  await page.getByRole("button", { name: "More settings" }).click();
  await expect.element(page.getByLabelText("System prompt")).toHaveValue("Be brief.");
});

test("an engine that cannot be loaded leaves a page that says so", async () => {
  await open(() => new Worker("/there-is-no-such-worker.js", { type: "module" }));
  await expect.element(page.getByRole("alert")).toHaveTextContent("The engine could not be loaded");
  await expect.element(page.getByRole("button", { name: "Start the engine again" })).toBeEnabled();
  await expect.element(page.getByRole("button", { name: "Start training" })).toBeDisabled();
  await userEvent.keyboard("{Tab}");
  await expect.element(page.getByLabelText("Colours")).toHaveFocus();
});

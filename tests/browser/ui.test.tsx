/** The page in Chromium on a fake engine: the main way through it, refusals, a dead engine. Oracle: what a user sees. */

import { expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { defaultRecipe } from "../../src/run/recipe.ts";
import { fakeSource } from "../support/fakeData.ts";
import { fakeModel, fakeRun, fakeWorkers } from "../support/fakeEngine.ts";
import { closePage, eachOnAnEmptyPage, enter, kept, openPage as open } from "../support/fakeStudio.tsx";

const request = {
  name: "left alone",
  modelHash: fakeModel.hash,
  sources: [{ hash: fakeSource.hash, mapping: null, lambda: 1, excluded: [] }],
  recipe: defaultRecipe("lora"),
};

eachOnAnEmptyPage();

async function choose() {
  await enter("Model");
  await page.getByLabelText("Train this model").selectOptions(fakeModel.hash);
  await enter("Data");
  await page.getByRole("checkbox", { name: `Train on ${fakeSource.name}` }).click();
  await enter("Train");
}

test("from the kept model and data through a run to two answers", async () => {
  await open(fakeWorkers(kept));
  await choose();
  await page.getByLabelText("Steps instead").fill("12");
  await page.getByRole("button", { name: "Start training" }).click();
  const progress = page.getByRole("progressbar", { name: "Training progress" });
  await expect.element(progress).toHaveAttribute("data-status", "finished");
  await expect.element(progress).toHaveAttribute("data-step", "12");
  await expect.element(page.getByTestId("loss-in-words")).toHaveTextContent(/Train loss .* at step 12.*best/);
  await expect.element(page.getByRole("region", { name: "Rows left out of the run" })).toHaveTextContent("Line 41");
  await enter("Compare");
  await page.getByRole("textbox", { name: "Question" }).fill("Name three primary colours.");
  await page.getByRole("button", { name: "Ask both" }).click();
  await expect.element(page.getByRole("region", { name: "Tuned model" })).toHaveTextContent("ended by itself");
  await expect.element(page.getByRole("region", { name: "Base model" })).toHaveTextContent("Once upon a time");
});

test("a refused value stays as typed, is explained at its field, and is not sent", async () => {
  await open(fakeWorkers(kept));
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
  // So long that it is still under way when it is paused, however slow the machine; and no faster than a button can be
  // clicked that stands below figures which change.
  await open(fakeWorkers({ ...kept, pace: 100, runs: [fakeRun(request, 20, 1_000_000)] }));
  const status = page.getByTestId("run-status");
  await expect.element(status).toHaveTextContent("Interrupted");
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  // Asked to pause before it has begun, it does not begin.
  await expect.element(status).toHaveTextContent("Training");
  await page.getByRole("button", { name: "Pause" }).click();
  await expect.element(status).toHaveTextContent("Paused");
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await expect.element(status).toHaveTextContent("Training");
});

test("what was typed outlives the page", async () => {
  await open(fakeWorkers(kept));
  await choose();
  await enter("Template and mask");
  await page.getByRole("textbox", { name: "System prompt" }).fill("Be brief.");
  await enter("Compare");
  await page.getByRole("textbox", { name: "Question" }).fill("Why is the sky blue?");
  closePage();
  // The screen is kept too, in the address.
  await open(fakeWorkers(kept));
  await expect.element(page.getByRole("textbox", { name: "Question" })).toHaveValue("Why is the sky blue?");
  await enter("Model");
  await expect.element(page.getByLabelText("Train this model")).toHaveValue(fakeModel.hash);
  await enter("Data");
  await expect.element(page.getByRole("checkbox", { name: `Train on ${fakeSource.name}` })).toBeChecked();
  await enter("Template and mask");
  await expect.element(page.getByRole("textbox", { name: "System prompt" })).toHaveValue("Be brief.");
});

test("an engine that cannot be loaded leaves a page that says so", async () => {
  await open({
    engine: () => new Worker("/there-is-no-such-worker.js", { type: "module" }),
    data: fakeWorkers(kept).data,
  });
  await expect.element(page.getByRole("alert")).toHaveTextContent("The engine could not be loaded");
  await expect.element(page.getByRole("button", { name: "Start the engine again" })).toBeEnabled();
  await expect.element(page.getByRole("button", { name: "Start training" })).toBeDisabled();
  await userEvent.keyboard("{Tab}{Tab}");
  await expect.element(page.getByLabelText("Colours")).toHaveFocus();
});

test("an address shows its screen with its settings, and follows them; back goes back", async () => {
  history.replaceState(null, "", `${location.pathname}${location.search}#template?method=full&mask=everything`);
  const hone = await open(fakeWorkers(kept));
  await expect.element(page.getByRole("heading", { level: 1, name: "Template and mask" })).toBeVisible();
  await expect.element(page.getByLabelText("What is learnt")).toHaveValue("everything");
  await expect.poll(() => history.state).toBe("hone");
  await enter("Train");
  await expect.element(page.getByRole("radio", { name: "Full training" })).toBeChecked();
  await page.getByLabelText("Learning rate").fill("3e-5");
  await expect.poll(() => location.hash).toBe("#train?method=full&mask=everything&learningRate=3e-5");
  history.back();
  await expect.element(page.getByRole("heading", { level: 1, name: "Template and mask" })).toBeVisible();
  // What was typed since is not lost by going back.
  expect(hone.store.getState().recipe.entries).toEqual({ mask: "everything", learningRate: "3e-5" });
});

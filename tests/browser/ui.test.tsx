/** The main way through the page in Chromium, on the real services: choices, a run, refusals, a dead engine. Oracle: what a user sees. */

import { expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { wholeSource } from "../../src/run/source.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { copyStorage, putStorage } from "../support/browserStorage.ts";
import { stepTaken } from "../support/engineHere.ts";
import { colourRows, keepBasics } from "../support/kept.ts";
import { recipeOf } from "../support/recipe.ts";
import { openServices } from "../support/services.ts";
import { closePage, eachOnAPage, enter, openPage, openStudio } from "../support/studio.tsx";

/** The fifth row has no answer. */
const rows = [...colourRows(4), { instruction: "And this one?", input: "", output: "" }, ...colourRows(20).slice(4)];

const kept = eachOnAPage(async (here) => {
  const basics = await keepBasics(here, { rows });
  // What a tab leaves that is killed in step 20 of very many.
  const recipe = recipeOf("lora", { steps: 1_000_000, samplePrompts: 0, checkpointEvery: 10 });
  const sources = [wholeSource(basics.source.hash)];
  const run = here.engine.startRun({ name: "left alone", modelHash: basics.model.hash, sources, recipe });
  await stepTaken(here, 20);
  const killed = await copyStorage();
  await here.engine.cancelRun();
  await here.engine.deleteRun((await run).id);
  return { ...basics, killed };
});

async function choose() {
  const { model, source } = kept();
  await enter("Model");
  await page.getByLabelText("Train this model").selectOptions(model.hash);
  await enter("Data");
  await page.getByRole("checkbox", { name: `Train on ${source.name}` }).click();
  await enter("Train");
}

test("from the kept model and data through a run to two answers", async () => {
  await openStudio();
  await choose();
  await page.getByRole("radio", { name: "Full training" }).click();
  await page.getByLabelText("Optimizer steps").fill("24");
  await page.getByLabelText("Learning rate").fill("2e-2");
  await page.getByRole("button", { name: "Start training" }).click();
  const progress = page.getByRole("progressbar", { name: "Training progress" });
  await expect.element(progress).toHaveAttribute("data-status", "finished");
  await expect.element(progress).toHaveAttribute("data-step", "24");
  await expect.element(page.getByTestId("loss-in-words")).toHaveTextContent(/Train loss .* at step 24.*best/);
  await expect.element(page.getByRole("region", { name: "Rows left out of the run" })).toHaveTextContent("Line 5");
  await enter("Compare");
  await page.getByRole("textbox", { name: "Question" }).fill("What colour is it?");
  await page.getByRole("button", { name: "Ask both" }).click();
  await expect
    .element(page.getByRole("region", { name: "Tuned model" }))
    .toHaveTextContent(/Red\..*ended with a stop token/);
  await expect
    .element(page.getByRole("region", { name: "Base model" }))
    .toHaveTextContent(/Blue\..*ended with a stop token/);
});

test("a refused value stays as typed, is explained at its field, and is not sent", async () => {
  await openStudio();
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

test("a run that a dead tab left is paused with the reason, resumes, pauses and resumes", async () => {
  await putStorage(kept().killed);
  await openStudio();
  await enter("Train");
  const status = page.getByTestId("run-status");
  await expect.element(status).toHaveTextContent("Paused");
  await expect
    .element(page.getByRole("alert"))
    .toHaveTextContent(/The tab was closed at step \d+; the last checkpoint is step (10|20)\./);
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  // Asked to pause before it has begun, it does not begin.
  await expect.element(status).toHaveTextContent("Training");
  await page.getByRole("button", { name: "Pause" }).click();
  await expect.element(status).toHaveTextContent("Paused");
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await expect.element(status).toHaveTextContent("Training");
});

test("what was typed outlives the page", async () => {
  const { model, source } = kept();
  await openStudio();
  await choose();
  await enter("Template and mask");
  await page.getByRole("textbox", { name: "System prompt" }).fill("Be brief.");
  await enter("Compare");
  await page.getByRole("textbox", { name: "Question" }).fill("Why is the sky blue?");
  closePage();
  // The screen is kept too, in the address.
  await openStudio();
  await expect.element(page.getByRole("textbox", { name: "Question" })).toHaveValue("Why is the sky blue?");
  await enter("Model");
  await expect.element(page.getByLabelText("Train this model")).toHaveValue(model.hash);
  await enter("Data");
  await expect.element(page.getByRole("checkbox", { name: `Train on ${source.name}` })).toBeChecked();
  await enter("Template and mask");
  await expect.element(page.getByRole("textbox", { name: "System prompt" })).toHaveValue("Be brief.");
});

test("an engine that cannot be loaded leaves a page that says so", async () => {
  await openPage({
    engine: () => new Worker("/there-is-no-such-worker.js", { type: "module" }),
    data: openServices(browserEntries).data,
  });
  await expect.element(page.getByRole("alert")).toHaveTextContent("The engine could not be loaded");
  await expect.element(page.getByRole("button", { name: "Start the engine again" })).toBeEnabled();
  await expect.element(page.getByRole("button", { name: "Start training" })).toBeDisabled();
  await userEvent.keyboard("{Tab}{Tab}");
  await expect.element(page.getByLabelText("Colours")).toHaveFocus();
});

test("an address shows its screen with its settings, and follows them; back goes back", async () => {
  history.replaceState(null, "", `${location.pathname}${location.search}#template?method=full&mask=everything`);
  const hone = await openStudio();
  await expect.element(page.getByRole("heading", { level: 1, name: "Template and mask" })).toBeVisible();
  await expect.element(page.getByLabelText("Loss mask")).toHaveValue("everything");
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

/** The Model screen in Chromium on a fake engine. Oracle: what a user sees, and what the fake was told to do. */

import axe from "axe-core";
import { expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { defaultRecipe } from "../../src/run/recipe.ts";
import { fakeModel, fakeRun, fakeWorkers } from "../support/fakeEngine.ts";
import { fakeFetch } from "../support/fakeLibrary.ts";
import { eachOnAnEmptyPage, enter, kept, openPage } from "../support/fakeStudio.tsx";

eachOnAnEmptyPage();

const screen = page.getByRole("region", { name: "Model", exact: true });
const region = (name: string) => screen.getByRole("region", { name, exact: true });
const hub = region("From Hugging Face");
const keptHere = region("Kept in this browser");
const chosen = page.getByLabelText("Train this model");

async function open(settings = {}) {
  const hone = await openPage(fakeWorkers({ ...kept, models: [], ...settings }));
  await enter("Model");
  return hone;
}

async function lookUp(text: string) {
  await hub.getByRole("textbox", { name: "Hugging Face id, or any other address" }).fill(text);
  await hub.getByRole("button", { name: "Look it up", exact: true }).first().click();
}

test("a model is looked up, its size and needs are shown, and it is fetched, chosen and kept", async () => {
  await open({ pace: 60 });
  await expect.element(region("Chosen model")).toHaveTextContent("No model is chosen yet.");
  await lookUp("owner/small");
  const card = hub.getByRole("region", { name: "Found: owner/small" });
  await expect.element(card).toHaveTextContent("To fetch271.2 MB");
  await expect.element(card).toHaveTextContent("Memory for LoRA560.0 MB");
  await expect
    .element(card.getByRole("link", { name: "Its page on Hugging Face" }))
    .toHaveAttribute("href", "https://huggingface.co/owner/small");
  await card.getByRole("button", { name: "Fetch 271.2 MB" }).click();
  const bar = hub.getByRole("progressbar", { name: "Fetching owner/small" });
  await expect.element(bar).toHaveAttribute("aria-valuenow", "60");
  await expect.element(hub.getByText(/162\.7 MB of 271\.2 MB/)).toBeVisible();
  await expect.element(chosen).toHaveTextContent("owner/small");
  await expect.element(region("Chosen model")).toHaveTextContent(/Kept here\s*yes/);
  await expect.element(card).not.toBeInTheDocument();
  await expect.element(keptHere.getByRole("button", { name: "Remove owner/small" })).toBeVisible();
});

test("a fetch that is stopped stays as unfinished, and goes on where it stopped", async () => {
  await open({ pace: 150 });
  await lookUp("owner/small");
  await hub.getByRole("button", { name: "Fetch 271.2 MB" }).click();
  await expect.element(hub.getByRole("progressbar")).toHaveAttribute("aria-valuenow", "20");
  await hub.getByRole("button", { name: "Stop" }).click();
  await expect.element(hub.getByRole("button", { name: /^Go on: fetch the other \d/ })).toBeVisible();
  const item = keptHere.getByRole("listitem").filter({ hasText: "Unfinished" });
  await expect.element(item).toHaveTextContent(/(54\.2|108\.5) MB of 271\.2 MB are here/);
  await expect.element(hub.getByRole("alert")).not.toBeInTheDocument();
  await keptHere.getByRole("button", { name: "Go on with owner/small" }).click();
  await expect.element(chosen).toHaveTextContent("owner/small");
  await expect.element(item).not.toBeInTheDocument();
});

test("what an earlier visit left unfinished is listed, and can be discarded after a question", async () => {
  await open({ fetches: [fakeFetch] });
  await expect.element(keptHere).toHaveTextContent("120.0 MB of 271.2 MB are here");
  await keptHere.getByRole("button", { name: "Discard owner/half" }).click();
  await keptHere.getByRole("button", { name: "Keep" }).click();
  await keptHere.getByRole("button", { name: "Discard owner/half" }).click();
  await keptHere.getByRole("button", { name: "Discard", exact: true }).click();
  await expect.element(keptHere).toHaveTextContent("Models you open are kept here");
});

test("gated and missing models are explained in place, and what was typed stays", async () => {
  await open();
  await lookUp("owner/gated");
  const alert = hub.getByRole("alert");
  await expect.element(alert).toHaveTextContent("is gated");
  await expect.element(alert.getByRole("link")).toHaveAttribute("href", "https://huggingface.co/owner/gated");
  await lookUp("owner/missing");
  await expect.element(alert).toHaveTextContent('no public model "owner/missing"');
  await expect.element(hub.getByRole("textbox")).toHaveValue("owner/missing");
});

test("without room, or without the memory, it is said before anything is fetched", async () => {
  await open();
  await lookUp("owner/large");
  await expect
    .element(hub.getByRole("alert"))
    .toHaveTextContent("It needs 20.0 GB in this browser, which gives 10.0 GB");
  await expect.element(hub.getByRole("button", { name: "Fetch 20.0 GB" })).toBeDisabled();
  await hub.getByRole("button", { name: "Cancel" }).click();
  await expect.element(hub.getByRole("alert")).not.toBeInTheDocument();
});

test("the catalogue names size and need, and looks a model up by keyboard", async () => {
  await open();
  const entry = hub.getByRole("listitem").filter({ hasText: "HuggingFaceTB/SmolLM2-135M" });
  await expect.element(entry).toHaveTextContent(/269\.1 MB to fetch · 134\.5 M parameters · 560\.0 MB of memory/);
  const look = hub.getByRole("button", { name: "Look up HuggingFaceTB/SmolLM2-135M" });
  await expect.element(look).toBeEnabled();
  (look.element() as HTMLElement).focus();
  await userEvent.keyboard("{Enter}");
  await expect.element(hub.getByRole("region", { name: "Found: HuggingFaceTB/SmolLM2-135M" })).toBeVisible();
  await expect.element(hub.getByRole("textbox")).toHaveValue("HuggingFaceTB/SmolLM2-135M");
});

test("a model that is kept already is used instead of fetched", async () => {
  await open({ models: [fakeModel, { ...fakeModel, name: "owner/small", hash: "b".repeat(64) }] });
  await chosen.selectOptions(fakeModel.hash);
  await lookUp("owner/small");
  await hub.getByRole("button", { name: "Use the copy" }).click();
  await expect.element(chosen).toHaveValue("b".repeat(64));
});

test("details name shape, tokens, template and the whole hash; removing asks, and names the runs it would cost", async () => {
  const request = { name: "a run", modelHash: fakeModel.hash, sources: [], recipe: defaultRecipe("lora") };
  await open({ models: [fakeModel], runs: [fakeRun(request, 3, 12)] });
  await chosen.selectOptions(fakeModel.hash);
  const panel = region("Chosen model");
  await panel.getByText("Everything about it").click();
  await expect.element(panel).toHaveTextContent("8, 4 of keys and values");
  await expect.element(panel).toHaveTextContent("the embedding (tied)");
  await expect.element(panel).toHaveTextContent(fakeModel.hash);
  await panel.getByText("Its own chat template").click();
  await expect.element(panel.getByText("{{ message.content }}{{ eos_token }}")).toBeVisible();
  await keptHere.getByRole("button", { name: `Remove ${fakeModel.name}` }).click();
  await expect.element(keptHere.getByText("1 run cannot go on without it.", { exact: false })).toBeVisible();
  await keptHere.getByRole("button", { name: "Remove", exact: true }).click();
  await expect.element(chosen).not.toBeInTheDocument();
});

test("files are chosen or dropped; what is wrong with them stands beside the buttons", async () => {
  await open();
  const transfer = new DataTransfer();
  transfer.items.add(new File(["x"], "model.safetensors"));
  const target = document.querySelector('[data-testid="drop-model"]');
  for (const type of ["dragover", "drop"])
    target?.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
  await expect.element(region("From disk").getByRole("alert")).toHaveTextContent("The files hold no config.json.");
  const input = document.querySelector<HTMLInputElement>('input[aria-label="Model files"]');
  const good = new DataTransfer();
  good.items.add(new File(["{}"], "config.json"));
  if (input) input.files = good.files;
  input?.dispatchEvent(new Event("change", { bubbles: true }));
  await expect.element(chosen).toHaveTextContent(fakeModel.name);
  await expect.element(region("From disk").getByRole("alert")).not.toBeInTheDocument();
});

test.each(["light", "dark"])("has no violation of accessibility in %s, on a phone and on a screen", async (scheme) => {
  await open({ models: [fakeModel], fetches: [fakeFetch] });
  await chosen.selectOptions(fakeModel.hash);
  document.documentElement.dataset.mantineColorScheme = scheme;
  await lookUp("owner/small");
  await expect.element(hub.getByRole("region", { name: /^Found/ })).toBeVisible();
  for (const summary of document.querySelectorAll<HTMLElement>("[data-screen=model] summary")) summary.click();
  for (const width of [390, 1280]) {
    await page.viewport(width, 900);
    const { violations } = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"] });
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
    expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(width);
  }
});

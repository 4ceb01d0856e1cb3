/** Runs and Take away on a fake engine: what a person does with kept runs, and what another tab's run looks like. Oracle: what a user sees. */

import axe from "axe-core";
import { expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { defaultRecipe } from "../../src/run/recipe.ts";
import { withLambdas } from "../../src/run/stage.ts";
import { fakeSource } from "../support/fakeData.ts";
import { fakeModel, fakeRun, fakeWorkers } from "../support/fakeEngine.ts";
import { eachOnAnEmptyPage, enter, kept, openPage } from "../support/fakeStudio.tsx";
import { recipeWith } from "../support/recipe.ts";

const request = {
  name: "first try",
  modelHash: fakeModel.hash,
  sources: [{ hash: fakeSource.hash, mapping: null, excluded: [3, 4] }],
  recipe: withLambdas(recipeWith(defaultRecipe("lora"), { learningRate: 5e-3, steps: 12 }), [0.5]),
};
const second = {
  ...request,
  name: "second try",
  recipe: { ...defaultRecipe("full"), template: { kind: "custom" as const, source: "{{ messages }}" }, seed: 7 },
};
const ended = { status: "finished" as const };
const runs = [
  { ...fakeRun(request, 12, 12, "2026-03-01T10:00:00.000Z"), ...ended },
  { ...fakeRun(second, 30, 30, "2026-03-02T10:00:00.000Z"), ...ended },
];

eachOnAnEmptyPage();

const panel = page.getByRole("region", { name: "Runs", exact: true });
const card = (name: string) => panel.getByRole("article", { name, exact: true });
const names = () => [...document.querySelectorAll("article h3")].map((title) => title.textContent);

async function openRuns(settings = { ...kept, runs }) {
  const workers = fakeWorkers(settings);
  const hone = await openPage(workers);
  await enter("Runs");
  return { hone, workers };
}

test("a card says what the run was, what is unusual in it, and what came of it; the newest is first", async () => {
  await openRuns();
  await expect.element(card("second try")).toBeVisible();
  expect(names()).toEqual(["second try", "first try"]);
  const first = card("first try");
  await expect.element(first).toHaveTextContent(/stories260K · .* · LoRA/);
  await expect.element(first).toHaveTextContent("Learning rate 0.005 · Steps instead 12");
  await expect.element(first).toHaveTextContent("12 / 12");
  await expect.element(first).toHaveTextContent("240.0 kB");
  await expect.element(first).toHaveTextContent("Finished");
  await expect.element(panel.getByText(/^12\.4 MB used, .* left by the browser's estimate$/)).toBeVisible();
});

test("renamed in place with Enter, left with Escape, and a note of several lines", async () => {
  const { hone } = await openRuns();
  await panel.getByRole("button", { name: "Rename first try" }).click();
  const field = panel.getByRole("textbox", { name: "New name of first try" });
  await expect.element(field).toHaveFocus();
  await userEvent.fill(field, "best so far");
  await userEvent.keyboard("{Enter}");
  await expect.element(card("best so far")).toBeVisible();
  await panel.getByRole("button", { name: "Rename best so far" }).click();
  await userEvent.keyboard("nonsense{Escape}");
  await panel.getByRole("button", { name: "Add a note to best so far" }).click();
  await userEvent.fill(panel.getByRole("textbox", { name: "Note on best so far" }), "Rate too high?\nTry half.");
  await panel.getByRole("button", { name: "Save Note on best so far" }).click();
  await expect.element(panel.getByText("Rate too high?")).toBeVisible();
  // The engine has it, not only the page.
  await hone.runs.load();
  expect(hone.store.getState().runs.list.map(({ name, note }) => [name, note])).toEqual([
    ["second try", ""],
    ["best so far", "Rate too high?\nTry half."],
  ]);
});

test("two ticked runs: curves with a legend, and only the settings that differ", async () => {
  await openRuns();
  const compared = page.getByRole("region", { name: "Side by side" });
  await panel.getByRole("checkbox", { name: /curves of first try/ }).click();
  await expect.element(panel.getByText("1 run ticked; tick another.")).toBeVisible();
  await expect.element(compared).not.toBeInTheDocument();
  await panel.getByRole("checkbox", { name: /curves of second try/ }).click();
  const legend = compared.getByRole("list", { name: "Runs in the curves" });
  await expect.element(legend).toHaveTextContent("second tryfirst try");
  expect(document.querySelectorAll("section canvas, #side-by-side canvas").length).toBeGreaterThanOrEqual(2);
  const rows = [...document.querySelectorAll<HTMLElement>("#side-by-side table")].map((table) =>
    [...table.querySelectorAll("tbody tr")].map((row) => [...row.children].map((cell) => cell.textContent)),
  );
  expect(rows[1]).toEqual([
    ["Method", "full", "LoRA"],
    ["Template", "Your own, in Jinja", "Hone  <|user|> … <|end|>"],
    ["Your template", "{{ messages }}", "–"],
    ["Learning rate", "2e-5", "0.005"],
    ["Steps instead", "off", "12"],
    ["Adapter size", "–", "16"],
    ["Adapter strength", "–", "32"],
    ["Layers with an adapter", "–", request.recipe.lora.targets.join(",")],
    ["Seed", "7", "42"],
  ]);
  expect(rows[0]?.map(([name]) => name)).toEqual([
    "Train loss",
    "Validation loss",
    "Best validation",
    "Step",
    "Training time",
  ]);
  await panel.getByRole("button", { name: "Untick all" }).click();
  await expect.element(compared).not.toBeInTheDocument();
});

test("deleted without a question, brought back with Undo where the focus is, and gone for good with the next", async () => {
  const { hone } = await openRuns();
  await panel.getByRole("button", { name: "Delete first try" }).click();
  await expect.element(card("first try")).not.toBeInTheDocument();
  const undo = panel.getByRole("button", { name: "Undo: keep first try" });
  await expect.element(undo).toHaveFocus();
  await userEvent.keyboard("{Enter}");
  await expect.element(card("first try")).toBeVisible();
  await expect.element(panel.getByRole("button", { name: "Delete first try" })).toHaveFocus();
  await panel.getByRole("button", { name: "Delete first try" }).click();
  await panel.getByRole("button", { name: "Delete second try" }).click();
  await expect.element(panel.getByRole("button", { name: "Undo: keep second try" })).toBeVisible();
  await expect.element(undo).not.toBeInTheDocument();
  await hone.runs.load();
  expect(hone.store.getState().runs.list).toEqual([]);
  await panel.getByRole("button", { name: "Undo: keep second try" }).click();
  expect(names()).toEqual(["second try"]);
});

test("duplicated as a new run: settings, rows and model stand in the form under Train", async () => {
  const { hone } = await openRuns();
  await panel.getByRole("button", { name: "Duplicate as new run: first try" }).click();
  await expect.element(page.getByRole("heading", { level: 1, name: "Train" })).toBeVisible();
  await expect.element(page.getByLabelText("Learning rate")).toHaveValue("0.005");
  await expect.element(page.getByLabelText("Steps instead")).toHaveValue("12");
  await expect.element(page.getByLabelText("Name of the run")).toHaveValue("first try, again");
  const { data, model, recipe } = hone.store.getState();
  expect(data.chosen).toEqual([{ ...request.sources[0], lambda: 0.5 }]);
  expect(model.selected).toBe(fakeModel.hash);
  expect(recipe.entries).toEqual({ template: "hone", learningRate: "0.005", steps: "12" });
});

test("a run whose model and rows are not here says what it needs, and fills in the rest", async () => {
  const { hone } = await openRuns({ ...kept, models: [], sources: [], runs });
  await expect
    .element(card("first try"))
    .toHaveTextContent("Its base model, stories260K (hash 9f2c77aa…), is not in this browser");
  await panel.getByRole("button", { name: "Duplicate as new run: first try" }).click();
  await expect
    .element(card("first try"))
    .toHaveTextContent(`Not in this browser: the model stories260K, the rows of ${fakeSource.name}; open it first.`);
  expect(hone.store.getState().recipe.entries).toMatchObject({ learningRate: "0.005" });
  await enter("Take away");
  const adapter = page.getByRole("region", { name: "Model", exact: true });
  await expect.element(adapter).toHaveTextContent("Needs the base model stories260K (hash 9f2c77aa…)");
  await expect.element(page.getByRole("button", { name: "Export the whole run" })).toBeEnabled();
});

test("a run is taken in from a file; the same again is known, and what is no run is refused", async () => {
  await openRuns();
  const input = page.getByLabelText("Run file").element() as HTMLInputElement;
  const give = (name: string, content: string) => userEvent.upload(input, new File([content], name));
  await give(
    "third.zip",
    JSON.stringify({ ...runs[0], id: "third", name: "third try", createdAt: "2026-03-03T10:00:00.000Z" }),
  );
  await expect.element(card("third try")).toBeVisible();
  await expect.element(panel.getByText("third try was taken in.")).toBeVisible();
  expect(names()[0]).toBe("third try");
  await give("third.zip", JSON.stringify({ ...runs[0], id: "third", name: "third try" }));
  await expect.element(panel.getByText("third try was here before. This run is here already.")).toBeVisible();
  await give("holiday.zip", "PK");
  await expect.element(panel.getByRole("alert")).toHaveTextContent("holiday.zip is no run of Hone");
  expect(names()).toHaveLength(3);
});

function watchDownloads(): string[] {
  const downloads: string[] = [];
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    downloads.push(this.download);
  });
  return downloads;
}

test("everything is taken away of the run that is chosen, each with what was compared", async () => {
  await openRuns();
  await panel.getByRole("button", { name: "Take away first try" }).click();
  await expect.element(page.getByLabelText("Run", { exact: true })).toHaveDisplayValue("first try (step 12)");
  const downloads = watchDownloads();
  const region = (name: string) => page.getByRole("region", { name, exact: true });
  await region("Adapter").getByRole("button", { name: "Export the adapter" }).click();
  await expect
    .element(region("Adapter").getByText("first-try.adapter.zip (7 B) has adapter_config.json."))
    .toBeVisible();
  await expect
    .element(region("Adapter").getByText("Read back and compared: 14 tensors equal, largest difference 0."))
    .toBeVisible();
  await region("Merged model").getByRole("button", { name: "Export the merged model" }).click();
  await expect
    .element(region("Merged model").getByText(/^first-try\.model\.zip \(5 B\) has model\.safetensors\./))
    .toBeVisible();
  await region("Training artifacts").getByRole("button", { name: "Make the artifacts" }).click();
  await region("Training artifacts")
    .getByRole("button", { name: /^eval_model\.onnx/ })
    .click();
  await expect
    .element(region("Training artifacts").getByText("2 inputs, 1 output, 210 operators").first())
    .toBeVisible();
  await region("Whole run").getByRole("button", { name: "Export the whole run" }).click();
  await expect.element(region("Whole run").getByText("The base model is not in it.")).toBeVisible();
  await region("Whole run").getByRole("button", { name: "Download run record" }).click();
  await expect
    .poll(() => downloads)
    .toEqual([
      "first-try.adapter.zip",
      "first-try.model.zip",
      "first-try.artifacts.zip",
      "eval_model.onnx",
      "first-try.run.zip",
      "first-try.run.json",
    ]);
  // Full training has no adapter.
  await page.getByLabelText("Run", { exact: true }).selectOptions("second try (step 30)");
  await expect.element(region("Adapter").getByRole("button", { name: "Export the adapter" })).toBeDisabled();
  await expect.element(region("Adapter")).toHaveTextContent("This run trained every number");
  await expect.element(region("Model")).toBeVisible();
  await expect.element(page.getByText(/first-try/)).not.toBeInTheDocument();
});

test("an export that is refused says why, and one that is cancelled says nothing", async () => {
  const refused = new Error("The merged model was not exported, for it would never end. Export the adapter.");
  await openPage(fakeWorkers({ ...kept, runs, failing: { exportAdapter: refused }, pace: 100 }));
  await enter("Take away");
  await page.getByLabelText("Run", { exact: true }).selectOptions("first try (step 12)");
  const take = page.getByRole("region", { name: "Take away", exact: true });
  await take.getByRole("button", { name: "Export the adapter" }).click();
  await expect.element(take.getByRole("alert")).toHaveTextContent("Export the adapter.");
  const merged = take.getByRole("button", { name: "Export the merged model" });
  await merged.click();
  await take.getByRole("button", { name: "Cancel", exact: true }).click();
  await expect.element(merged).toBeEnabled();
  await expect.element(page.getByText(/model\.zip/)).not.toBeInTheDocument();
});

test("the run that another tab trains goes by live, and nothing starts beside it", async () => {
  const { workers, hone } = await openRuns();
  const record = { ...fakeRun({ ...request, name: "over there" }, 2, 40, "2026-03-04T10:00:00.000Z"), id: "there" };
  const tell = (event: Parameters<typeof workers.tell>[0]) => workers.tell(event);
  tell({ type: "othersTraining", training: true });
  tell({ type: "elsewhere", event: { type: "run", record } });
  await expect.element(card("over there")).toHaveTextContent("Training in another tab");
  const metrics = { ...record.metrics[0], step: 3, loss: 1.25 } as (typeof record.metrics)[number];
  tell({ type: "elsewhere", event: { type: "step", runId: "there", metrics, memory: 1 } });
  await expect.element(card("over there")).toHaveTextContent("3 / 40");
  await expect.element(card("over there")).toHaveTextContent("→ 1.250");
  await expect.element(panel.getByRole("button", { name: "Delete over there" })).toBeDisabled();
  await expect.element(panel.getByRole("button", { name: "Rename over there" })).toBeDisabled();
  hone.model.select(fakeModel.hash);
  hone.data.choose(fakeSource.hash, true);
  await enter("Train");
  await expect.element(page.getByRole("button", { name: "Start training" })).toBeDisabled();
  await expect.element(page.getByTestId("run-status")).toHaveTextContent("Training in another tab");
  tell({ type: "othersTraining", training: false });
  await expect.element(page.getByTestId("run-status")).toHaveTextContent("Interrupted");
  await expect.element(page.getByRole("button", { name: "Start training" })).toBeEnabled();
});

test.each(["light", "dark"] as const)("no fault for assistive technology in the %s scheme", async (scheme) => {
  localStorage.setItem("mantine-color-scheme-value", scheme);
  await openRuns();
  await panel.getByRole("checkbox", { name: /curves of first try/ }).click();
  await panel.getByRole("checkbox", { name: /curves of second try/ }).click();
  await panel.getByRole("button", { name: "Add a note to first try" }).click();
  await panel.getByRole("button", { name: "Rename second try" }).click();
  const faults = async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  };
  expect(await faults()).toEqual([]);
  watchDownloads();
  await enter("Take away");
  await page.getByRole("button", { name: "Make the artifacts" }).click();
  await expect.element(page.getByText("2 inputs, 1 output, 210 operators").first()).toBeVisible();
  expect(await faults()).toEqual([]);
});

test.each([
  [390, 800],
  [1280, 900],
])("nothing is wider than a page of %d pixels", async (width, height) => {
  await page.viewport(width, height);
  await openRuns();
  await panel.getByRole("checkbox", { name: /curves of first try/ }).click();
  await panel.getByRole("checkbox", { name: /curves of second try/ }).click();
  await expect.element(page.getByRole("region", { name: "Side by side" })).toBeVisible();
  expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(width);
  await enter("Take away");
  expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(width);
});

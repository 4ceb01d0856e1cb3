/** Runs and Take away on the real engine: what a person does with kept runs, and what another tab's run looks like. Oracle: what the engine keeps. */

import axe from "axe-core";
import { expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import type { Exported } from "../../src/protocol/engine.ts";
import { wholeSource } from "../../src/run/source.ts";
import { withLambdas } from "../../src/run/stage.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { bytes, figure } from "../../src/ui/format.ts";
import { engineHere } from "../support/engineHere.ts";
import { keepBasics, keepRows } from "../support/kept.ts";
import { recipeOf } from "../support/recipe.ts";
import { refuse, type Stubs, untilCancelled } from "../support/services.ts";
import { eachOnAPage, enter, openStudio } from "../support/studio.tsx";

const template =
  "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}";

/** The archive's bytes: the file that holds them is the engine's, until the next one. */
const copied = async (exporting: Promise<Exported>) => new Blob([await (await exporting).archive.arrayBuffer()]);

/** Two runs, the later one of other settings, and the file of a third that is not here. */
const kept = eachOnAPage(async (here) => {
  const { engine } = here;
  const { model, source } = await keepBasics(here);
  const sources = [{ hash: source.hash, mapping: null, lambda: 0.5, excluded: [3, 4] }];
  const recipe = withLambdas(recipeOf("lora", { learningRate: 5e-3, steps: 12 }), [0.5]);
  const request = { modelHash: model.hash, sources, recipe };
  const first = await engine.startRun({ ...request, name: "first try" });
  const another = recipeOf("full", { template: { kind: "custom", source: template }, seed: 7 });
  const second = await engine.startRun({ ...request, name: "second try", recipe: another });
  const third = await engine.startRun({ ...request, name: "third try" });
  const file = await copied(engine.exportRun(third.id));
  await engine.deleteRun(third.id);
  const adapter = await copied(engine.exportAdapter(first.id, null));
  return { model, source, request, first, second, file, adapter, sizes: await engine.runSizes() };
});

const panel = page.getByRole("region", { name: "Runs", exact: true });
const card = (name: string) => panel.getByRole("article", { name, exact: true });
const names = () => [...document.querySelectorAll("article h3")].map((title) => title.textContent);

async function openRuns(stubs: Stubs = {}) {
  const hone = await openStudio({}, stubs);
  await enter("Runs");
  return hone;
}

test("a card says what the run was, what is unusual in it, and what came of it; the newest is first", async () => {
  await openRuns();
  await expect.element(card("second try")).toBeVisible();
  expect(names()).toEqual(["second try", "first try"]);
  const first = card("first try");
  await expect.element(first).toHaveTextContent(/tiny · .* · LoRA/);
  await expect.element(first).toHaveTextContent("Learning rate 0.005 · Optimizer steps 12");
  await expect.element(first).toHaveTextContent("12 / 12");
  await expect.element(first).toHaveTextContent(bytes(kept().sizes[kept().first.id] ?? 0));
  await expect.element(first).toHaveTextContent("Finished");
  await expect.element(panel.getByText(/^\d.* used, .* free \(browser's estimate\)$/)).toBeVisible();
});

test("renamed in place with Enter, left with Escape, and a note of several lines", async () => {
  const hone = await openRuns();
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
  await vi.waitFor(async () => {
    await hone.runs.load();
    expect(hone.store.getState().runs.list.map(({ name, note }) => [name, note])).toEqual([
      ["second try", ""],
      ["best so far", "Rate too high?\nTry half."],
    ]);
  });
});

test("two ticked runs: curves with a legend, and only the settings that differ", async () => {
  await openRuns();
  const compared = page.getByRole("region", { name: "Side by side" });
  await panel.getByRole("checkbox", { name: /curves of first try/ }).click();
  await expect.element(panel.getByText("1 run selected; select another.")).toBeVisible();
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
    ["Your template", template, "–"],
    ["Learning rate", "2e-5", "0.005"],
    ["Optimizer steps", "off", "12"],
    ["LoRA rank", "–", "16"],
    ["LoRA alpha", "–", "32"],
    ["Base weights", "–", "32 bits"],
    ["LoRA targets", "–", kept().request.recipe.lora.targets.join(",")],
    ["Seed", "7", "42"],
  ]);
  expect(rows[0]?.map(([name]) => name)).toEqual([
    "Train loss",
    "Validation loss",
    "Best validation",
    "Step",
    "Training time",
  ]);
  await panel.getByRole("button", { name: "Clear selection" }).click();
  await expect.element(compared).not.toBeInTheDocument();
});

test("deleted without a question, brought back with Undo where the focus is, and gone for good with the next", async () => {
  const hone = await openRuns();
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
  // The engine takes its time to delete.
  await vi.waitFor(async () => {
    await hone.runs.load();
    expect(hone.store.getState().runs.list).toEqual([]);
  });
  await panel.getByRole("button", { name: "Undo: keep second try" }).click();
  expect(names()).toEqual(["second try"]);
});

test("duplicated as a new run: settings, rows and model stand in the form under Train", async () => {
  const hone = await openRuns();
  await panel.getByRole("button", { name: "Duplicate as new run: first try" }).click();
  await expect.element(page.getByRole("heading", { level: 1, name: "Train" })).toBeVisible();
  await expect.element(page.getByLabelText("Learning rate")).toHaveValue("0.005");
  await expect.element(page.getByLabelText("Optimizer steps")).toHaveValue("12");
  await expect.element(page.getByLabelText("Name of the run")).toHaveValue("first try (copy)");
  const { data, model, recipe } = hone.store.getState();
  expect(data.chosen).toEqual(kept().request.sources);
  expect(model.selected).toBe(kept().model.hash);
  // What its settings became at its start, "automatic" no more.
  const device = { weights: "float32", products: "float32", program: "whole" };
  expect(recipe.entries).toEqual({ template: "hone", learningRate: "0.005", steps: "12", ...device });
});

test("a run whose model and rows are not here says what it needs, and fills in the rest", async () => {
  const { model, source } = kept();
  const { engine, data } = await engineHere(browserEntries);
  await engine.deleteModel(model.hash);
  await data.delete(source.hash);
  const hone = await openRuns();
  const named = `tiny (hash ${model.hash.slice(0, 8)}…)`;
  await expect.element(card("first try")).toHaveTextContent(`Its base model, ${named}, is not in this browser`);
  await panel.getByRole("button", { name: "Duplicate as new run: first try" }).click();
  await expect
    .element(card("first try"))
    .toHaveTextContent(`Not in this browser: the model tiny, the rows of ${source.name}. Open this first.`);
  expect(hone.store.getState().recipe.entries).toMatchObject({ learningRate: "0.005" });
  await enter("Take away");
  const adapter = page.getByRole("region", { name: "Model", exact: true });
  await expect.element(adapter).toHaveTextContent(`Needs the base model ${named}`);
  await expect.element(page.getByRole("button", { name: "Export the whole run" })).toBeEnabled();
});

test("a run is taken in from a file; the same again is known, and what is no run is refused", async () => {
  await openRuns();
  const input = page.getByLabelText("Run file").element() as HTMLInputElement;
  const give = (name: string, content: BlobPart) => userEvent.upload(input, new File([content], name));
  await give("third.zip", kept().file);
  await expect.element(card("third try")).toBeVisible();
  await expect.element(panel.getByText("third try was imported.")).toBeVisible();
  expect(names()[0]).toBe("third try");
  await give("third.zip", kept().file);
  await expect
    .element(panel.getByText('third try was not imported. This browser already has this run, as "third try".'))
    .toBeVisible();
  await give("holiday.zip", kept().adapter);
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
    .element(
      region("Adapter").getByText(
        /^first-try\.step-12\.adapter\.zip \(\d.* k?B\) contains adapter_config\.json, adapter_model\.safetensors/,
      ),
    )
    .toBeVisible();
  await expect
    .element(region("Adapter").getByText("Read back and compared: 14 tensors equal, largest difference 0."))
    .toBeVisible();
  await region("Merged model").getByRole("button", { name: "Export the merged model" }).click();
  await expect
    .element(
      region("Merged model").getByText(/^first-try\.step-12\.model\.zip \(\d.* kB\) contains .*model\.safetensors/),
    )
    .toBeVisible();
  const elsewhere = region("Continue elsewhere");
  await elsewhere.getByRole("button", { name: "Export for other trainers" }).click();
  await expect
    .element(elsewhere.getByText(/^first-try\.step-12\.hand-over\.zip \(\d.* kB\) contains \d+ files\./))
    .toBeVisible();
  await expect.element(elsewhere.getByText(/^Read back and compared: 28 tensors equal/)).toBeVisible();
  await expect
    .element(elsewhere.getByText(/every row has Hone's tokens and mask\.$|^Stage 1 is given as tokens/))
    .toBeVisible();
  const recipe = region("Continue elsewhere, before a run");
  await expect.element(recipe.getByText("Choose a model and data first.")).toBeVisible();
  await expect.element(recipe.getByRole("button", { name: "Export the recipe for other trainers" })).toBeDisabled();
  await region("Training artifacts").getByRole("button", { name: "Make the artifacts" }).click();
  await region("Training artifacts")
    .getByRole("button", { name: /^eval_model\.onnx/ })
    .click();
  await expect
    .element(
      region("Training artifacts")
        .getByText(/^\d+ inputs, \d+ outputs?, \d+ operators$/)
        .first(),
    )
    .toBeVisible();
  await region("Whole run").getByRole("button", { name: "Export the whole run" }).click();
  await expect.element(region("Whole run").getByText(/^Read back and compared: \d+ tensors equal/)).toBeVisible();
  await region("Whole run").getByRole("button", { name: "Download run record" }).click();
  await expect
    .poll(() => downloads)
    .toEqual([
      "first-try.step-12.adapter.zip",
      "first-try.step-12.model.zip",
      "first-try.step-12.hand-over.zip",
      "first-try.artifacts.zip",
      "eval_model.onnx",
      "first-try.run.zip",
      "first-try.run.json",
    ]);
  // Full training has no adapter.
  await page.getByLabelText("Run", { exact: true }).selectOptions(`second try (step ${kept().second.step})`);
  await expect.element(region("Adapter").getByRole("button", { name: "Export the adapter" })).toBeDisabled();
  await expect.element(region("Adapter")).toHaveTextContent("This run trained all parameters");
  await expect.element(region("Model")).toBeVisible();
  await expect.element(page.getByText(/first-try/)).not.toBeInTheDocument();
});

test("the checkpoint that is taken away is chosen among the newest, the best and the others", async () => {
  const here = await engineHere(browserEntries);
  await here.engine.start("wasm");
  const passages = Array.from({ length: 20 }, (_, i) => ({ text: `The fox of house ${i} runs.` }));
  const text = await keepRows(here, passages, "passages.jsonl");
  // The chats' rate undoes what the text taught: the best checkpoint by text is an early one.
  const recipe = recipeOf("lora", {
    ...{ stages: "text-first", bestBy: "text", textEpochs: 4, textLearningRate: 1e-2, learningRate: 0.9, steps: 4 },
    ...{ accumulation: 1, validationShare: 0.2, evaluateEvery: 4, checkpointEvery: 4, keepLast: 2, maxLength: 64 },
  });
  const sources = [kept().source.hash, text.hash].map(wholeSource);
  const { model } = kept();
  const run = await here.engine.startRun({ name: "staged try", modelHash: model.hash, sources, recipe });
  const checkpoints = await here.engine.checkpointsOf(run.id);
  const [newest, best] = [checkpoints[0], checkpoints.find((checkpoint) => checkpoint.best)];
  expect([best?.step, best === newest]).toEqual([run.best?.step, false]);
  const loss = figure(best?.loss ?? Number.NaN);

  await openStudio();
  await enter("Take away");
  const choice = page.getByRole("region", { name: "Take away", exact: true }).getByLabelText("Checkpoint");
  await expect.element(choice).toHaveTextContent(`Step ${newest?.step} (newest)`);
  await expect.element(choice).toHaveTextContent(`Step ${best?.step} (best) · validation loss of text ${loss} · `);
  await expect.element(page.getByText(/The best one has the lowest validation loss of text\.$/)).toBeVisible();
  const downloads = watchDownloads();
  await choice.selectOptions(String(best?.step));
  const adapter = page.getByRole("region", { name: "Adapter", exact: true });
  await adapter.getByRole("button", { name: "Export the adapter" }).click();
  await expect
    .element(adapter)
    .toHaveTextContent(`Weights of step ${best?.step}: the lowest loss on validation of text`);
  expect(downloads).toEqual([`staged-try.step-${best?.step}.adapter.zip`]);
});

test("an export that is refused says why, and one that is cancelled says nothing", async () => {
  await openStudio(
    {},
    {
      engine: () => ({
        exportAdapter: refuse("The merged model was not exported: its answers would never end. Export the adapter."),
        exportModel: (_runId, _checkpoint, signal) => untilCancelled(signal),
      }),
    },
  );
  await enter("Take away");
  await page.getByLabelText("Run", { exact: true }).selectOptions("first try (step 12)");
  const take = page.getByRole("region", { name: "Take away", exact: true });
  await take.getByRole("button", { name: "Export the adapter" }).click();
  await expect.element(take.getByRole("alert")).toHaveTextContent("Export the adapter.");
  const merged = take.getByRole("button", { name: "Export the merged model" });
  await merged.click();
  await take.getByRole("button", { name: "Cancel", exact: true }).click();
  await expect.element(merged).toBeEnabled();
  await take.getByRole("button", { name: "Export the GGUF file" }).click();
  await expect.element(take.getByText(/^GGUF cannot express this tokenizer: its pre_tokenizer/)).toBeVisible();
  await expect.element(page.getByText(/model\.zip/)).not.toBeInTheDocument();
});

test("the run that another tab trains goes by live, and nothing starts beside it", async () => {
  const { model, source, first } = kept();
  const hone = await openRuns();
  const { tell } = hone.services;
  const record = {
    ...first,
    id: "there",
    name: "over there",
    createdAt: "2100-01-01T00:00:00.000Z",
    status: "running" as const,
    step: 2,
    totalSteps: 40,
  };
  tell({ type: "othersTraining", training: true });
  tell({ type: "elsewhere", event: { type: "run", record } });
  await expect.element(card("over there")).toHaveTextContent("Training in another tab");
  const metrics = {
    step: 3,
    loss: 1.25,
    gradientNorm: 1,
    learningRate: 1e-3,
    tokens: 100,
    supervisedTokens: 20,
    seconds: 0.1,
  };
  tell({ type: "elsewhere", event: { type: "step", runId: "there", metrics, memory: 1 } });
  await expect.element(card("over there")).toHaveTextContent("3 / 40");
  await expect.element(card("over there")).toHaveTextContent(figure(1.25));
  await expect.element(panel.getByRole("button", { name: "Delete over there" })).toBeDisabled();
  await expect.element(panel.getByRole("button", { name: "Rename over there" })).toBeDisabled();
  hone.model.select(model.hash);
  hone.data.choose(source.hash, true);
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
  await expect.element(page.getByText(/^\d+ inputs, \d+ outputs?, \d+ operators$/).first()).toBeVisible();
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

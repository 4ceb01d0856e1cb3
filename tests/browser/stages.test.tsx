/** Runs in several stages, as the page offers and shows them, on the real engine. Oracle: what was chosen, and the run's own record. */

import axe from "axe-core";
import { expect, test } from "vitest";
import { page } from "vitest/browser";
import type { Curves } from "../../src/run/curves.ts";
import { wholeSource } from "../../src/run/source.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { figure } from "../../src/ui/format.ts";
import { copyStorage, putStorage, type StorageCopy } from "../support/browserStorage.ts";
import { keepBasics, keepRows } from "../support/kept.ts";
import { recipeOf } from "../support/recipe.ts";
import { closePage, eachOnAPage, enter, openStudio } from "../support/studio.tsx";

/** Twice 36 of 40 passages, then twice 18 of 20 chats, four to a step. */
const steps = { text: 18, chats: 10 };

interface Place extends Pick<Curves, "evaluations"> {
  readonly kept: StorageCopy;
}

const kept = eachOnAPage(async (here) => {
  const { engine } = here;
  const { model, source } = await keepBasics(here);
  const passages = Array.from({ length: 40 }, (_, i) => ({ text: `The fox of house ${i} sleeps.` }));
  const text = await keepRows(here, passages, "handbook.jsonl");
  const recipe = recipeOf("lora", {
    stages: "text-first",
    textEpochs: 2,
    epochs: 2,
    accumulation: 1,
    evaluateEvery: 6,
    samplePrompts: 0,
    watchEvery: null,
  });
  const places = new Map<number, Place>();
  const stops = [12, steps.text, steps.text + 1];
  here.onEvent((event) => {
    if (event.type === "step" && stops.includes(event.metrics.step)) void engine.pauseRun();
  });
  const sources = [text, source].map(({ hash }) => wholeSource(hash));
  let run = await engine.startRun({ name: "in stages", modelHash: model.hash, sources, recipe });
  while (run.status === "paused") {
    const { evaluations } = await engine.curvesOf(run.id);
    places.set(run.step, { evaluations, kept: await copyStorage() });
    run = await engine.resumeRun(run.id);
  }
  return { model, source, text, places, run };
});

const recipe = page.getByRole("region", { name: "Recipe", exact: true });
const openBoth = () => openStudio({ model: kept().model, sources: [kept().source, kept().text] });
const stage = (number: number) => recipe.getByRole("region", { name: `Stage ${number}`, exact: true });
const arrange = recipe.getByRole("button", { name: "Train in stages: text, then chats" });

test("stages are offered where text and chats are chosen, and what is missing is said where one is gone", async () => {
  const hone = await openBoth();
  await enter("Train");
  await expect.element(recipe.getByLabelText("Objective", { exact: true })).toHaveValue("mixed");
  await expect.element(stage(1)).not.toBeInTheDocument();
  await arrange.click();
  await stage(1).getByLabelText("Epochs").fill("6");
  await expect.element(recipe.getByText(/Usually 1 to 3\./)).toBeVisible();
  await stage(1).getByLabelText("Learning rate").fill("1e-3");
  await expect.element(recipe.getByText(/^Higher than for the chats/)).toBeVisible();
  expect((await axe.run("#root")).violations).toEqual([]);

  const [chats, text] = [kept().source.hash, kept().text.hash];
  hone.data.choose(text, false);
  await expect.element(recipe.getByText(/^There is no plain text among the chosen data/)).toBeVisible();
  hone.data.choose(text, true);
  hone.data.choose(chats, false);
  await expect.element(recipe.getByText(/^There are no chats among the chosen data/)).toBeVisible();
  await stage(2).getByRole("button", { name: "Remove stage 2" }).click();
  await stage(2).getByRole("button", { name: "Remove", exact: true }).click();
  await expect.element(recipe.getByLabelText("Objective", { exact: true })).toHaveValue("text");
});

test("λ 0 leaves a source out of one stage; a refused λ and a refused setting in the closed part are seen", async () => {
  const hone = await openBoth();
  await enter("Train");
  await arrange.click();
  const stages = () => hone.store.getState().data.chosen.map((source) => source.stages);
  const lambda = stage(1).getByLabelText("handbook.jsonl: λ in stage 1");
  await lambda.fill("0");
  expect(stages()).toEqual([undefined, [0, null]]);
  await lambda.fill("-1");
  await expect.element(stage(1).getByText("Enter 0 or a number above it, for example 0.5.")).toBeVisible();
  expect(stages()).toEqual([undefined, [0, null]]);

  const warmUp = stage(2).getByLabelText(/^Warm-up/);
  await expect.element(warmUp).not.toBeVisible();
  hone.recipe.enter("stage2.warmupRatio", "1");
  await expect.element(warmUp).toBeVisible();
  await expect.element(stage(2).getByText(/less than 1/)).toBeVisible();
});

test("a stage of preferences has the settings of its loss, and says that preferences are missing", async () => {
  const hone = await openBoth();
  // Whatever the page before it remembered.
  hone.recipe.reset();
  await enter("Train");
  await recipe.getByLabelText("Objective", { exact: true }).selectOptions("preference");
  await expect.element(recipe.getByText(/^There are no preferences among the chosen data/)).toBeVisible();
  await expect
    .element(recipe.getByText("The chosen data have text and chats, but no stage trains on them."))
    .toBeVisible();
  await expect.element(recipe.getByLabelText(/^Learning rate/)).toHaveValue("1e-5");
  await recipe.getByLabelText("Preference loss").selectOptions("simpo");
  await expect.element(recipe.getByLabelText(/^Target margin/)).toHaveValue("1.4");
  await expect.element(recipe.getByLabelText(/^Label smoothing/)).not.toBeInTheDocument();
  // The summary stands below the choice.
  await recipe.getByText("SimPO", { exact: true }).last().click();
  await expect.element(recipe.getByText(/^L = −log σ\(β/)).toBeVisible();
  expect((await axe.run("#root")).violations).toEqual([]);
});

test("the report tells what each source gives within its stage", async () => {
  const hone = await openBoth();
  hone.stages.choose(["text", "chat"]);
  await enter("Data");
  const row = page.getByRole("row", { name: /handbook\.jsonl/ });
  await expect.element(row.getByRole("cell", { name: "100 % of text", exact: true })).toBeVisible();
  await expect
    .element(page.getByText("100 % of supervised tokens in the stage of chats · 1.00 passes per epoch"))
    .toBeVisible();
});

test.each([
  [12, "Stage 1 of 2: text, step 12 of 18"],
  [18, "Stage 1 of 2: text, step 18 of 18"],
  [19, "Stage 2 of 2: chats, step 1 of 10"],
])("after step %i the panel says %s", async (step, words) => {
  const place = kept().places.get(step);
  if (!place) throw new Error(`The run was not paused after step ${step}.`);
  await putStorage(place.kept);
  await openBoth();
  await enter("Train");
  await expect.element(page.getByTestId("place")).toHaveTextContent(words);
  const { "validation of text": text = 0, "validation of chats": chats = 0 } = place.evaluations.at(-1)?.sets ?? {};
  await expect.element(page.getByText(`text ${figure(text)}, chats ${figure(chats)}`)).toBeVisible();
  await expect.element(page.getByTestId("loss-in-words")).toHaveTextContent(/The stage of chats starts at step 19\.$/);
});

test("the border of the stages is drawn across the curves", async () => {
  const pixels = async (stages: "with" | "without") => {
    const { run } = kept();
    if (stages === "without") await (await openStorage()).runs.put({ ...run, stages: [] });
    else await (await openStorage()).runs.put(run);
    await openBoth();
    await enter("Train");
    await expect.element(page.getByTestId("loss-in-words")).toBeVisible();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const canvas = document.querySelector<HTMLCanvasElement>("figure canvas");
    if (!canvas) throw new Error("there is no chart");
    const data =
      canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? new Uint8ClampedArray();
    return { data, width: canvas.width };
  };
  const without = await pixels("without");
  closePage();
  const withStages = await pixels("with");
  expect(withStages.width).toBe(without.width);
  const changed = new Set<number>();
  withStages.data.forEach((value, i) => {
    if (value !== without.data[i]) changed.add((i >> 2) % without.width);
  });
  // A line and one short word beside it: a small stretch of columns, two thirds of the way along.
  const columns = [...changed].sort((a, b) => a - b);
  expect(columns.length).toBeGreaterThan(0);
  expect((columns.at(-1) ?? 0) - (columns[0] ?? 0)).toBeLessThan(0.2 * without.width);
  expect((columns[0] ?? 0) / without.width).toBeGreaterThan(0.55);
  expect((columns[0] ?? 0) / without.width).toBeLessThan(0.8);
});

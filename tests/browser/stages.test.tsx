/** Runs in two stages, as the page offers and shows them, on the fake engine. Oracle: what was chosen, and the run's own stages. */

import axe from "axe-core";
import { expect, test } from "vitest";
import { page } from "vitest/browser";
import { defaultRecipe } from "../../src/run/recipe.ts";
import { figure } from "../../src/ui/format.ts";
import { fakeSource, fakeText } from "../support/fakeData.ts";
import { fakeModel, fakeRun } from "../support/fakeEngine.ts";
import { closePage, eachOnAnEmptyPage, enter, kept, openWithData } from "../support/fakeStudio.tsx";
import { recipeWith } from "../support/recipe.ts";

eachOnAnEmptyPage();

const recipe = page.getByRole("region", { name: "Recipe", exact: true });
const order = recipe.getByLabelText("Plain text and chats");
const textPasses = recipe.getByLabelText("Passes over the text");

test("two stages are offered where text and chats are chosen, and what is missing is said where one is gone", async () => {
  const hone = await openWithData({ ...kept, sources: [fakeSource, fakeText] });
  await enter("Train");
  await expect.element(order).toHaveValue("together");
  await expect.element(textPasses).not.toBeInTheDocument();
  await order.selectOptions("text-first");
  await textPasses.fill("6");
  await expect.element(recipe.getByText(/Usually 1 to 3\./)).toBeVisible();
  await recipe.getByLabelText("Learning rate for the text").fill("1e-3");
  await expect.element(recipe.getByText(/^Higher than for the chats/)).toBeVisible();
  expect((await axe.run("#root")).violations).toEqual([]);

  const [chats, text] = [fakeSource, fakeText].map(({ hash }) => hash) as [string, string];
  hone.data.choose(text, false);
  await expect.element(recipe.getByText(/^There is no plain text among the chosen data/)).toBeVisible();
  hone.data.choose(text, true);
  hone.data.choose(chats, false);
  await expect.element(recipe.getByText(/^There are no chats among the chosen data/)).toBeVisible();
  await order.selectOptions("together");
  await expect.element(order).not.toBeInTheDocument();
});

test("the report tells what each source gives within its stage", async () => {
  const hone = await openWithData({ ...kept, sources: [fakeSource, fakeText] });
  hone.recipe.enter("stages", "text-first");
  await enter("Data");
  const row = page.getByRole("row", { name: new RegExp(fakeText.name) });
  await expect.element(row.getByRole("cell", { name: "100 % of text", exact: true })).toBeVisible();
  await expect
    .element(page.getByText("100 % of what is learnt in the stage of chats · 1.00 passes per epoch"))
    .toBeVisible();
});

const staged = (step: number) => {
  const sources = [fakeText, fakeSource].map(({ hash }) => ({ hash, mapping: null, excluded: [] }));
  const request = { name: "in stages", modelHash: fakeModel.hash, sources, recipe: defaultRecipe("lora") };
  const run = fakeRun({ ...request, recipe: recipeWith(request.recipe, { stages: "text-first" }) }, step, 60);
  return {
    ...run,
    status: "paused" as const,
    evaluations: run.evaluations.map((held) => ({
      ...held,
      sets: { "validation of text": 2.5, "validation of chats": 3.25 },
    })),
    stages: [
      { objective: "text" as const, steps: 40, examples: 120, supervisedTokens: 9000 },
      { objective: "chat" as const, steps: 20, examples: 80, supervisedTokens: 4000 },
    ],
  };
};

test.each([
  [12, "Stage 1 of 2: text, step 12 of 40"],
  [40, "Stage 1 of 2: text, step 40 of 40"],
  [41, "Stage 2 of 2: chats, step 1 of 20"],
])("after step %i the panel says %s", async (step, words) => {
  await openWithData({ ...kept, sources: [fakeSource, fakeText], runs: [staged(step)] });
  await enter("Train");
  await expect.element(page.getByTestId("place")).toHaveTextContent(words);
  await expect.element(page.getByText(`text ${figure(2.5)}, chats ${figure(3.25)}`)).toBeVisible();
  await expect.element(page.getByTestId("loss-in-words")).toHaveTextContent(/From step 41 on it learns chats\.$/);
});

test("the border of the stages is drawn across the curves", async () => {
  const pixels = async (stages: "with" | "without") => {
    const run = staged(60);
    const hone = await openWithData({
      ...kept,
      sources: [fakeSource, fakeText],
      runs: [stages === "with" ? run : { ...run, stages: run.stages.slice(1) }],
    });
    await enter("Train");
    await expect.element(page.getByTestId("loss-in-words")).toBeVisible();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const canvas = document.querySelector<HTMLCanvasElement>("figure canvas");
    if (!canvas) throw new Error("there is no chart");
    const data =
      canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? new Uint8ClampedArray();
    return { hone, data, width: canvas.width };
  };
  const without = await pixels("without");
  closePage();
  document.body.innerHTML = '<div id="root"></div>';
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

/** The settings of runs with several stages, in the words of the form. Oracle: the recipe itself. */

import { describe, expect, test } from "vitest";
import { defaultRecipe, type Recipe } from "../../../src/run/recipe.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import { inStage, lastStage, type Stage, withLoss, withObjectives } from "../../../src/run/stage.ts";
import { differences, entriesOf, unusualSettings } from "../../../src/ui/runs/settings.ts";
import { readRecipe } from "../../../src/ui/train/recipe.ts";
import { recipeWith } from "../../support/recipe.ts";

const model = { name: "tiny", hash: "m", parameters: 1000 };
const runOf = (recipe: Recipe, id = "run") =>
  ({
    id,
    name: id,
    recipe: { ...recipe, weights: "float32", compute: "float32", program: "whole" },
    model,
    sources: [],
    stages: recipe.stages,
  }) as unknown as RunRecord;

/** Three stages, none with the defaults. */
const staged = [
  (recipe: Recipe) => withObjectives(recipe, ["text", "chat", "preference"]),
  (recipe: Recipe) => inStage(recipe, 0, { epochs: 2, mixture: "sampling", schedule: "linear" }),
  (recipe: Recipe) => inStage(recipe, 1, { learningRate: 1e-3, steps: 7 }),
  (recipe: Recipe) => inStage(recipe, 2, withLoss(lastStage(recipe), "simpo")),
  (recipe: Recipe) =>
    inStage(recipe, 2, {
      preference: { ...(lastStage(recipe).preference as NonNullable<Stage["preference"]>), gamma: 0.5 },
    }),
].reduce((recipe, change) => change(recipe), defaultRecipe("lora"));

describe("a run in three stages", () => {
  test("is duplicated with every stage", () => {
    const entries = entriesOf(runOf(staged), undefined);
    const { recipe, refusals } = readRecipe({ method: "lora", entries }, undefined);
    expect(refusals).toEqual({});
    expect(recipe.stages).toEqual(staged.stages);
  });

  test("names the stage of each unusual setting, and no setting that its objective or loss brings", () => {
    const found = unusualSettings(runOf(staged), undefined).map(({ label, value }) => `${label}: ${value}`);
    expect(found).toEqual([
      "Stages: text, chats, preferences",
      "Source weighting in stage 1: Sampling: λ sets how often rows are drawn",
      "Epochs in stage 1: 2",
      "Schedule in stage 1: Linear",
      "Learning rate in stage 2: 0.001",
      "Optimizer steps in stage 2: 7",
      "Preference loss in stage 3: SimPO",
      "Target margin in stage 3: 0.5",
    ]);
  });

  test("is compared with a run in one stage by what each has", () => {
    const one = recipeWith(defaultRecipe("lora"), { epochs: 5 });
    const rows = differences([runOf(staged, "a"), runOf(one, "b")]);
    const valuesOf = (field: string) => rows.find((row) => row.field === field)?.values;
    expect(valuesOf("stages")).toEqual(["text, chats, preferences", "text and chats"]);
    expect(valuesOf("epochs")).toEqual(["–", "5"]);
    expect(valuesOf("stage3.gamma")).toEqual(["0.5", "–"]);
    expect(valuesOf("rank")).toBeUndefined();
  });
});

test("a run in one stage of preferences is duplicated with its loss", () => {
  const one = withObjectives(defaultRecipe("full"), ["preference"]);
  const kto = { ...one, stages: [withLoss(lastStage(one), "kto")] };
  const read = readRecipe({ method: "full", entries: entriesOf(runOf(kto), undefined) }, undefined);
  expect(read.recipe.stages).toEqual(kto.stages);
});

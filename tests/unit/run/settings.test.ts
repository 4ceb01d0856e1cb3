/**
 * The declarations of a recipe's fields. Oracles: their own schemas and bounds, and the dependencies of rows and
 * budget.
 */

import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { dataSpecOf } from "../../../src/run/dataSpec.ts";
import { withGeneral } from "../../../src/run/forgetting.ts";
import {
  budgetPart,
  defaultRecipe,
  type Recipe,
  RecipeSchema,
  recipeSettings,
  seedsOf,
  settingsFor,
} from "../../../src/run/recipe.ts";
import type { Setting } from "../../../src/run/setting.ts";
import {
  inLastStage,
  inStage,
  lambdasOf,
  lastStage,
  textFirst,
  withLambdas,
  withLoss,
  withObjective,
  withObjectives,
} from "../../../src/run/stage.ts";
import { recipeWith } from "../../support/recipe.ts";

const methods = ["lora", "full"] as const;
/** Two sources that are trained on, and one of general text. */
const withSources = (recipe: Recipe) => withGeneral(withLambdas(recipe, [1, 0.5, 1], [2]), [2]);

/**
 * A recipe in which settings of every kind apply: LoRA, a custom template, preferences after a stage of text, general text and
 * an exam.
 */
const whole = inStage(
  recipeWith(withSources(withObjectives(defaultRecipe("lora"), ["text", "preference"])), {
    template: { kind: "custom", source: "{{ messages }}" },
    allowedRise: 0.2,
    exam: 20,
    examEvery: 2,
  }),
  0,
  { learningRate: 1e-4, replay: 0.1 },
);
const applying = (recipe: Recipe) =>
  settingsFor(recipe.stages.length).filter(({ applies }) => applies?.(recipe) ?? true);
const settings = applying(whole).map((setting) => [setting.field, setting] as const);

/** A value that differs from the setting's. */
function another({ control, value }: Setting): unknown {
  const now = value(whole);
  switch (control.kind) {
    case "number":
      return control.integer ? Number(now ?? 0) + 3 : Number(now ?? 0) / 2 + 0.01;
    case "switch":
      return now !== true;
    case "text":
      return "another";
    case "several":
      return control.choices.slice(1);
    case "choice":
      return control.choices.find((choice) => choice.value !== now)?.value;
    case "list":
      return "text,chat";
  }
}

test.each(methods)("the defaults of %s are a recipe, within their own bounds", (method) => {
  const recipe = defaultRecipe(method);
  expect(v.parse(RecipeSchema, recipe)).toEqual(recipe);
  for (const { field, control, value } of recipeSettings) {
    const now = value(recipe);
    if (control.kind !== "number") continue;
    const inside = typeof now === "number" && now >= control.minimum && now <= control.maximum;
    expect([field, inside || (now === null && control.optional === true)]).toEqual([field, true]);
  }
});

test("the two methods differ in the learning rate only", () => {
  const [lora, full] = methods.map(defaultRecipe);
  expect(full).toEqual({
    ...lora,
    method: "full",
    stages: [{ ...lastStage(defaultRecipe("lora")), learningRate: 2e-5 }],
  });
});

test("all values, set in the order of the form, turn the defaults into the recipe", () => {
  const start = withSources(defaultRecipe("lora"));
  expect(start).not.toEqual(whole);
  expect(applying(whole).reduce((recipe, setting) => setting.with(recipe, setting.value(whole)), start)).toEqual(whole);
});

test.each(settings)("%s: a new value can be set, and a value of another type is refused", (_, setting) => {
  const value = another(setting);
  expect(value).not.toEqual(setting.value(whole));
  const changed = setting.with(whole, value);
  expect(setting.value(changed)).toEqual(value);
  expect(() => setting.with(whole, Symbol("no value"))).toThrow();
});

test.each(settings)("%s: a change prepares rows and measures the budget again exactly where declared", (_, setting) => {
  const changed = setting.with(whole, another(setting));
  const sources = ["a", "b", "c"].map((hash) => ({ hash, mapping: null, excluded: [] }));
  const differs = (of: (recipe: typeof whole) => unknown) =>
    JSON.stringify(of(changed)) !== JSON.stringify(of(whole)) ? [true] : [];
  expect({
    rows: differs((recipe) => dataSpecOf("m", sources, recipe)),
    budget: differs(budgetPart),
  }).toEqual({
    // The data report has the mixture of the last stage only.
    rows: setting.affects.includes("rows") && setting.field !== "stage1.mixture" ? [true] : [],
    budget: setting.affects.includes("budget") ? [true] : [],
  });
});

test.each([
  ["lora", ["rank", "alpha", "weights", "targets"], recipeWith(whole, { method: "full" })],
  ["a custom template", ["customTemplate"], recipeWith(whole, { template: { kind: "model" } })],
  [
    "preferences",
    // A stage of chats may have general text among it instead.
    ["stage2.loss", "stage2.beta", "stage2.labelSmoothing"],
    inLastStage(withGeneral(whole, []), withObjective(lastStage(whole), "chat")),
    withGeneral(whole, []),
  ],
  ["general text", ["allowedRise", "stage1.replay"], withGeneral(whole, [])],
  ["an exam", ["examEvery"], recipeWith(whole, { exam: 0 })],
  ["DPO", ["stage2.labelSmoothing"], inLastStage(whole, withLoss(lastStage(whole), "ipo"))],
])("with %s there are %j, without it there are not", (_, fields, without, complete = whole) => {
  const names = applying(complete).map(({ field }) => field);
  expect(fields.filter((field) => !names.includes(field))).toEqual([]);
  expect(applying(without).map(({ field }) => field)).toEqual(names.filter((field) => !fields.includes(field)));
});

test("the only stage has the plain names; each of several has names with its number", () => {
  const ofStages = ["learningRate", "epochs", "steps", "mixture", "schedule", "warmupRatio"];
  const names = (recipe: typeof whole) =>
    applying(recipe)
      .map(({ field }) => field)
      .filter((field) => ofStages.some((name) => field.endsWith(name)))
      .toSorted();
  expect(names(defaultRecipe("lora"))).toEqual(ofStages.toSorted());
  expect(names(whole)).toEqual(ofStages.flatMap((name) => [`stage1.${name}`, `stage2.${name}`]).toSorted());
});

test("the best is by a held-out set exactly where there are several", () => {
  const there = (recipe: typeof whole) => recipeSettings.find(({ field }) => field === "bestBy")?.applies?.(recipe);
  const together = (recipe: Recipe) => withObjectives(recipe, ["mixed"]);
  const neither = together(withGeneral(whole, []));
  expect([there(whole), there(together(whole)), there(withGeneral(whole, [])), there(neither)]).toEqual([
    ...[true, true, true],
    false,
  ]);
});

describe("stages", () => {
  const one = recipeWith(defaultRecipe("lora"), { epochs: 2, steps: 9, learningRate: 1e-3, mixture: "sampling" });

  test("text first takes the chats' rate for one pass, and leaves the rest to the chats", () => {
    const last = lastStage(one);
    expect(textFirst(one).stages).toEqual([
      { ...last, objective: "text", epochs: 1, steps: null },
      { ...last, objective: "chat" },
    ]);
    expect(recipeWith(textFirst(one), { stages: "together" })).toEqual(one);
    expect(textFirst(textFirst(one))).toEqual(textFirst(one));
  });

  test("a stage of preferences begins with a twentieth of the rate, and each loss with its own settings", () => {
    const dpo = withObjective(lastStage(one), "preference");
    expect([dpo.learningRate, dpo.preference]).toEqual([
      5e-5,
      { loss: "dpo", beta: 0.1, labelSmoothing: 0, gamma: 0, chosenWeight: 1, rejectedWeight: 1 },
    ]);
    const simpo = withLoss(dpo, "simpo");
    expect([simpo.learningRate, simpo.preference]).toEqual([
      4e-4,
      { loss: "simpo", beta: 2.5, labelSmoothing: 0, gamma: 1.4, chosenWeight: 1, rejectedWeight: 1 },
    ]);
    expect(withObjective(withLoss(simpo, "kto"), "mixed")).toEqual(lastStage(one));
  });

  test("new stages have the settings of the last one; new text before others makes one pass", () => {
    const last = lastStage(one);
    const staged = withObjectives(one, ["text", "chat", "preference"]);
    expect(staged.stages).toEqual([
      { ...last, objective: "text", epochs: 1, steps: null },
      { ...last, objective: "chat" },
      withObjective(last, "preference"),
    ]);
    expect(withObjectives(staged, ["text", "chat", "preference"])).toEqual(staged);
    expect(withObjectives(staged, ["mixed"]).stages).toHaveLength(1);
  });

  test("λ of sources: as given, else 1; a missing source is refused", () => {
    expect(lambdasOf(lastStage(one), 2)).toEqual([1, 1]);
    expect(lambdasOf(lastStage(withLambdas(one, [3, 0.5])), 2)).toEqual([3, 0.5]);
    expect(lambdasOf({ sources: [{ source: 1, lambda: 2 }] }, 2)).toEqual([1, 2]);
    expect(() => lambdasOf({ sources: [{ source: 2, lambda: 2 }] }, 2)).toThrow("source 3, but the run has 2");
  });

  test("each has a seed of its own; the last one's is that of a run in one stage", () => {
    expect(seedsOf(one)).toEqual({ split: 42, adapter: 44, forgetting: 1051, stages: [43] });
    expect(seedsOf(textFirst(one))).toEqual({ split: 42, adapter: 44, forgetting: 1051, stages: [45, 43] });
  });
});

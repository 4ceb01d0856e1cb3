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
} from "../../../src/run/recipe.ts";
import type { Setting } from "../../../src/run/setting.ts";
import { lambdasOf, lastStage, textFirst, together, withLambdas } from "../../../src/run/stage.ts";
import { recipeWith } from "../../support/recipe.ts";

const methods = ["lora", "full"] as const;
const settings = recipeSettings.map((setting) => [setting.field, setting] as const);

/** Two sources that are trained on, and one of general text. */
const withSources = (recipe: Recipe) => withGeneral(withLambdas(recipe, [1, 0.5, 1], [2]), [2]);

/** A recipe in which every setting applies: LoRA, a custom template, text in a stage before the chats, and an exam. */
const whole = recipeWith(withSources(defaultRecipe("lora")), {
  template: { kind: "custom", source: "{{ messages }}" },
  stages: "text-first",
  textLearningRate: 1e-4,
  allowedRise: 0.2,
  exam: 20,
  examEvery: 2,
  replay: 0.1,
});

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
  expect(recipeSettings.reduce((recipe, setting) => setting.with(recipe, setting.value(whole)), start)).toEqual(whole);
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
    rows: setting.affects.includes("rows") ? [true] : [],
    budget: setting.affects.includes("budget") ? [true] : [],
  });
});

test.each([
  ["lora", ["rank", "alpha", "weights", "targets"], "full"],
  ["text-first", ["textEpochs", "textLearningRate"], "together"],
  ["general text", ["replay", "allowedRise"], "none"],
  ["an exam", ["examEvery"], "no exam"],
  ["a custom template", ["customTemplate"], "another"],
] as const)("with %s there are %j, with %s there are not", (_, fields, without) => {
  const other =
    without === "full"
      ? recipeWith(whole, { method: "full" })
      : without === "together"
        ? together(whole)
        : without === "none"
          ? withGeneral(whole, [])
          : without === "no exam"
            ? recipeWith(whole, { exam: 0 })
            : recipeWith(whole, { template: { kind: "model" } });
  const applying = (recipe: typeof whole) =>
    recipeSettings.filter(({ applies }) => applies?.(recipe) ?? true).map(({ field }) => field);
  expect(applying(whole)).toEqual(recipeSettings.map(({ field }) => field));
  expect(applying(other)).toEqual(applying(whole).filter((field) => !fields.some((gone) => gone === field)));
});

test("the best is by a held-out set exactly where there are several", () => {
  const there = (recipe: typeof whole) => recipeSettings.find(({ field }) => field === "bestBy")?.applies?.(recipe);
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
    expect(together(textFirst(one))).toEqual(one);
    expect(textFirst(textFirst(one))).toEqual(textFirst(one));
  });

  test("the text's rate follows the chats' until it has its own, even one equal to the default", () => {
    const rates = (change: object) =>
      recipeWith(defaultRecipe("lora"), { stages: "text-first", ...change }).stages.map((stage) => stage.learningRate);
    expect(rates({})).toEqual([2e-4, 2e-4]);
    expect(rates({ learningRate: 1e-3 })).toEqual([1e-3, 1e-3]);
    expect(rates({ learningRate: 1e-3, textLearningRate: 2e-4 })).toEqual([2e-4, 1e-3]);
    expect(rates({ learningRate: 1e-3, textLearningRate: null })).toEqual([1e-3, 1e-3]);
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

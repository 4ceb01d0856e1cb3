/** Which held-out set decides what. Oracle: sets and losses by hand. */

import { describe, expect, test } from "vitest";
import { takesExam } from "../../../src/run/forgetting.ts";
import { bestOf, bestSetOf, generalSetOf, lossOn, patienceSetOf } from "../../../src/run/heldOut.ts";
import { defaultRecipe, type Recipe } from "../../../src/run/recipe.ts";
import { withLambdas } from "../../../src/run/stage.ts";
import type { BestChoice } from "../../../src/run/trainFields.ts";
import { recipeWith, withForgetting } from "../../support/recipe.ts";

const recipe = (bestBy: BestChoice | null, sources: readonly number[] = [], staged = false): Recipe => {
  const base = recipeWith(defaultRecipe("lora"), staged ? { stages: "text-first" } : {});
  return { ...withForgetting(withLambdas(base, [1, 1, 1, 1], sources), { sources }), bestBy };
};

describe("the best checkpoint", () => {
  test.each([
    ["last", [], false, "validation"],
    ["last", [1], true, "validation of chats"],
    ["text", [], true, "validation of text"],
    ["chat", [], true, "validation of chats"],
    ["chat", [], false, "validation"],
    ["all", [1], true, null],
    [null, [1], true, null],
    ["general", [1], false, "general text of source 2"],
    ["general", [1, 3], true, "general text"],
    ["general", [], true, "validation of chats"],
  ] as const)("by %s, with general sources %j, in stages: %s, is that of %s", (bestBy, sources, staged, name) => {
    expect(bestSetOf(recipe(bestBy, sources, staged))?.name ?? null).toBe(name);
  });

  test("by general text stops early by the task, because general loss seldom falls", () => {
    expect(patienceSetOf(recipe("general", [1], true))?.name).toBe("validation of chats");
    expect(patienceSetOf(recipe("all", [1], true))).toBeNull();
    expect(patienceSetOf(recipe(null, [1], true))?.name).toBe("validation of chats");
  });

  test("has the loss that made it the best", () => {
    const best = { step: 4, loss: 3, sets: { validation: 3, "general text of source 2": 2 } };
    expect(bestOf({ best, recipe: recipe("general", [1]) })).toMatchObject({ step: 4, loss: 2 });
    expect(bestOf({ best, recipe: recipe("last", [1]) })).toMatchObject({ step: 4, loss: 3 });
    expect(bestOf({ best: null, recipe: recipe("last") })).toBeNull();
  });
});

test("several general texts have one set for all", () => {
  expect(generalSetOf(recipe("last"))).toBeNull();
  expect(generalSetOf(recipe("last", [2]))?.name).toBe("general text of source 3");
  expect(generalSetOf(recipe("last", [1, 2]))?.name).toBe("general text");
  expect(lossOn({ loss: 5, sets: { "general text": 4 } }, generalSetOf(recipe("last", [1, 2])))).toBe(4);
  expect(lossOn({ loss: 5, sets: {} }, generalSetOf(recipe("last", [1, 2])))).toBe(5);
});

test.each([
  [0, 1, []],
  [5, 1, [0, 10, 20, 30, 35]],
  [5, 2, [0, 20, 35]],
  [5, 9, [0, 35]],
] as const)("an exam of %i questions every %i validations comes at steps %j", (exam, examEvery, steps) => {
  const chosen = { ...withForgetting(defaultRecipe("lora"), { exam, examEvery }), evaluateEvery: 10 };
  expect([0, 10, 20, 30, 35].filter((step) => takesExam(chosen, step, 35))).toEqual(steps);
});

test("a recipe from before the meter takes no exam", () => {
  expect(takesExam({ forgetting: null, evaluateEvery: 10 }, 10, 35)).toBe(false);
});

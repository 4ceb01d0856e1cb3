/** The guard against forgetting. Oracle: losses and limits by hand. */

import { describe, expect, test } from "vitest";
import { type Guard, guardAfter, guardRuleOf, withinGuard } from "../../../src/run/guard.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { withForgetting } from "../../support/recipe.ts";

const one = "general text of source 2";
const two = "general text of source 3";
const rule = { allowedRise: 0.25, sets: [one] };
const at = (step: number, loss: number, other?: number) => ({
  step,
  loss: 1,
  sets: { validation: 1, [one]: loss, ...(other !== undefined && { [two]: other }) },
});

/** The guard after each evaluation, and the sets that rose. */
function guarded(evaluations: readonly ReturnType<typeof at>[], limits = rule) {
  let guard: Guard = {};
  return evaluations.map((found) => {
    const result = guardAfter(guard, found, limits);
    guard = result.guard;
    return { base: guard[one], risen: result.risen.map(({ set, from, loss }) => [set, from.step, from.loss, loss]) };
  });
}

describe("the guard", () => {
  test("counts from the first evaluation, which never stops the run", () => {
    expect(guarded([at(0, 2)])).toEqual([{ base: { step: 0, loss: 2 }, risen: [] }]);
  });

  test.each([
    ["falls", 1.5, false],
    ["is equal", 2, false],
    ["rises to the limit", 2.25, false],
    ["rises above the limit", 2.2500001, true],
  ])("a loss that %s", (_, loss, stops) => {
    const [, found] = guarded([at(0, 2), at(10, loss)]);
    expect(found?.risen).toEqual(stops ? [[one, 0, 2, loss]] : []);
    expect(found?.base).toEqual(stops ? { step: 10, loss } : { step: 0, loss: 2 });
  });

  test("counts a fall before the rise not at all: the base stays the first loss", () => {
    const found = guarded([at(0, 2), at(10, 1), at(20, 1.9), at(30, 2.2), at(40, 2.3)]);
    expect(found.map(({ risen }) => risen.length)).toEqual([0, 0, 0, 0, 1]);
  });

  test("allows the same rise again after a stop, from the loss at the stop", () => {
    const found = guarded([at(0, 2), at(10, 2.3), at(20, 2.5), at(30, 2.55), at(40, 2.6)]);
    expect(found.map(({ risen }) => risen)).toEqual([[], [[one, 0, 2, 2.3]], [], [], [[one, 10, 2.3, 2.6]]]);
  });

  test("watches each set from its own base, and skips an evaluation without it", () => {
    const limits = { allowedRise: 0.25, sets: [one, two] };
    const found = guarded([at(0, 2), at(10, 2.1, 5), at(20, 2.1, 5.2), at(30, 2.4, 5.3)], limits);
    expect(found.map(({ risen }) => risen)).toEqual([
      ...[[], [], []],
      [
        [one, 0, 2, 2.4],
        [two, 10, 5, 5.3],
      ],
    ]);
  });
});

describe("the rule of a recipe", () => {
  const recipe = (allowedRise: number | null, sources: readonly number[]) =>
    withForgetting(defaultRecipe("lora"), { allowedRise, sources });

  test("needs a limit and general text", () => {
    expect(guardRuleOf(recipe(null, [1]))).toBeNull();
    expect(guardRuleOf(recipe(0.2, []))).toBeNull();
    expect(guardRuleOf({ forgetting: null })).toBeNull();
    expect(guardRuleOf(recipe(0.2, [1, 2]))).toEqual({ allowedRise: 0.2, sets: [one, two] });
  });

  test("keeps the evaluations within it", () => {
    const evaluations = [at(0, 2), at(10, 2.2), at(20, 2.4), at(30, 2.5), at(40, 2.7)];
    const steps = (found: readonly { readonly step: number }[]) => found.map(({ step }) => step);
    expect(steps(withinGuard(evaluations, recipe(0.25, [1])))).toEqual([0, 10, 30]);
    expect(steps(withinGuard(evaluations, recipe(null, [1])))).toEqual([0, 10, 20, 30, 40]);
  });
});

/** Declared options: defaults read back as themselves, bounds hold, doubts speak only outside the usual. */

import { expect, test } from "vitest";
import { usualPreference } from "../../../src/batching/preference.ts";
import { noForgetting } from "../../../src/run/forgetting.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { starterTemplate } from "../../../src/run/rowFields.ts";
import { lastStage } from "../../../src/run/stage.ts";
import { defaultSampling, samplingOptions } from "../../../src/ui/compare/options.ts";
import { readEntries } from "../../../src/ui/option/option.ts";
import { recipeOptions } from "../../../src/ui/train/options.ts";
import { readRecipe } from "../../../src/ui/train/recipe.ts";
import { type RecipeChange, recipeWith } from "../../support/recipe.ts";

const methods = ["lora", "full"] as const;
const option = (field: string) => {
  const found = recipeOptions.find((candidate) => candidate.field === field);
  if (!found) throw new Error(`There is no option ${field}.`);
  return found;
};

test.each(methods)("every default of %s, as shown, reads back to the same recipe, without a doubt", (method) => {
  const recipe = defaultRecipe(method);
  const entries = Object.fromEntries(recipeOptions.map(({ field, show }) => [field, show(recipe)]));
  expect(readEntries(recipe, recipeOptions, entries)).toEqual({ settings: recipe, refusals: {} });
  expect(recipeOptions.map(({ doubt }) => doubt(recipe)).filter(Boolean)).toEqual([]);
});

test("every field of a recipe and its stages has an option, and no field has two", () => {
  const recipe = defaultRecipe("lora");
  const { lora, method: _method, compute: _compute, forgetting, ...rest } = recipe;
  const { sources: _general, ...measured } = forgetting ?? noForgetting;
  const { objective: _objective, preference: _preference, sources: _sources, ...stage } = lastStage(recipe);
  const kept = [rest, lora, stage, measured].flatMap((part) => Object.keys(part));
  // In an address `compute` is the provider, so the recipe's field has another name there.
  const views = ["products", "customTemplate", ...Object.keys(usualPreference.dpo)];
  expect(recipeOptions.map(({ field }) => field).toSorted()).toEqual([...kept, ...views].toSorted());
});

test("the defaults of an answer read back as themselves", () => {
  const entries = Object.fromEntries(samplingOptions.map(({ field, show }) => [field, show(defaultSampling)]));
  expect(readEntries(defaultSampling, samplingOptions, entries)).toEqual({ settings: defaultSampling, refusals: {} });
});

test.each([
  ["learningRate", "0", /more than 0/],
  ["learningRate", "-1e-4", /more than 0/],
  ["learningRate", "1e-4x", /not a number/],
  ["learningRate", "0,5", /Write it like 0\.5/],
  ["learningRate", "  ", /Enter a number/],
  ["learningRate", "Infinity", /not a number/],
  ["batchSize", "1.5", /whole number/],
  ["batchSize", "0", /at least 1/],
  ["warmupRatio", "1", /less than 1/],
  ["steps", "0", /Empty is off/],
  ["seed", "4294967296", /at most 4294967295/],
  ["template", "llama", /not one of the choices/],
  ["targets", "", /at least one/],
  ["mask", "none", /not one of the choices/],
  ["packing", "yes", /is not on or off/],
])("%s refuses %j", (field, text, reason) => {
  const recipe = defaultRecipe("lora");
  const { settings, refusals } = readEntries(recipe, recipeOptions, { [field]: text });
  expect(refusals[field]).toMatch(reason);
  expect(settings).toEqual(recipe);
});

test.each([
  ["learningRate", " 3E-5 ", { learningRate: 3e-5 }],
  ["steps", "", { steps: null }],
  ["steps", "40", { steps: 40 }],
  ["maxGradNorm", "", { maxGradNorm: null }],
  ["systemPrompt", "", { systemPrompt: null }],
  ["template", "gemma", { template: { kind: "built-in", name: "gemma" } }],
  ["template", "model", { template: { kind: "model" } }],
  ["mask", "last", { mask: "last" }],
  ["truncation", "left", { truncation: "left" }],
  ["packing", "on", { packing: true }],
  ["mixture", "weight", { mixture: "weight" }],
  ["targets", "v_proj,q_proj", { lora: { rank: 16, alpha: 32, targets: ["q_proj", "v_proj"] } }],
  ["rank", "8", { lora: { ...defaultRecipe("lora").lora, rank: 8 } }],
] satisfies [string, string, RecipeChange][])("%s takes %j", (field, text, change) => {
  const recipe = defaultRecipe("lora");
  expect(readEntries(recipe, recipeOptions, { [field]: text }).settings).toEqual(recipeWith(recipe, change));
});

test.each([
  ["lora", "learningRate", "2e-3", /diverge/],
  ["full", "learningRate", "2e-4", /Full training usually/],
  ["lora", "learningRate", "1e-6", /change little/],
  ["lora", "epochs", "20", /validation loss/],
  ["lora", "rank", "512", /4 to 128/],
  ["lora", "alpha", "512", /32/],
  ["lora", "validationShare", "0", /overfitting is not visible/],
  ["lora", "maxGradNorm", "", /unusual batch/],
] as const)("%s: %s at %j is doubted but taken", (method, field, text, reason) => {
  const { settings, refusals } = readEntries(defaultRecipe(method), recipeOptions, { [field]: text });
  expect(refusals).toEqual({});
  expect(option(field).doubt(settings)).toMatch(reason);
});

test("a custom template is used once it is chosen, and kept while another is", () => {
  const recipe = defaultRecipe("lora");
  const entries = { customTemplate: "{{ messages }}" };
  expect(readEntries(recipe, recipeOptions, entries).settings.template).toEqual(recipe.template);
  expect(readEntries(recipe, recipeOptions, { ...entries, template: "custom" }).settings.template).toEqual({
    kind: "custom",
    source: "{{ messages }}",
  });
  expect(readEntries(recipe, recipeOptions, { template: "custom" }).settings.template).toEqual({
    kind: "custom",
    source: starterTemplate,
  });
});

test("the longest row is lowered to the model's context and said so; a typed one beyond it is refused", () => {
  const read = (entries: Record<string, string>, contextLength: number) =>
    readRecipe({ method: "lora", entries }, { name: "tiny", contextLength });
  expect(read({}, 128)).toMatchObject({ recipe: { maxLength: 128 }, lowered: 512, refusals: {} });
  expect(read({}, 2048)).toMatchObject({ recipe: { maxLength: 512 }, lowered: null });
  expect(read({ maxLength: "100" }, 128)).toMatchObject({ recipe: { maxLength: 100 }, lowered: null, refusals: {} });
  expect(read({ maxLength: "200" }, 128)).toMatchObject({
    recipe: { maxLength: 128 },
    refusals: { maxLength: "This model's context ends at 128 tokens. Set at most 128." },
  });
});

test("what a page of version 1 kept or linked to is the same two stages", () => {
  const entries = {
    learningRate: "1e-3",
    steps: "20",
    stages: "text-first",
    textEpochs: "2",
    mixture: "sampling",
    schedule: "linear",
  };
  const { recipe, refusals } = readRecipe({ method: "full", entries }, undefined);
  const stage = {
    preference: null,
    replay: 0,
    sources: null,
    mixture: "sampling",
    schedule: "linear",
    learningRate: 1e-3,
    warmupRatio: 0.03,
  };
  expect(refusals).toEqual({});
  expect(recipe.stages).toEqual([
    { ...stage, objective: "text", epochs: 2, steps: null },
    { ...stage, objective: "chat", epochs: 3, steps: 20 },
  ]);
});

test("an adapter goes on the linear layers of the model: all of them, or those named", () => {
  const read = (entries: Record<string, string>) =>
    readRecipe({ method: "lora", entries }, undefined, null, ["c_attn", "c_proj"]);
  expect(read({}).recipe.lora.targets).toEqual(["c_attn", "c_proj"]);
  expect(read({ targets: "c_proj,q_proj" }).recipe.lora.targets).toEqual(["c_proj"]);
  expect(read({ targets: "" })).toMatchObject({
    entries: { targets: "" },
    refusals: { targets: "Choose at least one." },
  });
});

test("targets that were chosen for another model give way to all layers of this one", () => {
  const entries = { targets: "q_proj,v_proj", rank: "8" };
  const read = readRecipe({ method: "lora", entries }, undefined, null, ["c_attn", "c_proj"]);
  expect(read).toMatchObject({ entries: { rank: "8" }, refusals: {} });
  expect(read.entries).not.toHaveProperty("targets");
  expect(read.recipe.lora).toEqual({ rank: 8, alpha: 32, targets: ["c_attn", "c_proj"] });
});

test("the template that suits the model is the default, and gives way to a choice", () => {
  const suggested = { kind: "model" } as const;
  const read = (entries: Record<string, string>) =>
    readRecipe({ method: "lora", entries }, undefined, suggested).recipe;
  expect(read({}).template).toEqual(suggested);
  expect(read({ template: "chatml" }).template).toEqual({ kind: "built-in", name: "chatml" });
});

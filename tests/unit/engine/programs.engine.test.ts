/**
 * Runs of the engine in each program, on wasm in Node. Oracle: the run as one graph, within 1e-5 of its losses, and for a run that
 * was paused the same run without a pause, exactly.
 */

import { beforeAll, expect, test } from "vitest";
import type { EngineApi, EngineEvent, RunRequest } from "../../../src/protocol/engine.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { engineHere, takeIn } from "../../support/engineHere.ts";
import { recipeWith } from "../../support/recipe.ts";
import { asFiles, sizedModel, tinyRows } from "../../support/tinyLlama.ts";

const timeout = 300_000;
const events: EngineEvent[] = [];
let engine: EngineApi;
let request: RunRequest;

beforeAll(async () => {
  const here = await engineHere(nodeEntries);
  here.onEvent((event) => events.push(event));
  ({ engine } = here);
  await engine.start("wasm");
  const files = asFiles(sizedModel({ hidden_size: 32, num_hidden_layers: 3 }));
  const { hash: modelHash } = await engine.openModel({ kind: "files", files });
  const source = await takeIn(here.data, tinyRows());
  const recipe = recipeWith(defaultRecipe("lora"), {
    maxLength: 128,
    steps: 5,
    accumulation: 2,
    evaluateEvery: 2,
    checkpointEvery: 2,
    samplePrompts: 1,
    watchEvery: 2,
  });
  request = { name: "programs", modelHash, sources: [source], recipe };
}, timeout);

const run = (change: Partial<RunRequest["recipe"]>) =>
  engine.startRun({ ...request, recipe: { ...request.recipe, ...change } });

const curves = async (id: string) => {
  const { steps, evaluations } = await engine.curvesOf(id);
  return [...steps.loss, ...steps.gradientNorm, ...evaluations.map(({ loss }) => loss)];
};

test.each([
  ["lora", "layers", "float32"],
  ["lora", "smallest", "float32"],
  ["lora", "layers", "int4"],
  ["lora", "smallest", "uint4"],
  ["full", "layers", "float32"],
  ["full", "smallest", "float32"],
] as const)("%s, %s, %s: losses, norms and answers of one graph", { timeout }, async (method, program, weights) => {
  const whole = await run({ method, weights, program: "whole" });
  const parts = await run({ method, weights, program });
  expect([whole.status, parts.status, parts.recipe.program]).toEqual(["finished", "finished", program]);
  const [expected, found] = [await curves(whole.id), await curves(parts.id)];
  expect(found).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(Math.abs((found[i] ?? 9) / value - 1)).toBeLessThan(1e-5);
  expect(parts.samples[0]?.before).toBe(whole.samples[0]?.before);
});

test("a run layer by layer is measured, paused and resumed as it was", { timeout }, async () => {
  const change = { program: "layers", weights: "int8" } as const;
  const recipe = { ...request.recipe, ...change };
  const budget = await engine.budget({ ...request, recipe });
  expect(budget).toMatchObject({ fits: true, device: { ...change, compute: "float32" } });
  expect(budget.time?.secondsPerStep).toBeGreaterThan(0);
  const whole = await run(change);
  const seen = events.length;
  const stopping = run(change);
  const saved = () => events.slice(seen).some(({ type }) => type === "checkpoint");
  while (!saved()) await new Promise((resolve) => setTimeout(resolve, 5));
  await engine.pauseRun();
  const paused = await stopping;
  const ended = paused.status === "paused" ? await engine.resumeRun(paused.id) : paused;
  expect(ended).toMatchObject({ status: "finished", recipe: whole.recipe });
  expect(await curves(ended.id)).toEqual(await curves(whole.id));
  const { artifacts } = await engine.exportArtifacts(ended.id);
  expect(artifacts).toHaveLength(4);
});

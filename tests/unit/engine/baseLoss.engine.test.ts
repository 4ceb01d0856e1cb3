/**
 * The base model's loss before a run, on wasm in Node, in every storage. Oracles: the loss of the same rows that a run with
 * float32 weights validates before its first step, and the loss that a run with the same storage validates.
 */

import { beforeAll, describe, expect, test } from "vitest";
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
  // Rows of 32 numbers can be stored in blocks.
  const { hash: modelHash } = await engine.openModel({
    kind: "files",
    files: asFiles(sizedModel({ hidden_size: 32 })),
  });
  const source = await takeIn(here.data, tinyRows());
  const recipe = recipeWith(defaultRecipe("lora"), {
    maxLength: 128,
    steps: 1,
    accumulation: 1,
    validationShare: 0.3,
    samplePrompts: 0,
    watchEvery: null,
  });
  request = { name: "base", modelHash, sources: [source], recipe };
}, timeout);

const withWeights = (weights: RunRequest["recipe"]["weights"]): RunRequest => ({
  ...request,
  recipe: { ...request.recipe, weights },
});

/** The validation loss before the first step. */
async function validated(wanted: RunRequest): Promise<number> {
  const run = await engine.startRun(wanted);
  expect(run).toMatchObject({ status: "finished", reason: null });
  const first = (await engine.curvesOf(run.id)).evaluations[0];
  if (first?.step !== 0) throw new Error("The run was not validated before its first step.");
  return first.loss;
}

describe.each(["float32", "float16", "int8", "int4", "uint4"] as const)("of base weights in %s", (weights) => {
  test("is that of a run's validation, beside that of float32", { timeout }, async () => {
    const plain = await validated(withWeights("float32"));
    const stored = await validated(withWeights(weights));
    events.length = 0;
    const found = await engine.baseLoss(withWeights(weights));
    expect(found).toMatchObject({ weights, reference: { weights: "float32" } });
    expect(found.rows).toBeGreaterThan(2);
    expect(Math.abs(found.loss / stored - 1)).toBeLessThan(1e-5);
    expect(Math.abs((found.reference?.loss ?? 0) / plain - 1)).toBeLessThan(1e-5);
    const tasks = events.flatMap((event) => (event.type === "progress" ? [event.task] : []));
    expect(tasks[0]).toBe("Loss of the base in 32 bits");
  });
});

test("fewer bits deviate more, and the record has the storage", { timeout }, async () => {
  const distance = async (weights: RunRequest["recipe"]["weights"]) => {
    const { loss, reference } = await engine.baseLoss(withWeights(weights));
    return Math.abs(loss - (reference?.loss ?? Number.NaN));
  };
  expect(await distance("float32")).toBe(0);
  expect(await distance("float16")).toBeLessThan(await distance("int4"));
  const run = await engine.startRun(withWeights("auto"));
  expect(run.recipe).toMatchObject({ weights: "float32", compute: "float32", program: "whole" });
});

test("a run in 4 bits is paused and resumed as it was, and answers", { timeout }, async () => {
  const recipe = recipeWith(withWeights("int4").recipe, { steps: 6, checkpointEvery: 2, evaluateEvery: 2 });
  const whole = await engine.startRun({ ...request, recipe });
  const stopping = engine.startRun({ ...request, recipe });
  while (!events.some((event) => event.type === "checkpoint" && event.runId !== whole.id)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await engine.pauseRun();
  const paused = await stopping;
  const resumed = paused.status === "paused" ? await engine.resumeRun(paused.id) : paused;
  expect(resumed.recipe).toEqual(whole.recipe);
  const losses = async (id: string) => [...(await engine.curvesOf(id)).steps.loss];
  expect(await losses(resumed.id)).toEqual(await losses(whole.id));
  const subject = { modelHash: request.modelHash, checkpoint: null, template: recipe.template, systemPrompt: null };
  const answerOf = (runId: string | null, beside: string | null = null) =>
    engine.answer({
      ...subject,
      runId,
      beside,
      requestId: "q",
      messages: [{ role: "user", content: "Say 1." }],
      sampling: { temperature: 0, topK: null, topP: null, maxTokens: 4, seed: 1 },
    });
  const [base, tuned, again] = [await answerOf(null), await answerOf(whole.id), await answerOf(resumed.id)];
  expect(again.text).toBe(tuned.text);
  expect(base.step).toBeNull();
  // Beside the run the base has the run's weights; a run that is gone changes nothing.
  const [beside, gone] = [await answerOf(null, whole.id), await answerOf(null, "deleted")];
  expect([beside.step, gone.text]).toEqual([null, base.text]);
});

test("is refused while a run trains, and ended by its signal", { timeout }, async () => {
  const cancelled = new AbortController();
  const first = engine.baseLoss(withWeights("float16"), cancelled.signal);
  cancelled.abort();
  await expect(first).rejects.toMatchObject({ name: "AbortError" });
  const run = engine.startRun(request);
  await expect(engine.baseLoss(request)).rejects.toThrow("A run is training");
  expect((await run).status).toBe("finished");
});

/**
 * Training on a GGUF file, on wasm. Oracles: the same weights in F32 (the blocks' numbers are the file's), and the export that
 * reads itself back.
 */

import { expect, test } from "vitest";
import { createLibrary } from "../../../src/engine/library.ts";
import { defineModel } from "../../../src/models/define.ts";
import type { EngineApi } from "../../../src/protocol/engine.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { engineHere, takeIn } from "../../support/engineHere.ts";
import { ggufFamily, ggufFileIn } from "../../support/ggufFamilies.ts";
import { recipeWith } from "../../support/recipe.ts";

const rows = Array.from({ length: 12 }, (_, i) => ({ instruction: `say ${i}`, output: `it is ${i % 3}` }));

const recipe = recipeWith(defaultRecipe("lora"), {
  lora: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj", "down_proj"] },
  template: { kind: "built-in", name: "hone" },
  systemPrompt: null,
  learningRate: 2e-2,
  warmupRatio: 0,
  batchSize: 4,
  accumulation: 1,
  maxLength: 64,
  steps: 8,
  evaluateEvery: 8,
  checkpointEvery: 8,
  samplePrompts: 0,
  watchEvery: null,
  validationShare: 0.2,
});

const open = (engine: EngineApi, bytes: Uint8Array<ArrayBuffer>, name: string) =>
  engine.openModel({ kind: "files", files: [new File([bytes], name)] });

/** The losses of each step of a run, which must finish. */
async function lossesOf(engine: EngineApi, request: Parameters<EngineApi["startRun"]>[0]) {
  const run = await engine.startRun(request);
  expect(run.reason).toBe(null);
  expect(run.status).toBe("finished");
  return { run, losses: [...(await engine.curvesOf(run.id)).steps.loss] };
}

const largestDifference = (a: readonly number[], b: readonly number[]) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), a.length === b.length ? 0 : 1e9);

test.each([
  ["Q8_0", "Q8_0", "int8", 1e-4],
  ["Q4_0", "Q4_0", "int4", 1e-4],
  // The embedding is no block, so it keeps 16 bits: its numbers are multiples of 2^-12.
  ["Q4_0", "F16", "int4", 1e-4],
] as const)(
  "%s with an embedding in %s trains in %s as in 32 bits",
  async (type, tables, weights, tolerance) => {
    const bytes = await ggufFileIn(ggufFamily("llama 3.2"), type, { tables });
    const { engine, data } = await engineHere(nodeEntries);
    await engine.start("wasm");
    const model = await open(engine, bytes, `small-${type}-${tables}.gguf`);
    expect(model).toMatchObject({
      name: `small-${type}-${tables}`,
      architecture: "LlamaForCausalLM",
      byteLength: bytes.length,
    });
    expect(model.notes.join(" ")).toContain(`in ${type}`);

    const request = { name: "run", modelHash: model.hash, sources: [await takeIn(data, rows)], recipe };
    const own = await lossesOf(engine, request);
    expect(own.run.recipe.weights).toBe(weights);
    const wide = await lossesOf(engine, { ...request, recipe: recipeWith(recipe, { weights: "float32" }) });
    expect(own.losses.length).toBe(8);
    expect(largestDifference(own.losses, wide.losses)).toBeLessThan(tolerance);
    expect(own.losses.at(-1)).toBeLessThan((own.losses[0] ?? 0) - 0.1);
    // Reads itself back, key by key and byte by byte.
    expect((await engine.exportModel(own.run.id, null)).archive.size).toBeGreaterThan(0);
  },
  300_000,
);

test("full training of transposed matrices in 16 bits exports a model that reads back", async () => {
  const { engine, data } = await engineHere(nodeEntries);
  await engine.start("wasm");
  const model = await open(engine, await ggufFileIn(ggufFamily("gpt2"), "F16"), "gpt2-F16.gguf");
  expect([...model.types].sort()).toEqual(["F16", "F32"]);
  const sources = [await takeIn(data, rows)];
  const full = recipeWith(recipe, { method: "full", learningRate: 5e-3 });
  const { run, losses } = await lossesOf(engine, { name: "full", modelHash: model.hash, sources, recipe: full });
  expect(run.recipe.weights).toBe("float32");
  expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) - 0.1);
  expect((await engine.exportModel(run.id, null)).archive.size).toBeGreaterThan(0);
}, 300_000);

test("the browser stores the file itself, and opens it again without another choice", async () => {
  const bytes = await ggufFileIn(ggufFamily("gptneox"), "Q8_0");
  const storage = await openStorage();
  const library = () => createLibrary(storage, () => undefined);
  const { summary } = await library().openModel({ kind: "files", files: [new File([bytes], "neox.gguf")] });
  const again = await library().model(summary.hash);
  expect(again.opened.files.map(({ name, byteLength }) => ({ name, byteLength }))).toEqual([
    { name: "neox.gguf", byteLength: bytes.length },
  ]);
  expect(await again.opened.readAll()).toBe(summary.hash);
  expect(again.definition.key).toBe(defineModel(ggufFamily("gptneox").config).key);
}, 120_000);

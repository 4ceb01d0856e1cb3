/** The budget of a run. Oracle: bytes of the tiny model, counted by hand. */

import { describe, expect, test } from "vitest";
import { parametersOf } from "../../../src/artifacts/method.ts";
import { countBudget, diskOf, diskRefusal, timesOf } from "../../../src/engine/budget.ts";
import { memoryOf } from "../../../src/engine/memory.ts";
import { precisionOf, settle } from "../../../src/engine/precision.ts";
import { withChanges } from "../../../src/engine/proposal.ts";
import { withPrecision } from "../../../src/models/architecture.ts";
import { catalogue } from "../../../src/models/catalogue.ts";
import { defineModel } from "../../../src/models/define.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { tinyConfig } from "../../support/tinyLlama.ts";

const model = defineModel(tinyConfig);
const shape = { rows: 2, length: 32, supervised: 16 };
const facts = {
  parameters: 1e6,
  in16Bits: false,
  fits: true,
  shaderF16: false,
  storesF16: true,
  layers: 1,
  blocks: null,
};
const settled = (method: "lora" | "full") => settle(defaultRecipe(method), facts);
const lora = { ...settled("lora"), lora: { ...defaultRecipe("lora").lora, rank: 8 } };
const full = settled("full");
const shapes = { shapes: [shape], heldOut: [] };
const parts = { model, recipe: full, ...shapes, provider: "webgpu" as const };

/** Width 16, heads of 8, MLP of 32: embedding, three norms, q and o, k and v, three MLP matrices. */
const base = 272 * 16 + 3 * 16 + 2 * 16 * 16 + 2 * 8 * 16 + 3 * 32 * 16;
/** An adapter has rank · (in + out) numbers: for q and o, k and v, three MLP matrices. */
const adapter = 8 * (2 * (16 + 16) + 2 * (16 + 8) + 3 * (16 + 32));

describe("memory", () => {
  test("of LoRA: the model's weights, and the adapter's weights, gradients and two moments", () => {
    const memory = memoryOf({ ...parts, recipe: lora });
    expect(memory).toMatchObject({
      frozen: 4 * base,
      trained: 4 * adapter,
      gradients: 4 * adapter,
      optimizer: 8 * adapter,
    });
    expect(memory.total).toBe(4 * base + 16 * adapter + memory.activations + memory.engine);
  });

  test("of full training: four times the model, and nothing frozen", () => {
    expect(memoryOf(parts)).toMatchObject({
      frozen: 0,
      trained: 4 * base,
      gradients: 4 * base,
      optimizer: 8 * base,
    });
  });

  test("of activations: at least the inputs of the backward pass, and about proportional to the positions", () => {
    const at = (rows: number) =>
      memoryOf({ ...parts, recipe: lora, shapes: [{ ...shape, rows, supervised: 8 * rows }] }).activations;
    // Per position the inputs of the layer's matrices (16, 16, 32 wide), and logits per supervised position.
    expect(at(2)).toBeGreaterThan(4 * (64 * (16 + 16 + 32) + 16 * 272));
    expect(at(2)).toBeLessThan(100 * 4 * (64 * (16 + 16 + 32) + 16 * 272));
    expect(at(8) / at(2)).toBeGreaterThan(3);
    expect(at(8) / at(2)).toBeLessThan(4.5);
  });

  test("the hand count is the number of parameters", () => {
    expect(base).toBe(parametersOf(model, null).reduce((sum, spec) => sum + sizeOf(spec.shape), 0));
  });
});

describe("disk", () => {
  test("has weights and moments of the newest checkpoints and of the best one", () => {
    const disk = diskOf(1000, { keepLast: 2, checkpointEvery: 10, evaluateEvery: 10, validationShare: 0.1 }, 100);
    expect(disk.checkpoints).toBe(3);
    expect(disk.perCheckpoint).toBeGreaterThan(3000);
    expect(disk.perCheckpoint).toBeLessThan(3000 + 5000);
    // The curves: twelve float64 a step.
    expect(disk.total).toBe(3 * disk.perCheckpoint + 100 * 96);
  });

  test.each([
    ["no more checkpoints than are written", { keepLast: 5, checkpointEvery: 60, validationShare: 0 }, 2],
    ["no best one without validation", { keepLast: 2, checkpointEvery: 10, validationShare: 0 }, 2],
    ["at least the last one", { keepLast: 1, checkpointEvery: 1000, validationShare: 0 }, 1],
  ])("counts %s", (_, recipe, checkpoints) => {
    expect(diskOf(1000, { evaluateEvery: 10, ...recipe }, 100).checkpoints).toBe(checkpoints);
  });
});

test.each([
  [20, 60, { validations: 4, snapshots: 4 }],
  [20, 61, { validations: 5, snapshots: 5 }],
  [null, 10, { validations: 2, snapshots: 0 }],
])("snapshots every %s of %i steps: before the first, every n-th, after the last", (watchEvery, steps, times) => {
  expect(timesOf({ evaluateEvery: 20, watchEvery }, steps)).toEqual(times);
});

describe("advice", () => {
  const wasm = { provider: "wasm", adapter: null } as const;
  const gpu = (maxBufferSize: number) => ({ provider: "webgpu", adapter: { shaderF16: true, maxBufferSize } }) as const;
  const whole = { model, recipe: full, ...shapes, facts, steps: 100, device: wasm, left: 1e9 };
  const per = diskOf(4 * base, full, 100).perCheckpoint;

  test("is null where everything fits, and where the limits are not known", () => {
    expect(countBudget(whole)).toMatchObject({
      fits: true,
      advice: null,
      proposal: null,
      device: { weights: "float32", compute: "float32", program: "whole" },
    });
    expect(countBudget({ ...whole, device: gpu(2 ** 28), left: null })).toMatchObject({
      fits: true,
      memory: { limit: null },
      disk: { left: null },
    });
  });

  test.each([
    // Two newest, the best, and the one that is written.
    ["fewer checkpoints", full, 3 * per + 100 * 96, /gives 1 MB more: set stored checkpoints to 1\.$/, { keepLast: 1 }],
    ["LoRA", { ...full, keepLast: 1 }, 2.5 * per, /train with LoRA/, { method: "lora" }],
    ["room on the disk", full, 1000, /delete runs, models or datasets/, null],
  ])("of a full disk names %s where that is enough", (_, recipe, left, words, changes) => {
    const budget = countBudget({ ...whole, recipe, left });
    expect(budget.fits).toBe(false);
    expect(budget.advice).toMatch(words);
    expect(budget.proposal?.changes ?? null).toEqual(changes);
    expect(diskRefusal({ ...whole, recipe, left })).toBe(budget.advice);
  });

  /** A wide model is mostly weights, 1.2 GB of embedding and as much of head and layer in float32. */
  const wide = (change: object = {}) =>
    defineModel({ ...tinyConfig, hidden_size: 1024, vocab_size: 300_000, ...change });
  /** Frozen weights of 6.6 GB in float32, 3.3 in 16 bits and 1.9 in 8. */
  const huge = wide({ vocab_size: 500_000, hidden_size: 1664, tie_word_embeddings: false });
  const published = (id: string) => {
    const found = catalogue.find((entry) => entry.id === id);
    if (!found) throw new Error(`The catalogue has no ${id}.`);
    return defineModel(found.config);
  };
  const in16Bits = { ...facts, in16Bits: true };
  const oneRow = { ...lora, batchSize: 1, accumulation: 4 };

  // Long rows are mostly attention.
  test.each([
    ["LoRA", wide(), full, { rows: 1, length: 16 }, facts, { method: "lora" }, /This run fits with LoRA: \d/],
    [
      "fewer rows, and as many per step",
      model,
      { ...lora, batchSize: 4, accumulation: 3 },
      { rows: 4, length: 10_240 },
      facts,
      { batchSize: 2, accumulation: 6 },
      /This run fits with micro-batch size 2 and gradient accumulation 6: \d/,
    ],
    [
      "a shorter length, where fewer rows are not enough",
      model,
      { ...lora, batchSize: 2, accumulation: 1 },
      { rows: 2, length: 32_768 },
      facts,
      { maxLength: 8192 },
      /This run fits with maximum length 8192: \d/,
    ],
    [
      "16 bits of a file that has them",
      huge,
      oneRow,
      { rows: 1, length: 16 },
      { ...facts, in16Bits: true },
      { weights: "float16" },
      /This model fits with 16-bit weights: 3\.\d GB\.$/,
    ],
    [
      "fewer rows before 8 bits",
      published("HuggingFaceTB/SmolLM2-135M"),
      { ...lora, weights: "float16", program: "smallest", batchSize: 32, accumulation: 1 },
      { rows: 32, length: 1024 },
      in16Bits,
      { batchSize: 16, accumulation: 2 },
      /This run fits with micro-batch size 16 and gradient accumulation 2: \d/,
    ],
    [
      "another compilation before fewer rows",
      published("Qwen/Qwen3-0.6B"),
      { ...lora, weights: "float16", program: "layers" },
      { rows: 4, length: 512 },
      in16Bits,
      { program: "smallest" },
      /This run fits with compilation layer by layer for the least memory: \d/,
    ],
    [
      "4 bits of three billion weights",
      published("HuggingFaceTB/SmolLM3-3B"),
      { ...lora, weights: "float16", program: "smallest", batchSize: 1 },
      { rows: 1, length: 1024 },
      in16Bits,
      { weights: "int4" },
      /This model fits with 4-bit weights: \d\.\d GB\.$/,
    ],
    [
      "nothing where no setting is enough",
      wide({ vocab_size: 500_000, hidden_size: 16_384 }),
      oneRow,
      { rows: 1, length: 16 },
      facts,
      null,
      /Choose a smaller model, or use a browser with WebGPU\.$/,
    ],
  ] as const)("of too little memory names %s", (_, other, recipe, size, known, changes, words) => {
    const precise = withPrecision(other, precisionOf(recipe, wasm));
    const run = { ...whole, model: precise, recipe, facts: known, shapes: [{ ...size, supervised: 16 }] };
    const budget = countBudget(run);
    expect(budget.memory.total).toBeGreaterThan(2 ** 32);
    expect(budget).toMatchObject({ fits: false, memory: { limit: 2 ** 32 } });
    expect(budget.advice).toMatch(words);
    expect(budget.proposal?.changes ?? null).toEqual(changes);
    if (changes === null) return;
    expect(budget.proposal?.costs.length).toBeGreaterThan(0);
    // The proposal fits, and proposes nothing more.
    expect(countBudget({ ...run, ...withChanges(run, changes) })).toMatchObject({ fits: true, proposal: null });
  });

  test("of a GPU's largest buffer names the storage whose tensors fit", () => {
    const run = { ...whole, recipe: oneRow, model: wide(), device: gpu(2 ** 30) };
    const budget = countBudget(run);
    expect(budget.advice).toMatch(
      /^The largest tensor has 1\.2 GB, and a buffer of this GPU up to 1\.1 GB\. This model fits with 16-bit weights/,
    );
    expect(budget.proposal).toEqual({
      changes: { weights: "float16" },
      costs: ["Each weight keeps 11 significant bits."],
    });
  });

  test("of weights beyond float16 says why they have 32 bits", () => {
    const beyond = { ...facts, parameters: 1e9, in16Bits: true, fits: false };
    const recipe = settle(defaultRecipe("lora"), beyond);
    expect(recipe.weights).toBe("float32");
    expect(countBudget({ ...whole, recipe, facts: beyond }).note).toMatch(/beyond 65,504.*stay in 32 bits/);
    expect(countBudget({ ...whole, facts: beyond }).note).toBeNull();
    expect(countBudget({ ...whole, recipe, facts: { ...beyond, fits: true } }).note).toBeNull();
  });

  test("of memory and disk has both changes", () => {
    const run = {
      ...whole,
      recipe: { ...full, keepLast: 1 },
      model: wide(),
      shapes: [{ rows: 1, length: 16, supervised: 16 }],
    };
    const budget = countBudget({ ...run, left: 1e9 });
    expect(budget.advice).toMatch(/fits with LoRA.*train with LoRA/);
    expect(budget.proposal?.changes).toEqual({ method: "lora" });
  });
});

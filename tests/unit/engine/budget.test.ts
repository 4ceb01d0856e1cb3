/** The budget of a run. Oracle: bytes of the tiny model, counted by hand. */

import { describe, expect, test } from "vitest";
import { parametersOf } from "../../../src/artifacts/method.ts";
import { countBudget, diskOf, diskRefusal, timesOf } from "../../../src/engine/budget.ts";
import { memoryOf } from "../../../src/engine/memory.ts";
import { defineModel } from "../../../src/models/define.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { tinyConfig } from "../../support/tinyLlama.ts";

const model = defineModel(tinyConfig);
const shape = { rows: 2, length: 32, supervised: 16 };
const lora = { ...defaultRecipe("lora"), lora: { ...defaultRecipe("lora").lora, rank: 8 } };
const full = defaultRecipe("full");
const parts = { model, recipe: full, shapes: [shape], heldOut: [], provider: "webgpu" as const };

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
    // The curves: eight float64 a step.
    expect(disk.total).toBe(3 * disk.perCheckpoint + 100 * 64);
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
  const whole = { ...parts, steps: 100, provider: "wasm" as const, left: 1e9 };
  const per = diskOf(4 * base, full, 100).perCheckpoint;

  test("is null where everything fits, and where the limits are not known", () => {
    expect(countBudget(whole)).toMatchObject({ fits: true, advice: null });
    expect(countBudget({ ...whole, provider: "webgpu", left: null })).toMatchObject({
      fits: true,
      memory: { limit: null },
      disk: { left: null },
    });
  });

  test.each([
    // Two newest, the best, and the one that is written.
    ["fewer checkpoints", full, 3 * per + 100 * 64, /gives 1 MB more: set stored checkpoints to 1\.$/],
    ["LoRA", { ...full, keepLast: 1 }, 2.5 * per, /train with LoRA/],
    ["room on the disk", full, 1000, /delete runs, models or datasets/],
  ])("of a full disk names %s where that is enough", (_, recipe, left, words) => {
    const budget = countBudget({ ...whole, recipe, left });
    expect(budget.fits).toBe(false);
    expect(budget.advice).toMatch(words);
    expect(diskRefusal({ ...whole, recipe, left })).toBe(budget.advice);
  });

  // A wide model is mostly weights; long rows are mostly attention.
  const wide = defineModel({ ...tinyConfig, hidden_size: 1024, vocab_size: 300_000 });
  test.each([
    ["LoRA", wide, full, { rows: 1, length: 16 }, /train with LoRA/],
    [
      "fewer rows, and as many per step",
      model,
      { ...lora, batchSize: 4, accumulation: 3 },
      { rows: 4, length: 10_240 },
      /micro-batch size to 2, and gradient accumulation to 6 for the same batch\.$/,
    ],
    ["what is left", model, { ...lora, batchSize: 1 }, { rows: 1, length: 16_384 }, /lower the maximum length/],
  ])("of too little memory names %s", (_, other, recipe, size, words) => {
    const budget = countBudget({ ...whole, model: other, recipe, shapes: [{ ...size, supervised: 16 }] });
    expect(budget.memory.total).toBeGreaterThan(2 ** 32);
    expect(budget).toMatchObject({ fits: false, memory: { limit: 2 ** 32 } });
    expect(budget.advice).toMatch(words);
  });
});

/**
 * The predicted memory of a run. Oracles: the WebAssembly heap after the run's steps in Node (one process, so each setting
 * needs more than those before it), and bounds from the parts.
 */

import { describe, expect, test } from "vitest";
import { measure } from "../../../bench/memory/measure.ts";
import { caseOf, type Setting } from "../../../bench/memory/setting.ts";
import { memoryOf } from "../../../src/engine/memory.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";

const setting: Setting = {
  provider: "wasm",
  size: "tiny",
  method: "lora",
  change: {},
  accumulation: 1,
  lengths: [],
  evaluates: false,
  once: false,
};

describe("on the processor within 15 % of the heap", () => {
  // The settings of bench/memory.ts that take a second; there all were within 4 % in November 2026.
  test.each<[string, Partial<Setting>]>([
    ["a short row, where ONNX Runtime itself is most of it", { change: { rows: 1, length: 32 } }],
    ["an adapter, several rows", {}],
    ["a long row, where attention is most of it", { method: "full", change: { rows: 1, length: 512 } }],
    [
      "several lengths, micro-batches, validation and an answer",
      { accumulation: 2, lengths: [256], evaluates: true, change: { rows: 2, length: 512 } },
    ],
    [
      "a large vocabulary, where the optimizer is most of it",
      { method: "full", change: { vocabulary: 49_152, rows: 2, length: 64 } },
    ],
    [
      "weights in 16 bits, in one graph",
      { weights: "float16", change: { vocabulary: 49_152, rows: 4, length: 512, layers: 3 } },
    ],
    [
      "weights in 4 bits layer by layer, several lengths and validation",
      {
        weights: "int4",
        program: "layers",
        lengths: [256],
        evaluates: true,
        change: { vocabulary: 49_152, rows: 8, length: 512, layers: 8 },
      },
    ],
    [
      "full training layer by layer, of the least memory",
      { method: "full", program: "smallest", change: { vocabulary: 49_152, rows: 4, length: 512, layers: 4 } },
    ],
  ])("%s", { timeout: 120_000 }, async (_, change) => {
    const { predicted, peak } = await measure({ ...setting, ...change }, nodeEntries, 1);
    expect(predicted.total / peak).toBeGreaterThan(0.85);
    expect(predicted.total / peak).toBeLessThan(1.15);
  });
});

describe("of SmolLM2-135M with an adapter of rank 16", () => {
  const smol: Setting = { ...setting, provider: "webgpu", size: "smollm2-135m", once: true };
  const predicted = (change: Partial<Setting> = {}) => {
    const { model, recipe, shapes } = caseOf({ ...smol, ...change });
    return memoryOf({ model, recipe, shapes, heldOut: [], provider: "webgpu" });
  };

  test("and 512 tokens: under 2 GB, with the weights of model and adapter", () => {
    const { frozen, trained, total } = predicted();
    expect(frozen).toBe(4 * 134_515_008);
    expect(trained).toBe(4 * 4_884_480);
    expect(total).toBeLessThan(2e9);
  });

  test("further lengths add only their sessions' constants: no buffer is cached for its shape", () => {
    expect(predicted({ lengths: [256, 128] }).total).toBeLessThan(1.01 * predicted().total);
  });
});

/**
 * The memory that a budget predicts. Oracle: what the device held at the most while the run's steps were taken, counted beneath
 * ONNX Runtime; on WebGPU at the browser's own prototypes, apart from the count in src/runtime/memoryUse.ts.
 */

import { afterAll, beforeAll, expect, test } from "vitest";
import { measure } from "../../bench/memory/measure.ts";
import type { Setting } from "../../bench/memory/setting.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";

/** Of the measured bytes; what bench/memory.ts finds is within 4 %. */
const tolerance = 0.15;

const setting = {
  size: "tiny",
  method: "lora",
  change: { rows: 1, length: 32, layers: 2 },
  accumulation: 1,
  lengths: [],
  evaluates: false,
  once: false,
} as const satisfies Omit<Setting, "provider">;

const gpu = { live: 0, peak: 0 };
const { createBuffer } = GPUDevice.prototype;
const { destroy } = GPUBuffer.prototype;
beforeAll(() => {
  const sizes = new WeakMap<GPUBuffer, number>();
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    sizes.set(buffer, descriptor.size);
    gpu.live += descriptor.size;
    gpu.peak = Math.max(gpu.peak, gpu.live);
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    gpu.live -= sizes.get(this) ?? 0;
    sizes.delete(this);
    return destroy.call(this);
  };
});
afterAll(() => {
  GPUDevice.prototype.createBuffer = createBuffer;
  GPUBuffer.prototype.destroy = destroy;
});

test("on WebGPU is within 15 % of the GPU buffers at their most", { timeout: 300_000 }, async () => {
  const { predicted, peak, tensors } = await measure({ ...setting, provider: "webgpu" }, browserEntries);
  console.info(`predicted ${predicted.total}, measured ${peak}, of it tensors ${tensors}`);
  expect(peak).toBe(gpu.peak);
  // Most of it is ONNX Runtime's: a count of the tensors alone would not do.
  expect(peak).toBeGreaterThan(1.3 * tensors);
  expect(Math.abs(predicted.total / peak - 1)).toBeLessThan(tolerance);
});

test("on the processor is within 15 % of the filled heap", { timeout: 300_000 }, async () => {
  const long = { ...setting, provider: "wasm", change: { rows: 2, length: 256, layers: 2 } } as const;
  const { predicted, peak, tensors } = await measure(long, browserEntries);
  console.info(`predicted ${predicted.total}, measured ${peak}, of it tensors ${tensors}`);
  expect(peak).toBeGreaterThan(5 * tensors);
  expect(Math.abs(predicted.total / peak - 1)).toBeLessThan(tolerance);
});

/** Whether a model fits a machine, with figures. Oracle: the limits of WebAssembly and of the adapter, worked by hand. */

import { expect, test } from "vitest";
import { caution, memoryLimit, tooLarge } from "../../../src/ui/model/room.ts";

const needs = (lora: number, largestTensor = 1e8) => ({ lora, full: 4 * lora, largestTensor });
const wasm = { provider: "wasm", adapter: null } as const;
const gpu = (maxBufferSize: number) =>
  ({
    provider: "webgpu",
    adapter: {
      vendor: "",
      architecture: "",
      description: "",
      maxBufferSize,
      maxStorageBufferBindingSize: maxBufferSize,
      shaderF16: false,
    },
  }) as const;

test("without a GPU the limit is what 32 bits address", () => {
  expect(memoryLimit(wasm)).toBe(2 ** 32);
  expect(tooLarge(needs(2 ** 32), wasm)).toBeNull();
  expect(tooLarge(needs(2 ** 32 + 1), wasm)).toBe(
    "LoRA needs 4.3 GB of memory; without a GPU this page can use 4.3 GB.",
  );
  expect(tooLarge(needs(12.8e9), wasm)).toMatch(/^LoRA needs 12\.8 GB/);
  expect(caution(needs(12.8e9), wasm)).toBeNull();
});

test("with a GPU the largest tensor must fit a buffer, and the memory itself is unknown", () => {
  expect(memoryLimit(gpu(2 ** 31))).toBeNull();
  expect(tooLarge(needs(12.8e9, 1.05e9), gpu(2 ** 31))).toBeNull();
  expect(tooLarge(needs(12.8e9, 1.05e9), gpu(2 ** 28))).toBe(
    "Its largest tensor has 1.1 GB; this GPU's buffers have up to 268.4 MB.",
  );
  expect(caution(needs(12.8e9), gpu(2 ** 31))).toMatch(/^LoRA needs 12\.8 GB of GPU memory\. Many GPUs have 8\.0 GB/);
  expect(caution(needs(7.9e9), gpu(2 ** 31))).toBeNull();
});

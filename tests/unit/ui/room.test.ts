/** Whether a model fits a machine, with figures. Oracle: the limits of WebAssembly and of the adapter, worked by hand. */

import { expect, test } from "vitest";
import { caution, loraNeeds, memoryLimit, mostBits, tooLarge } from "../../../src/ui/model/room.ts";

/** The frozen weights in 16, 8 and 4 bits, without the adapter. */
const byBits = (bytes: number) => ({ float32: 2 * bytes, float16: bytes, int8: bytes / 2, int4: bytes / 4 });
const needs = (lora: number, largestTensor = 1e8) => ({
  lora: byBits(lora),
  full: 4 * lora,
  largestTensor: byBits(largestTensor),
});
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

test("without a GPU the limit is what 32 bits address, with weights of 4 bits", () => {
  expect(memoryLimit(wasm)).toBe(2 ** 32);
  expect(tooLarge(needs(2 ** 34), wasm)).toBeNull();
  expect(tooLarge(needs(2 ** 34 + 4), wasm)).toBe(
    "LoRA with 4-bit weights needs 4.3 GB of memory; without a GPU this page can use 4.3 GB.",
  );
  expect(caution(needs(51.2e9), wasm)).toBeNull();
});

test("with a GPU the largest tensor must fit a buffer, and the memory itself is unknown", () => {
  expect(memoryLimit(gpu(2 ** 31))).toBeNull();
  expect(tooLarge(needs(12.8e9, 1.05e9), gpu(2 ** 28))).toBeNull();
  expect(tooLarge(needs(12.8e9, 1.2e9), gpu(2 ** 28))).toBe(
    "With 4-bit weights its largest tensor has 300.0 MB; this GPU's buffers have up to 268.4 MB.",
  );
  expect(caution(needs(12.8e9), gpu(2 ** 31))).toMatch(
    /^LoRA needs 12\.8 GB of GPU memory, with 4-bit weights 3\.2 GB\. Many GPUs have 8\.0 GB/,
  );
  expect(caution(needs(7.9e9), gpu(2 ** 31))).toBeNull();
});

test.each([
  ["16 bits where they fit", needs(2 ** 32), wasm, "float16", null],
  [
    "8 bits where 16 do not",
    needs(6e9),
    wasm,
    "int8",
    /^Base weights of 16 bits do not fit this machine; with 8 bits LoRA needs 3\.0 GB\.$/,
  ],
  ["4 bits where 8 do not", needs(12e9), wasm, "int4", /with 4 bits LoRA needs 3\.0 GB/],
  ["none where 4 do not", needs(18e9), wasm, null, null],
  ["the bits whose largest tensor fits", needs(1e9, 4e8), gpu(2 ** 28), "int8", /with 8 bits LoRA needs 500\.0 MB/],
] as const)("a model is said to fit with %s", (_, model, machine, bits, words) => {
  expect(mostBits(model, machine)).toBe(bits);
  if (words === null) expect(caution(model, machine)).toBeNull();
  else expect(caution(model, machine)).toMatch(words);
});

test("needs are listed by bits", () => {
  expect(loraNeeds(needs(2.4e9))).toBe("16 bits 2.4 GB, 8 bits 1.2 GB, 4 bits 600.0 MB");
});

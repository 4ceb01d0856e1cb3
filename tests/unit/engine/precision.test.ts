/** Automatic settings of a run's weights and products. Oracle: the rules, worked by hand for each row. */

import { describe, expect, test } from "vitest";
import type { LoadedModel } from "../../../src/engine/library.ts";
import { blocksOf, modelOfBase, type PrecisionFacts, precisionOf, settle } from "../../../src/engine/precision.ts";
import { catalogue } from "../../../src/models/catalogue.ts";
import { defineModel } from "../../../src/models/define.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";

const facts: PrecisionFacts = {
  parameters: 135e6,
  in16Bits: true,
  fits: true,
  shaderF16: false,
  storesF16: true,
  layers: 2,
  blocks: null,
};
const lora = defaultRecipe("lora");

describe("automatic settings become", () => {
  test.each<[string, Partial<PrecisionFacts>, "lora" | "full", string, string]>([
    ["16 bits where the files have 16 bits", {}, "lora", "float16", "float32"],
    ["products in 16 bits on a GPU that has them", { shaderF16: true }, "lora", "float16", "float16"],
    ["32 bits where the files have 32 bits", { in16Bits: false }, "lora", "float32", "float32"],
    ["products in 32 bits for weights in 32 bits", { in16Bits: false, shaderF16: true }, "lora", "float32", "float32"],
    ["32 bits where a weight is too large", { fits: false }, "lora", "float32", "float32"],
    ["32 bits on a GPU that stores no 16 bits", { storesF16: false }, "lora", "float32", "float32"],
    ["32 bits for a small model", { parameters: 1.65e6 }, "lora", "float32", "float32"],
    ["32 bits for full training", {}, "full", "float32", "float32"],
    ["products in 32 bits for full training", { shaderF16: true }, "full", "float32", "float32"],
  ])("%s", (_, change, method, weights, compute) => {
    const settled = settle(defaultRecipe(method), { ...facts, ...change });
    expect(settled).toEqual({ ...defaultRecipe(method), weights, compute, program: "whole" });
    // A settled recipe does not change any more, whatever the facts are.
    expect(settle(settled, { ...facts, shaderF16: true })).toEqual(settled);
  });
});

describe("a GGUF file's own blocks", () => {
  const wasm = { provider: "wasm", adapter: null } as const;
  const gpu = { provider: "webgpu", adapter: { shaderF16: false } } as const;

  test.each(["int8", "int4"] as const)("stay in %s, whatever the size of the model", (weights) => {
    const own = { ...facts, in16Bits: false, parameters: 1e6, blocks: { weights, tables: true } };
    expect(settle(lora, own).weights).toBe(weights);
    expect(settle({ ...lora, weights: "float32" }, own).weights).toBe("float32");
    expect(settle(defaultRecipe("full"), own).weights).toBe("float32");
  });

  test("leave an embedding of another type in 16 bits, or 32 where the device has none", () => {
    const settled = settle({ ...lora, weights: "int4" }, facts);
    expect(precisionOf(settled, wasm, { weights: "int4", tables: true }).embedding).toBe("int8");
    expect(precisionOf(settled, wasm, { weights: "int4", tables: false }).embedding).toBe("float16");
    expect(precisionOf(settled, gpu, { weights: "int4", tables: false }).embedding).toBe("float32");
    // The layers are quantised anew too.
    expect(precisionOf(settled, wasm, { weights: "int8", tables: false }).embedding).toBe("int8");
  });

  const layer = "model.layers.0.mlp.up_proj.weight";
  test.each([
    [
      { [layer]: "Q8_0", "model.embed_tokens.weight": "Q8_0" },
      { weights: "int8", tables: true },
    ],
    [
      { [layer]: "Q4_0", "model.embed_tokens.weight": "Q8_0" },
      { weights: "int4", tables: true },
    ],
    [
      { [layer]: "Q4_0", "model.layers.1.mlp.up_proj.weight": "Q8_0" },
      { weights: "int8", tables: true },
    ],
    [
      { [layer]: "Q4_0", "model.embed_tokens.weight": "Q6_K" },
      { weights: "int4", tables: false },
    ],
    [{ [layer]: "Q4_0", "model.layers.1.mlp.up_proj.weight": "Q4_1" }, null],
    [{ [layer]: "F32", "model.embed_tokens.weight": "Q8_0" }, null],
  ])("are found in %j", (types, wanted) => {
    const names: Readonly<Record<string, string>> = { ...types, "model.norm.weight": "F32" };
    const tensors = new Map(
      Object.keys(names).map((name) => [name, { shape: name.endsWith("norm.weight") ? [2] : [2, 32] }]),
    );
    const opened = { tensors, typeOf: (name: string) => names[name] };
    const definition = { embeddingTensor: "model.embed_tokens.weight", headTensor: "lm_head.weight" };
    // The parts of an open model that decide.
    expect(blocksOf({ definition, opened } as unknown as LoadedModel)).toEqual(wanted);
  });
});

test.each(["float32", "float16", "int8", "int4", "uint4"] as const)("a choice of %s stays", (weights) => {
  expect(settle({ ...lora, weights }, { ...facts, in16Bits: false, parameters: 1e6 }).weights).toBe(weights);
  expect(settle({ ...lora, method: "full", weights }, facts).weights).toBe("float32");
});

test.each(["float16", "int8", "int4", "uint4"] as const)(
  "%s is refused for a weight beyond 65,504, with the way out",
  (weights) => {
    const tooLarge = { ...facts, fits: false };
    expect(() => settle({ ...lora, weights }, tooLarge)).toThrow(/beyond 65,504.*set base weights to 32 bits/);
    expect(settle({ ...lora, weights: "float32" }, tooLarge).weights).toBe("float32");
  },
);

test.each([
  [30, 135e6, "layers"],
  [12, 20e6, "layers"],
  [11, 135e6, "whole"],
  [30, 1.65e6, "whole"],
] as const)(
  "%i layers of %f parameters are compiled as %s, unless the recipe says another",
  (layers, parameters, program) => {
    const deep = { ...facts, layers, parameters };
    expect(settle(lora, deep).program).toBe(program);
    for (const chosen of ["whole", "layers", "smallest"] as const) {
      expect(settle({ ...lora, program: chosen }, deep).program).toBe(chosen);
    }
  },
);

test("storage and products in 16 bits are refused without shader-f16", () => {
  const without = { ...facts, storesF16: false };
  expect(() => settle({ ...lora, weights: "float16" }, without)).toThrow(/shader-f16.*set them to 32, 8 or 4 bits/);
  expect(settle({ ...lora, weights: "int4" }, without).weights).toBe("int4");
  expect(() => settle({ ...lora, compute: "float16" }, facts)).toThrow(/shader-f16.*set products to automatic/);
  expect(settle({ ...lora, compute: "float16" }, { ...facts, shaderF16: true }).compute).toBe("float16");
});

describe("the precision of a run", () => {
  const gpu = (shaderF16: boolean) => ({ provider: "webgpu", adapter: { shaderF16 } }) as const;
  const wasm = { provider: "wasm", adapter: null } as const;

  test.each([
    ["float32", "float32"],
    ["float16", "float16"],
    ["int8", "int8"],
    ["int4", "int8"],
    ["uint4", "int8"],
  ] as const)("with weights of %s has an embedding of %s", (weights, embedding) => {
    const settled = settle({ ...lora, weights, compute: "float32" }, facts);
    expect(precisionOf(settled, wasm)).toEqual({ weights, embedding, compute: "float32" });
  });

  test.each([
    ["its GPU", gpu(true), "float16"],
    ["another GPU", gpu(false), "float32"],
    ["the processor", wasm, "float32"],
    ["no device, as in an export", null, "float16"],
  ] as const)("with products in float16, on %s, multiplies in the type that is there", (_, device, compute) => {
    const settled = settle({ ...lora, compute: "float16" }, { ...facts, shaderF16: true });
    const precision = precisionOf(settled, device);
    expect(precision.compute).toBe(compute);
    // A GPU without shader-f16 stores the same weights in 32 bits.
    expect(precision.weights).toBe(device?.provider === "webgpu" && compute === "float32" ? "float32" : "float16");
  });
});

describe("a base model answers by itself", () => {
  const of = (id: string) => {
    const definition = defineModel(catalogue.find((entry) => entry.id === id)?.config);
    const tensors = new Map([["a", { shape: [2, 2], dtype: "BF16" }]]);
    // The parts of an open model that decide.
    return {
      definition,
      opened: { tensors, typeOf: () => "BF16" },
      summary: { hash: id, parameters: 1e9 },
    } as unknown as LoadedModel;
  };
  const library = { model: async (id: string) => of(id), half: async () => ({ over: 0, lost: 0 }) };
  const wasm = { provider: "wasm", adapter: null } as const;

  test.each([
    ["HuggingFaceTB/SmolLM2-135M", wasm, "float16"],
    ["meta-llama/Llama-3.2-1B", wasm, "float16"],
    // 3.1 billion weights: 6.2 GB in 16 bits; 3.5 in 8 are more than 80 % of what WebAssembly addresses.
    ["HuggingFaceTB/SmolLM3-3B", wasm, "int4"],
    ["HuggingFaceTB/SmolLM3-3B", { provider: "webgpu", adapter: { shaderF16: true } }, "float16"],
    ["HuggingFaceTB/SmolLM3-3B", { provider: "webgpu", adapter: { shaderF16: false } }, "float32"],
  ] as const)("%s on %j with weights in %s", async (id, device, weights) => {
    expect((await modelOfBase(library, id, device)).definition.precision.weights).toBe(weights);
  });
});

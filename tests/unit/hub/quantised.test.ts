/** Quantised folders: the fields and tensors that their tools write, as in the published files of each method. */

import { describe, expect, it } from "vitest";
import type { StoredDType, StoredTensor } from "../../../src/hub/safetensors.ts";
import { configs, openFolder, tensorsFor } from "./folder.ts";
import { refusal } from "./tiny.ts";

const config = configs.llama;
const tensors = tensorsFor(config);

describe("a field of config.json", () => {
  const rows: readonly (readonly [object, string])[] = [
    [
      { quantization_config: { quant_method: "bitsandbytes", load_in_4bit: true, load_in_8bit: false } },
      "bitsandbytes, 4 bit",
    ],
    [{ quantization_config: { load_in_8bit: true } }, "bitsandbytes, 8 bit"],
    [{ quantization_config: { quant_method: "gptq", bits: 4, group_size: 128 } }, "GPTQ, 4 bit"],
    [{ quantization_config: { quant_method: "awq", w_bit: 4, version: "gemm" } }, "AWQ, 4 bit"],
    [{ quantization_config: { quant_method: "compressed-tensors", format: "pack-quantized" } }, "compressed-tensors"],
    [{ quantization_config: { quant_method: "fp8", activation_scheme: "dynamic" } }, "FP8"],
    [{ quantization_config: { quant_method: "mxfp4", modules_to_not_convert: [] } }, "MXFP4"],
    [{ quantization_config: { quant_method: "modelopt", quant_algo: "NVFP4" } }, "ModelOpt, NVFP4"],
    [{ quantization_config: { quant_method: "hqq", nbits: 2 } }, "HQQ, 2 bit"],
    [{ quantization_config: { quant_method: "bitnet" } }, "BitNet"],
    [{ quantization_config: { quant_method: "new-method" } }, "new-method"],
    [{ quantization_config: {} }, "unknown method"],
    [{ quantization_config: "int8" }, '"int8"'],
    [{ compression_config: { quant_method: "compressed-tensors" } }, "compressed-tensors"],
    [{ quantization: { group_size: 64, bits: 4 } }, "MLX, 4 bit"],
    [{ text_config: { quantization_config: { quant_method: "awq", bits: 4 } } }, "AWQ, 4 bit"],
  ];
  it.each(rows)("%j", async (fields, method) => {
    const message = await refusal(openFolder({ config: { ...config, ...fields }, tensors: [] }));
    const [field = ""] = Object.keys(fields);
    expect(message).toContain(`config.json: ${field}`);
    expect(message).toContain(
      `the weights are quantised (${method}), and quantised weights cannot be trained: open the original`,
    );
    expect(message.length).toBeLessThan(300);
  });

  it.each<[object, string]>([
    [{ quantization: { bits: 4 }, _name_or_path: "Qwen/Qwen3-0.6B" }, "open the original, Qwen/Qwen3-0.6B."],
    [
      { quantization: { bits: 4 }, _name_or_path: "unsloth/Qwen3-0.6B-unsloth-bnb-4bit" },
      "whose name is probably Qwen3-0.6B.",
    ],
    [{ quantization: { bits: 4 }, _name_or_path: "/home/me/models/base" }, "which is not quantised."],
    [
      {
        quantization: { bits: 4 },
        _name_or_path: "TheBloke/TinyLlama-1.1B-GPTQ",
        base_model_name_or_path: "TinyLlama/TinyLlama-1.1B",
      },
      "open the original, TinyLlama/TinyLlama-1.1B.",
    ],
  ])("%j names the original", async (fields, remedy) => {
    expect(await refusal(openFolder({ config: { ...config, ...fields }, tensors }))).toContain(remedy);
  });

  it.each([
    ["mlx-community/SmolLM2-135M-Instruct-4bit", "SmolLM2-135M-Instruct"],
    ["Qwen2.5-0.5B-Instruct-GPTQ-Int4", "Qwen2.5-0.5B-Instruct"],
    ["Llama-3.2-1B-Instruct-FP8-dynamic", "Llama-3.2-1B-Instruct"],
    ["gemma-3-270m-it-qat-q4_0-unquantized", "gemma-3-270m-it-qat"],
    ["Phi-3-mini-w4a16", "Phi-3-mini"],
  ])("the folder %s names it", async (name, original) => {
    const opening = openFolder({ config: { ...config, quantization: { bits: 4 } }, tensors, name });
    expect(await refusal(opening)).toContain(`whose name is probably ${original}.`);
  });

  // transformers opens each of these as it is.
  it.each([{ quantization: null }, { quantization_config: null }, { compression_config: null, quantization: null }])(
    "%j is no quantisation",
    async (fields) => {
      expect((await openFolder({ config: { ...config, ...fields }, tensors })).tensors.size).toBe(tensors.length);
    },
  );
});

describe("tensors without a field", () => {
  const weight = "model.layers.0.mlp.up_proj.weight";
  const module = weight.replace(/\.weight$/, "");
  const packed = (name: string, dtype: StoredDType = "U8"): StoredTensor => {
    const width = { U8: 1, I8: 1, F8_E4M3: 1, F16: 2, I32: 4, U32: 4, F32: 4 }[dtype as "U8"];
    return { name, dtype, shape: [4], data: new Uint8Array(4 * width) };
  };
  const without = tensors.filter(({ name }) => name !== weight);
  const rows: readonly (readonly [string, readonly StoredTensor[], string])[] = [
    ["GPTQ's and AWQ's", [packed(`${module}.qweight`, "I32"), packed(`${module}.qzeros`, "I32")], "GPTQ or AWQ"],
    ["bitsandbytes' of 4 bit", [packed(weight), packed(`${weight}.absmax`, "F32")], "bitsandbytes, 4 bit"],
    ["bitsandbytes' of 8 bit", [packed(weight, "I8"), packed(`${module}.SCB`, "F32")], "bitsandbytes, 8 bit"],
    ["compressed-tensors'", [packed(`${module}.weight_packed`, "I32")], "compressed-tensors"],
    ["FP8's with blocks", [packed(weight, "F8_E4M3"), packed(`${module}.weight_scale_inv`, "F32")], "FP8"],
    ["FP8's", [packed(weight, "F8_E4M3"), packed(`${module}.weight_scale`, "F32")], "compressed-tensors"],
    ["MXFP4's", [packed("model.layers.0.mlp.experts.gate_up_proj_blocks")], "MXFP4"],
    ["MLX's", [packed(weight, "U32"), packed(`${module}.scales`, "F16")], "MLX"],
    ["HQQ's", [packed(`${module}.W_q`)], "HQQ"],
    ["Quanto's", [packed(`${weight}._data`, "I8"), packed(`${weight}._scale`, "F32")], "Quanto"],
    ["AQLM's", [packed(`${module}.codes`, "I8"), packed(`${module}.codebooks`, "F16")], "AQLM"],
  ];
  it.each(rows)("%s", async (_, others, method) => {
    for (const prefix of ["", "module."]) {
      const stored = [...without, ...others].map((one) => ({ ...one, name: prefix + one.name }));
      const message = await refusal(openFolder({ config, tensors: stored }));
      expect(message).toContain(`so the weights are quantised (${method}), and quantised weights cannot be trained`);
    }
  });

  it.each<[StoredDType, string]>([
    ["I8", "whole numbers of a quantised model"],
    ["U8", "whole numbers of a quantised model"],
    ["F8_E4M3", "numbers of few bits of a quantised model"],
  ])("weights of type %s alone", async (dtype, kind) => {
    const shape = tensors.find(({ name }) => name === weight)?.shape ?? [];
    const data = new Uint8Array(shape.reduce((a, b) => a * b, 1));
    const message = await refusal(openFolder({ config, tensors: [...without, { name: weight, dtype, shape, data }] }));
    expect(message).toContain(`tensor "${weight}" is stored as ${dtype}, ${kind}, but only F64, F32, F16 and BF16`);
  });
});

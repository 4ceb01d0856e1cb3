/** Which fields of a `config.json` are refused. Oracle: INTEROP's table of what changes the mathematics, and real files. */

import { describe, expect, it, test } from "vitest";
import { defineModel } from "../../../src/models/define.ts";
import { refuseUnread } from "../../../src/models/fields.ts";
import { small } from "./small.ts";

describe("a Llama's file", () => {
  const changing: [string, unknown][] = [
    ["attn_logit_softcapping", 50],
    ["final_logit_softcapping", 30],
    ["attention_multiplier", 0.5],
    ["residual_multiplier", 0.22],
    ["embedding_multiplier", 12],
    ["logits_scaling", 8],
    ["query_pre_attn_scalar", 256],
    ["sliding_window", 4096],
    ["layer_types", ["full_attention", "sliding_attention"]],
    ["no_rope_layers", [1, 0]],
    ["use_qk_norm", true],
    ["clip_qkv", 8],
    ["pretraining_tp", 2],
    ["is_causal", false],
    ["rope_interleaved", true],
    ["quantization_config", { quant_method: "gptq" }],
    ["hidden_activation", "gelu_pytorch_tanh"],
  ];
  it.each(changing)("is refused for %s, with its value", (field, value) => {
    const json = { ...small, [field]: value };
    expect(() => defineModel(json)).toThrow(`${field} is ${JSON.stringify(value)}, and Hone does not read this field`);
  });

  it("is refused for a partial rotation, also among the rope parameters", () => {
    expect(() => defineModel({ ...small, partial_rotary_factor: 0.5 })).toThrow(/partial_rotary_factor is 0.5/);
    const rope_parameters = { rope_theta: 1e4, rope_type: "default", partial_rotary_factor: 0.25 };
    expect(() => defineModel({ ...small, rope_parameters })).toThrow(/partial_rotary_factor is 0.25/);
  });

  it("opens with the extra fields of real files, and with switched-off ones", () => {
    const real = {
      _name_or_path: "HuggingFaceTB/SmolLM2-135M",
      attention_dropout: 0,
      bos_token_id: 1,
      eos_token_id: 2,
      hidden_act: "silu",
      initializer_range: 0.02,
      is_llama_config: true,
      model_type: "llama",
      pretraining_tp: 1,
      rope_interleaved: false,
      sliding_window: null,
      layer_types: ["full_attention", "full_attention"],
      torch_dtype: "bfloat16",
      "transformers.js_config": { kv_cache_dtype: { fp16: "float16" } },
      transformers_version: "4.40.1",
      unsloth_fixed: true,
      use_cache: true,
    };
    expect(defineModel({ ...small, ...real }).key).toBe(defineModel(small).key);
    const unused = { sliding_window: 4096, use_sliding_window: false };
    expect(defineModel({ ...small, ...unused }).key).toBe(defineModel(small).key);
  });
});

test("unknown fields are refused, unless they say nothing", () => {
  const json = { hidden_size: 8, bos_token_id: 1, _name_or_path: "x", made_up: 3 };
  expect(() => refuseUnread(json, ["hidden_size"])).toThrow("made_up is 3, and Hone does not read this field");
  expect(() => refuseUnread({ ...json, made_up: null }, ["hidden_size"])).not.toThrow();
});

test("an unknown architecture is named, with the known ones", () => {
  expect(() => defineModel({ ...small, architectures: ["MambaForCausalLM"] })).toThrow(
    /MambaForCausalLM is not supported; Hone trains llama, qwen2, qwen3, /,
  );
  expect(() => defineModel({ model_type: "mamba" })).toThrow(/the architecture mamba is not supported/);
});

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
    ["is_causal", false],
    ["is_causal", null],
    ["rope_interleaved", true],
    ["use_rope", false],
    ["per_layer_config", { 0: { head_dim: 4 } }],
    ["num_experts", 8],
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

  it.each(["quantization_config", "quantization"])("is refused for %s, with a way out", (field) => {
    const json = { ...small, [field]: { quant_method: "gptq", bits: 4 } };
    expect(() => defineModel(json)).toThrow(
      `${field} is {"quant_method":"gptq","bits":4}: the weights are quantised, and Hone trains weights in float32`,
    );
    expect(() => defineModel({ ...small, [field]: null })).not.toThrow();
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
      pretraining_tp: 2,
      id2label: { 0: "LABEL_0" },
      top_p: 0.9,
      use_mrope: false,
      num_experts: 0,
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
  expect(() => defineModel({ ...small, architectures: ["NewForCausalLM"] })).toThrow(
    /the architecture NewForCausalLM is not supported\. Hone trains Llama, Qwen2, Qwen3, /,
  );
  expect(() => defineModel({ model_type: "new" })).toThrow(/the architecture new is not supported/);
});

test.each([
  ["MambaForCausalLM", "mamba", "has recurrent or convolutional layers"],
  ["Qwen3NextForCausalLM", "qwen3_next", "has recurrent or convolutional layers"],
  ["FalconH1ForCausalLM", "falcon_h1", "has recurrent or convolutional layers"],
  ["OlmoeForCausalLM", "olmoe", "is a mixture of experts"],
  ["DeepseekV3ForCausalLM", "deepseek_v3", "is a mixture of experts"],
  ["GptOssForCausalLM", "gpt_oss", "is a mixture of experts"],
  ["LlavaNextForConditionalGeneration", "llava_next", "sees or hears"],
  ["SmolVLMForConditionalGeneration", "smolvlm", "sees or hears"],
  ["T5ForConditionalGeneration", "t5", "has an encoder"],
  ["BertForMaskedLM", "bert", "has another head"],
  ["LlamaForSequenceClassification", "llama", "has another head"],
  ["BitNetForCausalLM", "bitnet", "has weights of three values"],
  ["Ernie4_5_MoeForCausalLM", "ernie4_5_moe", "is a mixture of experts"],
])("%s is refused with its kind and what would serve", (architecture, type, reason) => {
  const message = new RegExp(`${architecture} ${reason}.*\\. Choose `);
  expect(() => defineModel({ ...small, architectures: [architecture], model_type: type })).toThrow(message);
});

describe("models whose own code is a Llama's", () => {
  it("MobileLLM ties by share_embedding, and is refused where layers run twice", () => {
    const mobile = { ...small, architectures: ["MobileLLMForCausalLM"], model_type: "mobilellm", layer_sharing: false };
    expect(defineModel({ ...mobile, share_embedding: true, tie_word_embeddings: false }).tiedHead).toBe(true);
    expect(defineModel({ ...mobile, share_embedding: true }, { untied: true }).tiedHead).toBe(false);
    expect(() => defineModel({ ...mobile, layer_sharing: true })).toThrow(/layer_sharing is true/);
  });

  it("InternLM 3 has both kinds of bias or none", () => {
    const intern = { ...small, architectures: ["InternLM3ForCausalLM"], model_type: "internlm3" };
    const llama = { attention_bias: true, mlp_bias: true };
    expect(defineModel({ ...intern, bias: true, qkv_bias: true }).key).toBe(defineModel({ ...small, ...llama }).key);
    expect(defineModel({ ...intern, bias: false, qkv_bias: false }).key).toBe(defineModel(small).key);
    expect(() => defineModel({ ...intern, bias: false, qkv_bias: true })).toThrow(/qkv_bias is true and bias is false/);
  });
});

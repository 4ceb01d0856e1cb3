/** Oracles: Hugging Face's defaults of LlamaConfig, and the published formula of the llama3 rope scaling. */

import { describe, expect, it } from "vitest";
import { checkpointTensors, linearsOf, parametersOf } from "../../../src/artifacts/method.ts";
import { ConfigError } from "../../../src/models/config.ts";
import { defineModel } from "../../../src/models/define.ts";
import { readConfig } from "../../../src/models/llama.ts";
import { ropeFrequencies } from "../../../src/nn/rope.ts";
import { small } from "./small.ts";

describe("config.json", () => {
  it("fills the defaults of the format", () => {
    expect(readConfig(small)).toMatchObject({
      num_key_value_heads: 4,
      head_dim: 4,
      rms_norm_eps: 1e-6,
      rope: { theta: 10000, dimensions: 4, scaling: null, scale: 1, context: 2048 },
      tie_word_embeddings: false,
      attention_bias: false,
      max_position_embeddings: 2048,
    });
  });

  it("reads theta and scaling from rope_parameters, as in newer files", () => {
    const scaling = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
    const config = readConfig({ ...small, rope_parameters: { rope_theta: 5e5, rope_type: "llama3", ...scaling } });
    expect(config.rope).toMatchObject({ theta: 5e5, scaling: { type: "llama3", ...scaling } });
  });

  const rows: [string, Record<string, unknown>, RegExp][] = [
    ["another architecture", { architectures: ["NewForCausalLM"] }, /NewForCausalLM is not supported/],
    ["a missing field", { vocab_size: undefined }, /config\.json: vocab_size is missing/],
    ["a field of another type", { hidden_size: "64" }, /hidden_size must be a whole number from 1 to 65536, not "64"/],
    [
      "heads that do not divide",
      { num_key_value_heads: 3 },
      /num_attention_heads \(4\) must be divisible by num_key_value_heads \(3\)/,
    ],
    ["an odd head", { hidden_size: 12 }, /must be an even whole number/],
    ["another activation", { hidden_act: "xielu" }, /hidden_act "xielu" is not supported/],
    ["another scaling", { rope_scaling: { type: "mrope" } }, /rope_scaling of type "mrope" is not supported/],
  ];
  it.each(rows)("%s is refused with its name and value", (_name, change, message) => {
    const json = { ...small, ...change };
    expect(() => defineModel(json)).toThrow(ConfigError);
    expect(() => defineModel(json)).toThrow(message);
  });

  it("refuses a value that is no object", () => {
    expect(() => defineModel([])).toThrow(ConfigError);
    expect(() => defineModel(null)).toThrow(ConfigError);
  });
});

describe("parameters", () => {
  it("are the checkpoint's own names, each once", () => {
    const names = checkpointTensors(defineModel({ ...small, num_key_value_heads: 2 })).map(
      ({ name, shape }) => `${name} ${shape}`,
    );
    const layer = (i: number) => [
      `model.layers.${i}.input_layernorm.weight 16`,
      `model.layers.${i}.self_attn.q_proj.weight 16,16`,
      `model.layers.${i}.self_attn.k_proj.weight 8,16`,
      `model.layers.${i}.self_attn.v_proj.weight 8,16`,
      `model.layers.${i}.self_attn.o_proj.weight 16,16`,
      `model.layers.${i}.post_attention_layernorm.weight 16`,
      `model.layers.${i}.mlp.gate_proj.weight 24,16`,
      `model.layers.${i}.mlp.up_proj.weight 24,16`,
      `model.layers.${i}.mlp.down_proj.weight 16,24`,
    ];
    expect(names.sort()).toEqual(
      [
        "model.embed_tokens.weight 32,16",
        ...layer(0),
        ...layer(1),
        "model.norm.weight 16",
        "lm_head.weight 32,16",
      ].sort(),
    );
  });

  it("LoRA adds a pair to each target and freezes the rest", () => {
    const specs = parametersOf(defineModel(small), {
      kind: "lora",
      rank: 2,
      alpha: 4,
      targets: ["q_proj", "down_proj"],
    });
    expect(specs.filter((spec) => spec.trainable).map(({ name, shape }) => `${name} ${shape}`)).toEqual(
      [0, 1].flatMap((i) => [
        `model.layers.${i}.self_attn.q_proj.lora_A.weight 2,16`,
        `model.layers.${i}.self_attn.q_proj.lora_B.weight 16,2`,
        `model.layers.${i}.mlp.down_proj.lora_A.weight 2,24`,
        `model.layers.${i}.mlp.down_proj.lora_B.weight 16,2`,
      ]),
    );
  });
});

it("the linear layers of its trace are LoRA's targets, in order", () => {
  expect(linearsOf(defineModel({ ...small, num_key_value_heads: 2 }))).toEqual([
    { name: "q_proj", shapes: [[16, 16]] },
    { name: "k_proj", shapes: [[8, 16]] },
    { name: "v_proj", shapes: [[8, 16]] },
    { name: "o_proj", shapes: [[16, 16]] },
    { name: "gate_proj", shapes: [[24, 16]] },
    { name: "up_proj", shapes: [[24, 16]] },
    { name: "down_proj", shapes: [[16, 24]] },
  ]);
});

describe("rope frequencies", () => {
  it("scale as Llama 3.1 does: long waves extended, short ones unchanged, those between interpolated", () => {
    const scaling = {
      type: "llama3" as const,
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    };
    const plain = ropeFrequencies(128, 5e5, null);
    const scaled = ropeFrequencies(128, 5e5, scaling);
    plain.forEach((frequency, i) => {
      const wavelength = (2 * Math.PI) / frequency;
      if (wavelength < 8192 / 4) expect(scaled[i]).toBeCloseTo(frequency, 12);
      else if (wavelength > 8192) expect(scaled[i]).toBeCloseTo(frequency / 8, 12);
      else {
        const smooth = (8192 / wavelength - 1) / (4 - 1);
        expect(scaled[i]).toBeCloseTo(((1 - smooth) * frequency) / 8 + smooth * frequency, 12);
      }
    });
    expect(scaled.some((value, i) => value !== plain[i])).toBe(true);
  });
});

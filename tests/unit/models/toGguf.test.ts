/** GGUF's keys of a model, read as llama.cpp reads them, give the same model, or the model is refused by the field's name. */

import { expect, test } from "vitest";
import { checkpointTensors } from "../../../src/artifacts/method.ts";
import { configs } from "../../../src/models/catalogueConfigs.ts";
import { defineModel } from "../../../src/models/define.ts";
import { toGguf } from "../../../src/models/toGguf.ts";
import { familyConfig, familyNames } from "../../support/families.ts";

type Json = Readonly<Record<string, unknown>>;

const written = (config: unknown) => {
  const model = defineModel(config);
  return toGguf(model, checkpointTensors(model));
};
const answerOf = (config: unknown) =>
  written(config).then(
    ({ architecture, notes }) => [architecture, ...notes].join(": "),
    (error: Error) => error.message,
  );

/** Each family of the small models: llama.cpp's architecture, or the field that refuses it. */
const small: Readonly<Record<string, RegExp>> = {
  Llama: /^llama$/,
  "Qwen 2 with windows": /^qwen2: The file's context is 3 tokens of the model's /,
  "Qwen 3": /^qwen3$/,
  "Gemma 2": /llama\.cpp's gemma2, its query_pre_attn_scalar is 6, but this model has 9/,
  "Gemma 3": /llama\.cpp's gemma3, /,
  SmolLM3: /llama\.cpp's smollm3, its no_rope_layers\.1 is true, but this model has false/,
  "OLMo 2": /^olmo2$/,
  Granite: /^granite$/,
  "Granite 4": /llama\.cpp has no GraniteMoeHybridForCausalLM/,
  "Granite 4 without rotation": /llama\.cpp has no GraniteMoeHybridForCausalLM/,
  "ERNIE 4.5": /llama\.cpp has no Ernie4_5ForCausalLM/,
  "Mistral with a window": /^llama: The file's context is 4 tokens/,
  Ministral: /^llama: The file's context is 3 tokens/,
  "Phi-3 with half the rotation": /^phi3/,
  "GPT-2": /^gpt2$/,
  "GPT-NeoX": /^gptneox: llama\.cpp computes this model's GELU by its approximation with tanh/,
  "GPT-NeoX without parallel branches": /^gptneox: llama\.cpp computes this model's GELU/,
};

test.each(familyNames)("%s", async (name) => {
  expect(await answerOf(familyConfig(name))).toMatch(small[name] ?? /never/);
});

test.each(Object.entries(configs))(
  "%s of the catalogue is written, or its family is unknown to llama.cpp",
  async (name, config) => {
    expect([name, await answerOf(config)]).toEqual([
      name,
      expect.stringMatching(/^[a-z0-9]+$|^gptneox: llama\.cpp computes this model's GELU|^llama\.cpp has no Granite/),
    ]);
  },
);

const llama = configs.smolLM2Small as Json;
const gemma = { ...(configs.gemma3Small as Json) };

/** A change of a published config, and what the refusal or the note must name. */
const changes: readonly (readonly [Json, Json, RegExp])[] = [
  [llama, { hidden_act: "gelu" }, /its hidden_act is "silu", but this model has "gelu"/],
  [llama, { attention_bias: true }, /^llama$/],
  [llama, { mlp_bias: true }, /^llama$/],
  [llama, { tie_word_embeddings: false }, /^llama$/],
  [llama, { rope_scaling: { rope_type: "linear", factor: 4 } }, /^llama$/],
  [
    llama,
    {
      rope_scaling: {
        ...{ rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
        original_max_position_embeddings: 8192,
      },
    },
    /^llama$/,
  ],
  [
    llama,
    {
      rope_scaling: {
        ...{ rope_type: "llama3", factor: 8, low_freq_factor: 2, high_freq_factor: 4 },
        original_max_position_embeddings: 8192,
      },
    },
    /^llama$/,
  ],
  // llama.cpp loads divisors of frequencies for llama and granite alone.
  ...[configs.qwen3 as Json, configs.smolLM3 as Json, gemma].map((config): [Json, Json, RegExp] => [
    config,
    {
      rope_parameters: null,
      rope_scaling: {
        ...{ rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
        original_max_position_embeddings: 8192,
      },
    },
    /its rope_scaling\.scaling is null, but this model has \{"type":"divided"/,
  ]),
  [
    gemma,
    { sliding_window_pattern: 3, layer_types: null },
    /its layer_types and sliding_window\.2 is \d+, but this model has null/,
  ],
  [gemma, { query_pre_attn_scalar: 100 }, /its query_pre_attn_scalar is 256, but this model has 100/],
  [gemma, { rope_scaling: { rope_type: "linear", factor: 8 } }, /^gemma3$/],
  [configs.gpt2 as Json, { activation_function: "relu" }, /its hidden_act is "gelu_new", but this model has "relu"/],
  [
    configs.gpt2 as Json,
    { scale_attn_by_inverse_layer_idx: true },
    /its scale_attn_by_inverse_layer_idx is false, but this model has true/,
  ],
  [configs.pythia70m as Json, { rotary_pct: 0.5 }, /^gptneox: /],
  [configs.qwen3 as Json, { attention_bias: true }, /llama\.cpp's qwen3, its attention_bias is false/],
  [configs.smolLM3 as Json, { no_rope_layers: null, no_rope_layer_interval: 3 }, /its no_rope_layers\.\d+ is/],
];

test.each(changes)(
  "%#: a changed config is written as it is, or refused by its field",
  async (config, change, answer) => {
    expect(await answerOf({ ...config, ...change })).toMatch(answer);
  },
);

test("a family without a form is refused with the way out, in at most 300 characters", async () => {
  const message = await answerOf(familyConfig("ERNIE 4.5"));
  expect(message).toMatch(/take the merged model or the adapter along instead\.$/);
  expect(message.length).toBeLessThan(300);
});

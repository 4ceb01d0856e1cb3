/**
 * The `config.json` of a GGUF file's keys, per architecture of llama.cpp (its src/models/ and conversion/). Where a graph of
 * llama.cpp has a number that no key states, such as Gemma 3's window in five of six layers, the config states it.
 */

import type { GgufValue } from "../gguf/types.ts";
import { quote } from "../tensor/quote.ts";
import { decoder, type GgufTensors, has, requireWholeRotation, rope, tied, vocabularyOf } from "./ggufDecoder.ts";
import { type GgufKeys, ggufKeys, ggufRefusal, shortest } from "./ggufKeys.ts";
import { type GgufNames, gpt2Names, llamaNames, neoxNames, plainNames } from "./ggufNames.ts";

export interface GgufConfig {
  /** As a `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly names: GgufNames;
  /** Tensors that the config has instead. */
  readonly inConfig: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;
type Read = (
  keys: GgufKeys,
  tensors: GgufTensors,
) => Promise<Omit<GgufConfig, "inConfig"> & { readonly inConfig?: readonly string[] }>;

/** Throws a ConfigError that names the key for an architecture or a value that Hone cannot train. */
export async function configFromGguf(
  values: ReadonlyMap<string, GgufValue>,
  tensors: GgufTensors,
): Promise<GgufConfig> {
  const keys = ggufKeys(values);
  const read = families.get(keys.architecture);
  if (!read) {
    throw ggufRefusal(
      "general.architecture",
      `is ${quote(keys.architecture)}, but Hone reads ${[...families.keys()].join(", ")}`,
    );
  }
  if (keys.boolean("attention.causal") === false) {
    throw ggufRefusal(
      `${keys.architecture}.attention.causal`,
      "is false, and Hone trains models that read from left to right",
    );
  }
  const { inConfig = [], ...own } = await read(keys, tensors);
  keys.requireAllRead();
  return { ...own, inConfig };
}

/** Llama and its kin: queries and keys stand in pairs of neighbours. */
const llamaLike =
  (name: string, type: string, own: (keys: GgufKeys, tensors: GgufTensors, fields: Json) => Json): Read =>
  async (keys, tensors) => {
    const fields = decoder(keys, tensors);
    requireWholeRotation(keys, fields.head_dim);
    const { fields: ropeFields, inConfig } = await rope(keys, tensors);
    const bias = has(tensors, "blk.0.attn_q.bias");
    const config = {
      ...{ architectures: [name], model_type: type, hidden_act: "silu", ...fields, ...ropeFields },
      ...(bias && { attention_bias: true }),
      ...(has(tensors, "blk.0.ffn_gate.bias") && { mlp_bias: true }),
    };
    return { config: { ...config, ...own(keys, tensors, config) }, names: llamaNames(fields), inConfig };
  };

/** Decoders whose queries and keys stand as in Hugging Face layout. */
const plainLike =
  (
    name: string,
    type: string,
    own: (keys: GgufKeys, tensors: GgufTensors, fields: ReturnType<typeof decoder>) => Json,
    base?: number,
  ): Read =>
  async (keys, tensors) => {
    const fields = decoder(keys, tensors);
    requireWholeRotation(keys, fields.head_dim);
    const { fields: ropeFields, inConfig } = await rope(keys, tensors, base);
    const config = { architectures: [name], model_type: type, ...fields, ...ropeFields, ...own(keys, tensors, fields) };
    return { config, names: plainNames(type), inConfig };
  };

/** llama.cpp divides scores by √(width / heads) in the largest model alone, which it knows by its layers. */
const gemmaScale = (largest: number, { num_hidden_layers, hidden_size, num_attention_heads, head_dim }: Json) => ({
  query_pre_attn_scalar:
    num_hidden_layers === largest ? Math.floor(Number(hidden_size) / Number(num_attention_heads)) : head_dim,
});

const gemmaFields = { hidden_activation: "gelu_pytorch_tanh", attention_bias: false } as const;

/** More layers are refused as a config. */
const mostLayers = 1024;

/** Whether each layer has the window: all but the last of each `period`. */
const slidingLayers = (layers: number, period: number): string[] =>
  Array.from({ length: Math.min(layers, mostLayers) }, (_, layer) =>
    (layer + 1) % period === 0 ? "full_attention" : "sliding_attention",
  );

const gpt2Config: Read = async (keys, tensors) => {
  const width = keys.required("embedding_length");
  const heads = keys.required("attention.head_count");
  const keyHeads = keys.number("attention.head_count_kv") ?? heads;
  if (keyHeads !== heads)
    throw ggufRefusal("gpt2.attention.head_count_kv", `is ${keyHeads}, but head_count is ${heads}`);
  const config = {
    ...{ architectures: ["GPT2LMHeadModel"], model_type: "gpt2", activation_function: "gelu_new" },
    vocab_size: vocabularyOf(tensors),
    n_embd: width,
    n_head: heads,
    n_layer: keys.required("block_count"),
    n_positions: keys.required("context_length"),
    n_inner: keys.required("feed_forward_length"),
    layer_norm_epsilon: keys.required("attention.layer_norm_epsilon"),
    // Older converters wrote the embedding a second time as the head; the files are compared.
    tie_word_embeddings: true,
  };
  return { config, names: gpt2Names };
};

const neoxConfig: Read = async (keys, tensors) => {
  const width = keys.required("embedding_length");
  const heads = keys.required("attention.head_count");
  const rotated = keys.number("rope.dimension_count") ?? width / heads;
  const { fields } = await rope(keys, tensors);
  if (fields.rope_scaling !== undefined) throw ggufRefusal("gptneox.rope.scaling.type", "is set, but Pythia has none");
  const config = {
    ...{ architectures: ["GPTNeoXForCausalLM"], model_type: "gpt_neox", hidden_act: "gelu" },
    vocab_size: vocabularyOf(tensors),
    hidden_size: width,
    intermediate_size: keys.required("feed_forward_length"),
    num_hidden_layers: keys.required("block_count"),
    num_attention_heads: heads,
    max_position_embeddings: keys.required("context_length"),
    layer_norm_eps: keys.required("attention.layer_norm_epsilon"),
    rotary_pct: rotated / (width / heads),
    rotary_emb_base: fields.rope_theta,
    use_parallel_residual: keys.boolean("use_parallel_residual") ?? true,
    tie_word_embeddings: tied(tensors),
  };
  return { config, names: neoxNames(heads, width / heads) };
};

const phi3Config: Read = async (keys, tensors) => {
  const fields = decoder(keys, tensors);
  const rotated = keys.number("rope.dimension_count") ?? fields.head_dim;
  const [short, long] = ["rope_factors_short.weight", "rope_factors_long.weight"];
  const attention = keys.number("rope.scaling.attn_factor");
  const original = keys.number("rope.scaling.original_context_length");
  const scaled = has(tensors, short) && has(tensors, long);
  const theta = keys.number("rope.freq_base") ?? 10_000;
  const list = async (name: string) => Array.from(await tensors.values(name), shortest);
  const type = keys.text("rope.scaling.type") ?? "none";
  if (type !== "none" && type !== "longrope")
    throw ggufRefusal("phi3.rope.scaling.type", `is ${quote(type)}, not longrope`);
  // llama.cpp reads a window and does not use it.
  keys.number("attention.sliding_window");
  const config = {
    ...{ architectures: ["Phi3ForCausalLM"], model_type: "phi3", hidden_act: "silu", ...fields, rope_theta: theta },
    ...(rotated !== fields.head_dim && { partial_rotary_factor: rotated / fields.head_dim }),
    ...(original !== null && { original_max_position_embeddings: original }),
    ...(scaled && {
      rope_scaling: {
        type: "longrope",
        short_factor: await list(short),
        long_factor: await list(long),
        ...(attention !== null && { attention_factor: attention }),
      },
    }),
    sliding_window: null,
  };
  return { config, names: plainNames("phi3"), inConfig: scaled ? [short, long] : [] };
};

const families: ReadonlyMap<string, Read> = new Map<string, Read>([
  [
    "llama",
    llamaLike("LlamaForCausalLM", "llama", (keys) => {
      requireDense(keys);
      return {};
    }),
  ],
  [
    "granite",
    llamaLike("GraniteForCausalLM", "granite", (keys) => {
      requireDense(keys);
      if (keys.boolean("rope.scaling.finetuned") === false) {
        throw ggufRefusal(
          "granite.rope.scaling.finetuned",
          "is false: no layer rotates, and Hone's Granite rotates in all",
        );
      }
      return {
        attention_multiplier: keys.number("attention.scale") ?? 1,
        embedding_multiplier: keys.number("embedding_scale") ?? 1,
        residual_multiplier: keys.number("residual_scale") ?? 1,
        logits_scaling: keys.number("logit_scale") ?? 1,
      };
    }),
  ],
  [
    "smollm3",
    llamaLike("SmolLM3ForCausalLM", "smollm3", () => ({ no_rope_layer_interval: 4, use_sliding_window: false })),
  ],
  ["qwen2", plainLike("Qwen2ForCausalLM", "qwen2", () => ({ hidden_act: "silu", use_sliding_window: false }))],
  ["qwen3", plainLike("Qwen3ForCausalLM", "qwen3", () => ({ hidden_act: "silu", use_sliding_window: false }))],
  [
    "olmo2",
    plainLike("Olmo2ForCausalLM", "olmo2", (keys) => {
      const window = keys.number("attention.sliding_window") ?? 0;
      if (window !== 0)
        throw ggufRefusal("olmo2.attention.sliding_window", `is ${window}, as in OLMo 3, which Hone does not train`);
      return { hidden_act: "silu" };
    }),
  ],
  [
    "gemma2",
    plainLike("Gemma2ForCausalLM", "gemma2", (keys, _tensors, fields) => ({
      ...gemmaFields,
      ...gemmaScale(46, fields),
      // llama.cpp reads no head of its own.
      tie_word_embeddings: true,
      sliding_window: keys.number("attention.sliding_window") ?? 4096,
      layer_types: slidingLayers(
        Number(fields.num_hidden_layers),
        keys.number("attention.sliding_window_pattern") ?? 2,
      ),
      attn_logit_softcapping: keys.number("attn_logit_softcapping") ?? 50,
      final_logit_softcapping: keys.number("final_logit_softcapping") ?? 30,
      ...sameLocalBase(keys),
    })),
  ],
  [
    "gemma3",
    plainLike(
      "Gemma3ForCausalLM",
      "gemma3_text",
      (keys, _tensors, fields) => {
        const cap = keys.number("final_logit_softcapping");
        const window = keys.number("attention.sliding_window") ?? 0;
        if (window === 0)
          throw ggufRefusal("gemma3.attention.sliding_window", "is missing, but Gemma 3's layers have a window");
        return {
          ...gemmaFields,
          ...gemmaScale(62, fields),
          sliding_window: window,
          layer_types: slidingLayers(
            Number(fields.num_hidden_layers),
            keys.number("attention.sliding_window_pattern") ?? 6,
          ),
          rope_local_base_freq: keys.number("rope.freq_base_swa") ?? 10_000,
          ...(cap !== null && cap !== 0 && { final_logit_softcapping: cap }),
        };
      },
      1_000_000,
    ),
  ],
  ["phi3", phi3Config],
  ["gpt2", gpt2Config],
  ["gptneox", neoxConfig],
]);

/** Gemma 2's layers with a window rotate as the others. */
function sameLocalBase(keys: GgufKeys): Json {
  const [local, base] = [keys.number("rope.freq_base_swa"), keys.number("rope.freq_base") ?? 10_000];
  if (local === null || local === base) return {};
  throw ggufRefusal("gemma2.rope.freq_base_swa", `is ${local}, but rope.freq_base is ${base}, and Gemma 2 has one`);
}

function requireDense(keys: GgufKeys): void {
  const experts = keys.number("expert_count") ?? 0;
  if (experts > 0)
    throw ggufRefusal(`${keys.architecture}.expert_count`, `is ${experts}: Hone trains no mixture of experts`);
  keys.number("expert_used_count");
}

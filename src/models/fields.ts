/** Fields of a `config.json` that a family does not read: harmless ones, and those that are a reason to refuse the model. */

import { cut, quote } from "../tensor/quote.ts";
import { ConfigError } from "./config.ts";

/** Fields that do not change the mathematics of a forward pass, whatever their value. */
const harmless: ReadonlySet<string> = new Set([
  // Names and versions.
  "architectures",
  "auto_map",
  "base_model",
  "dtype",
  "finetuning_task",
  "is_llama_config",
  "language",
  "license",
  "model_name",
  "model_type",
  "name_or_path",
  "tokenizer_class",
  "torch_dtype",
  "transformers.js_config",
  "transformers_version",
  "use_bfloat16",
  // Tokens.
  "bos_token_id",
  "cls_token_id",
  "decoder_start_token_id",
  "eos_token_id",
  "forced_bos_token_id",
  "forced_eos_token_id",
  "mask_token_id",
  "pad_token_id",
  "sep_token_id",
  "unk_token_id",
  // Initial values, losses and other heads.
  "id2label",
  "init_method",
  "init_std",
  "initializer_factor",
  "initializer_range",
  "label2id",
  "num_labels",
  "output_router_logits",
  "problem_type",
  "router_aux_loss_coef",
  "task_specific_params",
  // How a program computes the same numbers, and what it returns.
  "attention_softmax_in_fp32",
  "attn_implementation",
  "cache_implementation",
  "chunk_size_feed_forward",
  "experts_implementation",
  "flash_attention",
  "gradient_checkpointing",
  "is_decoder",
  "max_sequence_length",
  "max_window_layers",
  "model_max_length",
  "output_attentions",
  "output_hidden_states",
  "output_scores",
  "prefix",
  "pretraining_tp",
  "reorder_and_upcast_attn",
  "return_dict",
  "return_dict_in_generate",
  "tf_legacy_loss",
  "torchscript",
  "use_cache",
  "use_flash_attention",
  "use_flash_attention_2",
  "use_flash_attn",
  // Sampling, which older files have here.
  "bad_words_ids",
  "begin_suppress_tokens",
  "diversity_penalty",
  "do_sample",
  "early_stopping",
  "encoder_no_repeat_ngram_size",
  "exponential_decay_length_penalty",
  "length_penalty",
  "max_length",
  "max_new_tokens",
  "min_length",
  "no_repeat_ngram_size",
  "num_beam_groups",
  "num_beams",
  "num_return_sequences",
  "remove_invalid_values",
  "repetition_penalty",
  "suppress_tokens",
  "temperature",
  "top_k",
  "top_p",
  "typical_p",
]);

/** Names of harmless fields by their form: dropout, of training alone; summaries of other heads; marks of tools. */
const harmlessForms = /dropout|_pdrop$|^summary_|^unsloth_|^_/;

/**
 * Fields that change the mathematics in some family, with the values under which they change nothing. A field whose value
 * `false` changes something must be here, because an unknown switch that is off says nothing.
 */
const changing: Readonly<Record<string, readonly unknown[]>> = {
  alibi: [false],
  attention_multiplier: [],
  attn_logit_softcapping: [],
  causal: [true],
  clip_qkv: [],
  do_layer_norm_before: [true],
  embedding_multiplier: [1],
  ffn_with_glu: [true],
  final_logit_softcapping: [],
  full_attn_mod: [1],
  gated_mlp: [true],
  hidden_activation: ["silu"],
  interpolate_factor: [1],
  key_multiplier: [1],
  layer_types: [],
  lm_head_multiplier: [1],
  logit_scale: [1],
  logits_scaling: [1],
  no_rope_layers: [],
  norm_type: ["rmsnorm", "rms_norm", "RMSNorm"],
  normalization_function: ["rmsnorm"],
  num_experts: [0],
  num_local_experts: [0],
  parallel_attn: [false],
  partial_rotary_factor: [1],
  position_embedding_type: ["rope"],
  qk_layernorm: [false],
  qk_norm: [false],
  query_pre_attn_scalar: [],
  residual_multiplier: [1],
  rms_norm: [true],
  rope_interleaved: [false],
  rope_local_base_freq: [],
  rotary_emb_base: [],
  rotary_pct: [1],
  scale_attn_weights: [true],
  scale_emb: [1],
  sliding_window: [],
  use_bidirectional_attention: [false],
  use_causal_mask: [true],
  use_parallel_residual: [false],
  use_pos_enc: [true],
  use_qk_norm: [false],
  use_rms_norm: [true],
  use_rope: [true],
  use_rotary_embedding: [true],
  use_sliding_window: [false],
  use_swiglu: [true],
};

/** Whether a value is nothing, or a switch that is off. */
const isEmpty = (value: unknown) =>
  value === null ||
  value === undefined ||
  value === false ||
  value === "" ||
  (typeof value === "object" && Object.keys(value).length === 0);

/** Fields of programs that quantise weights; `hub/` names the method. */
const quantising: readonly string[] = ["quantization_config", "compression_config", "quantization"];

/** A quantisation that is named but switched off, as bitsandbytes leaves it. */
const isOff = (value: unknown) => {
  const { load_in_4bit: four, load_in_8bit: eight }: Readonly<Record<string, unknown>> = Object(value);
  return four === false && eight === false;
};

/** Whether the field with this value changes nothing. */
function isNeutral(field: string, value: unknown, json: Readonly<Record<string, unknown>>): boolean {
  // transformers takes null here as false.
  if (field === "is_causal") return value === true;
  if (value === null || value === undefined) return true;
  if (field === "sliding_window" && json.use_sliding_window === false) return true;
  const every = (wanted: unknown) => Array.isArray(value) && value.every((item) => item === wanted);
  if ((field === "layer_types" && every("full_attention")) || (field === "no_rope_layers" && every(1))) return true;
  if (field === "quantization_config") return isOff(value);
  const neutral = Object.hasOwn(changing, field) ? changing[field] : undefined;
  return neutral ? neutral.includes(value) : harmless.has(field) || harmlessForms.test(field) || isEmpty(value);
}

/**
 * Throws a ConfigError for a field that the family does not `read` and that could change the mathematics: one whose meaning
 * is unknown, or one that changes it in another family. A field that is null, empty, or an unknown switch that is off says
 * nothing.
 */
export function refuseUnread(
  json: Readonly<Record<string, unknown>>,
  read: readonly string[],
  what = "config.json",
): void {
  for (const [field, value] of Object.entries(json)) {
    if (read.includes(field) || isNeutral(field, value, json)) continue;
    if (quantising.includes(field)) {
      throw new ConfigError(
        `${what}: ${field} is ${quote(value)}: the weights are quantised, and Hone trains weights in float32, float16 or ` +
          "bfloat16. Choose the model that this one was made from.",
      );
    }
    throw new ConfigError(
      `${what}: ${cut(field)} is ${quote(value)}, and Hone does not read this field for this architecture, so the model ` +
        "could compute something else. Choose a model without it.",
    );
  }
}

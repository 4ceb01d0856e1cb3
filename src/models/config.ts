/** Reads a `config.json`: checks fields, and refuses by name what would change the mathematics and is not read. */

import * as v from "valibot";

/** A model that Hone cannot build. The message names the field, its value and a way out. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export const count = v.pipe(v.number(), v.integer(), v.minValue(1));
export const positive = v.pipe(v.number(), v.gtValue(0));

/** `what` names the object in errors, such as `config.json`. Throws a ConfigError that names field and value. */
export function parse<Schema extends v.GenericSchema>(
  schema: Schema,
  json: unknown,
  what = "config.json",
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const field = v.getDotPath(issue) ?? "the whole";
  throw new ConfigError(
    `${what}: ${field} must be ${issue.expected}, not ${issue.received}. Take the file from the model's own folder.`,
  );
}

/** Fields that change nothing in the mathematics of a forward pass, or only name what the weights show. */
const harmless: ReadonlySet<string> = new Set([
  "architectures",
  "attention_dropout",
  "attn_implementation",
  "auto_map",
  "bos_token_id",
  "dtype",
  "embd_pdrop",
  "eos_token_id",
  "hidden_dropout",
  "initializer_range",
  "is_llama_config",
  "max_window_layers",
  "model_type",
  "pad_token_id",
  "resid_pdrop",
  "tokenizer_class",
  "torch_dtype",
  "transformers.js_config",
  "transformers_version",
  "unk_token_id",
  "use_cache",
]);

/** Fields that change the mathematics in some family, with the values under which they change nothing. */
const changing: Readonly<Record<string, readonly unknown[]>> = {
  alibi: [false],
  attention_multiplier: [],
  attn_logit_softcapping: [],
  clip_qkv: [],
  embedding_multiplier: [1],
  final_logit_softcapping: [],
  hidden_activation: ["silu"],
  is_causal: [true],
  key_multiplier: [1],
  layer_types: [],
  lm_head_multiplier: [1],
  logit_scale: [1],
  logits_scaling: [1],
  no_rope_layers: [],
  num_experts: [],
  num_local_experts: [],
  parallel_attn: [false],
  partial_rotary_factor: [1],
  pretraining_tp: [1],
  qk_layernorm: [false],
  qk_norm: [false],
  qkv_bias: [false],
  quantization_config: [],
  query_pre_attn_scalar: [],
  residual_multiplier: [1],
  rope_interleaved: [false],
  rope_local_base_freq: [],
  rotary_emb_base: [],
  rotary_pct: [1],
  scale_emb: [1],
  sliding_window: [],
  use_parallel_residual: [false],
  use_qk_norm: [false],
};

/** Whether the field changes nothing as it stands in this file. */
function isNeutral(field: string, value: unknown, json: Readonly<Record<string, unknown>>): boolean {
  if (value === null || value === undefined || changing[field]?.includes(value)) return true;
  if (field === "sliding_window" && json.use_sliding_window === false) return true;
  const every = (wanted: unknown) => Array.isArray(value) && value.every((item) => item === wanted);
  return (field === "layer_types" && every("full_attention")) || (field === "no_rope_layers" && every(1));
}

/**
 * Throws a ConfigError for a field that changes the mathematics and is not among those that the family `read`s. A field
 * that nobody knows is refused too, unless `unknown` is "pass": files of the Llama family carry the notes of many tools.
 */
export function refuseUnread(
  json: Readonly<Record<string, unknown>>,
  read: readonly string[],
  unknown: "refuse" | "pass" = "refuse",
  what = "config.json",
): void {
  for (const [field, value] of Object.entries(json)) {
    if (read.includes(field) || isNeutral(field, value, json)) continue;
    if (!Object.hasOwn(changing, field) && (unknown === "pass" || harmless.has(field) || field.startsWith("_")))
      continue;
    throw new ConfigError(
      `${what}: ${field} is ${JSON.stringify(value)}, and Hone does not read this field for this architecture: the model ` +
        "would compute something else. Choose a model without it.",
    );
  }
}

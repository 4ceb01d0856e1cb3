/** Adapters that PEFT itself writes, one per variant: its config, how the file is saved, and what Hone does with it. */

export interface AdapterCase {
  /** Also the name of its folder in `tests/golden/adapters`. */
  readonly name: string;
  /** A model of `smallFamilies`. */
  readonly family: string;
  /** Arguments of PEFT's LoraConfig. */
  readonly lora: Readonly<Record<string, unknown>>;
  readonly dtype?: "F16" | "BF16";
  /** Changes every key of the file, as other tools do. */
  readonly keys?: "compiled" | "fsdp" | "state dict" | "without prefix";
  /** Saves these base tensors beside the adapter, changed where the name ends with "!". */
  readonly whole?: readonly string[];
  /** A part of the message; null where it opens. */
  readonly refused: string | null;
  /** A part of a note that it opens with. */
  readonly note?: string;
}

const attention = ["q_proj", "k_proj", "v_proj", "o_proj"];
const every = [...attention, "gate_proj", "up_proj", "down_proj"];
const plain = { r: 4, lora_alpha: 8, target_modules: every };

export const adapterCases: readonly AdapterCase[] = [
  { name: "llama", family: "Llama", lora: plain, refused: null },
  { name: "qwen3", family: "Qwen 3", lora: plain, refused: null },
  { name: "qwen2", family: "Qwen 2 with windows", lora: plain, refused: null },
  { name: "gemma3", family: "Gemma 3", lora: plain, refused: null },
  { name: "olmo2", family: "OLMo 2", lora: plain, refused: null },
  {
    name: "phi3",
    family: "Phi-3 with half the rotation",
    lora: { ...plain, target_modules: ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"] },
    refused: null,
  },
  {
    name: "gpt2",
    family: "GPT-2",
    lora: { r: 4, lora_alpha: 8, target_modules: ["c_attn", "c_proj", "c_fc"], fan_in_fan_out: true },
    refused: null,
  },
  {
    name: "gptneox",
    family: "GPT-NeoX",
    lora: { r: 4, lora_alpha: 8, target_modules: ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"] },
    refused: null,
  },
  { name: "all-linear", family: "Llama", lora: { ...plain, target_modules: "all-linear" }, refused: null },
  {
    name: "pattern",
    family: "Llama",
    lora: { ...plain, target_modules: ".*layers\\.1\\.(?:self_attn|mlp)\\.(?:q_proj|down_proj)" },
    refused: null,
  },
  {
    name: "some-layers",
    family: "Llama",
    lora: { ...plain, layers_to_transform: [1], layers_pattern: "layers" },
    refused: null,
  },
  { name: "whole-paths", family: "GPT-2", lora: { ...plain, target_modules: ["h.0.attn.c_attn"] }, refused: null },
  { name: "excluded", family: "Llama", lora: { ...plain, exclude_modules: ["up_proj"] }, refused: null },
  {
    name: "ranks",
    family: "Llama",
    lora: {
      ...plain,
      rank_pattern: { "layers.1.self_attn.q_proj": 2, down_proj: 6 },
      alpha_pattern: { down_proj: 3, "^model.layers.0.mlp.up_proj": 5 },
    },
    refused: null,
    note: "Its ranks go from 2 to 6.",
  },
  { name: "rslora", family: "Llama", lora: { ...plain, use_rslora: true }, refused: null },
  {
    name: "rslora-ranks",
    family: "Qwen 3",
    lora: { ...plain, use_rslora: true, rank_pattern: { "[qk]_proj": 8 }, lora_dropout: 0.1 },
    refused: null,
    note: "It was trained with a dropout of 0.1",
  },
  { name: "gaussian", family: "Llama", lora: { ...plain, init_lora_weights: "gaussian" }, refused: null },
  { name: "orthogonal", family: "Llama", lora: { ...plain, init_lora_weights: "orthogonal" }, refused: null },
  { name: "negative", family: "Llama", lora: { ...plain, lora_alpha: -8 }, refused: null },
  { name: "float16", family: "Llama", lora: plain, dtype: "F16", refused: null },
  {
    name: "bfloat16",
    family: "GPT-NeoX",
    lora: { ...plain, target_modules: "all-linear" },
    dtype: "BF16",
    refused: null,
  },
  { name: "compiled", family: "Llama", lora: plain, keys: "compiled", refused: null },
  { name: "fsdp", family: "Llama", lora: plain, keys: "fsdp", refused: null },
  {
    name: "state-dict",
    family: "GPT-2",
    lora: { ...plain, target_modules: ["c_fc"] },
    keys: "state dict",
    refused: null,
  },
  { name: "without-prefix", family: "Qwen 3", lora: plain, keys: "without prefix", refused: null },
  {
    name: "same-head",
    family: "Llama",
    lora: { ...plain, modules_to_save: ["lm_head"] },
    refused: null,
    note: "Whole tensors beside the adapter (1) have the base model's numbers",
  },
  { name: "no-bias", family: "Llama", lora: { ...plain, bias: "all" }, refused: null },
  {
    name: "same-bias",
    family: "Qwen 2 with windows",
    lora: { ...plain, bias: "lora_only" },
    refused: null,
    note: "Whole tensors beside the adapter (6) have",
  },
  {
    name: "other-head",
    family: "Llama",
    lora: { ...plain, modules_to_save: ["lm_head"] },
    whole: ["lm_head!"],
    refused: "lm_head.weight\" has other numbers than the base model's tensor",
  },
  {
    name: "other-bias",
    family: "GPT-NeoX",
    lora: { ...plain, target_modules: ["dense"], bias: "lora_only" },
    whole: ["bias!"],
    refused: "has other numbers than the base model's tensor",
  },
  { name: "dora", family: "Llama", lora: { ...plain, use_dora: true }, refused: "use_dora is true, but must be off" },
  { name: "lora-bias", family: "Llama", lora: { ...plain, lora_bias: true }, refused: "lora_bias is true" },
  {
    name: "embedding",
    family: "Llama",
    lora: { ...plain, target_modules: ["q_proj", "embed_tokens"] },
    refused: "is an adapter of the embedding, but",
  },
  {
    name: "head",
    family: "Llama",
    lora: { ...plain, target_modules: ["q_proj", "lm_head"] },
    refused: "adapts lm_head, but Hone's LoRA is beside the linear layers within",
  },
  {
    name: "some-tokens",
    family: "Llama",
    lora: { ...plain, trainable_token_indices: [3, 5] },
    refused: "trainable_token_indices is [3,5], but must be off",
  },
  {
    name: "pissa",
    family: "Llama",
    lora: { ...plain, init_lora_weights: "pissa" },
    refused: 'init_lora_weights is "pissa"',
  },
  {
    name: "olora",
    family: "Llama",
    lora: { ...plain, init_lora_weights: "olora" },
    refused: 'init_lora_weights is "olora"',
  },
];

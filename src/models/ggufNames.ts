/** The tensors of GGUF files for those of a model in Hugging Face layout, as llama.cpp's converter writes them. */

/** Where a tensor is in a GGUF file, and how its numbers differ. */
export interface GgufName {
  readonly tensor: string;
  /** The file's row for each row; null for the same order. */
  readonly rows: ((row: number) => number) | null;
  /** Added to the file's numbers. */
  readonly add: number;
  /** Whether the file has the transpose. */
  readonly transposed: boolean;
}

/** The place of a tensor by its name in Hugging Face layout; null for one that llama.cpp does not have. */
export type GgufNames = (name: string) => GgufName | null;

const plain = (tensor: string): GgufName => ({ tensor, rows: null, add: 0, transposed: false });

/** Names by their last parts: `mlp.up_proj` in `model.layers.3.mlp.up_proj.weight`. */
type Parts = Readonly<Record<string, string>>;

const decoderParts: Parts = {
  input_layernorm: "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.qkv_proj": "attn_qkv",
  "self_attn.o_proj": "attn_output",
  "self_attn.q_norm": "attn_q_norm",
  "self_attn.k_norm": "attn_k_norm",
  post_attention_layernorm: "ffn_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.gate_up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

/** Families with norms after attention and MLP. */
const postNorms: Parts = {
  ...decoderParts,
  post_attention_layernorm: "post_attention_norm",
  pre_feedforward_layernorm: "ffn_norm",
  post_feedforward_layernorm: "post_ffw_norm",
};

interface Outer {
  /** Matches a layer's number and the rest of the name. */
  readonly layer: RegExp;
  readonly others: Parts;
}

const decoderOuter: Outer = {
  layer: /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/,
  others: { "model.embed_tokens": "token_embd", "model.norm": "output_norm", lm_head: "output" },
};

/** The file's name, with the part of the layer; null for an unknown one. */
function find(
  name: string,
  parts: Parts,
  { layer, others }: Outer,
): { readonly tensor: string; readonly part: string } | null {
  const [, number, part = "", kind] = layer.exec(name) ?? [];
  if (number !== undefined) {
    const found = parts[part];
    return found === undefined ? null : { tensor: `blk.${number}.${found}.${kind}`, part };
  }
  const dot = name.lastIndexOf(".");
  const found = others[name.slice(0, dot)];
  return found === undefined ? null : { tensor: `${found}${name.slice(dot)}`, part: "" };
}

/** Queries and keys in Hugging Face order. Gemma's norms multiply by 1 + weight, and the file has the sum. */
export function plainNames(modelType: string): GgufNames {
  const isGemma = modelType.startsWith("gemma");
  const parts = isGemma || modelType === "olmo2" ? postNorms : decoderParts;
  return (name) => {
    const found = find(name, parts, decoderOuter);
    return found && { ...plain(found.tensor), add: isGemma && found.tensor.endsWith("norm.weight") ? -1 : 0 };
  };
}

/**
 * Queries and keys whose rotated pairs are neighbours in the file: number s of pair i of a head of size D is row 2i + s there,
 * and row s·D/2 + i in Hugging Face layout.
 */
export function llamaNames({ head_dim: size }: { readonly head_dim: number }): GgufNames {
  const rows = (row: number) => {
    const within = row % size;
    const half = size / 2;
    return row - within + 2 * (within % half) + Math.floor(within / half);
  };
  return (name) => {
    const found = find(name, decoderParts, decoderOuter);
    const isRotated = found?.part === "self_attn.q_proj" || found?.part === "self_attn.k_proj";
    return found && { ...plain(found.tensor), rows: isRotated ? rows : null };
  };
}

const gpt2Parts: Parts = {
  ln_1: "attn_norm",
  "attn.c_attn": "attn_qkv",
  "attn.c_proj": "attn_output",
  ln_2: "ffn_norm",
  "mlp.c_fc": "ffn_up",
  "mlp.c_proj": "ffn_down",
};

const gpt2Outer: Outer = {
  layer: /^transformer\.h\.(\d+)\.(.+)\.(weight|bias)$/,
  others: {
    "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm",
    lm_head: "output",
  },
};

/** Conv1D has [in, out]; the file has [out, in]. */
export const gpt2Names: GgufNames = (name) => {
  const found = find(name, gpt2Parts, gpt2Outer);
  return found && { ...plain(found.tensor), transposed: /c_(?:attn|proj|fc)\.weight$/.test(name) };
};

const neoxParts: Parts = {
  input_layernorm: "attn_norm",
  "attention.query_key_value": "attn_qkv",
  "attention.dense": "attn_output",
  post_attention_layernorm: "ffn_norm",
  "mlp.dense_h_to_4h": "ffn_up",
  "mlp.dense_4h_to_h": "ffn_down",
};

const neoxOuter: Outer = {
  layer: /^gpt_neox\.layers\.(\d+)\.(.+)\.(weight|bias)$/,
  others: { "gpt_neox.embed_in": "token_embd", "gpt_neox.final_layer_norm": "output_norm", embed_out: "output" },
};

/** query_key_value has the three of each head together; the file has all queries, then all keys, then all values. */
export function neoxNames(heads: number, size: number): GgufNames {
  const rows = (row: number) => {
    const [head, within] = [Math.floor(row / (3 * size)), row % (3 * size)];
    return Math.floor(within / size) * heads * size + head * size + (within % size);
  };
  return (name) => {
    const found = find(name, neoxParts, neoxOuter);
    return found && { ...plain(found.tensor), rows: found.part === "attention.query_key_value" ? rows : null };
  };
}

/** Makes a published config so small that its model has random weights of a few kilobytes, with every mechanism still acting. */

type Json = Record<string, unknown>;

/** Sizes of the small models. Head size 16 differs from `otherHeadSize`, as in Qwen 3 and Gemma. */
const sizes = { vocabulary: 128, width: 64, inner: 96, heads: 4, headSize: 16, otherHeadSize: 24, layers: 2 };
/** Tokens of the original context of a rope scaling, and of a window: the tested rows are longer. */
const original = 16;
const window = 8;
/** Tokens of a context without a scaling. */
const context = 64;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Sets a field that the config has; a missing field or null stays as it is, because defaults are part of the case. */
function set(json: Json, field: string, value: unknown): void {
  if (json[field] !== undefined && json[field] !== null) json[field] = value;
}

/** The fewest layers that have each kind of layer of the config, and at least two. */
function layersOf(json: Json): number {
  const kinds = json.layer_types;
  const pattern = Number(json.sliding_window_pattern ?? json._sliding_window_pattern ?? 0);
  const rotated = Array.isArray(json.no_rope_layers) ? json.no_rope_layers.indexOf(0) + 1 : 0;
  const least = Array.isArray(kinds) ? Math.max(...[...new Set(kinds)].map((kind) => kinds.indexOf(kind) + 1)) : 0;
  return Math.max(sizes.layers, pattern, rotated, least);
}

/** `count` numbers of a list, spread over it. */
const thinned = (list: unknown, count: number) =>
  Array.isArray(list) ? Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)]) : list;

function shrinkHeads(json: Json): void {
  const [heads, keys] = [json.num_attention_heads, json.num_key_value_heads];
  if (typeof json.head_dim === "number") {
    const usual = Number(json.hidden_size) / Number(heads) === json.head_dim;
    json.head_dim = usual ? sizes.headSize : sizes.otherHeadSize;
  }
  set(json, "num_key_value_heads", keys === heads ? sizes.heads : keys === 1 ? 1 : sizes.heads / 2);
  for (const field of ["num_attention_heads", "n_head"]) set(json, field, sizes.heads);
}

/** Contexts, windows and scalings keep their ratios. */
function shrinkPositions(json: Json): void {
  const scaling = [json.rope_scaling, json.rope_parameters].find(isObject);
  const holder = scaling?.original_max_position_embeddings === undefined ? json : scaling;
  const before = holder.original_max_position_embeddings;
  const most = Number(json.max_position_embeddings ?? json.n_positions ?? 0);
  const small = typeof before === "number" ? Math.round((original * most) / before) : context;
  if (typeof before === "number") holder.original_max_position_embeddings = original;
  for (const field of ["max_position_embeddings", "n_positions", "n_ctx"]) set(json, field, small);
  const wide = Number(json.sliding_window);
  set(json, "sliding_window", most === 0 || wide < most ? window : (small * wide) / most);
  if (!scaling) return;
  const head = typeof json.head_dim === "number" ? json.head_dim : sizes.headSize;
  const pairs = Math.floor((head * Number(json.partial_rotary_factor ?? 1)) / 2);
  for (const field of ["short_factor", "long_factor"]) {
    if (scaling[field] !== undefined) scaling[field] = thinned(scaling[field], pairs);
  }
}

function shrinkText(json: Json): void {
  const layers = layersOf(json);
  const all = Number(json.num_hidden_layers);
  set(json, "max_window_layers", Number(json.max_window_layers) >= all ? layers : 1);
  for (const field of ["layer_types", "no_rope_layers"]) {
    const list = json[field];
    if (Array.isArray(list)) json[field] = list.slice(0, layers);
  }
  shrinkHeads(json);
  shrinkPositions(json);
  for (const field of ["num_hidden_layers", "n_layer"]) set(json, field, layers);
  for (const field of ["hidden_size", "n_embd"]) set(json, field, sizes.width);
  for (const field of ["intermediate_size", "shared_intermediate_size", "n_inner"]) set(json, field, sizes.inner);
  set(json, "mamba_n_heads", 8);
  set(json, "mamba_d_head", (sizes.width * Number(json.mamba_expand)) / 8);
  set(json, "vocab_size", sizes.vocabulary);
  for (const field of ["bos_token_id", "eos_token_id", "pad_token_id"]) set(json, field, 1);
}

/** A config of the same kind with small sizes; the argument stays as it is. */
export function shrink(config: Readonly<Json>): Json {
  const json = structuredClone(config) as Json;
  if (!isObject(json.text_config)) {
    shrinkText(json);
    return json;
  }
  // A text config of few fields has the family's default vocabulary, which alone would take 60 MB.
  json.text_config.vocab_size ??= sizes.vocabulary;
  shrinkText(json.text_config);
  json.mm_tokens_per_image = 4;
  if (isObject(json.vision_config)) {
    const vision = json.vision_config;
    for (const field of ["hidden_size", "intermediate_size"]) set(vision, field, 16);
    set(vision, "image_size", 28);
    for (const field of ["num_hidden_layers", "num_attention_heads"]) set(vision, field, 1);
    set(vision, "head_dim", 16);
  }
  return json;
}

/**
 * Writes a model's keys for GGUF, and proves them: read as llama.cpp reads them, they must give the same model. What they
 * cannot say is refused by the name of the config's field.
 */

import type { GgufData, GgufValue } from "../gguf/types.ts";
import type { Shape } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import type { ModelDefinition } from "./architecture.ts";
import { ConfigError } from "./config.ts";
import { defineModel } from "./define.ts";
import { configFromGguf } from "./fromGguf.ts";
import { type GgufForm, ropeDivisors } from "./ggufForm.ts";
import type { RopeConfig } from "./rope.ts";

type Json = Readonly<Record<string, unknown>>;

export interface WrittenForm extends GgufForm {
  /** Notes for the user, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * The form of a model whose checkpoint has tensors of these names and shapes. Throws a ConfigError for a family that
 * llama.cpp does not have, and for a config that its graph computes otherwise.
 */
export async function toGguf(
  model: ModelDefinition,
  tensors: readonly { readonly name: string; readonly shape: Shape }[],
): Promise<WrittenForm> {
  const form = model.gguf();
  if (form === null) {
    throw new ConfigError(
      `llama.cpp has no ${model.architecture} that Hone can write: take the merged model or the adapter along instead.`,
    );
  }
  const { architecture } = form;
  const shapes = new Map<string, Shape>(form.extra.map(({ name, values }) => [name, [values.length]]));
  for (const { name, shape } of tensors) {
    const found = form.names(name);
    if (!found) throw refused(architecture, `it has no tensor for ${cut(name, 80)}`);
    shapes.set(found.tensor, found.transposed ? shape.toReversed() : shape);
  }
  const keys = new Map<string, GgufValue>([["general.architecture", { type: "string", value: architecture }]]);
  for (const [name, value] of Object.entries(form.keys)) keys.set(`${architecture}.${name}`, scalar(value));
  const values = new Map(form.extra.map((one) => [one.name, one.values]));
  const read = await configFromGguf(keys, {
    shape: (name) => shapes.get(name) ?? null,
    values: async (name) => values.get(name) ?? new Float32Array(),
  }).catch((cause: unknown) => {
    throw refused(architecture, cause instanceof Error ? cause.message : String(cause), cause);
  });
  const { expected, notes } = within(configOf(model), form);
  const difference = firstDifference(withDivisors(expected), withDivisors(configOf(defineModel(read.config))));
  if (difference) {
    const [path, wanted, found] = difference;
    const [first = "", ...rest] = path.split(".");
    const field = [fileFields[first] ?? first, ...rest].join(".");
    throw refused(architecture, `its ${field} is ${found}, but this model has ${wanted}`);
  }
  return { ...form, notes: [...(form.notes ?? []), ...notes] };
}

/** The fields of `config.json` that decide a checked field of another name. */
const fileFields: Readonly<Record<string, string>> = {
  rotates: "no_rope_layers",
  windows: "layer_types and sliding_window",
  activation: "hidden_act",
  scaled: "scale_attn_weights",
  scaledByLayer: "scale_attn_by_inverse_layer_idx",
  parallel: "use_parallel_residual",
  bias: "attention_bias",
  tied: "tie_word_embeddings",
  rope: "rope_scaling",
  localRope: "rope_local_base_freq",
};

const refused = (architecture: string, problem: string, cause?: unknown) =>
  new ConfigError(
    `GGUF cannot express this model: in llama.cpp's ${architecture}, ${problem}. Take the merged model or the adapter along ` +
      "instead.",
    { cause },
  );

/** Keys of a model are single values. */
function scalar(data: GgufData): GgufValue {
  if (data.type === "array") throw new TypeError("A key of a model is an array.");
  return data.type === "float32" ? { type: "float32", value: Math.fround(Number(data.value)) } : data;
}

/** The checked config: the key is the architecture's name and this. Two fields act through `windows` alone. */
function configOf({ architecture, key }: ModelDefinition): Json {
  const {
    use_sliding_window: _uses,
    max_window_layers: _first,
    ...config
  } = JSON.parse(key.slice(architecture.length + 1));
  return config;
}

/** The config with its divisors of frequencies instead of a scaling that GGUF has no keys for. */
function withDivisors(config: Json): Json {
  const scalings = ["rope", "localRope"].flatMap((field) => {
    const rope = config[field];
    const divisors = isObject(rope) ? ropeDivisors(rope as unknown as RopeConfig) : null;
    return divisors === null ? [] : [[field, { ...(rope as Json), scaling: { type: "divided", divisors } }]];
  });
  return { ...config, ...Object.fromEntries(scalings) };
}

/**
 * The config within the context of the file. Where that is a window, llama.cpp's graph has none, and within it none hides a
 * token.
 */
function within(config: Json, { keys }: GgufForm): { readonly expected: Json; readonly notes: readonly string[] } {
  const context = keys.context_length?.type === "uint32" ? Number(keys.context_length.value) : 0;
  const { max_position_embeddings: longest, windows, rope } = config;
  if (typeof longest !== "number" || "attention.sliding_window" in keys) return { expected: config, notes: [] };
  const note =
    `The file's context is ${context.toLocaleString("en-US")} tokens of the model's ${longest.toLocaleString("en-US")}: ` +
    "llama.cpp computes longer ones otherwise.";
  const expected = {
    ...config,
    max_position_embeddings: context,
    ...(Array.isArray(windows) && { windows: windows.map(() => null) }),
    ...(isObject(rope) && { rope: { ...rope, context } }),
  };
  return { expected, notes: context < longest ? [note] : [] };
}

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null;

/** The path of the first field that differs, and both values. */
function firstDifference(
  wanted: unknown,
  found: unknown,
  path = "",
): readonly [field: string, wanted: string, found: string] | null {
  if (typeof wanted === "number" && typeof found === "number") {
    // GGUF has float32, and YaRN's scale passes through a logarithm.
    const same = Math.abs(wanted - found) <= 1e-6 * Math.max(Math.abs(wanted), Math.abs(found));
    return same ? null : [path, String(wanted), String(found)];
  }
  if (!isObject(wanted) || !isObject(found)) {
    if (wanted === found) return null;
    return [path, cut(String(JSON.stringify(wanted)), 60), cut(String(JSON.stringify(found)), 60)];
  }
  for (const field of new Set([...Object.keys(wanted), ...Object.keys(found)])) {
    const [one, other] = [wanted[field] ?? null, found[field] ?? null];
    const inner = firstDifference(one, other, path === "" ? field : `${path}.${field}`);
    if (inner) return inner;
  }
  return null;
}

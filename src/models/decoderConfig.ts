/** Reads the `config.json` of decoders of Llama's form, with the defaults of transformers; a family adds its own fields. */

import * as v from "valibot";
import { type Activation, activations } from "../nn/layers.ts";
import { quote } from "../tensor/quote.ts";
import { ConfigError, numbers, parse, sizes } from "./config.ts";
import { refuseUnread } from "./fields.ts";
import { type RopeConfig, type RopeType, readRope, ropeFields } from "./rope.ts";

/** The checked fields that every decoder has, under their names in `config.json`. */
export interface DecoderConfig {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly max_position_embeddings: number;
  readonly rms_norm_eps: number;
  readonly tie_word_embeddings: boolean;
  readonly attention_bias: boolean;
  readonly mlp_bias: boolean;
  readonly activation: Activation;
  readonly rope: RopeConfig;
  /** The window of each layer, null where it attends to all earlier tokens. */
  readonly windows: readonly (number | null)[];
}

/** transformers' defaults of a family; a size without one is required. */
export interface DecoderDefaults {
  readonly context: number;
  readonly epsilon?: number;
  readonly theta?: number;
  readonly tied?: boolean;
  /** The field with the activation, and its default. */
  readonly activation?: readonly [field: "hidden_act" | "hidden_activation", name: Activation];
  readonly headSize?: number;
  readonly keyHeads?: number;
  /** See `RopeSetting.share`. */
  readonly rotatedShare?: number;
  /** See `RopeSetting.original`. */
  readonly originalContext?: number;
  /** The kinds of rotation that the family has. Default: all. */
  readonly ropeTypes?: readonly RopeType[];
  readonly sizes?: Partial<
    Pick<
      DecoderConfig,
      "vocab_size" | "hidden_size" | "intermediate_size" | "num_hidden_layers" | "num_attention_heads"
    >
  >;
}

type Json = Readonly<Record<string, unknown>>;

/** Fields that decide which layers have a window. */
const windowFields = {
  sliding_window: v.nullish(sizes.context),
  layer_types: v.nullish(v.array(v.string())),
};

const decoderFields = {
  ...ropeFields,
  ...windowFields,
  vocab_size: sizes.vocabulary,
  hidden_size: sizes.width,
  intermediate_size: sizes.inner,
  num_hidden_layers: sizes.layers,
  num_attention_heads: sizes.heads,
  num_key_value_heads: v.nullish(sizes.heads),
  head_dim: v.nullish(sizes.headSize),
  max_position_embeddings: v.optional(sizes.context),
  rms_norm_eps: v.optional(numbers.epsilon),
  tie_word_embeddings: v.optional(v.boolean()),
  attention_bias: v.optional(v.boolean()),
  mlp_bias: v.optional(v.boolean()),
  hidden_act: v.optional(v.string()),
  hidden_activation: v.optional(v.string()),
};

/** Fields of `decoderFields` that only some families read; the others refuse them unless they change nothing. */
const optionalFields = [
  "attention_bias",
  "mlp_bias",
  "sliding_window",
  "layer_types",
  "hidden_activation",
  "hidden_act",
] as const;

/** How a family reads the fields in which families differ. */
export interface DecoderReading<Own extends v.ObjectEntries> {
  /** The family's own fields. */
  readonly own: Own;
  readonly defaults: DecoderDefaults;
  /** The optional fields that the family reads. */
  readonly reads?: readonly (typeof optionalFields)[number][];
  /** Fields that mean nothing to this family. */
  readonly ignores?: readonly string[];
  /** The window of sliding layers. Default: the field itself. */
  readonly window?: (json: Json) => number | null;
  /** Whether a layer slides where the file has no `layer_types`. Default: none does. */
  readonly slides?: (layer: number, json: Json, window: number | null) => boolean;
}

/** The window of families whose default is 4096: a missing `sliding_window` is that, one of null is none. */
export const windowOr4096 = ({ sliding_window: size }: Json): number | null =>
  size === undefined ? 4096 : typeof size === "number" ? size : null;

/** For families of which every layer slides where there is a window. */
export const slidesWithWindow = (_layer: number, _json: Json, window: number | null): boolean => window !== null;

/** Checks a `config.json`. Throws a ConfigError that names field and value. */
export function readDecoder<Own extends v.ObjectEntries>(
  json: unknown,
  { own, defaults, reads = [], ignores = [], window, slides }: DecoderReading<Own>,
): DecoderConfig & v.InferOutput<v.ObjectSchema<Own, undefined>> {
  const whole = parse(v.record(v.string(), v.unknown()), json);
  const [activationField, activationDefault] = defaults.activation ?? (["hidden_act", "silu"] as const);
  const unread = new Set<string>(optionalFields.filter((field) => !reads.includes(field)));
  unread.delete(activationField);
  const fields = Object.keys(decoderFields).filter((field) => !unread.has(field));
  refuseUnread(whole, [...fields, ...Object.keys(own), ...ignores]);
  const filled = {
    ...defaults.sizes,
    ...Object.fromEntries(Object.entries(whole).filter(([field]) => !unread.has(field))),
  };
  const ownFields = parse(v.object(own), whole);
  const {
    rope_theta,
    rope_scaling,
    rope_parameters,
    partial_rotary_factor,
    original_max_position_embeddings,
    ...config
  } = parse(v.object(decoderFields), filled);
  const ropes = { rope_theta, rope_scaling, rope_parameters, partial_rotary_factor, original_max_position_embeddings };

  const heads = config.num_attention_heads;
  const keyHeads =
    config.num_key_value_heads ?? (whole.num_key_value_heads === null ? heads : (defaults.keyHeads ?? heads));
  if (whole.head_dim === null && defaults.headSize !== undefined) {
    throw new ConfigError(
      "config.json: head_dim must be a number, not null. Take the file from the model's own folder.",
    );
  }
  const headSize = config.head_dim ?? defaults.headSize ?? config.hidden_size / heads;
  if (!Number.isInteger(headSize) || headSize % 2 !== 0) {
    throw new ConfigError(
      `config.json: head_dim (by default hidden_size ${config.hidden_size} / num_attention_heads ${heads}) must be an even whole number, not ${headSize}.`,
    );
  }
  requireGroups(heads, keyHeads);
  const context = config.max_position_embeddings ?? defaults.context;
  const setting = {
    headSize,
    context,
    theta: defaults.theta ?? 10_000,
    share: defaults.rotatedShare ?? null,
    types: defaults.ropeTypes,
    original: defaults.originalContext,
  };
  const rope = readRope(ropes, setting);
  const size = window ? window(whole) : (config.sliding_window ?? null);
  const layerTypes = config.layer_types ?? null;
  return {
    ...ownFields,
    vocab_size: config.vocab_size,
    hidden_size: config.hidden_size,
    intermediate_size: config.intermediate_size,
    num_hidden_layers: config.num_hidden_layers,
    num_attention_heads: heads,
    num_key_value_heads: keyHeads,
    head_dim: headSize,
    max_position_embeddings: rope.context,
    rms_norm_eps: config.rms_norm_eps ?? defaults.epsilon ?? 1e-6,
    tie_word_embeddings: config.tie_word_embeddings ?? defaults.tied ?? false,
    attention_bias: config.attention_bias ?? false,
    mlp_bias: config.mlp_bias ?? false,
    activation: readActivation(activationField, config[activationField] ?? activationDefault),
    rope,
    windows: readWindows(config.num_hidden_layers, size, layerTypes, (layer) => slides?.(layer, whole, size) ?? false),
  };
}

/** Throws a ConfigError unless every key head has the same number of query heads. */
export function requireGroups(heads: number, keyHeads: number): void {
  if (heads % keyHeads === 0) return;
  throw new ConfigError(
    `config.json: num_attention_heads (${heads}) must be divisible by num_key_value_heads (${keyHeads}).`,
  );
}

/** The activation of this name in transformers. Throws a ConfigError that names the field. */
export function readActivation(field: string, name: string): Activation {
  const known = Object.keys(activations).find((one) => one === name);
  if (known) return known as Activation;
  throw new ConfigError(
    `config.json: ${field} ${quote(name)} is not supported; Hone supports ${Object.keys(activations).join(", ")}. Choose another model.`,
  );
}

function readWindows(
  layers: number,
  size: number | null,
  types: readonly string[] | null,
  slides: (layer: number) => boolean,
): (number | null)[] {
  if (types && types.length !== layers) {
    throw new ConfigError(`config.json: layer_types has ${types.length} layers, but num_hidden_layers is ${layers}.`);
  }
  return Array.from({ length: layers }, (_, layer) => {
    const given = types?.[layer] ?? (slides(layer) ? "sliding_attention" : "full_attention");
    const type = given === "attention" ? "full_attention" : given;
    if (type !== "sliding_attention" && type !== "full_attention") {
      throw new ConfigError(
        `config.json: layer_types[${layer}] is ${quote(type)}; Hone supports full_attention and sliding_attention. Choose another model.`,
      );
    }
    if (type === "sliding_attention" && size === null) {
      throw new ConfigError(
        `config.json: layer_types[${layer}] is sliding_attention, but sliding_window is missing. Take the file from the model's own folder.`,
      );
    }
    return type === "sliding_attention" ? size : null;
  });
}

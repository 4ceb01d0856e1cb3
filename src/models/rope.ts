/** Reads the rotary embedding of a `config.json`, in both generations, as transformers 5 reads it. */

import * as v from "valibot";
import { type RopeScaling, ropeFrequencies } from "../nn/rope.ts";
import { quote } from "../tensor/quote.ts";
import type { Rope } from "./architecture.ts";
import { ConfigError, numbers, parse, sizes } from "./config.ts";
import { refuseUnread } from "./fields.ts";

/** What decides a rotation; plain data, so that equal configs have equal keys. */
export interface RopeConfig {
  readonly theta: number;
  /** R, the rotated numbers of a head. */
  readonly dimensions: number;
  readonly scaling: RopeScaling | null;
  /** See `Rope.scale`. */
  readonly scale: number;
  /** The tokens up to which this rotation holds; longer sequences would have another one. */
  readonly context: number;
}

/** The rotation of a layer. */
export const ropeOf = ({ theta, dimensions, scaling, scale }: RopeConfig): Rope => ({
  frequencies: ropeFrequencies(dimensions, theta, scaling),
  scale,
  interleaved: false,
});

type Json = Readonly<Record<string, unknown>>;

/** The fields of a `config.json` that decide a rotation. */
export const ropeFields = {
  rope_theta: v.nullish(numbers.ropeBase),
  rope_scaling: v.nullish(v.looseObject({})),
  rope_parameters: v.nullish(v.looseObject({})),
  partial_rotary_factor: v.nullish(numbers.share),
  original_max_position_embeddings: v.nullish(sizes.context),
};

type Fields = v.InferOutput<v.ObjectSchema<typeof ropeFields, undefined>>;

/** What a family adds to the fields. */
export interface RopeSetting {
  readonly headSize: number;
  /** max_position_embeddings. */
  readonly context: number;
  /** Base where the file has none. */
  readonly theta: number;
  /** Share of a head that is rotated where the file has none; null: the family always rotates whole heads. */
  readonly share: number | null;
  /** The original context where the file has none beside the rotation; it then comes before one inside. */
  readonly original?: number | undefined;
  /** The kinds that the family has. Default: all. */
  readonly types?: readonly RopeType[] | undefined;
}

const ropeTypes = ["default", "linear", "dynamic", "yarn", "llama3", "longrope"] as const;

export type RopeType = (typeof ropeTypes)[number];

const positive = v.custom<number>((value) => typeof value === "number" && value > 0 && value < 1e6, "a number above 0");
const schemas = {
  linear: v.object({ factor: numbers.ropeFactor }),
  dynamic: v.object({ factor: numbers.ropeFactor }),
  llama3: v.object({
    factor: numbers.ropeFactor,
    low_freq_factor: numbers.ropeTurns,
    high_freq_factor: numbers.ropeTurns,
    original_max_position_embeddings: v.nullish(sizes.context),
  }),
  yarn: v.object({
    factor: v.nullish(numbers.ropeFactor),
    beta_fast: v.nullish(positive),
    beta_slow: v.nullish(positive),
    attention_factor: v.nullish(positive),
    mscale: v.nullish(v.number()),
    mscale_all_dim: v.nullish(v.number()),
    truncate: v.nullish(v.boolean()),
    original_max_position_embeddings: v.nullish(sizes.context),
  }),
  longrope: v.object({
    factor: v.nullish(numbers.ropeFactor),
    short_factor: v.array(positive),
    long_factor: v.array(positive),
    attention_factor: v.nullish(positive),
    original_max_position_embeddings: v.nullish(sizes.context),
  }),
};

/**
 * The rotation of a config's fields. A filled `rope_scaling` replaces `rope_parameters`; a field in either comes before the
 * same one outside. Throws a ConfigError that names field and value.
 */
export function readRope(fields: Fields, setting: RopeSetting): RopeConfig {
  const old = fields.rope_scaling;
  const place = old && Object.keys(old).length > 0 ? "rope_scaling" : "rope_parameters";
  return readRopeObject((place === "rope_scaling" ? old : fields.rope_parameters) ?? {}, place, fields, setting);
}

/** The rotation of one object, such as that of a layer type; `fields` are those outside. */
export function readRopeObject(json: Json, place: string, fields: Fields, setting: RopeSetting): RopeConfig {
  const what = `config.json: ${place}`;
  const { headSize, context } = setting;
  const theta = parse(v.optional(numbers.ropeBase), json.rope_theta, `${what}.rope_theta`);
  if (theta === undefined) parse(v.optional(numbers.ropeBase), fields.rope_theta, "config.json: rope_theta");
  const share =
    parse(v.nullish(numbers.share), json.partial_rotary_factor, `${what}.partial_rotary_factor`) ??
    fields.partial_rotary_factor ??
    setting.share ??
    1;
  const dimensions = Math.floor(headSize * share);
  if (setting.share === null && share !== 1) {
    throw new ConfigError(
      `config.json: partial_rotary_factor is ${share}, but this architecture always rotates whole heads. Choose another model.`,
    );
  }
  if (dimensions % 2 !== 0 || dimensions === 0) {
    throw new ConfigError(
      `config.json: the rotated part of a head, ${share} of ${headSize}, must be an even whole number, not ${dimensions}.`,
    );
  }
  const common = {
    theta: theta ?? fields.rope_theta ?? setting.theta,
    dimensions,
    scaling: null,
    scale: 1,
    context,
  };
  const given = json.rope_type ?? json.type ?? "default";
  const known = setting.types ?? ropeTypes;
  // The first files of Phi-3 call longrope "su".
  const type = known.find((one) => one === (given === "su" ? "longrope" : given));
  if (type === undefined) {
    throw new ConfigError(
      `${what} of type ${quote(given)} is not supported here; Hone supports ${known.join(", ")}. Choose another model.`,
    );
  }
  const read = <Schema extends v.ObjectSchema<v.ObjectEntries, undefined>>(schema: Schema) => {
    refuseUnread(json, [...general, ...Object.keys(schema.entries)], what);
    return parse(schema, json, what);
  };
  const originalOf = (own: number | null | undefined) =>
    fields.original_max_position_embeddings ?? setting.original ?? own ?? context;
  switch (type) {
    case "default":
      read(v.object({}));
      return common;
    case "linear": {
      const { factor } = read(schemas.linear);
      return { ...common, scaling: factor === 1 ? null : { type: "divided", divisors: factor } };
    }
    case "dynamic":
      // The base grows only for sequences above max_position_embeddings, and Hone runs none of these.
      read(schemas.dynamic);
      return common;
    case "llama3": {
      const own = read(schemas.llama3);
      if (own.high_freq_factor <= own.low_freq_factor) {
        throw new ConfigError(
          `${what}.high_freq_factor (${own.high_freq_factor}) must be above low_freq_factor (${own.low_freq_factor}).`,
        );
      }
      const original = originalOf(own.original_max_position_embeddings);
      return { ...common, scaling: { type: "llama3", ...own, original_max_position_embeddings: original } };
    }
    case "yarn": {
      const own = read(schemas.yarn);
      const original = originalOf(own.original_max_position_embeddings);
      const factor = own.factor ?? context / original;
      return {
        ...common,
        scale: own.attention_factor ?? yarnScale(factor, own.mscale, own.mscale_all_dim),
        scaling: {
          type: "yarn",
          factor,
          beta_fast: own.beta_fast ?? 32,
          beta_slow: own.beta_slow ?? 1,
          original_max_position_embeddings: original,
          truncate: own.truncate ?? true,
        },
      };
    }
    case "longrope": {
      const own = read(schemas.longrope);
      if (own.short_factor.length !== dimensions / 2) {
        throw new ConfigError(
          `${what}.short_factor has ${own.short_factor.length} numbers, but a head has ${dimensions / 2} rotated pairs.`,
        );
      }
      if (own.long_factor.length !== own.short_factor.length) {
        throw new ConfigError(
          `${what}.long_factor has ${own.long_factor.length} numbers, but short_factor has ${own.short_factor.length}.`,
        );
      }
      const original = originalOf(own.original_max_position_embeddings);
      const factor = own.factor ?? context / original;
      const scale = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
      return {
        ...common,
        scale: own.attention_factor ?? scale,
        scaling: { type: "divided", divisors: own.short_factor },
        // Longer sequences would rotate by long_factor, and other numbers with it.
        context: Math.min(context, original),
      };
    }
  }
}

/** Fields that stand in every kind of object. */
const general = ["rope_type", "type", "rope_theta", "partial_rotary_factor", "max_position_embeddings"];

/** YaRN's factor of cosines and sines: 0.1·m·ln(factor) + 1, for a quotient of two m where both are given. */
function yarnScale(factor: number, mscale: number | null | undefined, all: number | null | undefined): number {
  const scale = (m: number) => (factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1);
  return mscale && all ? scale(mscale) / scale(all) : scale(1);
}

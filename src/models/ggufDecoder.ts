/** Fields of a decoder's `config.json` from the keys and small tensors of a GGUF file. */

import { quote } from "../tensor/quote.ts";
import { type GgufKeys, ggufRefusal, shortest } from "./ggufKeys.ts";

type Json = Readonly<Record<string, unknown>>;

/** The tensors of a file. */
export interface GgufTensors {
  /** Outermost dimension first; null where the file lacks the tensor. */
  shape(name: string): readonly number[] | null;
  /** The numbers of a small tensor. */
  values(name: string): Promise<Float32Array>;
}

/** Rows of the embedding. */
export const vocabularyOf = (tensors: GgufTensors): number => {
  const [rows] = tensors.shape("token_embd.weight") ?? [];
  if (rows === undefined) throw ggufRefusal("The tensor token_embd.weight", "is missing");
  return rows;
};

/** Whether the head is the embedding: then the file has no other. */
export const tied = (tensors: GgufTensors): boolean => tensors.shape("output.weight") === null;

/** The fields that every decoder of Llama's form has. */
export function decoder(
  keys: GgufKeys,
  tensors: GgufTensors,
): Json & { readonly head_dim: number; readonly num_attention_heads: number; readonly num_key_value_heads: number } {
  const width = keys.required("embedding_length");
  const heads = keys.required("attention.head_count");
  const size = keys.number("attention.key_length") ?? width / heads;
  const valueSize = keys.number("attention.value_length") ?? size;
  if (valueSize !== size) {
    throw ggufRefusal(
      `${keys.architecture}.attention.value_length`,
      `is ${valueSize}, but key_length is ${size}, and Hone needs equal ones`,
    );
  }
  return {
    vocab_size: vocabularyOf(tensors),
    hidden_size: width,
    intermediate_size: keys.required("feed_forward_length"),
    num_hidden_layers: keys.required("block_count"),
    num_attention_heads: heads,
    num_key_value_heads: keys.number("attention.head_count_kv") ?? heads,
    head_dim: size,
    max_position_embeddings: keys.required("context_length"),
    rms_norm_eps: keys.required("attention.layer_norm_rms_epsilon"),
    tie_word_embeddings: tied(tensors),
  };
}

/** Refuses a rotation of a part of a head. */
export function requireWholeRotation(keys: GgufKeys, size: number): void {
  const rotated = keys.number("rope.dimension_count") ?? size;
  if (rotated !== size) {
    throw ggufRefusal(
      `${keys.architecture}.rope.dimension_count`,
      `is ${rotated}, but a head has ${size} numbers, and this architecture rotates all`,
    );
  }
}

/** Architectures whose graph in llama.cpp reads the tensor rope_freqs; the others do not load a file with it. */
const withDivisors: readonly string[] = ["llama", "granite"];

/** `rope_theta` and `rope_scaling` of keys and of the tensor with the divisors of frequencies. */
export async function rope(
  keys: GgufKeys,
  tensors: GgufTensors,
  base = 10_000,
): Promise<{ readonly fields: Json; readonly inConfig: readonly string[] }> {
  const theta = keys.number("rope.freq_base") ?? base;
  const type = keys.text("rope.scaling.type") ?? "none";
  // The older name of the factor of linear scaling.
  const factor = keys.number("rope.scaling.factor") ?? keys.number("rope.scale_linear") ?? 1;
  const original = keys.number("rope.scaling.original_context_length");
  const fields = { rope_theta: theta };
  if (withDivisors.includes(keys.architecture) && tensors.shape("rope_freqs.weight")) {
    if (type !== "none" && !(type === "linear" && factor === 1)) {
      throw ggufRefusal(
        `${keys.architecture}.rope.scaling.type`,
        `is ${quote(type)} beside the tensor rope_freqs.weight, and Hone reads one scaling`,
      );
    }
    const divisors = await tensors.values("rope_freqs.weight");
    const scaling = llama3Scaling(divisors, theta) ?? divided(divisors, keys.required("context_length"));
    return { fields: { ...fields, rope_scaling: scaling }, inConfig: ["rope_freqs.weight"] };
  }
  if (type === "none" || (type === "linear" && factor === 1)) return { fields, inConfig: [] };
  if (type === "linear") return { fields: { ...fields, rope_scaling: { rope_type: "linear", factor } }, inConfig: [] };
  if (type === "yarn") {
    const attention = keys.number("rope.scaling.attn_factor");
    const fast = keys.number("rope.scaling.yarn_beta_fast");
    const slow = keys.number("rope.scaling.yarn_beta_slow");
    const scaling = {
      ...{ rope_type: "yarn", factor, ...(original !== null && { original_max_position_embeddings: original }) },
      ...(attention !== null && { attention_factor: attention * (0.1 * Math.log(factor) + 1) }),
      ...(fast !== null && { beta_fast: fast }),
      ...(slow !== null && { beta_slow: slow }),
    };
    return { fields: { ...fields, rope_scaling: scaling }, inConfig: [] };
  }
  throw ggufRefusal(`${keys.architecture}.rope.scaling.type`, `is ${quote(type)}, which Hone does not read`);
}

/**
 * Llama 3's scaling of the divisors of each pair's frequency. The file has only these; their largest is the factor, and all
 * published models have the other numbers below. Null where these give other divisors.
 */
function llama3Scaling(divisors: Float32Array, theta: number): Json | null {
  const factor = shortest(divisors.reduce((most, value) => Math.max(most, value), 1));
  const [low, high, original] = [1, 4, 8192];
  const size = 2 * divisors.length;
  const worst = divisors.reduce((most, divisor, pair) => {
    const wavelength = (2 * Math.PI) / theta ** ((-2 * pair) / size);
    const smooth = (original / wavelength - low) / (high - low);
    const wanted = smooth >= 1 ? 1 : smooth <= 0 ? factor : 1 / ((1 - smooth) / factor + smooth);
    return Math.max(most, Math.abs(divisor - wanted) / wanted);
  }, 0);
  if (!(worst < 1e-5)) return null;
  return {
    ...{ rope_type: "llama3", factor, low_freq_factor: low, high_freq_factor: high },
    original_max_position_embeddings: original,
  };
}

/** Any divisors, as the rotation that transformers calls longrope: within the context it divides by `short_factor`. */
function divided(divisors: Float32Array, context: number): Json {
  const wrong = divisors.findIndex((divisor) => !(divisor > 0 && divisor < mostDivisor));
  if (wrong >= 0) {
    throw ggufRefusal(
      "The tensor rope_freqs.weight",
      `has the divisor ${divisors[wrong]} at place ${wrong}, and a frequency's divisor is above 0 and below ${mostDivisor}`,
    );
  }
  const factors = Array.from(divisors, shortest);
  return {
    ...{ rope_type: "longrope", short_factor: factors, long_factor: factors, attention_factor: 1 },
    original_max_position_embeddings: context,
  };
}

/** As for a config's own lists of divisors. */
const mostDivisor = 1e6;

export const has = (tensors: GgufTensors, name: string): boolean => tensors.shape(name) !== null;

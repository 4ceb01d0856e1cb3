/** A model's form in GGUF: the keys and tensors from which llama.cpp computes it, by its converter and its src/models/. */

import type { GgufData, Scalar } from "../gguf/types.ts";
import { ropeFrequencies } from "../nn/rope.ts";
import type { DecoderConfig } from "./decoderConfig.ts";
import { type GgufNames, llamaNames, plainNames } from "./ggufNames.ts";
import type { RopeConfig } from "./rope.ts";

export interface GgufForm {
  /** llama.cpp's name of the architecture, the value of `general.architecture`. */
  readonly architecture: string;
  /** Without the architecture's name before them. */
  readonly keys: Readonly<Record<string, GgufData>>;
  readonly names: GgufNames;
  /** Tensors that the files do not have: divisors of frequencies. */
  readonly extra: readonly { readonly name: string; readonly values: Float32Array<ArrayBuffer> }[];
  /** What llama.cpp computes otherwise, a sentence each; missing where it computes the same. */
  readonly notes?: readonly string[];
}

export const whole = (value: number): Scalar => ({ type: "uint32", value });
export const float = (value: number): Scalar => ({ type: "float32", value });

/** Divisors of the pairs' frequencies, where each pair has its own; null otherwise. */
export function ropeDivisors({ theta, dimensions, scaling }: RopeConfig): readonly number[] | null {
  if (scaling?.type === "divided") return typeof scaling.divisors === "number" ? null : scaling.divisors;
  if (scaling?.type !== "llama3") return null;
  const scaled = ropeFrequencies(dimensions, theta, scaling);
  return ropeFrequencies(dimensions, theta).map((frequency, i) => frequency / (scaled[i] ?? frequency));
}

/** Keys and tensors of a rotation; `tensors`: the names of those with the divisors of frequencies. */
export function ropeForm(
  rope: RopeConfig,
  tensors: readonly string[] = ["rope_freqs.weight"],
): Pick<GgufForm, "keys" | "extra"> {
  const { theta, dimensions, scaling, scale } = rope;
  const base = { "rope.freq_base": float(theta), "rope.dimension_count": whole(dimensions) };
  if (scaling === null) return { keys: base, extra: [] };
  if (scaling.type === "divided" && typeof scaling.divisors === "number") {
    const linear = { type: "string", value: "linear" } as const;
    const factor = float(scaling.divisors);
    return { keys: { ...base, "rope.scaling.type": linear, "rope.scaling.factor": factor }, extra: [] };
  }
  if (scaling.type === "yarn") {
    const { factor, beta_fast: fast, beta_slow: slow, original_max_position_embeddings: original } = scaling;
    // llama.cpp multiplies by this itself.
    const attention = scale / (0.1 * Math.log(factor) + 1);
    const keys = {
      ...base,
      "rope.scaling.type": { type: "string", value: "yarn" } as const,
      "rope.scaling.factor": float(factor),
      "rope.scaling.original_context_length": whole(original),
      ...(Math.abs(attention - 1) > 1e-6 && { "rope.scaling.attn_factor": float(attention) }),
      ...(fast !== 32 && { "rope.scaling.yarn_beta_fast": float(fast) }),
      ...(slow !== 1 && { "rope.scaling.yarn_beta_slow": float(slow) }),
    };
    return { keys, extra: [] };
  }
  const values = Float32Array.from(ropeDivisors(rope) ?? []);
  const attention = scale !== 1 && { "rope.scaling.attn_factor": float(scale) };
  return { keys: { ...base, ...attention }, extra: tensors.map((name) => ({ name, values })) };
}

/** The context in which the model and llama.cpp compute the same: within it, no window hides a token. */
export const plainContext = ({ windows, max_position_embeddings: context, rope }: DecoderConfig): number =>
  Math.min(context, rope.context, ...windows.flatMap((window) => (window === null ? [] : [window])));

/** The form of a decoder of Llama's form; `context` is its longest sequence. */
export function decoderForm(
  architecture: string,
  config: DecoderConfig,
  names: GgufNames,
  own: GgufForm["keys"] = {},
  context: number = plainContext(config),
  divisorTensors?: readonly string[],
): GgufForm {
  const { keys, extra } = ropeForm(config.rope, divisorTensors);
  return {
    architecture,
    names,
    extra,
    keys: {
      block_count: whole(config.num_hidden_layers),
      context_length: whole(context),
      embedding_length: whole(config.hidden_size),
      feed_forward_length: whole(config.intermediate_size),
      "attention.head_count": whole(config.num_attention_heads),
      "attention.head_count_kv": whole(config.num_key_value_heads),
      "attention.key_length": whole(config.head_dim),
      "attention.value_length": whole(config.head_dim),
      "attention.layer_norm_rms_epsilon": float(config.rms_norm_eps),
      vocab_size: whole(config.vocab_size),
      ...keys,
      ...own,
    },
  };
}

/** For a family whose queries and keys stand in pairs of neighbours in GGUF. */
export const llamaForm =
  <C extends DecoderConfig>(architecture: string, own: (config: C) => GgufForm["keys"] = () => ({})) =>
  (config: C): GgufForm =>
    decoderForm(architecture, config, llamaNames(config), own(config));

/** For a family whose queries and keys stand in GGUF as in Hugging Face layout. */
export const plainForm =
  <C extends DecoderConfig>(architecture: string, modelType: string = architecture) =>
  (config: C): GgufForm =>
    decoderForm(architecture, config, plainNames(modelType));

/** Phi-3: where each pair has a divisor of its own, the file names the context in which that holds. */
export function phi3Form(config: DecoderConfig): GgufForm {
  // llama.cpp takes the long ones beyond the original context, in which alone this model is known.
  const tensors = ["rope_factors_long.weight", "rope_factors_short.weight"];
  const form = decoderForm("phi3", config, plainNames("phi3"), {}, plainContext(config), tensors);
  const original = { "rope.scaling.original_context_length": whole(config.rope.context) };
  return form.extra.length === 0 ? form : { ...form, keys: { ...form.keys, ...original } };
}

/** Rotary position embedding (Su et al. 2021, arXiv:2104.09864). */

import type { GraphBuilder } from "../onnx/builder.ts";
import type { Value } from "../onnx/graph.ts";

/** Frequency scaling of Llama 3.1, `rope_type` llama3. */
export interface Llama3Scaling {
  readonly type: "llama3";
  readonly factor: number;
  readonly low_freq_factor: number;
  readonly high_freq_factor: number;
  readonly original_max_position_embeddings: number;
}

/** YaRN (Peng et al. 2023, arXiv:2309.00071), `rope_type` yarn. */
export interface YarnScaling {
  readonly type: "yarn";
  readonly factor: number;
  readonly beta_fast: number;
  readonly beta_slow: number;
  readonly original_max_position_embeddings: number;
  /** Whether the bounds of the interpolated pairs are whole numbers. */
  readonly truncate: boolean;
}

/** Divisors of the D/2 pairs' frequencies: LongRoPE (Ding et al. 2024, arXiv:2402.13753), or one for all (linear scaling). */
export interface DividedScaling {
  readonly type: "divided";
  readonly divisors: number | readonly number[];
}

export type RopeScaling = Llama3Scaling | YarnScaling | DividedScaling;

/** Angular frequencies θ^(−2i/D) of the D/2 pairs, in radians per position, with an extension of the context. */
export function ropeFrequencies(dimensions: number, theta: number, scaling: RopeScaling | null = null): number[] {
  const pairs = Math.ceil(dimensions / 2);
  const plain = Array.from({ length: pairs }, (_, i) => theta ** ((-2 * i) / dimensions));
  if (scaling === null) return plain;
  if (scaling.type === "divided") {
    const { divisors } = scaling;
    return plain.map((frequency, i) => frequency / (typeof divisors === "number" ? divisors : (divisors[i] as number)));
  }
  /** Frequencies divided by the factor, mixed with a share of the plain ones. */
  const mixed = (plainShare: (frequency: number, i: number) => number) =>
    plain.map((frequency, i) => {
      const share = Math.min(1, Math.max(0, plainShare(frequency, i)));
      return (1 - share) * (frequency / scaling.factor) + share * frequency;
    });
  if (scaling.type === "llama3") {
    const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: original } = scaling;
    return mixed((frequency) => ((original * frequency) / (2 * Math.PI) - low) / (high - low));
  }
  const { low, high } = yarnBounds(dimensions, theta, scaling);
  return mixed((_, i) => 1 - (i - low) / (high - low));
}

/** The pair with `turns` turns in the original context, for both betas: pairs below `low` keep their frequency. */
function yarnBounds(dimensions: number, theta: number, scaling: YarnScaling) {
  const { beta_fast: fast, beta_slow: slow, original_max_position_embeddings: original, truncate } = scaling;
  const pairOf = (turns: number) => (dimensions * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [from, to] = [pairOf(fast), pairOf(slow)];
  const low = Math.max(truncate ? Math.floor(from) : from, 0);
  const high = Math.min(truncate ? Math.ceil(to) : to, dimensions - 1);
  // As in transformers: equal bounds would divide by zero.
  return { low, high: low === high ? high + 0.001 : high };
}

export interface RopeTables {
  /** float32 [positions, R/2] initializers. */
  readonly cos: Value;
  readonly sin: Value;
}

/**
 * Cosines and sines of every position below `positions`, computed in float64. `scale` is folded into the tables, so scaling
 * costs no operation, forward or backward.
 */
export function ropeTables(b: GraphBuilder, frequencies: readonly number[], positions: number, scale = 1): RopeTables {
  const table = (wave: (angle: number) => number) =>
    b.constant(
      "float32",
      [positions, frequencies.length],
      Float32Array.from({ length: positions * frequencies.length }, (_, i) => {
        const position = Math.floor(i / frequencies.length);
        return scale * wave(position * (frequencies[i % frequencies.length] as number));
      }),
    );
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

/**
 * Rotates x (B·T, H·D) by its positions int64 [B, T] → (B, T, H·D): the first R numbers of each head, R/2 frequencies. A pair
 * is two neighbours where `interleaved`, else a number of either half, as Hugging Face stores most models.
 */
export function rope(
  b: GraphBuilder,
  x: Value,
  positions: Value,
  tables: RopeTables,
  heads: number,
  interleaved = false,
): Value {
  const sequences = b.reshape(x, [...positions.shape, x.shape[1] as number]);
  return b.rotaryEmbedding(sequences, positions, tables.cos, tables.sin, heads, interleaved);
}

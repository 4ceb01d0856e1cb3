/** Rotary position embedding in Hugging Face's half-rotation layout (Su et al. 2021, arXiv:2104.09864). */

import type { GraphBuilder } from "../onnx/builder.ts";
import type { Value } from "../onnx/graph.ts";

/** Frequency scaling of Llama 3.1, the `rope_scaling` of type `llama3`. */
export interface Llama3Scaling {
  readonly factor: number;
  readonly low_freq_factor: number;
  readonly high_freq_factor: number;
  readonly original_max_position_embeddings: number;
}

/**
 * Angular frequencies θ^(−2i/D) of the D/2 pairs, in radians per position. `scaling` divides the frequency by `factor` for
 * wavelengths above original/low, keeps it below original/high, and interpolates between the two.
 */
export function ropeFrequencies(headSize: number, theta: number, scaling: Llama3Scaling | null): number[] {
  return Array.from({ length: headSize / 2 }, (_, i) => {
    const frequency = theta ** ((-2 * i) / headSize);
    if (!scaling) return frequency;
    const turns = (scaling.original_max_position_embeddings * frequency) / (2 * Math.PI);
    const { low_freq_factor: low, high_freq_factor: high } = scaling;
    const unscaled = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return (1 - unscaled) * (frequency / scaling.factor) + unscaled * frequency;
  });
}

export interface RopeTables {
  /** float32 [positions, D/2] initializers. */
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

/** Rotates x (B·T, H·D) by its positions int64 [B, T] → (B, T, H·D). */
export function rope(b: GraphBuilder, x: Value, positions: Value, tables: RopeTables, heads: number): Value {
  const sequences = b.reshape(x, [...positions.shape, x.shape[1] as number]);
  return b.rotaryEmbedding(sequences, positions, tables.cos, tables.sin, heads);
}

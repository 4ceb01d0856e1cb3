/** The interface of an engine in its page: the same step for all, each written as its authors recommend. */

import type { Problem } from "./problem.ts";

export const backends = ["wasm", "webgpu"] as const;
export type Backend = (typeof backends)[number];

/** Throws for `dry` without a GPU. */
export function checkDry(dry: boolean, backend: Backend): void {
  if (dry && backend !== "webgpu") throw new Error("--dry skips the GPU's computations: it needs --provider webgpu.");
}

/** The engines that run in a page; `other` is Hone from another checkout. */
export const pageEngines = ["hone", "other", "jax", "tfjs"] as const;
export type PageEngine = (typeof pageEngines)[number];

export interface StepResult {
  /** Σ w·CE / max(Σ w, 1), before the update. */
  readonly loss: number;
  /** Global L2 norm of the gradient, before clipping. */
  readonly gradientNorm: number;
}

/** Weights, moments and batch of one problem on one backend. */
export interface Trainer {
  /** Forward, backward, clipping and AdamW; resolves when the update is done and the loss has been read. */
  step(): Promise<StepResult>;
  /**
   * Creates a chain of `count` float32 products (n, n), each multiplying the last result by the same matrix, so that copies
   * hardly count. Each call of the returned function runs the chain to its end.
   */
  products(n: number, count: number): Promise<() => Promise<void>>;
  /** Bytes of device tensors by the engine's own count; null if it does not count. */
  tensorBytes(): number | null;
  dispose(): Promise<void>;
}

/** Returns a parameter's start values, once each, so that the benchmark's copies do not count as the engine's memory. */
export type TakeValues = (name: string) => Float32Array<ArrayBuffer>;

export type Prepare = (problem: Problem, take: TakeValues, backend: Backend) => Promise<Trainer>;

/** A matrix (n, n) that preserves the magnitude of what it multiplies; the same for every engine. */
export function squareMatrix(n: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: n * n }, (_, i) => (((i * 7919) % 1000) / 1000 - 0.5) / Math.sqrt(n / 12));
}

/** Cosines and sines of the rotary embedding, (T, D/2) each, which an engine uses as constants. */
export function rotaryTables(frequencies: readonly number[], length: number) {
  const table = (wave: (angle: number) => number) =>
    Float32Array.from({ length: length * frequencies.length }, (_, i) => {
      const position = Math.floor(i / frequencies.length);
      return wave(position * (frequencies[i % frequencies.length] ?? 0));
    });
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

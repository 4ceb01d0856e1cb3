/** What each engine of the comparison offers inside its page: the same step, taken as its own authors would take it. */

import type { Problem } from "./problem.ts";

export const backends = ["wasm", "webgpu"] as const;
export type Backend = (typeof backends)[number];

/** Throws where there is no GPU's work to leave out. */
export function checkDry(dry: boolean, backend: Backend): void {
  if (dry && backend !== "webgpu") throw new Error("--dry leaves out a GPU's work: it needs --provider webgpu.");
}

/** The engines that run in a page; `other` is Hone as another checkout of it has it. */
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
  /** Forward, backward, clip and AdamW; ends when the update is done and the loss is read. */
  step(): Promise<StepResult>;
  /**
   * Makes a chain of `count` products of float32 matrices (n, n), each of the one before with the same right-hand side, so
   * that copying in and out weighs little; each call of what it gives runs the chain and waits for its end.
   */
  products(n: number, count: number): Promise<() => Promise<void>>;
  /** Bytes that the engine itself counts as its tensors on the device; null where it keeps no account. */
  tensorBytes(): number | null;
  dispose(): Promise<void>;
}

/** First values by parameter name; each may be taken once, so that no engine's memory is that of the benchmark. */
export type TakeValues = (name: string) => Float32Array<ArrayBuffer>;

export type Prepare = (problem: Problem, take: TakeValues, backend: Backend) => Promise<Trainer>;

/** A matrix (n, n) whose products with others keep their size: every engine multiplies the same one. */
export function squareMatrix(n: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: n * n }, (_, i) => (((i * 7919) % 1000) / 1000 - 0.5) / Math.sqrt(n / 12));
}

/** Cosines and sines of the rotary embedding, (T, D/2) each: the tables that an engine keeps as constants. */
export function rotaryTables(frequencies: readonly number[], length: number) {
  const table = (wave: (angle: number) => number) =>
    Float32Array.from({ length: length * frequencies.length }, (_, i) => {
      const position = Math.floor(i / frequencies.length);
      return wave(position * (frequencies[i % frequencies.length] ?? 0));
    });
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

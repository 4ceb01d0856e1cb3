/** Linear layers and normalisation. Activations have one row per token: (M, width). */

import type { Value } from "../onnx/graph.ts";
import type { Scope } from "./scope.ts";

/**
 * y = xWᵀ + b, x (M, in) → (M, out). Where the scope's adapter targets this layer, it adds (α/r)·(xAᵀ)Bᵀ with A [r, in] and
 * B [out, r]. LoRA is computed nowhere else.
 */
export function linear(scope: Scope, x: Value, out: number, bias = false): Value {
  const { b } = scope;
  const width = x.shape[1] as number;
  const { weight, adapter } = scope.linear([out, width]);
  const base = b.gemm(x, weight, { transB: true, ...(bias && { c: scope.parameter("bias", [out]) }) });
  if (!adapter) return base;
  const { rank, alpha } = adapter;
  const down = scope.in("lora_A").parameter("weight", [rank, width], "lora_A");
  const up = scope.in("lora_B").parameter("weight", [out, rank], "lora_B");
  return b.gemm(b.gemm(x, down, { transB: true }), up, { transB: true, alpha: alpha / rank, c: base });
}

/** Root-mean-square normalisation over the last axis, times a trainable scale (Zhang and Sennrich 2019, arXiv:1910.07467). */
export function rmsNorm(scope: Scope, x: Value, epsilon: number): Value {
  return scope.b.rmsNormalization(x, scope.parameter("weight", [x.shape.at(-1) as number]), epsilon);
}

/** SwiGLU: down(silu(gate(x)) · up(x)), x (M, D) → (M, D) (Shazeer 2020, arXiv:2002.05202). */
export function gatedMlp(scope: Scope, x: Value, hidden: number, bias: boolean): Value {
  const { b } = scope;
  const gate = scope.within("gate_proj", (s) => linear(s, x, hidden, bias));
  const up = scope.within("up_proj", (s) => linear(s, x, hidden, bias));
  return scope.within("down_proj", (s) => linear(s, b.mul(b.silu(gate), up), x.shape[1] as number, bias));
}

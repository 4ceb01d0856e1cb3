/** Linear layers, normalisation and activation. Values have one row per token: (M, width). */

import type { GraphBuilder } from "../onnx/builder.ts";
import type { Value } from "../onnx/graph.ts";
import type { Scope } from "./scope.ts";
import { product } from "./weight.ts";

/**
 * y = xWᵀ + b, x (M, in) → (M, out). Where the scope's adapter targets this layer, it adds (α/r)·(xAᵀ)Bᵀ with A [r, in] and
 * B [out, r]. LoRA is computed nowhere else.
 */
export function linear(scope: Scope, x: Value, out: number, bias = false): Value {
  const { b } = scope;
  const width = x.shape[1] as number;
  const { weight, adapter } = scope.linear([out, width]);
  const base = product(b, x, weight, bias ? scope.parameter("bias", [out]) : null);
  if (!adapter) return scope.product(base);
  const { rank, alpha } = adapter;
  const down = scope.in("lora_A").parameter("weight", [rank, width], "lora_A");
  const up = scope.in("lora_B").parameter("weight", [out, rank], "lora_B");
  const adapted = b.gemm(b.gemm(x, down, { transB: true }), up, { transB: true, alpha: alpha / rank, c: base });
  return scope.product(adapted);
}

/**
 * Root-mean-square normalisation over the last axis, times a trainable scale w, or 1 + w where `centred` (Zhang and Sennrich
 * 2019, arXiv:1910.07467; Gemma stores w around 0).
 */
export function rmsNorm(scope: Scope, x: Value, epsilon: number, centred = false): Value {
  const { b } = scope;
  const weight = scope.parameter("weight", [x.shape.at(-1) as number]);
  return b.rmsNormalization(x, centred ? b.add(weight, b.scalar(1)) : weight, epsilon);
}

/** RMSNorm over each head: x (M, H·D) → (M, H·D), one scale [D] for all heads. */
export function headNorm(scope: Scope, x: Value, size: number, epsilon: number, centred = false): Value {
  const [rows, width] = x.shape as [number, number];
  const heads = scope.b.reshape(x, [(rows * width) / size, size]);
  return scope.b.reshape(rmsNorm(scope, heads, epsilon, centred), [rows, width]);
}

/** Layer normalisation over the last axis with trainable scale and bias (Ba et al. 2016, arXiv:1607.06450). */
export function layerNorm(scope: Scope, x: Value, epsilon: number): Value {
  const width = [x.shape.at(-1) as number];
  return scope.b.layerNormalization(x, scope.parameter("weight", width), scope.parameter("bias", width), epsilon);
}

const tanhGelu = (b: GraphBuilder, x: Value) => b.gelu(x, "tanh");
const exactGelu = (b: GraphBuilder, x: Value) => b.gelu(x, "none");
const silu = (b: GraphBuilder, x: Value) => b.silu(x);

/** Activations by the names that transformers has for them in `config.json`. */
export const activations = {
  gelu: exactGelu,
  gelu_python: exactGelu,
  gelu_new: tanhGelu,
  gelu_fast: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  quick_gelu: (b, x) => b.emit("QuickGelu", [x], { alpha: 1.702 }),
  relu: (b, x) => b.max(x, b.scalar(0)),
  silu,
  swish: silu,
} as const satisfies Readonly<Record<string, (b: GraphBuilder, x: Value) => Value>>;

export type Activation = keyof typeof activations;

export interface GatedMlp {
  /** Width of gate and up. */
  readonly hidden: number;
  readonly activation: Activation;
  readonly bias?: boolean;
}

/** A gated MLP whose gate and up are one linear layer, the gate first; `names` are the layers' names. */
export function fusedMlp(
  scope: Scope,
  x: Value,
  { hidden, activation }: GatedMlp,
  names: readonly [input: string, output: string],
): Value {
  const { b } = scope;
  const fused = scope.within(names[0], (s) => linear(s, x, 2 * hidden));
  const [gate, up] = b.split(fused, [hidden, hidden], 1) as [Value, Value];
  const inner = b.mul(activations[activation](b, gate), up);
  return scope.within(names[1], (s) => linear(s, inner, x.shape[1] as number));
}

/** Gated MLP: down(act(gate(x)) · up(x)), x (M, D) → (M, D) (Shazeer 2020, arXiv:2002.05202). */
export function gatedMlp(scope: Scope, x: Value, { hidden, activation, bias = false }: GatedMlp): Value {
  const { b } = scope;
  const gate = scope.within("gate_proj", (s) => linear(s, x, hidden, bias));
  const up = scope.within("up_proj", (s) => linear(s, x, hidden, bias));
  const inner = b.mul(activations[activation](b, gate), up);
  return scope.within("down_proj", (s) => linear(s, inner, x.shape[1] as number, bias));
}

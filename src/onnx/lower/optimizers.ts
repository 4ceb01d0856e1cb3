/** Gradient accumulation, clipping and optimizers: operators that overwrite graph inputs. */

import { GraphError, type Value } from "../graph.ts";
import type { Call, Lowering, Operand, Results } from "./call.ts";

/** Says that a node has written over `target`. A graph input then gets `value` as its new contents. */
function overwrite(c: Call, target: Value, value: Value): Value {
  c.effects.updates.set(target, value);
  return value;
}

/** A copy: the operation that writes a buffer in place may not read it. */
const copied = (c: Call, x: Value) => c.b.max(x, x);

const flat = (value: Value) => [value.shape.reduce((product, size) => product * size, 1)];

/** Σ x² over all tensors, float32 [1]: first along the last axis, then over the others. */
function squaredNorm(c: Call, tensors: readonly Value[]): Value {
  const b = c.b;
  const parts = tensors.map((x) => {
    const rows = x.shape.length > 0 ? b.reduceSumSquare(x, [x.shape.length - 1]) : b.mul(x, x);
    return b.reshape(b.reduceSum(b.reshape(rows, flat(rows)), [0]), [1]);
  });
  // A chain of sums, because WebGPU joins at most seven tensors at once.
  return parts.reduce((sum, part) => b.add(sum, part));
}

/** float32 [1]: the factor min(max_norm/(‖g‖ + 10⁻⁶), 1). */
function clipFactor(c: Call, norm: Value, most: number): Value {
  const b = c.b;
  return b.min(b.scalar(1), b.div(b.scalar(most), b.add(norm, b.scalar(1e-6))));
}

/** The norm of the gradients, and whether it is finite: with a gradient that is not, an update must change nothing. */
function normOf(c: Call, gradients: readonly Value[]) {
  const b = c.b;
  const norm = b.sqrt(squaredNorm(c, gradients));
  // An earlier node may have clipped; the norm before that is the one to report.
  c.effects.gradientNorm ??= norm;
  // x − x = 0 exactly when x is finite; no other test works on every provider.
  return b.equal(b.sub(norm, norm), b.scalar(0));
}

/** 1 − baseᵗ as ONNX Runtime rounds it, for the step operand t; the host computes it where the step is a graph input. */
function correction(c: Call, base: number, step: Value): Value {
  if (step.data) return c.b.constant("float32", [1], Float32Array.of(correctionOf(base, Number(step.data[0]))));
  const name = `one_minus_${base.toPrecision(6)}_to_${step.name}`;
  const known = c.effects.corrections.some((other) => other.name === name);
  if (!known) c.effects.corrections.push({ name, base, step: step.name });
  return c.b.input(name, "float32", [1]);
}

/** 1 − baseᵗ in the roundings of ONNX Runtime's kernel. */
export const correctionOf = (base: number, t: number): number => Math.fround(1 - Math.fround(Math.fround(base) ** t));

function requireSame(lists: Readonly<Record<string, readonly Value[]>>): void {
  const [[, first], ...rest] = Object.entries(lists) as [[string, readonly Value[]], ...[string, readonly Value[]][]];
  if (first.length === 0) throw new GraphError("there is no parameter to update");
  for (const [name, list] of rest) {
    if (list.length !== first.length) throw new GraphError(`${first.length} parameters, but ${list.length} ${name}`);
    list.forEach(({ shape }, i) => {
      if (shape.join() !== first[i]?.shape.join())
        throw new GraphError(
          `parameter ${i} is [${first[i]?.shape.join(", ")}], but of ${name} it is [${shape.join(", ")}]`,
        );
    });
  }
}

/**
 * AdamW (training_ops/cpu/optimizer/adamw). Mode 0 is PyTorch's: decay first, bias corrections of both moments. Mode 1 is
 * Hugging Face's: bias corrections in the rate, decay of the updated parameter.
 */
function adamW(c: Call): Results {
  const b = c.b;
  const [rate, step] = [c.in(0), c.in(1)];
  const [parameters, gradients, firsts, seconds] = [c.sequence(2), c.sequence(3), c.sequence(4), c.sequence(5)];
  requireSame({ parameters, gradients, "first moments": firsts, "second moments": seconds });
  const [alpha, beta] = [c.number("alpha", 0.9), c.number("beta", 0.999)];
  const [epsilon, decayRate] = [c.number("epsilon", 1e-8), c.number("weight_decay", 0.01)];
  const mode = c.number("adam_mode", 0);
  if (mode !== 0 && mode !== 1) throw new GraphError(`adam_mode ${mode} is neither 0 nor 1`);
  const corrected = c.number("correct_bias", 1) === 1;
  const [c1, c2] = corrected ? [correction(c, alpha, step), correction(c, beta, step)] : [b.scalar(1), b.scalar(1)];

  const signal = c.optional(6);
  const finite = normOf(c, gradients);
  const allowed = signal ? b.forward("And", [finite, signal]) : finite;
  const orElse = (value: Value, otherwise: number) => b.where(allowed, value, b.scalar(otherwise));
  const decay = orElse(b.sub(b.scalar(1), b.mul(rate, b.scalar(decayRate))), 1);
  const scale = orElse(mode === 1 ? b.div(b.mul(rate, b.sqrt(c2)), c1) : b.div(rate, c1), 0);
  const [oldFirst, oldSecond] = [orElse(b.scalar(alpha), 1), orElse(b.scalar(beta), 1)];
  const fresh = (factor: number) => orElse(b.sub(b.scalar(1), b.scalar(factor)), 0);
  const [newFirst, newSecond] = [fresh(alpha), fresh(beta)];

  const updated = parameters.map((parameter, i) => {
    const g = b.where(allowed, gradients[i] as Value, b.scalar(0));
    const m = b.add(b.mul(firsts[i] as Value, oldFirst), b.mul(g, newFirst));
    const v = b.add(b.mul(seconds[i] as Value, oldSecond), b.mul(b.mul(g, g), newSecond));
    const root = b.sqrt(mode === 1 ? v : b.div(v, c2));
    const change = b.div(b.mul(m, scale), b.add(root, b.scalar(epsilon)));
    const p = mode === 1 ? b.mul(b.sub(parameter, change), decay) : b.sub(b.mul(parameter, decay), change);
    overwrite(c, firsts[i] as Value, m);
    overwrite(c, seconds[i] as Value, v);
    return { p: overwrite(c, parameter, p), m, v };
  });
  return [null, updated.map(({ p }) => p), updated.map(({ m }) => m), updated.map(({ v }) => v)];
}

/** p − rate·g, for every parameter. */
function sgd(c: Call): Results {
  const b = c.b;
  const rate = c.in(0);
  const [parameters, gradients] = [c.sequence(1), c.sequence(2)];
  requireSame({ parameters, gradients });
  const signal = c.optional(3);
  const finite = normOf(c, gradients);
  const allowed = signal ? b.forward("And", [finite, signal]) : finite;
  const updated = parameters.map((parameter, i) => {
    const change = b.mul(b.where(allowed, gradients[i] as Value, b.scalar(0)), rate);
    return overwrite(c, parameter, b.sub(copied(c, parameter), change));
  });
  return [null, updated];
}

/** All gradients times min(max_norm/(‖g‖ + 10⁻⁶), 1). */
function clipGradNorm(c: Call): Results {
  const gradients = c.sequence(0);
  const norm = c.b.sqrt(squaredNorm(c, gradients));
  c.effects.gradientNorm ??= norm;
  const factor = clipFactor(c, norm, c.number("max_norm", 1));
  return [gradients.map((gradient) => c.b.mul(gradient, c.b.reshape(factor, [1])))];
}

/** buffer + value, or value where the buffer starts again. */
function accumulate(c: Call): Results {
  const b = c.b;
  const [buffer, value] = [c.in(0), c.in(1)];
  const overwrites = c.optional(2);
  const old = overwrites ? b.where(overwrites, b.scalar(0), buffer) : copied(c, buffer);
  const sum = overwrite(c, buffer, b.add(old, b.reshape(value, buffer.shape)));
  return [null, sum];
}

export const optimizers = {
  InPlaceAccumulatorV2: accumulate,
  InPlaceAccumulator: (c) => {
    const signal = c.optional(2);
    const [buffer, value] = [c.in(0), c.in(1)];
    const sum = c.b.add(buffer, value);
    return [overwrite(c, buffer, signal ? c.b.where(signal, sum, buffer) : sum)];
  },
  InplaceClipGradNorm: clipGradNorm,
  AdamWOptimizer: adamW,
  SGDOptimizerV2: sgd,
  ReduceAllL2: (c) => c.b.reshape(c.b.sqrt(squaredNorm(c, c.all())), []),
  Group: () => [null],
  SequenceConstruct: (c): Results => [c.all() satisfies Operand],
  SequenceAt: (c) => {
    const list = c.sequence(0);
    const at = c.scalar(1, 0);
    const found = list[at < 0 ? at + list.length : at];
    if (!found) throw new GraphError(`the sequence of ${list.length} has no tensor ${at}`);
    return found;
  },
} as const satisfies Readonly<Record<string, Lowering>>;

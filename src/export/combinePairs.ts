/**
 * A foreign LoRA as Hone's, which has one rank and one scale for all layers: a smaller rank becomes zeros, and another scale a
 * factor of B. Both leave the answers as they are, and zeros stay zero in training: A has no gradient where B is zero, and B none
 * where A is.
 */

import type { Method } from "../artifacts/method.ts";
import { isTarget, type Linear } from "../nn/scope.ts";
import { modulePath } from "./adapterKeys.ts";
import { ExportError } from "./files.ts";
import { wayOut } from "./peftConfig.ts";

type Numbers = Float32Array<ArrayBuffer>;

export type LoraMethod = Extract<Method, { kind: "lora" }>;

/** Tensors by Hone's names: `model.layers.0.self_attn.q_proj.lora_A.weight`. */
export type AdapterTensors = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/** The two matrices of a linear layer, before they have one rank and one scale. */
export interface AdapterPair {
  readonly linear: Linear;
  readonly rank: number;
  /** Factor of B·A. */
  readonly scale: number;
  /** [rank, in], row-major. */
  readonly down: Numbers;
  /** [out, rank], row-major. */
  readonly up: Numbers;
}

export interface CombinedAdapter {
  readonly method: LoraMethod;
  readonly tensors: AdapterTensors;
  /** For the user, a sentence each. */
  readonly notes: readonly string[];
}

/** More than the form allows; a larger one is stored as a factor of B. */
const largestAlpha = 4096;
const largestRank = 1024;

/**
 * One rank and one alpha for all layers: the largest rank, and the scale of most numbers. `linears` are all of the model's;
 * `given` are the targets of the adapter's own config, which stay where they name the same layers.
 */
export function combinePairs(
  pairs: readonly AdapterPair[],
  linears: readonly Linear[],
  given: readonly string[] | null,
): CombinedAdapter {
  const ranks = pairs.map(({ rank }) => rank);
  const [least, rank] = [Math.min(...ranks), Math.max(...ranks)];
  if (rank > largestRank) {
    throw new ExportError(`The adapter has the rank ${rank}, but Hone's largest is ${largestRank}: ${wayOut}.`);
  }
  const common = commonScale(pairs);
  if (common === 0) throw new ExportError("The adapter's alpha is 0, so it changes nothing: choose another adapter.");
  let scale = common;
  while (scale * rank > largestAlpha) scale /= 2;
  const tensors = new Map<string, Numbers>();
  let [scaled, rounded] = [0, 0];
  for (const { linear, rank: own, scale: ownScale, down, up } of pairs) {
    const factor = ownScale / scale;
    if (ownScale !== common) scaled++;
    if (!isExact(factor, up)) rounded++;
    const [out, width] = linear.shape;
    const wideDown = new Float32Array(rank * width);
    wideDown.set(down);
    const wideUp = new Float32Array(out * rank);
    for (let row = 0; row < out; row++) {
      for (let column = 0; column < own; column++) {
        wideUp[row * rank + column] = (up[row * own + column] as number) * factor;
      }
    }
    tensors.set(`${linear.path}.lora_A.weight`, wideDown);
    tensors.set(`${linear.path}.lora_B.weight`, wideUp);
  }
  const of = `of ${pairs.length} adapted layers`;
  const idle = pairs.filter(({ up }) => up.every((value) => value === 0)).length;
  const notes = [
    ...(least < rank
      ? [
          `Its ranks go from ${least} to ${rank}. Hone stores all with rank ${rank}, the rest as zeros, which stay zero in training.`,
        ]
      : []),
    ...(scaled > 0
      ? [
          `${scaled} ${of} have another scale than alpha / rank ${Number(scale.toPrecision(4))}; it is now a factor of B.`,
        ]
      : []),
    ...(rounded > 0 ? [`This rounds B of ${rounded} ${of}, by at most one unit of float32's last place.`] : []),
    ...(idle === pairs.length ? ["The adapter changes nothing: every B is zero."] : []),
  ];
  return {
    method: { kind: "lora", rank, alpha: scale * rank, targets: targetsOf(pairs, linears, given) },
    tensors,
    notes,
  };
}

/** The scale of most numbers, without its sign. */
function commonScale(pairs: readonly AdapterPair[]): number {
  const numbers = new Map<number, number>();
  for (const { scale, down, up } of pairs) {
    const size = Math.abs(scale);
    if (size > 0) numbers.set(size, (numbers.get(size) ?? 0) + down.length + up.length);
  }
  return [...numbers].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? 0;
}

/** Whether all products with a factor are exact in float32. */
const isExact = (factor: number, values: Numbers) =>
  values.every((value) => Math.fround(value * factor) === value * factor);

/** Names of the adapted layers: those given, else last names, else paths from the layer on, whichever names no other layer. */
function targetsOf(
  pairs: readonly AdapterPair[],
  linears: readonly Linear[],
  given: readonly string[] | null,
): readonly string[] {
  const adapted = new Set(pairs.map(({ linear }) => linear.path));
  const fits = (targets: readonly string[]) =>
    linears.every(({ path }) => isTarget(path, targets) === adapted.has(path));
  const lastName = (path: string) => path.slice(path.lastIndexOf(".") + 1);
  const names = [...new Set(pairs.map(({ linear }) => lastName(linear.path)))];
  const choice = [given, names].find((targets) => targets && fits(targets));
  return choice ?? pairs.map(({ linear }) => modulePath(linear.path).inner);
}

/** Truncates sequences that exceed the length limit, and counts the supervised tokens that are lost. */

import type { Encoding } from "../tokenizer/tokenizer.ts";
import { supervisedIn } from "./batch.ts";

/** A chat above the limit is left out, loses the beginning of its context ("left"), or loses its end ("right"). */
export const truncations = ["drop", "left", "right"] as const;

export type Truncation = (typeof truncations)[number];

export interface TruncateOptions {
  /** Longest sequence in tokens. */
  readonly maxLength: number;
  readonly mode: Truncation;
  /** BOS, which stays first when the text after it is cut; null for a model without BOS. */
  readonly bosId: number | null;
}

/** A sequence after truncation. With a `problem` it is not trained on; the other fields then only describe it. */
export interface Truncated {
  readonly ids: Int32Array;
  /** The encoding's mask, but 0 for the first token, because nothing predicts that one. */
  readonly mask: Uint8Array;
  /** The encoding's loss weights. */
  readonly weights: Float32Array;
  /** Index in the encoding of each remaining token. */
  readonly indices: Int32Array;
  /** Number of supervised tokens that remain. */
  readonly supervised: number;
  readonly supervisedLost: number;
  /** The reason why the row is left out; null when it is used. */
  readonly problem: string | null;
}

export type Tokens = Pick<Encoding, "ids" | "mask" | "weights">;

/**
 * Cuts a chat to `maxLength` tokens. "drop" leaves out a chat that is too long. "right" keeps the beginning. "left" keeps BOS
 * and the end of the last answer: it first cuts the unsupervised tokens after that answer, then the oldest tokens. A row
 * without remaining supervised tokens is left out.
 */
export function truncate(encoding: Tokens, { maxLength, mode, bosId }: TruncateOptions): Truncated {
  const { ids, mask, weights } = encoding;
  const count = ids.length;
  const supervised = supervisedIn(mask);
  if (count <= maxLength || mode === "drop") {
    const tooLong = `${count} tokens exceed the limit of ${maxLength}; raise the length or shorten the row`;
    const problem = count > maxLength ? tooLong : supervised === 0 ? nothingSupervised : null;
    return { ids, mask, weights, indices: upTo(count), supervised, supervisedLost: 0, problem };
  }

  const end = mask.lastIndexOf(1) + 1;
  // If the last answer ends within the limit, it is enough to cut the tokens after it.
  const fromRight = mode === "right" || end <= maxLength;
  const head = ids[0] === bosId ? 1 : 0;
  const indices = upTo(maxLength).map((i) => (fromRight || i < head ? i : end - maxLength + i));
  const cut = select(encoding, indices, supervised);
  if (supervised === 0) return { ...cut, problem: nothingSupervised };
  if (cut.supervised > 0) return cut;
  const lost = `the limit of ${maxLength} tokens cuts all ${supervised} supervised ones`;
  return { ...cut, problem: `${lost}; ${mode === "right" ? "cut from the left instead, or " : ""}raise the length` };
}

/**
 * Cuts plain text into consecutive windows of at most `maxLength` tokens. Their sizes are nearly equal, so no window is too
 * short for context. Every token is supervised in exactly one window. Each window starts with one token of context: BOS if
 * the text starts with BOS, because the model has seen it first in every sequence, else the token before the window.
 * Throws a RangeError when `maxLength` is below 2 and the text is longer.
 */
export function windows(
  encoding: Tokens,
  { maxLength, bosId }: Pick<TruncateOptions, "maxLength" | "bosId">,
): Truncated[] {
  const { ids } = encoding;
  if (ids.length <= maxLength) return [window(encoding, upTo(ids.length))];
  if (maxLength < 2) {
    throw new RangeError(`Text cannot be cut into windows of ${maxLength} tokens; raise the length to 2 at least.`);
  }
  const opensWithBos = ids[0] === bosId;
  // The first token is no target; the others are divided among as few windows as possible.
  const targets = ids.length - 1;
  const count = Math.ceil(targets / (maxLength - 1));
  return Array.from({ length: count }, (_, index) => {
    const start = 1 + Math.floor((index * targets) / count);
    const end = 1 + Math.floor(((index + 1) * targets) / count);
    const indices = upTo(1 + end - start).map((i) => start - 1 + i);
    if (opensWithBos) indices[0] = 0;
    return window(encoding, indices);
  });
}

const nothingSupervised = "no supervised token: every response has weight 0";

function window(encoding: Tokens, indices: Int32Array): Truncated {
  // Nothing is lost: a window's first token is supervised in the window before, or is the first token of the text.
  const whole = { ...select(encoding, indices, 0), supervisedLost: 0 };
  return whole.supervised > 0 ? whole : { ...whole, problem: "no supervised token: the text is empty or has weight 0" };
}

/** 0, 1, … count − 1 */
export function upTo(count: number): Int32Array {
  const numbers = new Int32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = i;
  return numbers;
}

/** The tokens at `indices` of an encoding with `total` supervised tokens. */
export function select({ ids, mask, weights }: Tokens, indices: Int32Array, total: number): Truncated {
  const selected = Uint8Array.from(indices, (index, i) => (i === 0 ? 0 : (mask[index] ?? 0)));
  const supervised = supervisedIn(selected);
  return {
    ids: indices.map((index) => ids[index] ?? 0),
    mask: selected,
    weights: Float32Array.from(indices, (index) => weights[index] ?? 0),
    indices,
    supervised,
    supervisedLost: total - supervised,
    problem: null,
  };
}

/** Cuts what is longer than the limit, and counts what that costs. */

import type { Encoding } from "../tokenizer/tokenizer.ts";
import { supervisedIn } from "./batch.ts";

/** A chat that is longer than the limit is left out, loses the beginning of its context, or loses its end. */
export const truncations = ["drop", "left", "right"] as const;

export type Truncation = (typeof truncations)[number];

export interface TruncateOptions {
  /** Longest sequence in tokens. */
  readonly maxLength: number;
  readonly mode: Truncation;
  /** The token that stays at the beginning when the text after it is cut; null where the model has none. */
  readonly bosId: number | null;
}

/** With a `problem` it is not to be learnt from; the rest then says what it would have been. */
export interface Truncated {
  readonly ids: Int32Array;
  /** As in the encoding, but 0 for the first token, which nothing predicts. */
  readonly mask: Uint8Array;
  /** As in the encoding. */
  readonly weights: Float32Array;
  /** Index in the encoding of each kept token. */
  readonly kept: Int32Array;
  readonly supervisedKept: number;
  readonly supervisedLost: number;
  /** Why the row is left out, null when it is used. */
  readonly problem: string | null;
}

type Tokens = Pick<Encoding, "ids" | "mask" | "weights">;

/**
 * Cuts a chat to `maxLength` tokens. "drop" never cuts: what is too long is left out. "right" keeps the beginning. "left"
 * keeps the end of the last answer, and BOS: it cuts what follows that answer, from which nothing is learnt, and then the
 * oldest tokens. A row that keeps no supervised token is left out.
 */
export function truncate(encoding: Tokens, { maxLength, mode, bosId }: TruncateOptions): Truncated {
  const { ids, mask, weights } = encoding;
  const count = ids.length;
  const supervised = supervisedIn(mask);
  if (count <= maxLength || mode === "drop") {
    const kept = upTo(count);
    const tooLong = `${count} tokens exceed the limit of ${maxLength}; raise the length or shorten the row`;
    const problem = count > maxLength ? tooLong : supervised === 0 ? nothingToLearn : null;
    return { ids, mask, weights, kept, supervisedKept: supervised, supervisedLost: 0, problem };
  }

  const end = mask.lastIndexOf(1) + 1;
  // Where the last answer ends before the limit, cutting what follows it is enough.
  const fromRight = mode === "right" || end <= maxLength;
  const head = ids[0] === bosId ? 1 : 0;
  const kept = upTo(maxLength).map((i) => (fromRight || i < head ? i : end - maxLength + i));
  const cut = select(encoding, kept, supervised);
  if (supervised === 0) return { ...cut, problem: nothingToLearn };
  if (cut.supervisedKept > 0) return cut;
  const lost = `the limit of ${maxLength} tokens cuts away all ${supervised} that would be learnt`;
  return { ...cut, problem: `${lost}; ${mode === "right" ? "cut from the left instead, or " : ""}raise the length` };
}

/**
 * Cuts plain text into consecutive windows of at most `maxLength` tokens and of nearly equal size, so that no window has to
 * predict the end of a text of which it has seen next to nothing. Nothing is lost, and nothing is learnt twice: each window
 * begins with one token of context, which is BOS where the text begins with it, as then every sequence that the model has
 * seen does; else the token before the window. Throws RangeError when `maxLength` is below 2 and something has to be cut.
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
  // The first token is nobody's target; the others are dealt out to as few windows as can hold them.
  const targets = ids.length - 1;
  const count = Math.ceil(targets / (maxLength - 1));
  return Array.from({ length: count }, (_, index) => {
    const start = 1 + Math.floor((index * targets) / count);
    const end = 1 + Math.floor(((index + 1) * targets) / count);
    const kept = upTo(1 + end - start).map((i) => start - 1 + i);
    if (opensWithBos) kept[0] = 0;
    return window(encoding, kept);
  });
}

const nothingToLearn = "no token to learn: every response has weight 0";

function window(encoding: Tokens, kept: Int32Array): Truncated {
  // Its first token is the target of the window before, or of none.
  const whole = { ...select(encoding, kept, 0), supervisedLost: 0 };
  return whole.supervisedKept > 0 ? whole : { ...whole, problem: "no token to learn: the text is empty or weighs 0" };
}

/** 0, 1, … count − 1 */
function upTo(count: number): Int32Array {
  const numbers = new Int32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = i;
  return numbers;
}

/** The tokens at `kept`, of which `supervised` are to be accounted for. */
function select({ ids, mask, weights }: Tokens, kept: Int32Array, supervised: number): Truncated {
  const keptMask = Uint8Array.from(kept, (index, i) => (i === 0 ? 0 : (mask[index] ?? 0)));
  const supervisedKept = supervisedIn(keptMask);
  return {
    ids: kept.map((index) => ids[index] ?? 0),
    mask: keptMask,
    weights: Float32Array.from(kept, (index) => weights[index] ?? 0),
    kept,
    supervisedKept,
    supervisedLost: supervised - supervisedKept,
    problem: null,
  };
}

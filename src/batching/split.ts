/** Which examples are held out for validation. */

import { createRandom, shuffle } from "../tensor/random.ts";

/** Examples in parallel lists, as a `TokenTable` holds them. */
export interface SplitTable {
  /** Index of each example's source. */
  readonly sources: ArrayLike<number>;
  /** Index of its record in that source; examples of one record stay together. */
  readonly rows: ArrayLike<number>;
  /** 0 where the record names no split, 1 training, 2 validation. */
  readonly splits: ArrayLike<number>;
}

/**
 * Gives indices of examples, ascending. Where a record names the validation split, those records are held out and no
 * other. Else it is `share` of each source's records: at least one where the share is not 0 and the source has two, and
 * never all. The same seed holds out the same ones, and adding a source leaves those before it as they were.
 * Where every record names the validation split none is left to train on, which the preflight finds.
 */
export function splitValidation(
  { sources, rows, splits }: SplitTable,
  share: number,
  seed: number,
): { training: number[]; validation: number[] } {
  const indices = Array.from({ length: sources.length }, (_, i) => i);
  const part = (held: (index: number) => boolean) => ({
    training: indices.filter((index) => !held(index)),
    validation: indices.filter(held),
  });
  if (indices.some((index) => splits[index] === 2)) {
    return part((index) => splits[index] === 2);
  }
  if (!(share > 0)) return part(() => false);

  // Records of each source in the order of their first example.
  const records = new Map<number, Set<number>>();
  for (const index of indices) {
    const source = sources[index] ?? 0;
    const own = records.get(source) ?? new Set();
    records.set(source, own.add(rows[index] ?? 0));
  }
  const random = createRandom(seed);
  const held = new Map<number, Set<number>>();
  for (const source of [...records.keys()].sort((a, b) => a - b)) {
    const order = [...(records.get(source) ?? [])];
    const places = shuffle(
      order.map((_, place) => place),
      random,
    );
    const count = Math.min(Math.max(1, Math.round(order.length * share)), order.length - 1);
    held.set(source, new Set(places.slice(0, count).map((place) => order[place] ?? 0)));
  }
  return part((index) => held.get(sources[index] ?? 0)?.has(rows[index] ?? 0) ?? false);
}

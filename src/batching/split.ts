/** Splits examples into training and held-out validation examples. */

import { createRandom, shuffle } from "../tensor/random.ts";

/** Examples as parallel lists, the layout of a `TokenTable`. */
export interface SplitTable {
  /** Index of each example's source. */
  readonly sources: ArrayLike<number>;
  /** Index of each example's record in its source; examples of one record stay together. */
  readonly rows: ArrayLike<number>;
  /** The split that the record names: 0 none, 1 training, 2 validation. */
  readonly splits: ArrayLike<number>;
}

/**
 * Returns ascending indices of examples. If any record names the validation split, exactly those records are held out.
 * Otherwise a `share` above 0 of each source's records is held out: at least one if the source has two, and never all. Equal
 * seeds hold out equal records, and an added source does not change the split of the sources before it. If every record names
 * the validation split, no example is left to train on; the preflight reports that.
 */
export function splitValidation(
  { sources, rows, splits }: SplitTable,
  share: number,
  seed: number,
): { training: number[]; validation: number[] } {
  const indices = Array.from({ length: sources.length }, (_, i) => i);
  const part = (isHeldOut: (index: number) => boolean) => ({
    training: indices.filter((index) => !isHeldOut(index)),
    validation: indices.filter(isHeldOut),
  });
  if (indices.some((index) => splits[index] === 2)) {
    return part((index) => splits[index] === 2);
  }
  if (!(share > 0)) return part(() => false);

  // Records of each source, ordered by their first example.
  const records = new Map<number, Set<number>>();
  for (const index of indices) {
    const source = sources[index] ?? 0;
    const own = records.get(source) ?? new Set();
    records.set(source, own.add(rows[index] ?? 0));
  }
  const random = createRandom(seed);
  const heldOut = new Map<number, Set<number>>();
  for (const source of [...records.keys()].sort((a, b) => a - b)) {
    const order = [...(records.get(source) ?? [])];
    const places = shuffle(
      order.map((_, place) => place),
      random,
    );
    const count = Math.min(Math.max(1, Math.round(order.length * share)), order.length - 1);
    heldOut.set(source, new Set(places.slice(0, count).map((place) => order[place] ?? 0)));
  }
  return part((index) => heldOut.get(sources[index] ?? 0)?.has(rows[index] ?? 0) ?? false);
}

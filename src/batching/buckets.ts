/** Chooses the few static batch shapes of a run from its data; each shape costs a compiled session. */

import { type BatchShape, supervisedIn, type TokenizedExample } from "./batch.ts";

/** Sizes are rounded up to multiples of this, so that similar data gives equal artifacts. */
const grain = 16;
const mostBuckets = 4;
/** One more bucket must save at least this share of the padded tokens, because its session must be compiled. */
const worthwhile = 0.05;

const roundUp = (n: number) => Math.max(grain, Math.ceil(n / grain) * grain);

const supervisedOf = ({ mask }: TokenizedExample) => supervisedIn(mask);

/** Inserts `value` into `top`, a descending list of at most `size` numbers. */
function keepLargest(top: number[], value: number, size: number): void {
  if (top.length === size && value <= (top[size - 1] ?? 0)) return;
  let i = top.length;
  while (i > 0 && (top[i - 1] ?? 0) < value) i--;
  top.splice(i, 0, value);
  if (top.length > size) top.pop();
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/**
 * At most four shapes for unpacked rows, shortest first, with the least padding. Each has room for the supervised tokens of
 * any `batchSize` different examples up to its `length`. With `repeats` one example may fill a whole batch, as happens when
 * a mixture draws more often from a source than it has rows.
 */
export function chooseBuckets(
  examples: readonly TokenizedExample[],
  batchSize: number,
  { repeats }: { readonly repeats: boolean },
): BatchShape[] {
  // Per rounded length: the number of examples, and the `batchSize` largest counts of supervised tokens.
  const sizes = new Map<number, { count: number; readonly top: number[] }>();
  for (const example of examples) {
    const length = roundUp(example.ids.length);
    const size = sizes.get(length) ?? { count: 0, top: [] };
    sizes.set(length, size);
    size.count++;
    keepLargest(size.top, supervisedOf(example), batchSize);
  }
  const distinct = [...sizes].sort(([a], [b]) => a - b).map(([length, size]) => ({ length, ...size }));
  const top: number[] = [];
  let next = 0;
  return chooseLengths(distinct).map((length) => {
    for (; (distinct[next]?.length ?? Infinity) <= length; next++) {
      for (const count of distinct[next]?.top ?? []) keepLargest(top, count, batchSize);
    }
    const most = repeats ? batchSize * (top[0] ?? 0) : sum(top);
    return { rows: batchSize, length, supervised: roundUp(most) };
  });
}

/**
 * The bucket lengths with the fewest padded tokens: dynamic programming over the distinct lengths, in ascending order. O(n log n):
 * the cost is a product of two ascending numbers, so the best starts ascend with the lengths.
 */
function chooseLengths(distinct: readonly { readonly length: number; readonly count: number }[]): number[] {
  // below[i]: number of examples with the i shortest distinct lengths.
  const below = [0];
  for (const { count } of distinct) below.push((below.at(-1) ?? 0) + count);
  interface Plan {
    readonly cost: number;
    readonly ends: readonly number[];
  }
  const nothing: Plan = { cost: 0, ends: [] };
  const impossible: Plan = { cost: Infinity, ends: [] };
  // plans[i]: the cheapest plan for the i shortest distinct lengths, with at most the buckets tried so far.
  let plans: Plan[] = [nothing, ...distinct.map(() => impossible)];
  let best = impossible;
  for (let buckets = 1; buckets <= mostBuckets; buckets++) {
    const longer: Plan[] = distinct.map(() => impossible);
    /** Lengths `low` to `high`, whose last buckets begin at one of `from` to `to`: the longer the length, the later. */
    const cover = (low: number, high: number, from: number, to: number): void => {
      if (low >= high) return;
      const middle = (low + high) >> 1;
      const length = distinct[middle]?.length ?? 0;
      let cost = Infinity;
      let begin = from;
      for (let j = from; j <= Math.min(middle, to); j++) {
        const covered = (below[middle + 1] ?? 0) - (below[j] ?? 0);
        const candidate = (plans[j]?.cost ?? Infinity) + covered * length;
        if (candidate < cost) [cost, begin] = [candidate, j];
      }
      longer[middle] = { cost, ends: [...(plans[begin]?.ends ?? []), length] };
      cover(low, middle, from, begin);
      cover(middle + 1, high, begin, to);
    };
    cover(0, distinct.length, 0, distinct.length - 1);
    plans = [nothing, ...longer];
    const plan = longer.at(-1);
    if (plan && plan.cost < best.cost * (1 - worthwhile)) best = plan;
  }
  return [...best.ends];
}

/**
 * One or two shapes of packed rows, all of the packed `length`, the larger last. `groups` are the packed rows of one epoch,
 * each a list of indices into `examples`. The first shape fits the `batchSize` groups with the most supervised tokens. Other
 * epochs pack differently, so the second fits every possible packing; it is left out where it would hardly be larger.
 */
export function choosePackedBuckets(
  examples: readonly TokenizedExample[],
  groups: Iterable<readonly number[]>,
  { batchSize, length }: { readonly batchSize: number; readonly length: number },
): BatchShape[] {
  const supervised = examples.map(supervisedOf);
  const top: number[] = [];
  for (const group of groups) keepLargest(top, sum(group.map((index) => supervised[index] ?? 0)), batchSize);
  // The density of supervised tokens in a row is at most that of the densest example.
  let most = 0;
  examples.forEach(({ ids }, i) => {
    if (ids.length > 0) most = Math.max(most, Math.floor((length * (supervised[i] ?? 0)) / ids.length));
  });
  const usual = { rows: batchSize, length: roundUp(length), supervised: roundUp(sum(top)) };
  const full = { ...usual, supervised: roundUp(batchSize * most) };
  return usual.supervised < full.supervised * (1 - worthwhile) ? [usual, full] : [full];
}

/** The first bucket that fits these rows, each one example or several packed. Throws when none fits. */
export function bucketFor(buckets: readonly BatchShape[], rows: readonly (readonly TokenizedExample[])[]): BatchShape {
  let longest = 0;
  let supervised = 0;
  for (const row of rows) {
    longest = Math.max(longest, sum(row.map(({ ids }) => ids.length)));
    supervised += sum(row.map(supervisedOf));
  }
  const fits = (shape: BatchShape) =>
    shape.rows >= rows.length && shape.length >= longest && shape.supervised >= supervised;
  const bucket = buckets.find(fits);
  if (bucket) return bucket;
  const most = buckets.at(-1);
  throw new Error(
    `No bucket fits ${rows.length} rows of at most ${longest} tokens with ${supervised} supervised ones in the batch; the ` +
      `largest has room for ${most?.rows ?? 0}, ${most?.length ?? 0} and ${most?.supervised ?? 0}.`,
  );
}

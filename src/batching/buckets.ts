/** The few static shapes that a run's batches have, chosen from its data: each is a session to compile. */

import { type BatchShape, supervisedIn, type TokenizedExample } from "./batch.ts";

/** Shapes are rounded up to this, so that nearly equal data gives equal artifacts. */
const grain = 16;
const mostBuckets = 4;
/** A further bucket costs a session to compile: it must save at least this share of the padding. */
const worthwhile = 0.05;

const roundUp = (n: number) => Math.max(grain, Math.ceil(n / grain) * grain);

const supervisedOf = ({ mask }: TokenizedExample) => supervisedIn(mask);

/** Puts `value` into `top`, which descends and holds at most `size`. */
function keepLargest(top: number[], value: number, size: number): void {
  if (top.length === size && value <= (top[size - 1] ?? 0)) return;
  let i = top.length;
  while (i > 0 && (top[i - 1] ?? 0) < value) i--;
  top.splice(i, 0, value);
  if (top.length > size) top.pop();
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/**
 * At most four shapes for unpacked rows, shortest first, that pad the examples least. `supervised` of each suffices for any
 * `batchSize` examples that are no longer than its `length`; different ones, unless `repeats` says that an example may come
 * several times in a batch, as it may where a mixture draws more often from a source than it has rows.
 */
export function chooseBuckets(
  examples: readonly TokenizedExample[],
  batchSize: number,
  { repeats }: { readonly repeats: boolean },
): BatchShape[] {
  // Per rounded length: how many examples, and the largest counts of supervised tokens among them.
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
 * The bucket lengths whose padded tokens are fewest, by dynamic programming over the distinct lengths, which ascend. Takes
 * O(n log n) time: the cost is a product of two ascending numbers, so that the best beginnings ascend with the lengths.
 */
function chooseLengths(distinct: readonly { readonly length: number; readonly count: number }[]): number[] {
  // below[i]: examples of the i shortest distinct lengths.
  const below = [0];
  for (const { count } of distinct) below.push((below.at(-1) ?? 0) + count);
  interface Plan {
    readonly cost: number;
    readonly ends: readonly number[];
  }
  const nothing: Plan = { cost: 0, ends: [] };
  const impossible: Plan = { cost: Infinity, ends: [] };
  // plans[i]: the best cover of the i shortest distinct lengths with the buckets allowed so far.
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
 * The shapes of packed rows, all of the packed `length`, the roomier last. `groups` are an epoch's rows as the sampler packs
 * them, each a list of indices into `examples`. The first shape holds the `batchSize` groups with most supervised tokens; as
 * other epochs are packed otherwise, a second one holds whatever they may bring. Its session is built only when it is asked
 * for, and it is left out where it would be hardly larger.
 */
export function choosePackedBuckets(
  examples: readonly TokenizedExample[],
  groups: Iterable<readonly number[]>,
  { batchSize, length }: { readonly batchSize: number; readonly length: number },
): BatchShape[] {
  const supervised = examples.map(supervisedOf);
  const top: number[] = [];
  for (const group of groups) keepLargest(top, sum(group.map((index) => supervised[index] ?? 0)), batchSize);
  // No row can be denser in supervised tokens than the densest example.
  let most = 0;
  examples.forEach(({ ids }, i) => {
    if (ids.length > 0) most = Math.max(most, Math.floor((length * (supervised[i] ?? 0)) / ids.length));
  });
  const usual = { rows: batchSize, length: roundUp(length), supervised: roundUp(sum(top)) };
  const full = { ...usual, supervised: roundUp(batchSize * most) };
  return usual.supervised < full.supervised * (1 - worthwhile) ? [usual, full] : [full];
}

/** The first bucket that holds these rows, each one example or several packed. Throws when none does. */
export function bucketFor(buckets: readonly BatchShape[], rows: readonly (readonly TokenizedExample[])[]): BatchShape {
  let longest = 0;
  let supervised = 0;
  for (const row of rows) {
    longest = Math.max(longest, sum(row.map(({ ids }) => ids.length)));
    supervised += sum(row.map(supervisedOf));
  }
  const bucket = buckets.find((shape) => shape.length >= longest && shape.supervised >= supervised);
  if (bucket) return bucket;
  const most = buckets.at(-1);
  throw new Error(
    `No bucket holds ${longest} tokens with ${supervised} supervised ones in the batch; the largest has room for ` +
      `${most?.length ?? 0} and ${most?.supervised ?? 0}.`,
  );
}

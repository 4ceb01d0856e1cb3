/** Examples to micro-batches: static shapes chosen from the data, padding and packing, and the seeded order of an epoch. */

import { createRandom, type RandomState, shuffle } from "../tensor/random.ts";
import type { Batch, BatchShape, TokenizedExample } from "./batch.ts";

/** One example per row, right-padded; fewer examples than rows leave empty rows. Throws when they do not fit the shape. */
export function makeBatch(examples: readonly TokenizedExample[], shape: BatchShape): Batch {
  return packBatch(
    examples.map((example) => [example]),
    shape,
  );
}

/**
 * Several examples per row, one behind the other: segments 1, 2, … and positions that restart, so that none sees another.
 * Throws, naming what does not fit, when rows, tokens or supervised positions exceed the shape.
 */
export function packBatch(groups: readonly (readonly TokenizedExample[])[], shape: BatchShape): Batch {
  const { rows, length, supervised } = shape;
  if (groups.length > rows) throw new Error(`${groups.length} rows do not fit a batch of ${rows}.`);
  const inputIds = new Int32Array(rows * length);
  const positionIds = new Int32Array(rows * length);
  const segmentIds = new Int32Array(rows * length);
  const supervisedIndex = new Int32Array(supervised);
  const targets = new Int32Array(supervised);
  const lossWeights = new Float32Array(supervised);
  let weightSum = 0;
  let tokens = 0;
  let supervisedTokens = 0;

  groups.forEach((examples, b) => {
    let t = 0;
    examples.forEach(({ row, ids, weights }, segment) => {
      if (t + ids.length > length) {
        throw new Error(`Row ${row + 1}: token ${t + ids.length} does not fit a length of ${length}.`);
      }
      const start = b * length + t;
      inputIds.set(ids, start);
      for (let i = 0; i < ids.length; i++) {
        positionIds[start + i] = i;
        segmentIds[start + i] = segment + 1;
        const weight = weights[i] ?? 0;
        if (weight === 0) continue;
        if (i === 0) throw new Error(`Row ${row + 1}: its first token has a loss weight, and nothing predicts it.`);
        if (supervisedTokens === supervised) {
          throw new Error(`Row ${row + 1}: the batch has room for ${supervised} supervised tokens, and they are more.`);
        }
        supervisedIndex[supervisedTokens] = start + i - 1;
        targets[supervisedTokens] = ids[i] ?? 0;
        lossWeights[supervisedTokens] = weight;
        weightSum += weight;
        supervisedTokens++;
      }
      t += ids.length;
    });
    tokens += t;
  });
  return {
    shape,
    inputIds,
    positionIds,
    segmentIds,
    supervisedIndex,
    targets,
    lossWeights,
    weightSum,
    tokens,
    supervisedTokens,
    sourceRows: groups.flat().map(({ row }) => row),
  };
}

/** Shapes are rounded up to this, so that nearly equal data gives equal artifacts. */
const grain = 16;
const mostBuckets = 4;
/** A further bucket costs a session to compile: it must save at least this share of the padded tokens. */
const worthwhile = 0.05;

const roundUp = (n: number) => Math.max(grain, Math.ceil(n / grain) * grain);

/**
 * At most four shapes, shortest first, that pad the examples least. `supervised` of each suffices for any `batchSize`
 * different examples that are no longer than its `length`.
 */
export function chooseBuckets(examples: readonly TokenizedExample[], batchSize: number): BatchShape[] {
  const sizes = examples.map(({ ids, weights }) => ({
    length: roundUp(ids.length),
    supervised: weights.reduce((count, weight) => count + (weight > 0 ? 1 : 0), 0),
  }));
  return chooseLengths(sizes.map(({ length }) => length)).map((length) => {
    const counts = sizes.filter((size) => size.length <= length).map((size) => size.supervised);
    const most = counts.sort((a, b) => b - a).slice(0, batchSize);
    return { rows: batchSize, length, supervised: roundUp(most.reduce((sum, count) => sum + count, 0)) };
  });
}

/** The bucket lengths whose padded tokens are fewest, by dynamic programming over the distinct lengths. */
function chooseLengths(lengths: readonly number[]): number[] {
  const distinct = [...new Set(lengths)].sort((a, b) => a - b);
  // below[i]: examples shorter than distinct[i].
  const below = [...distinct, Infinity].map((limit) => lengths.filter((length) => length < limit).length);
  type Plan = { readonly cost: number; readonly ends: readonly number[] };
  // plans[i]: the best cover of the i shortest distinct lengths with the buckets allowed so far.
  let plans: Plan[] = distinct.map(() => ({ cost: Infinity, ends: [] }));
  plans.unshift({ cost: 0, ends: [] });
  let best: Plan = { cost: Infinity, ends: [] };
  for (let buckets = 1; buckets <= mostBuckets; buckets++) {
    plans = plans.map((_, i) => {
      const length = distinct[i - 1];
      if (length === undefined) return { cost: 0, ends: [] };
      const choices = plans.slice(0, i).map((plan, j): Plan => {
        const covered = (below[i] ?? 0) - (below[j] ?? 0);
        return { cost: plan.cost + covered * length, ends: [...plan.ends, length] };
      });
      return choices.reduce((a, b) => (b.cost < a.cost ? b : a));
    });
    const plan = plans.at(-1);
    if (plan && plan.cost < best.cost * (1 - worthwhile)) best = plan;
  }
  return [...best.ends];
}

/** The shortest bucket that holds these examples, one per row. Throws when none does. */
export function bucketFor(buckets: readonly BatchShape[], examples: readonly TokenizedExample[]): BatchShape {
  const longest = Math.max(0, ...examples.map(({ ids }) => ids.length));
  const bucket = buckets.find(({ length }) => length >= longest);
  if (!bucket) throw new Error(`No bucket holds ${longest} tokens; the longest is ${buckets.at(-1)?.length ?? 0}.`);
  return bucket;
}

/** From which a sampler gives the same batches again; plain JSON. */
export interface SamplerState {
  /** Epoch of the next batch, from 0. */
  readonly epoch: number;
  /** Micro-batches of that epoch given already. */
  readonly cursor: number;
  /** State of the random numbers at the start of that epoch. */
  readonly random: RandomState;
}

export interface SamplerOptions {
  /** Tokens of each example; an index into this list names an example. */
  readonly lengths: readonly number[];
  readonly buckets: readonly BatchShape[];
  readonly batchSize: number;
  /** Micro-batches of one optimizer step. */
  readonly accumulation: number;
  readonly seed: number;
}

export interface Sampler {
  /** Optimizer steps of one epoch; its last may have fewer micro-batches. */
  readonly stepsPerEpoch: number;
  /** Micro-batches of the next optimizer step, each a list of example indices. Never ends: epoch follows epoch. */
  next(): number[][];
  state(): SamplerState;
}

/**
 * A seeded order in which every example comes exactly once per epoch. Each epoch shuffles the examples, forms the
 * micro-batches within a length bucket (what is left over joins the next longer one) and shuffles the micro-batches;
 * one of them may be short. Continues exactly when given the `state` of an earlier sampler with the same options.
 */
export function createSampler(options: SamplerOptions, state?: SamplerState): Sampler {
  const { lengths, buckets, batchSize, accumulation, seed } = options;
  if (lengths.length === 0) throw new Error("There is no row to draw batches from.");
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0);
  if (!buckets.some(({ length }) => length >= longest)) throw new Error(`No bucket holds ${longest} tokens.`);

  const random = createRandom(state?.random ?? seed);
  const planEpoch = (): number[][] => {
    const order = shuffle(
      lengths.map((_, i) => i),
      random,
    );
    const queues = buckets.map((): number[] => []);
    for (const i of order) queues[buckets.findIndex(({ length }) => length >= (lengths[i] ?? 0))]?.push(i);
    const batches: number[][] = [];
    let left: number[] = [];
    for (const queue of queues) {
      const waiting = left.concat(queue);
      const full = waiting.length - (waiting.length % batchSize);
      for (let i = 0; i < full; i += batchSize) batches.push(waiting.slice(i, i + batchSize));
      left = waiting.slice(full);
    }
    if (left.length > 0) batches.push(left);
    return shuffle(
      batches.map((_, i) => i),
      random,
    ).map((i) => batches[i] ?? []);
  };

  let epoch = state?.epoch ?? 0;
  let cursor = state?.cursor ?? 0;
  let epochStart = random.state();
  let plan = planEpoch();
  if (cursor > plan.length) {
    throw new Error(
      `The order of rows cannot go on at batch ${cursor}: an epoch has ${plan.length}. Has the data changed?`,
    );
  }
  return {
    stepsPerEpoch: Math.ceil(plan.length / accumulation),
    next() {
      if (cursor === plan.length) {
        epoch++;
        cursor = 0;
        epochStart = random.state();
        plan = planEpoch();
      }
      const batches = plan.slice(cursor, cursor + accumulation);
      cursor += batches.length;
      return batches;
    },
    state: () => ({ epoch, cursor, random: epochStart }),
  };
}

/**
 * Holds out `share` of `count` examples: at least one where the share is not 0 and there are two, and never all.
 * The same seed holds out the same ones. Both lists ascend.
 */
export function splitValidation(
  count: number,
  share: number,
  seed: number,
): { training: number[]; validation: number[] } {
  const order = shuffle(
    Array.from({ length: count }, (_, i) => i),
    createRandom(seed),
  );
  const held = share > 0 ? Math.min(Math.max(1, Math.round(count * share)), Math.max(0, count - 1)) : 0;
  const ascending = (indices: number[]) => indices.sort((a, b) => a - b);
  return { training: ascending(order.slice(held)), validation: ascending(order.slice(0, held)) };
}

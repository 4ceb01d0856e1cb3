/** The seeded order of training: which examples make which batch, epoch after epoch, and exactly so again after a pause. */

import { createRandom, type Random, type RandomState, shuffle } from "../tensor/random.ts";
import type { BatchShape } from "./batch.ts";
import type { MixtureMode } from "./mixture.ts";
import { epochDraws, epochQuotas, requireLambdas } from "./mixture.ts";
import { packExamples } from "./pack.ts";

/** Draws that are packed together: enough to fill rows well, and few enough to keep the order of an epoch random. */
const packedTogether = 4096;

/** Where the shuffled passes over one source stand. */
export interface PassState {
  /** Passes finished. */
  readonly pass: number;
  /** Rows of the present pass given already. */
  readonly position: number;
  /** State of the source's random numbers before the present pass was shuffled. */
  readonly random: RandomState;
}

/** From which a sampler gives the same batches again; plain JSON. */
export interface SamplerState {
  /** Epoch of the next batch, from 0. */
  readonly epoch: number;
  /** Micro-batches of that epoch given already. */
  readonly cursor: number;
  /** State of the random numbers at the start of that epoch. */
  readonly random: RandomState;
  /** Where each source stood at the start of that epoch; empty unless the mixture is "sampling". */
  readonly passes: readonly PassState[];
}

export interface SamplerOptions {
  /** Tokens of each example; an index into this list names an example. */
  readonly lengths: ArrayLike<number>;
  /** Index of each example's source. */
  readonly sources: ArrayLike<number>;
  /** How the sources are mixed; `lambdas` has a number above 0 for each of them. */
  readonly mixture: { readonly mode: MixtureMode; readonly lambdas: readonly number[] };
  /** Tokens of a row that holds several examples; null for one example per row. */
  readonly packing: number | null;
  /** Shapes of unpacked rows, shortest first; not looked at when packing. */
  readonly buckets: readonly BatchShape[];
  readonly batchSize: number;
  /** Micro-batches of one optimizer step. */
  readonly accumulation: number;
  readonly seed: number;
}

export interface Sampler {
  /** Optimizer steps of the epoch that it was created in; packed epochs differ by a few. The last may be short. */
  readonly stepsPerEpoch: number;
  /**
   * Micro-batches of the next optimizer step, each a list of rows, each a list of example indices: one, or several packed.
   * Never ends: epoch follows epoch, and no step spans two.
   */
  next(): number[][][];
  state(): SamplerState;
}

/**
 * A seeded order of the examples. With λ as "weight" each comes exactly once per epoch. With "sampling" an epoch has as many
 * draws as there are examples, shared out ∝ λ: not by chance but exactly, to within one draw (`epochDraws`), in shuffled
 * order, so that a small source gets what was asked for in a short run too. Each source is gone through in shuffled passes
 * that go on over the end of an epoch: at its end no row of a source has come twice more than another. With λ equal to the
 * shares of rows an epoch is one pass over everything.
 *
 * Unpacked micro-batches are formed within a length bucket (what is left over joins the next longer one); packed rows by
 * best-fit among a few thousand draws at a time. Then their order is shuffled; one micro-batch of an epoch may be short.
 *
 * Continues exactly when given the `state` of an earlier sampler with the same options. Throws when there is nothing to draw,
 * an example fits no batch, a λ is not a finite number above 0, or the state does not belong to the options.
 */
export function createSampler(options: SamplerOptions, state?: SamplerState): Sampler {
  requireDrawable(options);
  if (state) requireState(state);
  const { lengths, sources, mixture, accumulation, seed } = options;
  const all = Array.from({ length: lengths.length }, (_, i) => i);
  const random = createRandom(state?.random ?? seed);
  // A main generator of its own is not disturbed where nothing is drawn by source.
  const passes = mixture.mode === "sampling" ? sourcePasses(all, sources, mixture.lambdas, random, state?.passes) : [];
  const counts = passes.map(({ size }) => size);

  /** The examples of an epoch, in the order of their draws. */
  const drawEpoch = (epoch: number): number[] => {
    if (mixture.mode === "weight") return shuffle([...all], random);
    const before = passes.map((pass) => pass.drawn());
    const draws = epochDraws(epochQuotas(counts, mixture.lambdas), before, epoch);
    const order = shuffle(
      draws.flatMap((count, source) => Array.from({ length: count }, () => source)),
      random,
    );
    return order.map((source) => passes[source]?.next() ?? 0);
  };
  const form = options.packing === null ? bucketedBatches : packedBatches;
  const planEpoch = (at: number) => form(drawEpoch(at), options, random);
  const passStates = () => passes.map((pass) => pass.state());

  let epoch = state?.epoch ?? 0;
  let cursor = state?.cursor ?? 0;
  let start = { random: random.state(), passes: passStates() };
  let plan = planEpoch(epoch);
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
        start = { random: random.state(), passes: passStates() };
        plan = planEpoch(epoch);
      }
      const batches = plan.slice(cursor, cursor + accumulation);
      cursor += batches.length;
      return batches;
    },
    state: () => ({ epoch, cursor, ...start }),
  };
}

/** A state comes from a checkpoint: what is no count would draw other rows in silence. */
function requireState({ epoch, cursor, passes }: SamplerState): void {
  const counts = [epoch, cursor, ...passes.flatMap(({ pass, position }) => [pass, position])];
  const wrong = counts.find((count) => !Number.isSafeInteger(count) || count < 0);
  if (wrong !== undefined) throw new Error(`The order of rows cannot go on: ${wrong} is no count of rows or epochs.`);
}

function requireDrawable({ lengths, sources, mixture, packing, buckets }: SamplerOptions): void {
  if (lengths.length === 0) throw new Error("There is no row to draw batches from.");
  requireLambdas(mixture.lambdas);
  let longest = 0;
  for (let i = 0; i < lengths.length; i++) {
    longest = Math.max(longest, lengths[i] ?? 0);
    if (mixture.lambdas[sources[i] ?? -1] !== undefined) continue;
    throw new Error(`Example ${i + 1} is of source ${(sources[i] ?? -1) + 1}, and that source has no weight λ.`);
  }
  if (packing === null && !buckets.some(({ length }) => length >= longest)) {
    throw new Error(`No bucket holds ${longest} tokens.`);
  }
  if (packing !== null && packing < longest) {
    throw new Error(`A packed row of ${packing} tokens cannot hold an example of ${longest}: raise its length.`);
  }
}

/** Micro-batches of one example per row, formed within a length bucket. */
function bucketedBatches(
  order: readonly number[],
  { lengths, buckets, batchSize }: SamplerOptions,
  random: Random,
): number[][][] {
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
  return shuffled(batches, random).map((batch) => batch.map((index) => [index]));
}

/** Micro-batches of packed rows. */
function packedBatches(
  order: readonly number[],
  { lengths, packing, batchSize }: SamplerOptions,
  random: Random,
): number[][][] {
  const rows: number[][] = [];
  for (let i = 0; i < order.length; i += packedTogether) {
    const drawn = order.slice(i, i + packedTogether);
    const groups = packExamples(
      drawn.map((index) => lengths[index] ?? 0),
      packing ?? 0,
    );
    for (const group of groups) rows.push(group.map((place) => drawn[place] ?? 0));
  }
  const mixed = shuffled(rows, random);
  return Array.from({ length: Math.ceil(mixed.length / batchSize) }, (_, i) =>
    mixed.slice(i * batchSize, (i + 1) * batchSize),
  );
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return shuffle(
    items.map((_, i) => i),
    random,
  ).map((i) => items[i] as T);
}

/** One source's rows, pass after pass, each pass in an order of its own. */
interface Passes {
  readonly size: number;
  /** The next example. */
  next(): number;
  /** Draws made so far. */
  drawn(): number;
  state(): PassState;
}

function sourcePasses(
  all: readonly number[],
  sources: ArrayLike<number>,
  lambdas: readonly number[],
  random: Random,
  states: readonly PassState[] | undefined,
): Passes[] {
  if (states && states.length !== lambdas.length) {
    throw new Error(
      `The order of rows was kept for ${states.length} sources, and there are ${lambdas.length}. Has the data changed?`,
    );
  }
  const members = lambdas.map((): number[] => []);
  for (const index of all) members[sources[index] ?? 0]?.push(index);
  return members.map((own, source) => {
    const fresh = { pass: 0, position: 0 };
    const from = states?.[source] ?? { ...fresh, random: createRandom(random.below(2 ** 32)).state() };
    if (from.position > own.length) {
      throw new Error(
        `The order of rows cannot go on at row ${from.position} of source ${source + 1}: it has ${own.length}. Has the data changed?`,
      );
    }
    return createPasses(own, from);
  });
}

function createPasses(rows: readonly number[], from: PassState): Passes {
  let { pass, position, random: start } = from;
  const random = createRandom(start);
  let order = shuffle([...rows], random);
  return {
    size: rows.length,
    next() {
      if (position === order.length) {
        pass++;
        position = 0;
        start = random.state();
        order = shuffle([...rows], random);
      }
      return order[position++] ?? 0;
    },
    drawn: () => pass * rows.length + position,
    state: () => ({ pass, position, random: start }),
  };
}

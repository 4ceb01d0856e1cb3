/** The seeded order of training: the examples of each batch, epoch after epoch, reproducible from a saved state. */

import { createRandom, type Random, type RandomState, shuffle } from "../tensor/random.ts";
import type { BatchShape } from "./batch.ts";
import type { MixtureMode } from "./mixture.ts";
import { epochDraws, epochQuotas, requireLambdas } from "./mixture.ts";
import { packExamples } from "./pack.ts";
import type { Replay } from "./replay.ts";

/** Draws that are packed together: enough to fill rows well, yet few enough that an epoch's order stays random. */
const packedTogether = 4096;

/** Position in the shuffled passes over one source. */
export interface PassState {
  /** Number of finished passes. */
  readonly pass: number;
  /** Rows drawn in the current pass. */
  readonly position: number;
  /** State of the source's random numbers before the current pass was shuffled. */
  readonly random: RandomState;
}

/** A sampler created from this state continues with the same batches. Plain JSON. */
export interface SamplerState {
  /** Epoch of the next batch, from 0. */
  readonly epoch: number;
  /** Micro-batches drawn in that epoch. */
  readonly cursor: number;
  /** State of the random numbers at the start of that epoch. */
  readonly random: RandomState;
  /** Position at the start of that epoch in each source, where the mixture is "sampling", and then in the general text. */
  readonly passes: readonly PassState[];
}

export interface SamplerOptions {
  /** Tokens of each example; an index into this list names an example. */
  readonly lengths: ArrayLike<number>;
  /** Index of each example's source. */
  readonly sources: ArrayLike<number>;
  /** The mixture of the sources; `lambdas` has a number above 0 for each. */
  readonly mixture: { readonly mode: MixtureMode; readonly lambdas: readonly number[] };
  /** Tokens of a packed row; null for one example per row. */
  readonly packing: number | null;
  /** Shapes of unpacked rows, shortest first; unused when packing. */
  readonly buckets: readonly BatchShape[];
  readonly batchSize: number;
  /** Micro-batches of one optimizer step. */
  readonly accumulation: number;
  readonly seed: number;
  /** General text among the examples, drawn beside the mixture; null or missing for none. */
  readonly replay?: Replay | null;
}

export interface Sampler {
  /** Optimizer steps of the first epoch; packed epochs differ by a few. The last step of an epoch may be short. */
  readonly stepsPerEpoch: number;
  /**
   * Micro-batches of the next optimizer step. Each is a list of rows, and a row lists one example index, or several packed
   * ones. Epochs follow each other without end; no step spans two.
   */
  next(): number[][][];
  state(): SamplerState;
}

/**
 * A seeded order of the examples.
 *
 * - Mixture "weight": every example comes exactly once per epoch.
 * - Mixture "sampling": an epoch has as many draws as there are examples. The draws per source are exact, not random, so
 *   short runs and small sources also get their share (`epochDraws`). Their order is shuffled. Each source is drawn in
 *   shuffled passes that continue across epochs, so the counts of its rows never differ by more than one.
 *
 * General text is drawn in shuffled passes too. After n epochs the draws of it are n times its quota, rounded.
 *
 * Unpacked micro-batches are formed within a length bucket; leftover examples join the next longer bucket. Packed rows are
 * formed by best-fit among `packedTogether` draws. Then the order is shuffled; one micro-batch per epoch may be short.
 *
 * With the `state` of an earlier sampler with the same options the order continues exactly. Throws when there are no
 * examples, an example fits no batch, a λ is not a finite number above 0, or the state does not match the options.
 */
export function createSampler(options: SamplerOptions, state?: SamplerState): Sampler {
  requireDrawable(options);
  if (state) requireState(state);
  const { lengths, sources, mixture, accumulation, seed, replay = null } = options;
  const all = Array.from({ length: replay?.first ?? lengths.length }, (_, i) => i);
  const random = createRandom(state?.random ?? seed);
  // Only "sampling" and replay draw from `random` here, so runs with "weight" keep their order.
  const ofSources = mixture.mode === "sampling";
  const expected = (ofSources ? mixture.lambdas.length : 0) + (replay ? 1 : 0);
  if (state && (ofSources || replay) && state.passes.length !== expected)
    throw otherSources(state.passes.length, expected);
  const passes = ofSources ? sourcePasses(all, sources, mixture.lambdas, random, state?.passes) : [];
  const general = replay && replayPasses(lengths.length, replay, random, state?.passes.at(-1));
  const counts = passes.map(({ size }) => size);

  /** The examples of an epoch, in the order of their draws. */
  const drawTask = (epoch: number): number[] => {
    if (mixture.mode === "weight") return shuffle([...all], random);
    const before = passes.map((pass) => pass.drawn());
    const draws = epochDraws(epochQuotas(counts, mixture.lambdas), before, epoch);
    const order = shuffle(
      draws.flatMap((count, source) => Array.from({ length: count }, () => source)),
      random,
    );
    return order.map((source) => passes[source]?.next() ?? 0);
  };
  const drawEpoch = (epoch: number): number[] => {
    const task = drawTask(epoch);
    if (!general || !replay) return task;
    const count = Math.max(0, Math.round((epoch + 1) * replay.quota) - general.drawn());
    return shuffle([...task, ...Array.from({ length: count }, () => general.next())], random);
  };
  const form = options.packing === null ? bucketedBatches : packedBatches;
  const planEpoch = (at: number) => form(drawEpoch(at), options, random);
  const passStates = () => [...passes, ...(general ? [general] : [])].map((pass) => pass.state());

  let epoch = state?.epoch ?? 0;
  let cursor = state?.cursor ?? 0;
  let start = { random: random.state(), passes: passStates() };
  let plan = planEpoch(epoch);
  if (cursor > plan.length) {
    throw new Error(
      `The order of rows cannot continue at batch ${cursor}: an epoch has ${plan.length}. Has the data changed?`,
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

/** Throws unless the counts of a state are whole numbers from 0: others would silently draw wrong rows. */
function requireState({ epoch, cursor, passes }: SamplerState): void {
  const counts = [epoch, cursor, ...passes.flatMap(({ pass, position }) => [pass, position])];
  const wrong = counts.find((count) => !Number.isSafeInteger(count) || count < 0);
  if (wrong !== undefined)
    throw new Error(`The saved order of rows is damaged: ${wrong} is not a count of rows or epochs.`);
}

function requireDrawable({ lengths, sources, mixture, packing, buckets }: SamplerOptions): void {
  if (lengths.length === 0) throw new Error("There is no row to draw batches from.");
  requireLambdas(mixture.lambdas);
  let longest = 0;
  for (let i = 0; i < lengths.length; i++) {
    longest = Math.max(longest, lengths[i] ?? 0);
    if (mixture.lambdas[sources[i] ?? -1] !== undefined) continue;
    throw new Error(`Example ${i + 1} is from source ${(sources[i] ?? -1) + 1}, which has no weight λ.`);
  }
  if (packing === null && !buckets.some(({ length }) => length >= longest)) {
    throw new Error(`No bucket fits ${longest} tokens.`);
  }
  if (packing !== null && packing < longest) {
    throw new Error(`A packed row of ${packing} tokens does not fit an example of ${longest}: raise its length.`);
  }
}

/** Micro-batches with one example per row, formed within a length bucket. */
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

/** Endless passes over one source's rows, each shuffled anew. */
interface Passes {
  readonly size: number;
  /** The next example. */
  next(): number;
  /** Number of draws so far. */
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
  const members = lambdas.map((): number[] => []);
  for (const index of all) members[sources[index] ?? 0]?.push(index);
  return members.map((own, source) => {
    const fresh = { pass: 0, position: 0 };
    const from = states?.[source] ?? { ...fresh, random: createRandom(random.below(2 ** 32)).state() };
    return createPasses(own, from, `source ${source + 1}`);
  });
}

const otherSources = (saved: number, now: number) =>
  new Error(
    `The saved order of rows had this number of sources: ${saved}, but the run has ${now}. Has the data changed?`,
  );

/** Endless passes over the general text. */
function replayPasses(count: number, { first, quota }: Replay, random: Random, state: PassState | undefined): Passes {
  const rows = Array.from({ length: count - first }, (_, i) => first + i);
  if (rows.length === 0 || !(quota >= 0)) throw new Error("There is no general text to draw from.");
  return createPasses(
    rows,
    state ?? { pass: 0, position: 0, random: createRandom(random.below(2 ** 32)).state() },
    "the general text",
  );
}

/** `name`: of what the rows are. Throws where the state's position is not among the rows. */
function createPasses(rows: readonly number[], from: PassState, name: string): Passes {
  let { pass, position, random: start } = from;
  if (position > rows.length) {
    throw new Error(
      `The order of rows cannot continue at row ${position} of ${name}: it has ${rows.length}. Has the data changed?`,
    );
  }
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

/** The order of training where stages follow one another: plain text first, then chats, each in a seeded order of its own. */

import type { Sampler, SamplerState } from "./sampler.ts";

/** From which an order gives the same batches again; plain JSON. */
export interface OrderState extends SamplerState {
  /** Steps drawn so far, in an order of stages only: the rest is then the state of the stage that the next step is of. */
  readonly drawn?: number;
}

/** A seeded order of the examples, in one stage or in several. */
export interface Order {
  /** Micro-batches of the next optimizer step, each a list of rows, each a list of example indices. Never ends. */
  next(): number[][][];
  state(): OrderState;
}

export interface StagePlan {
  /** Optimizer steps of the stage; the last one goes on for as long as it is asked. */
  readonly steps: number;
  /** Which of the run's examples it draws from: index i of its sampler is example `examples[i]`. */
  readonly examples: readonly number[];
  sampler(state?: SamplerState): Sampler;
}

/**
 * The batches of the first stage's steps, then those of the second's, and so on. No stage has a draw of another: each is the
 * order of its own sampler, from that sampler's beginning. Continues exactly when given the `state` of an earlier order of
 * the same stages, at their borders too. Throws when there is no stage, or the state does not belong to such an order.
 */
export function orderOf(stages: readonly StagePlan[], state?: OrderState): Order {
  if (state && state.drawn === undefined) {
    throw new Error(
      `The order of rows was kept for one stage, and there are ${stages.length}. Have the settings of the run changed?`,
    );
  }
  const stageAt = (index: number) => {
    const stage = stages[index];
    if (!stage) throw new Error("There is no stage to draw batches from.");
    return stage;
  };
  /** Steps before each stage. */
  const begins = stages.map((_, index) => stages.slice(0, index).reduce((sum, { steps }) => sum + steps, 0));
  const { drawn: before = 0, ...inner } = state ?? {};
  let drawn = before;
  let current = begins.findLastIndex((begin) => begin <= drawn);
  let sampler = stageAt(current).sampler(state && (inner as SamplerState));

  return {
    next() {
      const { examples } = stageAt(current);
      const batches = sampler.next().map((rows) => rows.map((row) => row.map((index) => examples[index] ?? 0)));
      drawn++;
      if (begins[current + 1] === drawn) sampler = stageAt(++current).sampler();
      return batches;
    },
    state: () => ({ ...sampler.state(), drawn }),
  };
}

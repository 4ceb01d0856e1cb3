/** The order of training: the stages of a run one after the other, each in a seeded order of its own. */

import type { Sampler, SamplerState } from "./sampler.ts";

/** From which an order gives the same batches again: the state of the stage that the next step is of. Plain JSON. */
export interface OrderState extends SamplerState {
  /** Steps drawn so far. */
  readonly drawn: number;
  /** How many stages the order has. */
  readonly stages: number;
}

/** A seeded order of the examples of all stages. */
export interface Order {
  /** Micro-batches of the next optimizer step, each a list of rows, each a list of example indices. Never ends. */
  next(): number[][][];
  state(): OrderState;
}

export interface StagePlan {
  /** Optimizer steps of the stage; the last one goes on for as long as it is asked. */
  readonly steps: number;
  /** Index among the run's examples of the first that it draws from: index i of its sampler is example `first + i`. */
  readonly first: number;
  sampler(state?: SamplerState): Sampler;
}

/**
 * The batches of the first stage's steps, then those of the second's, and so on. No stage has a draw of another: each is the
 * order of its own sampler, from that sampler's beginning. Continues exactly when given the `state` of an earlier order of
 * the same stages, at their borders too. Throws when there is no stage, or the state is of another number of stages.
 */
export function orderOf(stages: readonly StagePlan[], state?: OrderState): Order {
  if (state && state.stages !== stages.length) {
    throw new Error(
      `The order of rows was kept for ${state.stages} stages, and there are ${stages.length}. Have the settings of the run changed?`,
    );
  }
  if (state && !(Number.isSafeInteger(state.drawn) && state.drawn >= 0)) {
    throw new Error(`The order of rows cannot go on at step ${state.drawn}, which is no count of steps.`);
  }
  const stageAt = (index: number) => {
    const stage = stages[index];
    if (!stage) throw new Error("There is no stage to draw batches from.");
    return stage;
  };
  /** Steps before each stage. */
  const begins = stages.map((_, index) => stages.slice(0, index).reduce((sum, { steps }) => sum + steps, 0));
  let drawn = state?.drawn ?? 0;
  let current = begins.findLastIndex((begin) => begin <= drawn);
  let sampler = stageAt(current).sampler(state);

  return {
    next() {
      const { first } = stageAt(current);
      const batches = sampler.next().map((rows) => rows.map((row) => row.map((index) => first + index)));
      drawn++;
      if (begins[current + 1] === drawn) sampler = stageAt(++current).sampler();
      return batches;
    },
    state: () => ({ ...sampler.state(), drawn, stages: stages.length }),
  };
}

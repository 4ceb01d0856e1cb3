/** The order of training over all stages of a run; each stage has its own seeded order. */

import type { Sampler, SamplerState } from "./sampler.ts";

/** An order created from this state continues with the same batches: the sampler state of the next step's stage. Plain JSON. */
export interface OrderState extends SamplerState {
  /** Number of steps drawn so far. */
  readonly drawn: number;
  /** Number of stages. */
  readonly stages: number;
}

/** A seeded order of the examples of all stages. */
export interface Order {
  /** Micro-batches of the next optimizer step, each a list of rows, each a list of example indices. Never ends. */
  next(): number[][][];
  state(): OrderState;
}

export interface StagePlan {
  /** Optimizer steps of the stage; the last stage never ends. */
  readonly steps: number;
  /** Offset of the stage's examples among the run's: index i of its sampler is example `first + i`. */
  readonly first: number;
  sampler(state?: SamplerState): Sampler;
}

/**
 * The batches of the first stage's steps, then those of the second stage, and so on; each stage starts its own sampler. With
 * the `state` of an earlier order of the same stages the order continues exactly, also at a stage boundary. Throws when there
 * is no stage, or when the state has another number of stages.
 */
export function orderOf(stages: readonly StagePlan[], state?: OrderState): Order {
  if (state && state.stages !== stages.length) {
    throw new Error(
      `The saved order of rows had this number of stages: ${state.stages}, but the run has ${stages.length}. Have its settings changed?`,
    );
  }
  if (state && !(Number.isSafeInteger(state.drawn) && state.drawn >= 0)) {
    throw new Error(`The saved order of rows is damaged: ${state.drawn} is not a count of steps.`);
  }
  const stageAt = (index: number) => {
    const stage = stages[index];
    if (!stage) throw new Error("There is no stage to draw batches from.");
    return stage;
  };
  /** Number of steps before each stage. */
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

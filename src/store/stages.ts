/** The list of stages as a topic: their order, their objectives, and the λ of each source in each stage. */

import type { WeightedSource } from "../run/source.ts";
import type { Objective } from "../run/stage.ts";
import { type Context, patch } from "./context.ts";
import { currentEntries, objectivesOf, type Placed, rearranged } from "./stageEntries.ts";

export interface StagesActions {
  /** Replaces the list by stages with these objectives; the first of the old stages stay what they were. */
  choose(objectives: readonly Objective[]): void;
  add(objective: Objective): void;
  duplicate(index: number): void;
  /** Moves a stage to another place. */
  move(index: number, to: number): void;
  /** Removes a stage; the last one stays. */
  remove(index: number): void;
  setObjective(index: number, objective: Objective): void;
  /** λ of a source in a stage; 0 where the stage does not use it. */
  weigh(hash: string, index: number, lambda: number): void;
}

/** λ of a source in each of `count` stages. */
export const lambdasIn = ({ lambda, stages = [] }: Pick<WeightedSource, "lambda" | "stages">, count: number) =>
  Array.from({ length: count }, (_, index) => stages[index] ?? lambda);

/** The source with these λ, in the order of the stages; null is the source's own λ. */
export function withLambdasIn(source: WeightedSource, stages: readonly (number | null)[]): WeightedSource {
  const { stages: _, ...plain } = source;
  return stages.every((lambda) => lambda === null) ? plain : { ...plain, stages };
}

export function stagesActions(context: Context): StagesActions {
  const { store } = context;
  const objectives = () => objectivesOf(currentEntries(store.getState().recipe.entries));
  const present = (): Placed[] => objectives().map((objective, from) => ({ from, objective }));

  const change = (list: readonly Placed[]) => {
    const { recipe, data } = store.getState();
    patch(context, "recipe", { entries: rearranged(recipe.entries, list) });
    if (data.chosen.every(({ stages }) => stages === undefined)) return;
    const moved = (source: WeightedSource) =>
      withLambdasIn(
        source,
        list.map(({ from }) => (from === null ? null : (source.stages?.[from] ?? null))),
      );
    patch(context, "data", { chosen: data.chosen.map(moved) });
  };

  return {
    choose(wanted) {
      const count = objectives().length;
      // A longer list begins with the old stage: chats after text keep its settings.
      change(wanted.map((objective, index) => ({ from: index < count ? index : count - 1, objective })));
    },
    add: (objective) => change([...present(), { from: null, objective }]),
    duplicate(index) {
      const list = present();
      const copied = list[index];
      if (copied) change(list.toSpliced(index + 1, 0, copied));
    },
    move(index, to) {
      const list = present();
      const moved = list[index];
      if (moved && list[to]) change(list.toSpliced(index, 1).toSpliced(to, 0, moved));
    },
    remove(index) {
      const list = present();
      if (list.length > 1) change(list.toSpliced(index, 1));
    },
    setObjective: (index, objective) =>
      change(present().map((placed) => (placed.from === index ? { ...placed, objective } : placed))),
    weigh(hash, index, lambda) {
      const { chosen } = store.getState().data;
      const count = objectives().length;
      const weighed = (source: WeightedSource) =>
        withLambdasIn(
          source,
          Array.from({ length: count }, (_, i) => (i === index ? lambda : (source.stages?.[i] ?? null))),
        );
      patch(context, "data", { chosen: chosen.map((source) => (source.hash === hash ? weighed(source) : source)) });
    },
  };
}

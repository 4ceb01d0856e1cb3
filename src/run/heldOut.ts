/** Held-out sets: rows that a run never learns from, whose loss it reports under a name. */

import type { EvaluationMetrics } from "./metrics.ts";
import type { Objective } from "./stage.ts";

export interface HeldOutSet {
  /** As evaluations name it. */
  readonly name: string;
  /** What its rows are held out of: stages with this objective. */
  readonly objective: Objective;
}

const names: Readonly<Record<Objective, string>> = {
  mixed: "validation",
  text: "validation of text",
  chat: "validation of chats",
};

/** The rows held out of the stages with this objective. */
export const validationOf = (objective: Objective): HeldOutSet => ({ name: names[objective], objective });

/** The loss on a set; where an evaluation lacks it, that on everything held out. */
export const lossOn = ({ loss, sets }: Omit<EvaluationMetrics, "step">, { name }: HeldOutSet) => sets[name] ?? loss;

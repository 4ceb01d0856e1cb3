/** Held-out sets: named sets of rows that a run never trains on and whose loss it reports. */

import type { EvaluationMetrics } from "./metrics.ts";
import type { Objective } from "./stage.ts";

export interface HeldOutSet {
  /** Key of its loss in evaluations. */
  readonly name: string;
  /** Its rows are held out of the stages with this objective. */
  readonly objective: Objective;
}

const names: Readonly<Record<Objective, string>> = {
  mixed: "validation",
  text: "validation of text",
  chat: "validation of chats",
};

/** The held-out set of the stages with this objective. */
export const validationOf = (objective: Objective): HeldOutSet => ({ name: names[objective], objective });

/** The loss on a set; if an evaluation lacks the set, the loss on all held-out rows. */
export const lossOn = ({ loss, sets }: Omit<EvaluationMetrics, "step">, { name }: HeldOutSet) => sets[name] ?? loss;

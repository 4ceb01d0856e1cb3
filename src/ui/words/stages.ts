/** Texts about runs in several stages: position of a run, and figures of each stage. */

import { type HeldOutSet, validationOf } from "../../run/heldOut.ts";
import type { EvaluationMetrics } from "../../run/metrics.ts";
import type { Objective } from "../../run/stage.ts";
import { figure } from "../format.ts";

/** A stage by its data. */
const kinds: Readonly<Record<Objective, string>> = {
  mixed: "text and chats",
  text: "text",
  chat: "chats",
  preference: "preferences",
};

export const stagesWords = {
  /** Position of a run: "Stage 1 of 2: text, step 12 of 40". */
  at: (stage: { index: number; count: number; objective: Objective; step: number; steps: number }) =>
    `Stage ${stage.index + 1} of ${stage.count}: ${kinds[stage.objective]}, step ${stage.step.toLocaleString("en")} of ${stage.steps.toLocaleString("en")}`,
  /** A setting of one of several stages: "Epochs in stage 2". */
  field: (label: string, stage: number) => `${label} in stage ${stage + 1}`,
  /** The objectives of a run: "text, chats, preferences". */
  list: (stages: readonly { objective: Objective }[]) => stages.map(({ objective }) => kinds[objective]).join(", "),
  /** At the line of a stage boundary in the chart. */
  boundary: kinds,
  /** The same for screen readers. */
  boundaryAfter: (objective: Objective, step: number) => `The stage of ${kinds[objective]} starts at step ${step + 1}.`,
  /** The loss on a held-out set: "validation loss of chats". */
  lossOn: (set: HeldOutSet | null, stages: number) => {
    if (set?.objective === "general") return "loss on general text";
    if (set !== null && set.objective !== "mixed") return `validation loss of ${kinds[set.objective]}`;
    return set === null && stages > 1 ? "validation loss of all held-out rows" : "validation loss";
  },
  byKind: "Validation by kind",
  /** Validation loss of each kind; "" where the run has one set. */
  losses: ({ sets }: Pick<EvaluationMetrics, "sets">) =>
    (["text", "chat", "preference"] as const)
      .flatMap((kind) => {
        const loss = sets[validationOf(kind).name];
        return loss === undefined ? [] : `${kinds[kind]} ${figure(loss)}`;
      })
      .join(", "),
  /** Share of a source in a stage, for a table cell: "40 % of text". */
  of: (value: string, objective: Objective) => (objective === "mixed" ? value : `${value} of ${kinds[objective]}`),
  realised: (share: string, passes: string, objective: Objective) =>
    `${share} of supervised tokens${objective === "mixed" ? "" : ` in the stage of ${kinds[objective]}`} · ${passes} passes per epoch`,
} as const;

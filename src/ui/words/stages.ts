/** What the page says of runs in two stages: their settings, where a run stands in them, and what each gives. */

import type { LearntKind } from "../../records/example.ts";
import { type HeldOutSet, validationOf } from "../../run/heldOut.ts";
import type { EvaluationMetrics } from "../../run/metrics.ts";
import type { Objective } from "../../run/stage.ts";
import { figure } from "../format.ts";

/** A stage by what it learns from. */
const kinds: Readonly<Record<Objective, string>> = { mixed: "text and chats", text: "text", chat: "chats" };

export const stagesWords = {
  /** Before Start, where a kind is missing. */
  missing: (kind: LearntKind) =>
    kind === "text"
      ? "There is no plain text among the chosen data, so there are no two stages to make. Choose a text under Data, or mix everything in one stage."
      : "There are no chats among the chosen data, so there are no two stages to make. Choose chats under Data, or mix everything in one stage.",
  /** Where a run stands: "Stage 1 of 2: text, step 12 of 40". */
  at: (stage: { index: number; count: number; objective: Objective; step: number; steps: number }) =>
    `Stage ${stage.index + 1} of ${stage.count}: ${kinds[stage.objective]}, step ${stage.step.toLocaleString("en")} of ${stage.steps.toLocaleString("en")}`,
  /** At the line that marks the border in the chart. */
  border: kinds,
  /** The border in words, for those who do not see the chart. */
  borderAfter: (objective: Objective, step: number) => `From step ${step + 1} on it learns ${kinds[objective]}.`,
  /** The loss on a held-out set: "validation loss of chats". */
  lossOn: (set: HeldOutSet | null, stages: number) => {
    if (set !== null && set.objective !== "mixed") return `validation loss of ${kinds[set.objective]}`;
    return set === null && stages > 1 ? "validation loss of all held-out rows" : "validation loss";
  },
  byKind: "Validation by kind",
  /** Validation losses of each kind; "" where they are not told apart. */
  losses: ({ sets }: Pick<EvaluationMetrics, "sets">) =>
    (["text", "chat"] as const)
      .flatMap((kind) => {
        const loss = sets[validationOf(kind).name];
        return loss === undefined ? [] : `${kinds[kind]} ${figure(loss)}`;
      })
      .join(", "),
  /** A source's part in a stage, in a table cell: "40 % of text". */
  of: (value: string, objective: Objective) => (objective === "mixed" ? value : `${value} of ${kinds[objective]}`),
  realised: (share: string, passes: string, objective: Objective) =>
    `${share} of what is learnt${objective === "mixed" ? "" : ` in the stage of ${kinds[objective]}`} · ${passes} passes per epoch`,
} as const;

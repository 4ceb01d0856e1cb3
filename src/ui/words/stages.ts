/** What the page says of runs in two stages: their settings, where a run stands in them, and what each gives. */

import type { LearntKind } from "../../records/example.ts";
import { figure } from "../format.ts";

/** A stage by what it learns from. */
const kinds: Readonly<Record<LearntKind, string>> = { text: "text", chat: "chats" };

export const stagesWords = {
  order: {
    label: "Plain text and chats",
    term: "stages",
    help: "In two stages the model first reads on in your text, all of it learnt (continued pre-training), then learns to answer from the chats. Passes, steps, learning rate and stopping early are then those of the chats. The rate rises and falls in each stage by itself.",
    together: "Mixed, in one stage",
    textFirst: "Text first, then chats",
  },
  textEpochs: {
    label: "Passes over the text",
    term: "epochs of stage 1",
    help: "Times the plain text is read before the chats; fractions are fine.",
    doubt:
      "Usually 1 to 3. After about four passes repeated text teaches little and is learnt by heart, and more of what the base model knew is lost.",
  },
  textLearningRate: {
    label: "Learning rate for the text",
    term: "of stage 1",
    help: "Empty: the same as for the chats.",
    high: "Higher than for the chats. Usually it is the same or lower: a high rate on new text makes a model forget the old.",
  },
  /** Before Start, where a kind is missing. */
  missing: (kind: LearntKind) =>
    kind === "text"
      ? "There is no plain text among the chosen data, so there are no two stages to make. Choose a text under Data, or mix everything in one stage."
      : "There are no chats among the chosen data, so there are no two stages to make. Choose chats under Data, or mix everything in one stage.",
  /** Where a run stands: "Stage 1 of 2: text, step 12 of 40". */
  at: (stage: { index: number; count: number; kind: LearntKind; step: number; steps: number }) =>
    `Stage ${stage.index + 1} of ${stage.count}: ${kinds[stage.kind]}, step ${stage.step.toLocaleString("en")} of ${stage.steps.toLocaleString("en")}`,
  /** At the line that marks the border in the chart. */
  border: kinds,
  /** The border in words, for those who do not see the chart. */
  borderAfter: (kind: LearntKind, step: number) => `From step ${step + 1} on it learns ${kinds[kind]}.`,
  byKind: "Validation by kind",
  /** Validation losses of each kind. */
  losses: (byKind: { readonly [Kind in LearntKind]?: number }) =>
    (["text", "chat"] as const)
      .flatMap((kind) => (byKind[kind] === undefined ? [] : `${kinds[kind]} ${figure(byKind[kind])}`))
      .join(", "),
  /** A source's part in a stage, in a table cell: "40 % of text". */
  of: (value: string, kind: LearntKind | null) => (kind === null ? value : `${value} of ${kinds[kind]}`),
  realised: (share: string, passes: string, kind: LearntKind | null) =>
    `${share} of what is learnt${kind === null ? "" : ` in the stage of ${kinds[kind]}`} · ${passes} passes per epoch`,
} as const;

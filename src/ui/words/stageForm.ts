/** Texts of the editor of stages. */

import type { TrainableKind } from "../../records/example.ts";
import type { Objective } from "../../run/stage.ts";

const kinds: Readonly<Record<TrainableKind, string>> = { text: "text", chat: "chats", preference: "preferences" };

const named = (index: number) => `Stage ${index + 1}`;

/** "text, then chats, then preferences" */
const inOrder = (objectives: readonly TrainableKind[]) => objectives.map((kind) => kinds[kind]).join(", then ");

export const stageFormWords = {
  title: "Stages",
  order: "The stages train one after another. Each starts from the weights of the one before.",
  stage: named,
  /** A control's name with its stage, for screen readers. */
  of: (label: string, index: number) => `${label}: ${named(index).toLowerCase()}`,
  objective: "Objective",
  objectives: {
    mixed: "Text and chats together",
    text: "Text",
    chat: "Chats",
    preference: "Preferences",
  } satisfies Readonly<Record<Objective, string>>,
  about: {
    mixed: "Trains on text and chats, each supervised in its own way.",
    text: "Continued pre-training: every token of a text is supervised.",
    chat: "Supervised fine-tuning: the answers are supervised.",
    preference: "Makes the chosen answer more likely than the rejected one.",
  } satisfies Readonly<Record<Objective, string>>,
  sources: "Sources (λ)",
  lambda: "Weight of each source in this stage. 0 leaves the source out.",
  lambdaOf: (name: string, index: number) => `${name}: λ in ${named(index).toLowerCase()}`,
  lambdaRefused: "Enter 0 or a number above it, for example 0.5.",
  noSource: "No chosen source has rows for this stage.",
  up: "Move up",
  shortUp: "Up",
  down: "Move down",
  shortDown: "Down",
  duplicate: "Duplicate",
  remove: "Remove",
  removeQuestion: "Remove this stage and its settings?",
  more: "Schedule and more",
  fewer: "Fewer settings",
  add: "Add a stage",
  arrange: (present: readonly TrainableKind[]) => `Train in stages: ${inOrder(present)}`,
  arranged: (present: readonly TrainableKind[]) => `Stages: ${inOrder(present)}.`,
  added: (index: number) => `${named(index)} is added.`,
  moved: (from: number, to: number, count: number) => `${named(from)} is now stage ${to + 1} of ${count}.`,
  duplicated: (index: number) => `${named(index)} is duplicated as stage ${index + 2}.`,
  removed: (index: number) => `${named(index)} is removed.`,
  missing: {
    text: "There is no plain text among the chosen data, and a stage needs it. Choose a text under Data, or remove that stage.",
    chat: "There are no chats among the chosen data, and a stage needs them. Choose chats under Data, or remove that stage.",
    preference:
      "There are no preferences among the chosen data, and a stage needs them. Choose rows with a chosen and a rejected answer under Data, or remove that stage.",
  } satisfies Readonly<Record<TrainableKind, string>>,
  unused: (unused: readonly TrainableKind[]) =>
    `The chosen data have ${unused.map((kind) => kinds[kind]).join(" and ")}, but no stage trains on ${unused.length > 1 || unused[0] !== "text" ? "them" : "it"}.`,
} as const;

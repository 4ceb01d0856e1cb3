/** Texts of forgetting: general text, the guard, the exam during training, and the table of held-out sets. */

import { allGeneral, validationOf, validationOfSource } from "../../run/heldOut.ts";
import type { Objective } from "../../run/stage.ts";
import { figure } from "../format.ts";

export const forgettingWords = {
  title: "Forgetting",
  about:
    "Training on a task can cost general knowledge. General text shows how much, and can be mixed into the batches.",
  text: "General text",
  textHelp: "Half of its rows, up to about 4,000 tokens, are measured at each validation. The others can be mixed in.",
  none: "None",
  file: "Choose a file",
  fileInput: "File of general text",
  write: "Let the model write it",
  writeAbout: (model: string) =>
    `${model} writes texts by itself, before training. They are stored as a dataset. The same seed gives the same texts.`,
  texts: "Texts",
  textsRefused: (typed: string) => `"${typed}" is not a number of texts: enter a whole number from 2 to 2000.`,
  seed: "Seed",
  seedRefused: (typed: string) => `"${typed}" is not a seed: enter a whole number from 0.`,
  start: "Write",
  cancel: "Cancel",
  writing: "The base model writes texts",
  reading: "Reading the text",
  failed: "There is no general text yet",
  noExam: "No exam is open. Open one under Compare, or set the exam during training to 0.",
  toExam: "Go to Compare",
  /** On the card of the source. */
  isGeneral: "General text: half of it is measured, and the rest can be mixed in. Its share is set under Train.",
} as const;

const kinds: Readonly<Record<Objective, string>> = {
  mixed: "Validation",
  text: "Validation of text",
  chat: "Validation of chats",
  preference: "Validation of preferences",
};

export const meterWords = {
  title: "Task and general text",
  set: "Held-out set",
  before: "Before",
  now: "Now",
  change: "Change",
  unknown: "–",
  loss: figure,
  /** "+0.12" */
  by: (from: number, to: number) => {
    const difference = Number((to - from).toFixed(3));
    return difference === 0 ? "±0.000" : `${difference < 0 ? "−" : "+"}${Math.abs(difference).toFixed(3)}`;
  },
  exam: (name: string) => `Exam: ${name}`,
  score: (right: number, questions: number) => `${right} of ${questions}`,
  points: (from: number, to: number) => (to === from ? "±0" : `${to < from ? "−" : "+"}${Math.abs(to - from)}`),
  /** Name of a held-out set, with the names of the run's sources. */
  name: (set: string, sources: readonly string[]) => {
    const kind = (Object.keys(kinds) as Objective[]).find((objective) => validationOf(objective).name === set);
    if (kind) return kinds[kind];
    if (set === allGeneral.name) return "General text, all";
    const source = sources.findIndex((_, index) => validationOfSource(index) === set);
    if (source >= 0) return `Validation of ${sources[source]}`;
    const general = /^general text of source (\d+)$/.exec(set)?.[1];
    return general ? `General text: ${sources[Number(general) - 1] ?? `source ${general}`}` : set;
  },
  limit: (rise: number) => `The guard pauses the run when the loss on a general text rises by more than ${rise}.`,
} as const;

export const guardWords = {
  paused: "The guard paused the run",
  take: (step: number) => `Take away step ${step}`,
  hint: "A lower learning rate, fewer epochs, or a share of general text reduce forgetting in the next run.",
} as const;

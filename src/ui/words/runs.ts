/** What the Runs screen says. */

import { plural } from "../format.ts";

export const runsWords = {
  title: "Runs",
  failed: "The runs could not be read or changed",
  none: "No run is kept in this browser. One that you train appears here with its checkpoints, until you delete it.",
  list: "Kept runs",
  select: (name: string) => `Lay the curves of ${name} over others`,
  selectShort: "Compare",
  chosen: (count: number) =>
    count === 0
      ? "Tick runs to lay their curves over each other."
      : count === 1
        ? "1 run ticked; tick another."
        : `${plural(count, "run")} ticked.`,
  seeChosen: "See them side by side",
  clear: "Untick all",
  facts: {
    step: "Step",
    train: "Train loss",
    validation: "Validation loss",
    best: "Best validation",
    time: "Training time",
    size: "Checkpoints",
    stepOf: (step: number, total: number) => `${step.toLocaleString("en")} / ${total.toLocaleString("en")}`,
    bestOf: (loss: string, step: number, by: string | null) =>
      `${loss} at step ${step}${by === null ? "" : ` (${by})`}`,
    unknown: "–",
  },
  usual: "All settings are the usual ones.",
  unusual: "Differs from the usual:",
  noModel: (name: string, hash: string) =>
    `Its base model, ${name} (hash ${hash.slice(0, 8)}…), is not in this browser: open it under Model to resume, question or export the run.`,
  rename: "Rename",
  renameOf: (name: string) => `Rename ${name}`,
  newName: (name: string) => `New name of ${name}`,
  save: "Save",
  saveOf: (what: string) => `Save ${what}`,
  leave: "Leave as it was",
  note: "Note",
  addNote: "Add a note",
  addNoteOf: (name: string) => `Add a note to ${name}`,
  editNote: "Edit note",
  editNoteOf: (name: string) => `Edit note of ${name}`,
  noteOf: (name: string) => `Note on ${name}`,
  elsewhere: "It trains in another tab of this browser, and is paused or stopped there.",
  show: "Show",
  showOf: (name: string) => `Show ${name}`,
  resume: "Resume",
  resumeOf: (name: string) => `Resume ${name}`,
  duplicate: "Duplicate as new run",
  duplicateOf: (name: string) => `Duplicate as new run: ${name}`,
  copyOf: (name: string) => `${name}, again`,
  missing: (what: readonly string[]) =>
    `The settings are filled in under Train. Not in this browser: ${what.join(", ")}; open it first.`,
  missingModel: (name: string) => `the model ${name}`,
  missingRows: (name: string) => `the rows of ${name}`,
  takeAway: "Take away",
  takeAwayOf: (name: string) => `Take away ${name}`,
  remove: "Delete",
  removeOf: (name: string) => `Delete ${name}`,
  removed: (name: string) => `${name} is deleted in a moment, with its checkpoints and results.`,
  undo: "Undo",
  undoOf: (name: string) => `Undo: keep ${name}`,
  import: "Import a run",
  importLabel: "Run file",
  importing: "Reading the file",
  taken: (name: string) => `${name} was taken in.`,
  known: (name: string) => `${name} was here before.`,
} as const;

export const comparedWords = {
  title: "Side by side",
  close: "Untick all",
  train: "Train loss",
  validation: "Validation loss",
  legend: "Runs in the curves",
  settings: "Settings that differ",
  figures: "Figures",
  same: "These runs have the same settings.",
  setting: "Setting",
  model: "Model",
  data: "Data",
  method: "Method",
  lora: "LoRA",
  full: "full",
  off: "off",
  notUsed: "–",
  words: (name: string, value: string) => `${name}: ${value}`,
} as const;

export const storageWords = {
  title: "Storage of this browser",
  bar: "Storage used",
  used: (used: string, left: string) => `${used} used, ${left} left by the browser's estimate`,
  usedOnly: (used: string) => `${used} used`,
  unknown: "This browser does not say how much it stores.",
  kept: "The browser keeps it, however full the disk.",
  notKept: "The browser may delete it when the disk runs low.",
  ask: "Ask the browser to keep it",
  refused: "The browser did not promise it. Some do so once the page is installed or often used.",
} as const;

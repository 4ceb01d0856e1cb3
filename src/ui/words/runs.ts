/** Texts of the Runs screen. */

import { undoTime } from "../../store/runs.ts";
import { plural } from "../format.ts";

export const runsWords = {
  title: "Runs",
  failed: "The runs could not be read or changed",
  none: "This browser has no runs. Runs that you train appear here with their checkpoints.",
  list: "Saved runs",
  select: (name: string) => `Compare the curves of ${name}`,
  selectShort: "Compare",
  chosen: (count: number) =>
    count === 0
      ? "Select runs to compare their curves."
      : count === 1
        ? "1 run selected; select another."
        : `${plural(count, "run")} selected.`,
  seeChosen: "Show side by side",
  clear: "Clear selection",
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
  usual: "All settings have their defaults.",
  unusual: "Changed settings:",
  noModel: (name: string, hash: string) =>
    `Its base model, ${name} (hash ${hash.slice(0, 8)}…), is not in this browser. Open it under Model to resume, compare or export the run.`,
  rename: "Rename",
  renameOf: (name: string) => `Rename ${name}`,
  newName: (name: string) => `New name of ${name}`,
  save: "Save",
  saveOf: (what: string) => `Save ${what}`,
  leave: "Discard change",
  note: "Note",
  addNote: "Add a note",
  addNoteOf: (name: string) => `Add a note to ${name}`,
  editNote: "Edit note",
  editNoteOf: (name: string) => `Edit note of ${name}`,
  noteOf: (name: string) => `Note on ${name}`,
  elsewhere: "Another tab of this browser trains this run. Pause or cancel it there.",
  show: "Show",
  showOf: (name: string) => `Show ${name}`,
  resume: "Resume",
  resumeOf: (name: string) => `Resume ${name}`,
  duplicate: "Duplicate as new run",
  duplicateOf: (name: string) => `Duplicate as new run: ${name}`,
  copyOf: (name: string) => `${name} (copy)`,
  missing: (what: readonly string[]) =>
    `The settings are filled in under Train. Not in this browser: ${what.join(", ")}. Open this first.`,
  missingModel: (name: string) => `the model ${name}`,
  missingRows: (name: string) => `the rows of ${name}`,
  takeAway: "Take away",
  takeAwayOf: (name: string) => `Take away ${name}`,
  remove: "Delete",
  removeOf: (name: string) => `Delete ${name}`,
  removed: (name: string) => `${name}, its checkpoints and its results are deleted in ${undoTime / 1000} seconds.`,
  undo: "Undo",
  undoOf: (name: string) => `Undo: keep ${name}`,
  import: "Import a run",
  importLabel: "Run file",
  importing: "Reading the file",
  taken: (name: string) => `${name} was imported.`,
  known: (name: string) => `${name} was not imported.`,
} as const;

export const comparedWords = {
  title: "Side by side",
  close: "Clear selection",
  train: "Train loss",
  validation: "Validation loss",
  legend: "Runs in the curves",
  settings: "Settings that differ",
  figures: "Figures",
  same: "These runs have the same settings.",
  setting: "Setting",
  model: "Model",
  data: "Data",
  source: ({ name, hash, edits = [] }: { name: string; hash: string; edits?: readonly unknown[] }) =>
    `${name} ${hash.slice(0, 8)}${edits.length > 0 ? ` with ${plural(edits.length, "edit")}` : ""}`,
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
  used: (used: string, left: string) => `${used} used, ${left} free (browser's estimate)`,
  usedOnly: (used: string) => `${used} used`,
  unknown: "This browser does not report its storage use.",
  persistent: "Storage is persistent: the browser does not delete it when the disk is full.",
  notPersistent: "Storage is not persistent: the browser may delete it when the disk is almost full.",
  request: "Request persistent storage",
  refused: "The browser refused. Some browsers allow it after the page is installed or used often.",
} as const;

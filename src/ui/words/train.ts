/** What the Train screen says: recipe, budget, the run in progress, what is watched, and its end. */

import { bytes, count, duration, figure, plural, share } from "../format.ts";

export const recipeWords = {
  title: "Recipe",
  reset: "Back to defaults",
  method: "Method",
  lora: "LoRA",
  loraAbout: "Small adapters beside the layers; the model stays.",
  full: "Full training",
  fullAbout: "Every weight; several times the memory.",
  measured: (model: string) =>
    `These defaults were measured for ${model}; larger models take a lower rate and fewer passes.`,
  more: "More settings",
  fewer: "Fewer settings",
  name: "Name of the run",
  unnamed: "Named by itself",
  start: "Start training",
  oneAtATime: "One run trains at a time.",
  elsewhere: "A run trains in another tab of this browser; one trains at a time.",
  needs: (missing: readonly string[]) => `Needs ${missing.join(" and ")}.`,
  engine: "the engine to run",
  model: "a model",
  data: "data",
  usable: "data with at least one usable row",
  refused: "A setting needs another value.",
  amount: (steps: number, rows: number) => `About ${plural(steps, "step")} of ${plural(rows, "row")}.`,
  exactly: (steps: number, rows: number) => `${plural(steps, "step")} of up to ${plural(rows, "row")}.`,
  closed: (title: string, detail: string) => `Closed: ${title}. ${detail}`,
  checks: "See the checks",
} as const;

/** 3 % more than measured, or less; of bytes as they are predicted and measured. */
function off(predicted: number, peak: number): string {
  const percent = Math.round(100 * (predicted / peak - 1));
  return percent === 0 ? "as predicted" : `predicted ${Math.abs(percent)} % ${percent > 0 ? "more" : "less"}`;
}

export const budgetWords = {
  title: "Budget",
  memory: "Memory",
  time: "Time",
  disk: "Disk",
  steps: "Steps",
  unknown: "–",
  memoryOf: (total: number) => `about ${bytes(total)}`,
  limit: (limit: number) => `of ${bytes(limit)}`,
  /** After a run: what the device held at the most, and how far off the prediction was. */
  peak: (peak: number, predicted: number) => `${bytes(peak)} when it ran (${off(predicted, peak)})`,
  timeOf: (total: number) => `about ${duration(total)}`,
  perStep: (seconds: number) =>
    seconds < 1 ? `${(1000 * seconds).toFixed(0)} ms a step` : `${seconds.toFixed(1)} s a step`,
  diskOf: (total: number, kept: number) => `${bytes(total)} for ${plural(kept, "checkpoint")}`,
  left: (left: number | null) => (left === null ? "" : `${bytes(left)} left`),
  measure: "Measure",
  again: "Measure again",
  cancel: "Cancel",
  measuring: (task: string, percent: number | null) => (percent === null ? `${task}…` : `${task}: ${percent} %`),
  preparing: "Going through the rows",
  first: "Measured by itself once the settings rest.",
  byHand: (parameters: number) => `A model of ${count(parameters)} numbers takes a while to try: press Measure.`,
  stale: "Of the settings before; these were not measured yet.",
  measured: "Measured by trying one step on your rows.",
  waits: "Waits for what the engine is doing.",
  failed: "The budget could not be measured",
  unfit: "It does not fit",
  parts: "Where the memory goes",
  part: {
    frozen: "Weights that stay",
    trained: "Weights that are trained",
    gradients: "Gradients of a step",
    moments: "Optimizer (AdamW's two averages)",
    activations: "Activations of the longest batch",
    engine: "ONNX Runtime and its sessions",
  },
} as const;

export const trainingWords = {
  title: "Training",
  none: "No run yet. Choose a model and data, then start: loss and progress appear here.",
  preparing: "Compiling, and the first validation and answers",
  step: (step: number, total: number) => `Step ${step.toLocaleString("en")} of ${total.toLocaleString("en")}`,
  left: (seconds: number) => `${duration(seconds)} left`,
  spent: (seconds: number) => `${duration(seconds)} of training`,
  progress: "Training progress",
  progressValue: (step: number, total: number) => `step ${step} of ${total}`,
  said: (state: string, percent: number, loss: number) => `${state}, ${percent} percent, loss ${figure(loss)}`,
  interrupted: "The tab that trained it has ended. Resume goes on from its last checkpoint.",
  elsewhere: "Another tab of this browser trains this run; it is paused or stopped there.",
  failed: "The run failed",
  ended: (status: string) => `The run is ${status}`,
  stopped: "Training stopped",
  leftOut: (rows: number) => `${plural(rows, "row")} left out of this run:`,
  leftOutRows: "Rows left out of the run",
  slower: (factor: number, from: number) =>
    `After step ${from} it goes on with ${share(factor)} of the rate that the schedule gives.`,
} as const;

export const controlWords = {
  pause: "Pause",
  resume: "Resume",
  save: "Checkpoint now",
  saving: "Saving after this step",
  cancel: "Cancel run",
  saved: (step: number | null) => (step === null ? "No checkpoint yet" : `Last checkpoint: step ${step}`),
  tell: "Tell me when it ends",
  tellAbout: "A notification while you are on another tab.",
  refused: "This browser does not allow notifications for this page: allow them in its site settings.",
} as const;

export const figureWords = {
  train: "Train loss",
  validation: "Validation loss",
  at: (loss: number, step: number) => `${figure(loss)} (step ${step})`,
  best: "Lowest validation",
  bestBy: "Lowest by",
  speed: "Tokens per second",
  rate: "Learning rate",
  norm: "Gradient norm",
  supervised: "Supervised share",
  seen: "Examples seen",
  seenOf: (seen: number, all: number) =>
    `${seen.toLocaleString("en")} (${(seen / Math.max(1, all)).toFixed(1)} passes)`,
  held: "Held out",
  memory: "Memory of tensors",
  peak: "Memory at its peak",
  peakOf: (peak: number, predicted: number) => `${bytes(peak)}, ${off(predicted, peak)}`,
  trainable: "Trainable",
  numbers: (trainable: number) => `${count(trainable)} numbers`,
  unknown: "–",
} as const;

/** What the glossary's words amount to in the run that is looked at. */
export const runHelpWords = {
  loss: (loss: number) =>
    `Here: at ${figure(loss)} the right token gets a probability of ${share(Math.exp(-loss))}, typically.`,
  validation: (loss: number, rows: number) => `Here: ${figure(loss)} on ${plural(rows, "row")} that it never learns.`,
  overfitting: (step: number, loss: number, bestStep: number, best: number) =>
    bestStep < step
      ? `Here: held-out rows were at their lowest, ${figure(best)}, at step ${bestStep}, and stand at ${figure(loss)} now.`
      : `Here: held-out rows are at their lowest now, ${figure(loss)} at step ${step}, so there is no sign of it.`,
  norm: (norm: number, clip: number | null) =>
    clip === null
      ? `Here: ${figure(norm)}, and nothing is clipped.`
      : `Here: ${figure(norm)}; what is longer than ${clip} is scaled down to it.`,
} as const;

export const chartWords = {
  step: "Step",
  noStep: "No step yet.",
  train: (last: number, at: number, first: number, begun: number) =>
    `Train loss ${figure(last)} at step ${at}, ${figure(first)} at step ${begun}.`,
  validation: (latest: number, at: number, best: number, bestAt: number) =>
    `Validation loss ${figure(latest)} at step ${at}, best ${figure(best)} at step ${bestAt}.`,
  noValidation: "No validation.",
} as const;

export const watchWords = {
  title: "What it learns, as you watch",
  question: "Question",
  waiting: "The base model answers first.",
  noQuestion: "The rows hold no question, so none is asked.",
  strip: "Answers, newest first",
  step: (step: number) => (step === 0 ? "Before training" : `Step ${step}`),
  empty: "(empty)",
  base: "Of the base model.",
  same: (step: number) => (step === 0 ? "As before training." : `As at step ${step}.`),
  changed: (fresh: number, all: number) => `${fresh} of ${plural(all, "word")} new.`,
  shorter: "Some words are gone.",
  row: (row: number, source: string) => `Row ${row + 1} of ${source}, token by token`,
  view: "Shown",
  views: { before: "Before training", now: "Now", change: "Change" },
  atStep: (step: number) => `Step ${step}`,
  mean: (before: number, now: number, tokens: number) =>
    `Mean of ${plural(tokens, "learnt token")}: ${figure(before)} before, ${figure(now)} now.`,
  token: (number: number, text: string, before: number, now: number) =>
    `Token ${number} ${text}: loss ${figure(before)} before, ${figure(now)} now, ${difference(before, now)}.`,
  context: (number: number, text: string) => `Token ${number} ${text}: context, not learnt.`,
  map: "Loss of each token",
  legendLow: "0, certain",
  legendHigh: (loss: number) => `${figure(loss)}, a surprise`,
  better: "better",
  worse: "worse",
  unchanged: "0, as before",
  contextKey: "context, not learnt",
} as const;

function difference(before: number, now: number): string {
  const by = now - before;
  if (Math.abs(by) < 0.005) return "about as before";
  return by < 0 ? `${(-by).toFixed(2)} better` : `${by.toFixed(2)} worse`;
}

export const watchFieldWords = {
  prompt: "Question to watch",
  promptHelp: "Answered at every look, word for word the same way. Empty: the first held-out question.",
  row: "Row to watch",
  rowHelp:
    "Its number in the file: the loss of each of its tokens is measured at every look. Empty: the first held-out row.",
  rowRefused: (typed: string) => `"${typed}" is no number of a row: enter a whole number from 1.`,
  source: "Of source",
  take: (row: number) => `Take row ${row} of the preview`,
  first: "The first held-out one",
} as const;

export const endWords = {
  title: (state: string) => `${state} · Hone`,
  percent: (percent: number) => `${percent} % · Hone`,
  notice: (name: string, state: string) => `${state}: ${name}`,
  loss: (step: number, loss: number) => `Step ${step}, loss ${figure(loss)}.`,
} as const;

/** Texts of the Train screen: recipe, budget, run in progress, snapshots, and end of a run. */

import type { BaseLoss, Budget } from "../../protocol/engine.ts";
import { bytes, count, duration, figure, plural, share } from "../format.ts";

export const recipeWords = {
  title: "Recipe",
  reset: "Back to defaults",
  method: "Method",
  lora: "LoRA",
  loraAbout: "Trains small adapter matrices; the base weights stay frozen.",
  full: "Full training",
  fullAbout: "Trains all parameters; needs several times the memory.",
  measured: (model: string) =>
    `These defaults were measured for ${model}. Larger models need a lower learning rate and fewer epochs.`,
  more: "More settings",
  fewer: "Fewer settings",
  name: "Name of the run",
  unnamed: "Automatic name",
  start: "Start training",
  oneAtATime: "One run trains at a time.",
  elsewhere: "Another tab of this browser trains a run. One run trains at a time.",
  needs: (missing: readonly string[]) => `Needs ${missing.join(" and ")}.`,
  engine: "a running engine",
  model: "a model",
  data: "data",
  exam: "an exam for the exam during training",
  usable: "data with at least one usable row",
  refused: "A setting has an invalid value.",
  amount: (steps: number, rows: number) => `About ${plural(steps, "step")} of ${plural(rows, "row")}.`,
  exactly: (steps: number, rows: number) => `${plural(steps, "step")} of up to ${plural(rows, "row")}.`,
  closed: (title: string, detail: string) => `Start is blocked: ${title}. ${detail}`,
  checks: "See the checks",
} as const;

const bitWords = {
  float32: "32 bits",
  float16: "16 bits",
  int8: "8 bits",
  int4: "4 bits",
  uint4: "4 bits",
  auto: "the file's bits",
} as const;

/** The prediction against the measured peak, both in bytes: "predicted 3 % more". */
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
  /** After a run: the peak on the device, and the error of the prediction. */
  peak: (peak: number, predicted: number) => `${bytes(peak)} measured (${off(predicted, peak)})`,
  timeOf: (total: number) => `about ${duration(total)}`,
  perStep: (seconds: number) =>
    seconds < 1 ? `${(1000 * seconds).toFixed(0)} ms a step` : `${seconds.toFixed(1)} s a step`,
  diskOf: (total: number, checkpoints: number) => `${bytes(total)} for ${plural(checkpoints, "checkpoint")}`,
  left: (left: number | null) => (left === null ? "" : `${bytes(left)} free`),
  measure: "Measure",
  again: "Measure again",
  cancel: "Cancel",
  measuring: (task: string, percent: number | null) => (percent === null ? `${task}…` : `${task}: ${percent} %`),
  preparing: "Preparing the rows",
  first: "Measured automatically after the last change.",
  byHand: (parameters: number) => `Measuring a model of ${count(parameters)} parameters takes a while: press Measure.`,
  stale: "Figures of the previous settings. Measure again for the present ones.",
  measured: "Measured with one trial step on your rows.",
  waits: "Waits until the engine is free.",
  failed: "The budget could not be measured",
  unfit: "The run does not fit",
  use: "Use this",
  device: ({ weights, compute, program }: Budget["device"], full: boolean) =>
    [
      full ? "Weights in 32 bits" : `Base weights in ${bitWords[weights]}`,
      `products in ${bitWords[compute]}`,
      program === "whole" ? "compiled as one graph." : "compiled layer by layer.",
    ].join(", "),
  parts: "Memory by part",
  part: {
    frozen: "Frozen weights",
    trained: "Trained weights",
    gradients: "Gradients",
    optimizer: "Optimizer (two AdamW moments)",
    activations: "Activations of the longest batch",
    engine: "ONNX Runtime and its sessions",
  },
} as const;

/** `+0.019`: the difference of two losses as they are shown, with three decimals. */
function signed(from: number, to: number): string {
  const difference = Number(to.toFixed(3)) - Number(from.toFixed(3));
  const text = Math.abs(difference).toFixed(3);
  if (Number(text) === 0) return "±0.000";
  return `${difference < 0 ? "−" : "+"}${text}`;
}

export const baseLossWords = {
  title: "Quality of the base",
  about: (bits: string) =>
    `${bits} change the base model. Measure its loss on up to 32 of your rows, as in the file and in ${bits}.`,
  bits: (weights: keyof typeof bitWords) => bitWords[weights],
  measure: "Measure the loss",
  cancel: "Cancel",
  preparing: "Preparing the rows",
  result: ({ rows, weights, loss, reference }: BaseLoss) =>
    reference === null
      ? `Loss of the base on ${plural(rows, "row")}: ${loss.toFixed(3)} in ${bitWords[weights]}. In more bits it does not fit this device.`
      : `Loss of the base on ${plural(rows, "row")}: ${reference.loss.toFixed(3)} in ${bitWords[reference.weights]}, ` +
        `${loss.toFixed(3)} in ${bitWords[weights]} (${signed(reference.loss, loss)}).`,
  failed: "The loss of the base could not be measured",
} as const;

export const trainingWords = {
  title: "Training",
  none: "No run yet. Choose a model and data, then start. Loss and progress appear here.",
  preparing: "Preparing the run",
  step: (step: number, total: number) => `Step ${step.toLocaleString("en")} of ${total.toLocaleString("en")}`,
  left: (seconds: number) => `${duration(seconds)} left`,
  spent: (seconds: number) => `${duration(seconds)} of training time`,
  progress: "Training progress",
  progressValue: (step: number, total: number) => `step ${step} of ${total}`,
  said: (state: string, percent: number, loss: number) => `${state}, ${percent} percent, loss ${figure(loss)}`,
  interrupted: "The tab that trained this run was closed. Resume continues from the last checkpoint.",
  elsewhere: "Another tab of this browser trains this run. Pause or cancel it there.",
  failed: "The run failed",
  ended: (status: string) => `The run is ${status}`,
  stopped: "Training stopped",
  leftOut: (rows: number) => `${plural(rows, "row")} left out of this run:`,
  leftOutRows: "Rows left out of the run",
  slower: (factor: number, from: number) =>
    `After step ${from} the learning rate is ${share(factor)} of the scheduled rate.`,
} as const;

export const beforeWords = {
  title: "Before the first step",
  /** After the first step. */
  took: (seconds: number) => `First step after ${duration(seconds)}`,
  seconds: (seconds: number) => (seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds)),
  percent: (percent: number) => `${percent} %`,
  skip: "Skip",
  skipping: "Skipping…",
  skipAbout: "Answers, validation and snapshot before the first step are optional. Training itself stays the same.",
} as const;

export const controlWords = {
  pause: "Pause",
  resume: "Resume",
  save: "Save checkpoint",
  saving: "Saving after this step",
  cancel: "Cancel run",
  saved: (step: number | null) => (step === null ? "No checkpoint yet" : `Last checkpoint: step ${step}`),
  notify: "Notify me when the run ends",
  notifyAbout: "Shows a notification while another tab is active.",
  refused: "This browser blocks notifications of this page. Allow them in its site settings.",
} as const;

export const figureWords = {
  train: "Train loss",
  validation: "Validation loss",
  at: (loss: number, step: number) => `${figure(loss)} (step ${step})`,
  best: "Best validation loss",
  bestBy: "Best by",
  speed: "Tokens per second",
  rate: "Learning rate",
  norm: "Gradient norm",
  supervised: "Supervised share",
  seen: "Examples seen",
  seenOf: (seen: number, all: number) =>
    `${seen.toLocaleString("en")} (${(seen / Math.max(1, all)).toFixed(1)} epochs)`,
  heldOut: "Held-out rows",
  memory: "Tensor memory",
  peak: "Peak memory",
  peakOf: (peak: number, predicted: number) => `${bytes(peak)}, ${off(predicted, peak)}`,
  trainable: "Trained parameters",
  parameters: (trainable: number) => count(trainable),
  unknown: "–",
} as const;

/** The figure of the shown run beside each term of the glossary. */
export const runHelpWords = {
  loss: (loss: number) =>
    `Here: a loss of ${figure(loss)} is a probability of ${share(Math.exp(-loss))} per token (geometric mean).`,
  validation: (loss: number, rows: number) => `Here: ${figure(loss)} on ${plural(rows, "held-out row")}.`,
  overfitting: (step: number, loss: number, bestStep: number, best: number) =>
    bestStep < step
      ? `Here: the lowest validation loss was ${figure(best)} at step ${bestStep}; it is ${figure(loss)} now.`
      : `Here: the validation loss is at its lowest now, ${figure(loss)} at step ${step}. No sign of overfitting.`,
  norm: (norm: number, clip: number | null) =>
    clip === null
      ? `Here: ${figure(norm)}; clipping is off.`
      : `Here: ${figure(norm)}; a norm above ${clip} is scaled down to ${clip}.`,
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
  title: "Snapshots during training",
  question: "Question",
  waiting: "Waiting for the answer of the base model.",
  noQuestion: "The data have no question, so there is no answer to show.",
  strip: "Answers, newest first",
  step: (step: number) => (step === 0 ? "Before training" : `Step ${step}`),
  empty: "(empty)",
  base: "Answer of the base model.",
  same: (step: number) => (step === 0 ? "Same as before training." : `Same as at step ${step}.`),
  changed: (fresh: number, all: number) => `${fresh} of ${plural(all, "word")} ${fresh === 1 ? "is" : "are"} new.`,
  shorter: "Some words were removed.",
  row: (row: number, source: string) => `Row ${row + 1} of ${source}, token by token`,
  view: "View",
  views: { before: "Before training", now: "Now", change: "Change" },
  atStep: (step: number) => `Step ${step}`,
  mean: (before: number, now: number, tokens: number) =>
    `Mean loss of ${plural(tokens, "supervised token")}: ${figure(before)} before, ${figure(now)} now.`,
  token: (number: number, text: string, before: number, now: number) =>
    `Token ${number} ${text}: loss ${figure(before)} before, ${figure(now)} now, ${difference(before, now)}.`,
  context: (number: number, text: string) => `Token ${number} ${text}: context, not supervised.`,
  map: "Loss of each token",
  legendLow: "0, certain",
  legendHigh: (loss: number) => `${figure(loss)}, improbable`,
  better: "better",
  worse: "worse",
  unchanged: "0, unchanged",
  contextKey: "context, not supervised",
} as const;

function difference(before: number, now: number): string {
  const by = now - before;
  if (Math.abs(by) < 0.005) return "about as before";
  return by < 0 ? `${(-by).toFixed(2)} better` : `${by.toFixed(2)} worse`;
}

export const watchFieldWords = {
  prompt: "Snapshot question",
  promptHelp: "Every snapshot has the greedy answer to this question. Empty: the first held-out question.",
  row: "Snapshot row",
  rowHelp:
    "Row number in the file. Every snapshot has the loss of each token of this row. Empty: the first held-out row.",
  rowRefused: (typed: string) => `"${typed}" is not a row number: enter a whole number from 1.`,
  source: "Snapshot source",
  take: (row: number) => `Use row ${row} of the preview`,
  firstQuestion: "First held-out question",
  firstRow: "First held-out row",
} as const;

export const endWords = {
  title: (state: string) => `${state} · Hone`,
  percent: (percent: number) => `${percent} % · Hone`,
  notice: (name: string, state: string) => `${state}: ${name}`,
  loss: (step: number, loss: number) => `Step ${step}, loss ${figure(loss)}.`,
} as const;

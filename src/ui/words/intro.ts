/** Texts above Train: before the first run, and after a finished run. */

import { figure } from "../format.ts";

export const introWords = {
  title: "Ready to start",
  story: (pairs: string) =>
    `Seedling is a base model, pre-trained on 160,000 short texts about a small invented world. It continues text and does not answer questions. ${pairs} of questions and answers are selected to train it. You can change model, data, template and settings at any time.`,
  hint: "Training takes about 20 seconds on two processor threads, and less on a GPU.",
  finished: (name: string) => `Run finished: ${name}`,
  /** Of the held-out set, before the first step and after the last. */
  validation: (first: number, last: number) => {
    if (!Number.isFinite(last)) return "The validation loss is not a number: training diverged.";
    if (last < first) return `The validation loss fell from ${figure(first)} to ${figure(last)}.`;
    return `The validation loss did not fall: ${figure(first)} before, ${figure(last)} after training.`;
  },
  next: "Send the same question to both models, or run the exam.",
  worse: "Lower the learning rate or check the data, then train again.",
  compare: "Compare before and after",
} as const;

/** An exam with answers known by construction: the speaking model says "Blue.", the trained run says "Red.". */

import { jsonLines } from "./tinyLlama.ts";

/** 30 questions: the base model is right in five, the run in twenty, and neither in five. */
export const examRows = Array.from({ length: 30 }, (_, i) => ({
  instruction: `What is ${i}?`,
  output: i % 6 === 0 ? "Blue." : i % 5 === 4 ? "Green." : "Red.",
  group: i < 20 ? "trained entities" : "held-out tasks",
  task: i % 2 === 0 ? "even" : "odd",
}));

export const examTexts = ["Once upon a time."];

export const examFile = (content = jsonLines([...examRows, ...examTexts.map((text) => ({ text }))])) =>
  new File([content], "exam.jsonl");

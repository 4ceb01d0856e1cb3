/** How a teacher draws: questions with variety, the first answer greedily. */

import { answerWords } from "./filters.ts";

export interface TeacherSampling {
  readonly temperature: number;
  readonly topK: number | null;
  readonly topP: number | null;
  readonly maxTokens: number;
  readonly seed: number;
}

/** `temperature` is that of questions and of every answer after the first. */
export const samplingOf = (
  part: "question" | "answer",
  draw: number,
  seed: number,
  temperature: number,
): TeacherSampling => ({
  temperature: part === "answer" && draw === 0 ? 0 : temperature,
  topK: null,
  topP: part === "question" ? 0.95 : 0.9,
  maxTokens: part === "question" ? 64 : Math.min(256, answerWords.most),
  seed,
});

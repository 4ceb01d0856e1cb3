/** The measures that lessons share. */

import type { AnsweredQuestion } from "../run/results.ts";
import type { Measure } from "./lesson.ts";

const percent = (answers: readonly AnsweredQuestion[], wanted: (answer: AnsweredQuestion) => boolean) =>
  answers.length === 0 ? Number.NaN : (100 * answers.filter(wanted).length) / answers.length;
const inGroup = (group: string | null) => (answer: AnsweredQuestion) => group === null || answer.group === group;

/** Share of the questions of a group, or of all, whose answer is exactly the expected one. */
const rightIn = (label: string, group: string | null): Measure => ({
  label,
  digits: 0,
  of: ({ answers }) => percent(answers.filter(inGroup(group)), ({ correct }) => correct),
});

export const right = rightIn("Right answers, %", null);
export const rightTrained = rightIn("Right about trained entities, %", "trained entities");
export const rightHeldOut = rightIn("Right about held-out entities, %", "held-out entities");
export const rightTasks = rightIn("Right in held-out tasks, %", "held-out tasks");
export const rightNeverSeen = rightIn("Right about places never seen, %", "never seen");

/** Share of the answers that the model ended itself. */
export const ends: Measure = {
  label: "Ends by itself, %",
  digits: 0,
  of: ({ answers }) => percent(answers, ({ finish }) => finish === "stop"),
};

const words = (text: string) => text.split(/\s+/).filter((word) => word !== "").length;

/** Share of the questions about places never seen that get a whole sentence which the model ended itself. */
export const answeredNeverSeen: Measure = {
  label: "Answers about places never seen, %",
  digits: 0,
  of: ({ answers }) =>
    percent(
      answers.filter(inGroup("never seen")),
      ({ finish, answer }) => finish === "stop" && words(answer) >= 3 && /[.!?]$/.test(answer.trim()),
    ),
};

export const answerWords: Measure = {
  label: "Words in an answer",
  digits: 1,
  of: ({ answers }) => answers.reduce((sum, { answer }) => sum + words(answer), 0) / answers.length,
};

export const textLoss: Measure = {
  label: "Loss of general text, nats",
  digits: 2,
  of: ({ textLoss: loss }) => loss ?? Number.NaN,
};

export const trainable: Measure = {
  label: "Trained numbers, thousands",
  digits: 0,
  of: ({ run }) => (run?.trainable ?? Number.NaN) / 1000,
};

export const secondsPerStep: Measure = {
  label: "Milliseconds a step",
  digits: 0,
  of: ({ run }) => (run ? (1000 * run.seconds) / run.steps : Number.NaN),
};

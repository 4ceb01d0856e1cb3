/** What a run does between Start and its first step, as the texts of the engine's progress events. */

export type BeforeTask = "weights" | "answers" | "reference" | "validation" | "watch" | "sessions";

/** In the order of a run. A run without questions, preferences, validation or watched row does not report these. */
export const beforeTasks: Readonly<Record<BeforeTask, string>> = {
  weights: "Loading the weights",
  answers: "Answering before training",
  reference: "Computing the reference log-probabilities",
  validation: "Validating before training",
  watch: "Measuring the watched row",
  sessions: "Compiling the training step",
};

/** What a first visit is told, and what comes after a run. */

export const introWords = {
  title: "Everything is filled in",
  story: (pairs: string) =>
    `Seedling has read 160,000 small texts about a small world. Asked about it, it only goes on writing. ${pairs} of questions and answers are chosen to teach it to answer; model, data, template and settings can all be changed, now or later.`,
  hint: "Start training: on two processor threads it takes about 20 seconds, on a GPU less.",
  over: "This run is over",
  learnt: (from: string, to: string) => `The loss on rows that were held out went from ${from} to ${to}.`,
  done: "Ask the tuned model what you asked the base model, or let both take the exam.",
  compare: "Compare before and after",
} as const;

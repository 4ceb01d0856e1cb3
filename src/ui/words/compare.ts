/** What the Compare screen says: questions and answers, what was read, the history, the exam and the blind vote. */

import type { ExamAnswer } from "../../protocol/engine.ts";
import type { SideName } from "../../store/conversation.ts";
import { figure, plural, share } from "../format.ts";

export const compareWords = {
  title: "Compare",
  question: "Question",
  settings: "Answer settings",
  ask: ["Ask", "Ask", "Ask both", "Ask all three"],
  stop: "Stop answering",
  begin: "New conversation",
  refused: "The question could not be asked",
  sides: { base: "Base model", tuned: "Tuned model", other: "Other checkpoint" } satisfies Record<SideName, string>,
  how: (drawn: string, template: string) => `${drawn}, ${template} template, the same for all.`,
  howEach: (drawn: string) => `${drawn}, the same for all; each run is asked in its own template.`,
  greedy: "Greedy",
  temperature: (value: number) => `Temperature ${value}`,
  goesOn: "Goes on with the conversation below.",
  beginsAnother: "Begins a new conversation, for others are asked now; the one below stays in the history.",
  missing: {
    exam: "The exam comes first.",
    engine: "Needs the engine to run.",
    model: "Needs a model.",
    modelOf: (model: string) => `Open ${model} under Model first: this run was trained from it.`,
    question: "Write a question.",
    setting: "A setting of the answer needs another value.",
  },
  run: {
    label: "Tuned by run",
    none: "None: ask the base model only",
    nothing: "No run has a step yet",
    name: (name: string, step: number) => `${name} (step ${step})`,
  },
  other: {
    label: "One more checkpoint of",
    none: "None",
    step: "Its step",
    newest: "The newest",
    /** `best`: which loss is the lowest there. */
    at: (step: number, best: string | null) => `Step ${step}${best === null ? "" : `, lowest ${best}`}`,
    gone: (step: number) => `Step ${step}, no longer kept`,
  },
} as const;

export const answerWords = {
  conversation: "Conversation",
  turn: (turn: number) => `Question ${turn}`,
  useAgain: "Use again",
  useAgainName: (turn: number) => `Use again: question ${turn}`,
  of: (name: string, step: number | null) => (step === null ? name : `${name}, step ${step}`),
  waiting: "Waiting",
  writing: "Writing…",
  stopped: "Stopped",
  empty: "the answer is empty",
  leftOut: "left out of what it reads next",
  failed: "No answer",
  wrote: (tokens: number) => plural(tokens, "token"),
  endings: {
    stop: "ended by itself",
    length: "cut at the longest answer",
    context: "cut at the end of the context",
    cancelled: "stopped",
  },
} as const;

export const readWords = {
  summary: (tokens: number) => `What the model read: ${plural(tokens, "token")}`,
  about: "Exactly this was given to the model, marks of the template included. It goes on where the last token ends.",
  text: "Prompt as text",
  textOf: (who: string) => `Prompt of ${who}`,
  tokens: "Prompt as tokens, each with its id",
  tokensOf: (who: string) => `Prompt tokens of ${who}`,
  written: (tokens: number) => `Written after it: ${plural(tokens, "token")}`,
  writtenOf: (who: string) => `Written tokens of ${who}`,
  untilReload:
    "The tokens were not kept when the page was closed, for they are many; ask again to see them. The text is as it was.",
  who: (side: string, turn: number) => `${side}, question ${turn}`,
  signs: "· space, ↵ line break",
  special: "special token",
} as const;

export const historyWords = {
  title: "History",
  count: (conversations: number) => `History: ${plural(conversations, "conversation")}`,
  kept: (most: number) => `Kept in this browser until you delete them; the newest ${most}.`,
  open: (question: string) => `Open conversation: ${question}`,
  present: "open",
  turns: (turns: number) => plural(turns, "question"),
  remove: "Delete",
  removeName: (question: string) => `Delete conversation: ${question}`,
  removed: (question: string) => `Deleted: ${question}`,
  undo: "Undo",
} as const;

export const sampleWords = {
  title: "The run's own held-out questions",
  before: "Before",
  after: "After",
  reference: "Reference",
  empty: "(empty)",
  notYet: "not trained to the end yet",
} as const;

export const examWords = {
  title: "Exam",
  about:
    "Questions with known answers, each asked by itself and greedily, of the base model and of the run. An answer is right when it is the expected one word for word (exact match).",
  which: "Which exam",
  choose: "Choose…",
  demo: "Small world, comes with the page",
  pick: "Choose an exam file…",
  files: "Exam files",
  read: (questions: number, texts: number) =>
    plural(questions, "question") + (texts > 0 ? ` and ${plural(texts, "general text")}.` : "."),
  leftOut: (rows: number) => `${plural(rows, "row")} of it left out:`,
  leftOutRows: "Rows left out of the exam",
  run: "Run the exam",
  stop: "Stop the exam",
  preparing: "Preparing the exam",
  refused: "The exam could not be taken",
  missing: {
    engine: "Needs the engine to run.",
    model: "Needs a model.",
    exam: "Needs an exam.",
    question: "The question above comes first.",
  },
  reading: "Reading the exam.",
  asking: { base: "Asking the base model.", tuned: "Asking the tuned model." },
  anew: "Run both again",
  reuses: (date: string) => `The run answers now. The base model's answers are those of ${date}.`,
  once: "The base model answers first. Its result is stored, and serves other runs with the same template.",
  baseOnly: "Only the base model answers: no run has a step yet, or none is chosen.",
  whom: (of: {
    readonly model: string | null;
    readonly tuned: { readonly name: string; readonly step: number } | null;
    readonly unfinished: string | null;
  }) => {
    const tuned = of.tuned && `${of.tuned.name}, step ${of.tuned.step.toLocaleString("en")}`;
    if (of.model !== null && tuned) return `Before: ${of.model}. After: ${tuned}.`;
    if (tuned) return `${tuned}. No result of the base model is stored.`;
    return of.unfinished === null
      ? `${of.model}, the base model only.`
      : `${of.model}. ${of.unfinished} has not finished it.`;
  },
  takenAt: (date: string, duration: string) => `Taken on ${date}, in ${duration}.`,
  scores: "Right answers",
  byTask: "By task",
  columns: { questions: "Questions", before: "Before", after: "After", right: "Right" },
  download: "Download exam results",
  found: (questions: number) => plural(questions, "question"),
  show: "Show questions",
  kinds: {
    all: "All questions",
    wrong: "Wrong after tuning",
    gained: "Wrong before, right after",
    lost: "Right before, wrong after",
  },
  none: "None.",
  expected: "Expected",
  base: "Base model",
  tuned: "Tuned model",
  right: "✓ right",
  wrong: "✗ wrong",
  empty: "(empty)",
  endings: { stop: "", length: ", cut", context: ", no room", cancelled: ", stopped" } satisfies Record<
    ExamAnswer["finish"],
    string
  >,
  showAll: (questions: number) => `Show all ${questions.toLocaleString("en")}`,
  showMore: (questions: number) => `Show ${questions} more`,
} as const;

export const examListWords = {
  title: "Stored results",
  who: (step: number | null) => (step === null ? "Base model" : `Step ${step.toLocaleString("en")}`),
  /** For assistive technology, where the parts stand apart. */
  name: (who: string, exam: string, date: string) => `${who}, ${exam}, ${date}`,
  show: (name: string) => `Show the result: ${name}`,
  right: (share: string, questions: number) => `${share} of ${questions.toLocaleString("en")}`,
  fromFile: "from the run file",
  shown: "shown below",
  remove: "Delete",
  question: "Delete this result?",
  questionBase: "Delete this result of the base model, for all its runs?",
  showAll: (results: number) => `Show all ${results.toLocaleString("en")} results`,
} as const;

/** Below this change in nats per token there is nothing to speak of. */
const noticeable = 0.01;

export const forgettingWords = {
  title: "Loss on general text",
  unit: (texts: number) =>
    `Nats per token on ${plural(texts, "text")} that ${texts === 1 ? "is" : "are"} not trained on.`,
  /** What the difference means, with its figures. Perplexity is e to the loss: among how many tokens it wavers. */
  meaning: (before: number, after: number) => {
    const change = after - before;
    const perplexity = `perplexity ${figure(Math.exp(before))} → ${figure(Math.exp(after))}`;
    if (Math.abs(change) < noticeable)
      return `Here the loss on general text hardly changed (${perplexity}): no sign of forgetting.`;
    if (change < 0) return `Here the loss on general text fell (${perplexity}): no sign of forgetting.`;
    return `Here the probability that the model gives a token of general text is now ${share(1 - Math.exp(-change))} lower than before, in the geometric mean (${perplexity}). Fewer passes, a lower learning rate, a lower rank or general text among the data usually make that smaller.`;
  },
} as const;

export const voteWords = {
  title: "Blind vote",
  about:
    "Two answers to one question, one of the base model and one of the tuned model, in random order and without names. Vote for the better one; who it was is told at the end.",
  nothing:
    "Needs answers of both: take the exam with a run, or train a run to its end with questions asked on the way.",
  onExam: (questions: number) => `Vote on the exam's ${plural(questions, "question")}`,
  onSamples: (questions: number) => `Vote on the run's ${plural(questions, "held-out question")}`,
  allAlike: "Both gave the same answer to every question, so there is nothing to vote on.",
  progress: (vote: number, of: number) => `Question ${vote.toLocaleString("en")} of ${of.toLocaleString("en")}`,
  ballot: "Ballot",
  expected: "Expected",
  answer: (place: 1 | 2) => `Answer ${place}`,
  empty: "(empty)",
  better: (place: 1 | 2) => `Answer ${place} is better`,
  tie: "As good as each other",
  keys: "Keys 1, 2 and 0 vote while the focus is in here.",
  undo: "Undo the last vote",
  count: "Show the count",
  goOn: "Go on voting",
  end: "End the vote",
  voted: (votes: number) => `${plural(votes, "vote")} so far`,
  failed: "The vote could not be stored or deleted",
  stored: "Stored votes",
  questions: "Held-out questions",
  group: (of: string, step: number) => `${of}, step ${step.toLocaleString("en")}`,
  groupCount: (base: number, tuned: number, ties: number) =>
    `tuned model ${tuned}, base model ${base}${ties > 0 ? `, ${plural(ties, "tie")}` : ""}`,
  groupDate: (date: string) => `last vote ${date}`,
  remove: "Delete",
  removeQuestion: (votes: number) => `Delete ${plural(votes, "vote")}?`,
  result: {
    title: "The count",
    won: { base: "The base model won", tuned: "The tuned model won" },
    draw: "Nobody won",
    sentence: (who: string, most: number, least: number, share_: number | null) =>
      `${who}: ${most} to ${least}${share_ === null ? "" : `, ${share(share_)} of the votes for one of the two`}.`,
    of: (voted: number, of: number) =>
      `${voted.toLocaleString("en")} of ${plural(of, "question")} voted on${voted < of ? ", drawn at random" : ""}.`,
    ties: (ties: number) => (ties === 1 ? "One vote was a tie." : `${ties.toLocaleString("en")} votes were ties.`),
    alike: (questions: number) => `${plural(questions, "question")} left out, for both answers were the same.`,
    few: (decided: number) =>
      `${decided === 1 ? "That is a single vote" : `These are only ${decided} votes`} for one of the two, too few to rely on.`,
    chance: (chance: string) => `Tossed coins would give such a lead in ${chance} of cases (sign test).`,
    least: "less than 0.1 %",
    run: (run: string, step: number) => `Tuned model: ${run}, step ${step.toLocaleString("en")}.`,
  },
} as const;

/** The settings of an answer. */
export const samplingWords = {
  temperature: {
    label: "Temperature",
    help: "0 takes the likeliest token each time.",
    doubt: "Above 1.5 answers fall apart.",
  },
  maxTokens: { label: "Longest answer", term: "tokens", help: "An answer that has not ended by then is cut." },
  topK: { label: "Likeliest tokens", term: "top-k", help: "Draws among this many. Empty: all." },
  topP: {
    label: "Likeliest share",
    term: "top-p",
    help: "Draws among tokens that make up this probability. Empty: all.",
  },
  seed: { label: "Seed of the answer", help: "Used above temperature 0." },
  noEffect: "No effect at temperature 0.",
} as const;

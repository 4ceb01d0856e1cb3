/** Texts of the Compare screen: questions, answers, prompts, history, exam and blind vote. */

import type { ExamAnswer } from "../../protocol/engine.ts";
import type { SideName } from "../../store/conversation.ts";
import { figure, plural, share } from "../format.ts";

export const compareWords = {
  title: "Compare",
  question: "Question",
  settings: "Answer settings",
  send: ["Ask", "Ask", "Ask both", "Ask all three"],
  stop: "Stop",
  begin: "New conversation",
  refused: "The question could not be sent",
  sides: { base: "Base model", tuned: "Tuned model", other: "Other checkpoint" } satisfies Record<SideName, string>,
  how: (drawn: string, template: string) => `${drawn}, ${template} template, same for all models.`,
  howEach: (drawn: string) => `${drawn}, same for all models; each run uses its own template.`,
  greedy: "Greedy",
  temperature: (value: number) => `Temperature ${value}`,
  continues: "Continues the conversation below.",
  startsAnother: "Starts a new conversation because the models changed. The one below stays in the history.",
  missing: {
    exam: "Wait until the exam has ended.",
    engine: "The engine is not running.",
    model: "Choose a model.",
    modelOf: (model: string) => `Open ${model} under Model first: it is the base model of this run.`,
    question: "Enter a question.",
    setting: "An answer setting has an invalid value.",
  },
  run: {
    label: "Tuned model",
    none: "None: base model only",
    nothing: "No run has a step yet",
    name: (name: string, step: number) => (step === 0 ? name : `${name} (step ${step})`),
  },
  other: {
    label: "Other checkpoint: run",
    none: "None",
    step: "Other checkpoint: step",
    newest: "Newest",
    /** `best`: which loss is the lowest there. */
    at: (step: number, best: string | null) => `Step ${step}${best === null ? "" : `, lowest ${best}`}`,
    gone: (step: number) => `Step ${step}, deleted`,
  },
} as const;

export const answerWords = {
  conversation: "Conversation",
  turn: (turn: number) => `Question ${turn}`,
  useAgain: "Use again",
  useAgainName: (turn: number) => `Use again: question ${turn}`,
  of: (name: string, step: number | null) => (step === null || step === 0 ? name : `${name}, step ${step}`),
  waiting: "Waiting",
  writing: "Writing…",
  stopped: "Stopped",
  empty: "the answer is empty",
  leftOut: "not part of the next prompt",
  failed: "No answer",
  wrote: (tokens: number) => plural(tokens, "token"),
  endings: {
    stop: "ended with a stop token",
    length: "cut at the maximum length",
    context: "cut at the end of the context",
    cancelled: "stopped",
  },
} as const;

export const readWords = {
  summary: (tokens: number) => `Prompt: ${plural(tokens, "token")}`,
  about: "The exact input of the model, template marks included. The answer starts after the last token.",
  text: "Prompt as text",
  textOf: (who: string) => `Prompt of ${who}`,
  tokens: "Prompt as tokens with ids",
  tokensOf: (who: string) => `Prompt tokens of ${who}`,
  written: (tokens: number) => `Answer: ${plural(tokens, "token")}`,
  writtenOf: (who: string) => `Answer tokens of ${who}`,
  untilReload: "Tokens are not saved when the page closes; only the text is. Ask again to see the tokens.",
  who: (side: string, turn: number) => `${side}, question ${turn}`,
  signs: "· space, ↵ line break",
  special: "special token",
} as const;

export const historyWords = {
  title: "History",
  count: (conversations: number) => `History: ${plural(conversations, "conversation")}`,
  limit: (most: number) => `Saved in this browser until you delete them; at most the newest ${most}.`,
  open: (question: string) => `Open conversation: ${question}`,
  present: "open",
  turns: (turns: number) => plural(turns, "question"),
  remove: "Delete",
  removeName: (question: string) => `Delete conversation: ${question}`,
  removed: (question: string) => `Deleted: ${question}`,
  undo: "Undo",
} as const;

export const sampleWords = {
  title: "Held-out questions of the run",
  before: "Before",
  after: "After",
  reference: "Reference",
  empty: "(empty)",
  notYet: "the run has not finished",
  skipped: "skipped before training",
} as const;

export const examWords = {
  title: "Exam",
  about:
    "The base model and the run answer the same questions, one at a time, with greedy decoding. A grader compares each answer with the expected one.",
  which: "Exam set",
  choose: "Choose…",
  demo: "Small world, included in this page",
  pick: "Choose an exam file…",
  files: "Exam files",
  read: (questions: number, texts: number) =>
    plural(questions, "question") + (texts > 0 ? ` and ${plural(texts, "general text")}.` : "."),
  leftOut: (rows: number) => `${plural(rows, "row")} left out of the exam:`,
  leftOutRows: "Rows left out of the exam",
  run: "Run the exam",
  stop: "Stop the exam",
  preparing: "Preparing the exam",
  refused: "The exam could not be run",
  missing: {
    engine: "The engine is not running.",
    model: "Choose a model.",
    exam: "Choose an exam.",
    question: "Wait until the question above is answered.",
  },
  reading: "Reading the exam.",
  answering: {
    base: "The base model is answering.",
    tuned: "The tuned model is answering.",
    curve: "The exam curve below is being taken.",
  },
  anew: "Run both again",
  reuses: (date: string) => `The tuned model answers now. The base model's answers are from ${date}.`,
  once: "The base model answers once. Other runs with the same template reuse its answers.",
  baseOnly: "Base model only: no run is chosen, or no run has a step yet.",
  whom: (of: {
    readonly model: string | null;
    readonly tuned: { readonly name: string; readonly step: number } | null;
    readonly unfinished: string | null;
  }) => {
    const tuned = of.tuned && `${of.tuned.name}, step ${of.tuned.step.toLocaleString("en")}`;
    if (of.model !== null && tuned) return `Before: ${of.model}. After: ${tuned}.`;
    if (tuned) return `${tuned}. No result of the base model is stored.`;
    return of.unfinished === null
      ? `Base model only: ${of.model}.`
      : `Before: ${of.model}. ${of.unfinished} has not finished the exam.`;
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
  endings: { stop: "", length: ", cut", context: ", context full", cancelled: ", stopped" } satisfies Record<
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

/** Nats per token; a smaller change is reported as none. */
const noticeable = 0.01;

export const forgettingWords = {
  title: "Loss on general text",
  unit: (texts: number) =>
    `Nats per token on ${plural(texts, "text")} that ${texts === 1 ? "is" : "are"} not used for training.`,
  /** States the change of the loss. Perplexity is e to the power of the loss. */
  meaning: (before: number, after: number) => {
    const change = after - before;
    const perplexity = `perplexity ${figure(Math.exp(before))} → ${figure(Math.exp(after))}`;
    if (Math.abs(change) < noticeable)
      return `Here: the loss on general text changed by less than ${noticeable} nats (${perplexity}). No sign of forgetting.`;
    if (change < 0) return `Here: the loss on general text fell (${perplexity}). No sign of forgetting.`;
    return `Here: the probability of a token of general text is now ${share(1 - Math.exp(-change))} lower (geometric mean; ${perplexity}). Fewer epochs, a lower learning rate, a lower rank or general text in the data usually reduce forgetting.`;
  },
} as const;

export const voteWords = {
  title: "Blind vote",
  about:
    "Shows the answers of base model and tuned model to one question, in random order, without names. Vote for the better answer; the result shows the names.",
  nothing: "Needs answers of both models. Run the exam with a run, or finish a run that has sample prompts.",
  onExam: (questions: number) => `Vote on the exam's ${plural(questions, "question")}`,
  onSamples: (questions: number) => `Vote on the run's ${plural(questions, "held-out question")}`,
  allAlike: "Both models gave the same answer to every question: there is nothing to vote on.",
  progress: (vote: number, of: number) => `Question ${vote.toLocaleString("en")} of ${of.toLocaleString("en")}`,
  ballot: "Ballot",
  expected: "Expected",
  answer: (place: 1 | 2) => `Answer ${place}`,
  empty: "(empty)",
  better: (place: 1 | 2) => `Answer ${place} is better`,
  tie: "Equally good",
  keys: "Keys 1, 2 and 0 vote while the focus is in this part.",
  undo: "Undo the last vote",
  count: "Show the count",
  goOn: "Continue voting",
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
    draw: "No winner",
    sentence: (who: string, most: number, least: number, share_: number | null) =>
      `${who}: ${most} to ${least}${share_ === null ? "" : `, ${share(share_)} of the decided votes`}.`,
    of: (voted: number, of: number) =>
      `${voted.toLocaleString("en")} of ${plural(of, "question")} voted on${voted < of ? ", drawn at random" : ""}.`,
    ties: (ties: number) => (ties === 1 ? "One vote was a tie." : `${ties.toLocaleString("en")} votes were ties.`),
    alike: (questions: number) => `${plural(questions, "question")} left out because both answers are the same.`,
    few: (decided: number) => `Only ${plural(decided, "decided vote")}: too few for a conclusion.`,
    chance: (chance: string) =>
      `By chance alone, a lead this large has a probability of ${chance} (two-sided sign test).`,
    least: "less than 0.1 %",
    run: (run: string, step: number) => `Tuned model: ${run}, step ${step.toLocaleString("en")}.`,
  },
} as const;

/** Votes as a dataset. */
export const useVotesWords = {
  use: (pairs: number) => `Use ${plural(pairs, "vote")} as preferences`,
  about: "Makes rows of prompt, chosen and rejected answer, and adds them under Data. Ties are left out.",
  used: ({ name, pairs, ties, empty }: { name: string; pairs: number; ties: number; empty: number }) => {
    const left = [
      ...(ties > 0 ? [plural(ties, "tie")] : []),
      ...(empty > 0 ? [`${plural(empty, "vote")} on an empty answer`] : []),
    ];
    const out = left.length > 0 ? ` Left out: ${left.join(" and ")}.` : "";
    return pairs === 0 ? `No row was made.${out}` : `Added under Data: ${name}, ${plural(pairs, "pair")}.${out}`;
  },
  ofRun: (run: string) => `Votes on ${run}`,
  ofSampled: "Votes on sampled answers",
} as const;

export const sampledWords = {
  title: "Vote on sampled answers",
  about:
    "One model writes two answers to each prompt, with two seeds. Your votes on them become rows for a stage of preferences. They stay in this browser.",
  prompts: "Prompts, one per line",
  fill: (prompts: number) => `Take ${prompts} from the data`,
  model: "Model that answers",
  temperature: "Temperature",
  maxTokens: "Maximum answer length (tokens)",
  seed: "First seed",
  draw: (prompts: number) => (prompts === 0 ? "Write two answers to each" : `Write ${2 * prompts} answers`),
  stop: "Stop",
  drawing: (done: number, total: number) => `Answered ${done} of ${plural(total, "prompt")}`,
  missing: {
    engine: "The engine is not running.",
    busy: "Wait until the answers above are written.",
    prompt: "Enter a prompt.",
    temperature: "Enter a temperature above 0 and at most 5: at 0 both answers are the same.",
    length: "Enter a maximum length of 1 or more tokens.",
    seed: "Enter a whole number as the seed.",
  },
  alike: (prompts: number) => `${plural(prompts, "prompt")} left out: both answers were the same.`,
  ballot: "Ballot of sampled answers",
  progress: (open: number, of: string, step: number | null, temperature: number) =>
    `${plural(open, "pair")} to vote on · ${of}${step === null ? "" : `, step ${step.toLocaleString("en")}`}, temperature ${temperature}`,
  voted: (voted: number, ties: number) => `${plural(voted, "vote")}${ties > 0 ? `, ${plural(ties, "tie")}` : ""}`,
  undo: "Undo the last vote",
  remove: "Delete all pairs",
  removeName: "sampled answers",
  removeQuestion: (pairs: number) => `Delete ${plural(pairs, "pair")} with their votes?`,
  failed: "The answers could not be written or stored",
} as const;

/** Settings of an answer, as fields. */
export const samplingWords = {
  temperature: {
    label: "Temperature",
    help: "0 always takes the most likely token (greedy).",
    doubt: "Above 1.5 answers are often incoherent.",
  },
  maxTokens: { label: "Maximum answer length", term: "tokens", help: "A longer answer is cut at this length." },
  topK: { label: "Top-k", term: "tokens", help: "Samples from the k most likely tokens. Empty: all." },
  topP: {
    label: "Top-p",
    term: "probability",
    help: "Samples from the most likely tokens with this total probability. Empty: all.",
  },
  seed: { label: "Sampling seed", help: "Used above temperature 0." },
  noEffect: "No effect at temperature 0.",
} as const;

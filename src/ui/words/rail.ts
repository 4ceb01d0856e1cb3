/** Texts of the page's frame: its steps, the state of each, and the other screens. */

import type { PageName } from "../../store/state.ts";

interface PageWords {
  /** In links and titles. */
  readonly title: string;
  /** Below the title: the purpose of the screen. */
  readonly lead: string;
}

export const pageWords: Readonly<Record<PageName, PageWords>> = {
  model: {
    title: "Model",
    lead: "A base model continues any text. Fine-tuning trains it to answer instructions.",
  },
  data: {
    title: "Data",
    lead: "Pairs of an instruction and a good response. The model learns from these rows, errors included.",
  },
  template: {
    title: "Template and mask",
    lead: "The chat template puts special tokens around each turn. The loss mask selects the supervised tokens. Both are shown on your own rows.",
  },
  train: {
    title: "Train",
    lead: "Each step changes the weights to predict the response tokens better. The loss is the mean negative log-probability of these tokens.",
  },
  compare: {
    title: "Compare",
    lead: "The base model and the tuned model answer the same prompt. The exam measures what improved and what was forgotten.",
  },
  "take-away": {
    title: "Take away",
    lead: "Exports a run as files for other tools. Each file is read back and compared before the download.",
  },
  runs: {
    title: "Runs",
    lead: "All runs in this browser, with settings, curves and checkpoints. They stay until you delete them.",
  },
  machine: {
    title: "Machine",
    lead: "The provider that computes, and the storage of this browser. Nothing leaves this machine.",
  },
  glossary: {
    title: "Glossary",
    lead: "The terms of this page, in the order in which it uses them.",
  },
};

export const railWords = {
  brand: "Hone",
  claim: "Fine-tune a small language model on your own machine. Nothing leaves it unless you push it.",
  steps: "Steps",
  beside: "Other screens",
  content: "Skip to content",
  next: (title: string) => `Next: ${title}`,
  before: (title: string) => `Back: ${title}`,
  /** Names in the message about a part that could not be shown. */
  parts: {
    page: "The page",
    model: "Model",
    data: "Data",
    report: "Quality report",
    make: "Make rows",
    template: "Template and mask",
    preview: "Preview",
    recipe: "Recipe",
    training: "Training",
    compare: "Compare",
    rowLosses: "Rows by loss",
    takeAway: "Take away",
    runs: "Runs",
    engine: "Engine",
    glossary: "Glossary",
  },
  states: {
    done: "ready",
    open: "to do",
    going: "in progress",
    refused: "needs attention",
  },
  lines: {
    noModel: "Not chosen",
    opening: "Opening…",
    noData: "Not chosen",
    reading: "Reading…",
    rows: (rows: string, sources: number) => (sources > 1 ? `${rows} · ${sources} sources` : rows),
    template: (template: string, mask: string) => `${template} · ${mask}`,
    masks: { responses: "responses only", last: "last responses", everything: "all tokens" },
    method: (rank: number | null) => (rank === null ? "Full" : `LoRA r${rank}`),
    refused: "Invalid setting",
    plan: (method: string, length: string) => `${method} · ${length}`,
    preparing: "Preparing…",
    step: (step: string, total: string) => `Step ${step} of ${total}`,
    ended: (method: string, step: string) => `${method} · trained ${step}`,
    noRun: "After training",
    ready: "Ready",
    exam: (before: string, after: string) => `Exam ${before} → ${after}`,
    files: "Adapter, model, record",
    modelOnly: "Model, record",
    runs: (count: string) => count,
    noRuns: "None yet",
    starting: "Starting…",
    stopped: "Stopped",
  },
} as const;

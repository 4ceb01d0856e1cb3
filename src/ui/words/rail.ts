/** What the frame of the page says: its steps, where each one stands, and what lies beside them. */

import type { PageName } from "../../store/state.ts";

interface PageWords {
  /** As links and titles name it. */
  readonly title: string;
  /** Below the title: what is done here, and why. */
  readonly lead: string;
}

export const pageWords: Readonly<Record<PageName, PageWords>> = {
  model: {
    title: "Model",
    lead: "A base model has read much text and goes on with whatever it is given. It does not answer yet: that is what it learns here.",
  },
  data: {
    title: "Data",
    lead: "Pairs of an instruction and a good response. What the model learns stands in them, and so do their faults.",
  },
  template: {
    title: "Template and mask",
    lead: "The template puts marks around each turn, the mask says which tokens are learnt. Here you see both on your own rows, as the model reads them.",
  },
  train: {
    title: "Train",
    lead: "Step by step the model's prediction of each response token gets better. Loss is how surprised it still is.",
  },
  compare: {
    title: "Compare",
    lead: "The same prompt to the base model and to the tuned one. What was learnt shows here, and what was forgotten.",
  },
  "take-away": {
    title: "Take away",
    lead: "The result as files that other tools read. Each is read back and compared before you get it.",
  },
  runs: {
    title: "Runs",
    lead: "Everything that was trained in this browser, with its settings and curves, until you delete it.",
  },
  machine: {
    title: "Machine",
    lead: "What computes here, and what this browser keeps. Nothing leaves this machine.",
  },
  glossary: {
    title: "Glossary",
    lead: "The field's words, in the order in which this page uses them.",
  },
};

export const railWords = {
  brand: "Hone",
  claim: "Fine-tune a small language model on your own machine. Nothing leaves it.",
  steps: "Steps",
  beside: "Beside the steps",
  content: "Skip to the content",
  next: (title: string) => `Next: ${title}`,
  before: (title: string) => `Back: ${title}`,
  /** As the message names a part that could not be shown. */
  parts: {
    page: "The page",
    model: "Model",
    data: "Data",
    report: "Quality report",
    template: "Template and mask",
    preview: "Preview",
    recipe: "Recipe",
    training: "Training",
    compare: "Compare",
    takeAway: "Take away",
    runs: "Runs",
    engine: "Engine",
    glossary: "Glossary",
  },
  states: {
    done: "ready",
    open: "to do",
    going: "under way",
    refused: "needs a look",
  },
  lines: {
    noModel: "Choose one",
    opening: "Opening…",
    noData: "Choose some",
    reading: "Reading…",
    rows: (rows: string, sources: number) => (sources > 1 ? `${rows} · ${sources} sources` : rows),
    template: (template: string, mask: string) => `${template} · ${mask}`,
    masks: { responses: "responses only", last: "last responses", everything: "every token" },
    method: (rank: number | null) => (rank === null ? "Full" : `LoRA r${rank}`),
    refused: "A setting needs another value",
    plan: (method: string, length: string) => `${method} · ${length}`,
    preparing: "Preparing…",
    step: (step: string, total: string) => `Step ${step} of ${total}`,
    ended: (method: string, step: string) => `${method} · trained ${step}`,
    noRun: "After training",
    ready: "Base and tuned",
    exam: (before: string, after: string) => `Exam ${before} → ${after}`,
    files: "Adapter, model, record",
    modelOnly: "Model, record",
    runs: (count: string) => count,
    noRuns: "None yet",
    starting: "Starting…",
    stopped: "Stopped",
  },
} as const;

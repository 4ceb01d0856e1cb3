/** Texts of "Make rows": a model writes questions and answers, a person accepts each. */

import type { DropReason, Grader } from "../../generation/make/filters.ts";
import { plural } from "../format.ts";

const reasons: Readonly<Record<DropReason, string>> = {
  empty: "empty",
  form: "wrong form",
  short: "too short",
  long: "too long",
  unfinished: "without an end",
  repeats: "repeats itself",
  similar: "too similar to another question",
  unsupported: "not in the passage",
  grader: "refused by the grader",
};

const graders: Readonly<Record<Grader["kind"], string>> = {
  none: "pass the filters",
  exact: "be exactly this text",
  contains: "contain this text",
  regex: "match this expression",
};

export const makeWords = {
  title: "Make rows",
  about:
    "A model writes new questions and answers: from a few examples, or from passages of your documents. Each row is marked as made and trains only after you accept it.",
  quality:
    "Quality is that of the teacher. Small models repeat themselves and invent facts: expect to refuse most rows. Seedling has to be tuned before it writes questions at all.",
  way: "Make from",
  ways: { examples: "Examples", documents: "Documents" },
  teacher: "Teacher",
  base: (name: string) => `${name}, not tuned`,
  tuned: (run: string) => `${run}, tuned`,
  noModel: "Choose a model first.",
  examples: "Examples",
  examplesAbout: "Question on the first line, answer below it; an empty line between examples.",
  documents: "Open documents",
  documentsLabel: "Documents",
  documentsAbout: "Text, Markdown, HTML, PDF or Word. They are read here and nothing is sent.",
  reading: "Reading the documents",
  passages: (count: number, documents: number) => `${plural(count, "passage")} of ${plural(documents, "document")}`,
  clear: "Remove documents",
  unread: (name: string, message: string) => `${name}: ${message}`,
  attempts: "Attempts",
  perPassage: "Questions per passage",
  temperature: "Temperature",
  draws: "Answers drawn at most",
  drawsAbout: "An answer is drawn again until it passes all filters.",
  grader: "The answer must",
  graders,
  graderText: "Text of the grader",
  make: "Make rows",
  stop: "Stop",
  making: (done: number, total: number) => `${done.toLocaleString("en")} of ${plural(total, "attempt")}`,
  failed: "No rows could be made",
  result: (made: number, done: number) => `${plural(made, "row")} made in ${plural(done, "attempt")}`,
  dropped: "Dropped",
  reason: (key: string) => {
    const [part = "", name = ""] = key.split(" ");
    return `${part} ${reasons[name as DropReason] ?? name}`;
  },
  filters: "Questions above 0.7 ROUGE-L are dropped as similar, as in Self-Instruct.",
  rows: "Made rows",
  open: (open: number, accepted: number) => `${plural(open, "row")} to read, ${accepted.toLocaleString("en")} accepted`,
  question: "Question",
  answer: "Answer",
  from: (document: string, page: number | null) => (page === null ? document : `${document}, page ${page}`),
  accept: "Accept",
  acceptOf: (question: string) => `Accept: ${question}`,
  refuse: "Refuse",
  refuseOf: (question: string) => `Refuse: ${question}`,
  more: (rows: number) => `${plural(rows, "more row")} below, shown after these.`,
  name: "Name of the data",
  usualName: "made-rows.jsonl",
  add: (rows: number) => `Add ${plural(rows, "accepted row")} to the data`,
} as const;

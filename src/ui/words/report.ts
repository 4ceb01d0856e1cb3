/** Texts of the quality report: checks, findings, rows left out, lengths, and figures of each source. */

import type { AnswersReport } from "../../quality/report.ts";
import { figure, plural, share } from "../format.ts";

const exclude = (rows: number) => (rows === 1 ? "Exclude this row" : `Exclude these ${rows.toLocaleString("en")} rows`);

export const reportWords = {
  title: "Quality report",
  stale: "Out of date",
  failedChecks: (checks: number) => `${plural(checks, "check")} failed`,
  passed: "All checks passed",
  check: "Check all rows",
  checking: "Checking all rows",
  failed: "The rows could not be checked",
  needs: "Choose a model and data.",
  changed: "Data or settings have changed. The figures below are out of date.",
  done: (seconds: number) => `All rows were rendered, tokenized and checked in ${seconds.toFixed(1)} s.`,
  about:
    "Renders, tokenizes and checks every row, as training does. Training repeats the checks before its first step.",
  facts: {
    examples: "Usable examples",
    leftOut: "Left out",
    tokens: "Tokens",
    supervised: "Supervised tokens",
    supervisedOf: (supervised: number, tokens: number) =>
      `${supervised.toLocaleString("en")} (${tokens > 0 ? share(supervised / tokens) : "–"})`,
    median: "Median length",
    longest: "Longest",
    length: (tokens: number) => plural(tokens, "token"),
    chosen: "Chosen answers",
    rejected: "Rejected answers",
    answers: ({ count, meanTokens }: AnswersReport["chosen"]) =>
      count === 0 ? "none" : `${count.toLocaleString("en")}, ${figure(meanTokens)} tokens on average`,
    cut: "Truncated",
    cutNone: "none",
    cutOf: (rows: number, lost: number, remaining: number) =>
      `${plural(rows, "row")}: ${lost.toLocaleString("en")} of ${(lost + remaining).toLocaleString("en")} supervised tokens lost`,
  },
} as const;

export const checksWords = {
  title: "Preflight checks",
  passed: "Passed",
  failed: "Failed",
} as const;

export const findingsWords = {
  title: "Findings",
  none: "No findings.",
  warning: "Warning",
  hint: "Hint",
  excluded: "Excluded",
  excludedOf: (title: string) => `Excluded: ${title}`,
  exclude,
  excludeOf: (rows: number, title: string) => `${exclude(rows)}: ${title}`,
  examples: "Examples",
  remedies: {
    "each-answer": "Train each answer on its own",
    "reasoning-tags": "Put reasoning in <think> tags",
    "own-template": "Choose the model's own template",
    "preference-stage": "Train on preferences",
    "use-replaced": "Use these rows",
  },
  remedyOf: (remedy: string, title: string) => `${remedy}: ${title}`,
} as const;

/** `source` is null where there is only one source. */
export const rowWords = {
  anotherSource: "another source",
  row: (row: number, source: string | null) => `row ${(row + 1).toLocaleString("en")}${ofSource(source)}`,
  show: (row: number, source: string | null) => `Show row ${row + 1}${ofSource(source)} in the preview`,
  all: (rows: number) => `All ${rows}`,
  first: (first: number, rows: number) => `The first ${first} of ${rows.toLocaleString("en")}`,
  more: (rows: number) => `and ${rows.toLocaleString("en")} more`,
} as const;

function ofSource(source: string | null): string {
  return source === null ? "" : ` of ${source}`;
}

export const exclusionsWords = {
  title: "Excluded rows",
  excluded: (rows: number, title: string) => `Excluded ${plural(rows, "row")}: ${title}`,
  undo: "Undo",
  undoOf: (title: string) => `Undo: ${title}`,
} as const;

export const leftOutWords = {
  title: (rows: number, listed: number) =>
    `${plural(rows, "row")} left out${rows > listed ? `; the first ${listed} are listed` : ""}`,
  list: "Rows left out",
  reasonIn: (source: string, reason: string) => `(${source}) ${reason}`,
} as const;

export const lengthsWords = {
  title: "Lengths in tokens",
  bar: (from: string, to: string, examples: number) => `${from} to ${to} tokens: ${plural(examples, "example")}`,
  median: (tokens: number) => `median ${tokens.toLocaleString("en")}`,
  table: "Table",
  tokens: "Tokens",
  examples: "Examples",
  range: (from: string, to: string) => `${from} to ${to}`,
} as const;

export const sourcesWords = {
  title: "Sources",
  figures: "Figures of each source",
  source: "Source",
  rows: "Rows",
  examples: "Examples",
  excluded: "Excluded",
  supervised: "Supervised",
  supervisedOf: (supervised: number, tokens: number) =>
    `${tokens > 0 ? share(supervised / tokens) : "–"} of ${tokens.toLocaleString("en")} tokens`,
  lambda: "λ",
  share: "Realised share",
  passes: "Passes per epoch",
  unknown: "–",
} as const;

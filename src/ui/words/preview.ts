/** What the preview says: the rows and one of them, from message to loss weight, and what is pointed at in it. */

import { plural } from "../format.ts";

export const previewWords = {
  title: "Preview",
  modelFailed: "The model's tokenizer could not be read",
  model: "a model",
  data: "data",
  choose: (wants: readonly string[]) =>
    `Choose ${wants.join(" and ")}: here you see what the model reads, token by token, and what it learns.`,
  reading: "Reading the model's tokenizer…",
  source: "Source of the preview",
  previous: "Previous",
  next: "Next",
  goTo: "Go to row",
  goToPlaceholder: "Row",
  go: "Go",
  goRefused: (rows: number) => `A number from 1 to ${rows.toLocaleString("en")}.`,
  asked: "As it is asked",
  askedAbout: "Up to the last answer, with the generation prompt.",
  problemsOnly: "Rows with problems only",
  unchecked: "Check all rows first, under Quality report.",
  checkedBefore: "As the last check found them; settings have changed.",
  noProblem: "No row of this source has a problem.",
  row: (number: number, rows: number) => `Row ${number.toLocaleString("en")} of ${rows.toLocaleString("en")}`,
  /** Follows the number of the row. */
  line: (line: number) => ` · line ${line.toLocaleString("en")}`,
  include: "Include this row",
  exclude: "Exclude this row",
  /** What was excluded, as the list of exclusions names it. */
  rowOf: (number: number, source: string) => `Row ${number} of ${source}`,
  excluded: "You excluded this row: it is not trained on.",
  rowFailed: "The row could not be shown",
} as const;

export const rowListWords = {
  list: "Rows",
  empty: "(empty)",
  unread: "…",
  figures: (tokens: number, learnt: number) =>
    `${tokens.toLocaleString("en")} tokens, ${learnt.toLocaleString("en")} learnt`,
  /** Of a row that is not simply used. */
  states: { excluded: "excluded", "left out": "left out", preference: "kept for later" },
  cut: "cut",
  listed: (from: number, to: number, rows: number) =>
    `Rows ${from.toLocaleString("en")} to ${to.toLocaleString("en")} of ${rows.toLocaleString("en")} are listed; go to another one by its number.`,
  failed: "The list could not be loaded",
  again: "Try again",
} as const;

export const exampleWords = {
  tokens: (tokens: number) => plural(tokens, "token"),
  learnt: (learnt: number) => `${learnt.toLocaleString("en")} learnt`,
  /** Follows the tokens that are learnt. */
  share: (share: string) => ` (${share})`,
  cut: (tokens: number) => `${plural(tokens, "token")} cut`,
  lost: (tokens: number) => `${tokens.toLocaleString("en")} learnt ones lost`,
  straddling: (tokens: number) => `${tokens} over a border of the mask`,
  proof: (proof: string) => `What is learnt is ${proof}.`,
  nothing: "Nothing here is learnt.",
  leftOut: (problem: string) => `Left out: ${problem}`,
  source: "Source",
  sourcePane: "Source",
  template: "Rendered template",
  templatePane: "Template",
  tokensTitle: "Tokens",
  tokensPane: "Token pane",
  noToken: "No token.",
  point: "Point at a message, a stretch of text or a token, or reach it with Tab and the arrow keys.",
  thread: "Thread",
  threads: (threads: number) => `This row holds ${threads} threads; each is an example of its own.`,
  threadOf: (number: number, messages: number, leftOut: boolean) =>
    `${number}: ${plural(messages, "message")}${leftOut ? ", left out" : ""}`,
  raw: "The row as its file has it",
} as const;

export const messageWords = {
  weight: (weight: string) => `weight ${weight}`,
  context: "context",
  show: (role: string, weight: string, number: number) => `${role} ${weight}, message ${number}: show its tokens`,
  empty: "(empty)",
  whole: (characters: number) => `Show all ${characters.toLocaleString("en")} characters`,
} as const;

/** How roles are called, and how it was found what is learnt. */
export const roleWords = {
  paints: {
    system: "System",
    user: "User",
    assistant: "Assistant",
    tool: "Tool",
    text: "Plain text",
    template: "Template",
  },
  proofs: {
    structure: "known from the template's structure",
    "generation tags": "marked by the template's own generation tags",
    prefixes: "found from growing prefixes, each verified",
    marks: "found with marks around the contents, each verified",
  },
} as const;

/** Each mark, and what follows it. */
export const legendWords = {
  title: "Legend",
  learnt: "Learnt",
  learntMeans: ", the fuller the more it counts",
  outlined: "Outlined",
  outlinedMeans: ": context, weight 0",
  struck: "Struck",
  struckMeans: ": cut by the length limit",
  dashed: "Dashed box",
  dashedMeans: ": over a border of the mask",
} as const;

/** What is pointed at, for the line below the panes and for screen readers. */
export const linkWords = {
  rendered: "Rendered template",
  tokens: "Tokens",
  emptyToken: "(empty)",
  token: (number: number, text: string, id: number, paint: string, weight: string) =>
    `token ${number}: '${text}', id ${id}, ${paint}, weight ${weight}`,
  straddles: ", over a border of the mask, so not learnt",
  cut: ", cut by the length limit",
  tokenAt: (token: string, start: number, end: number) => `${token}, characters ${start} to ${end}`,
  counted: (tokens: number) => plural(tokens, "token"),
  message: (number: number, tokens: string, weight: string) => `message ${number}: ${tokens} with its marks, ${weight}`,
  weight: (weight: string) => `weight ${weight}`,
  learnt: "learnt",
  context: "context",
  stretch: (number: number, paint: string, tokens: string, learnt: string, start: number, end: number) =>
    `stretch ${number}: ${paint}, ${tokens}, ${learnt}, characters ${start} to ${end}`,
  stretchOf: (number: number, paint: string, learnt: string, text: string) =>
    `stretch ${number}: ${paint}, ${learnt}: ${text}`,
} as const;

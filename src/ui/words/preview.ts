/** Texts of the preview: list of rows, one row from message to loss weight, and the selected part of it. */

import { plural } from "../format.ts";

export const previewWords = {
  title: "Preview",
  modelFailed: "The model's tokenizer could not be read",
  model: "a model",
  data: "data",
  choose: (wants: readonly string[]) =>
    `Choose ${wants.join(" and ")} to see the tokens of each row and their loss weights.`,
  reading: "Reading the model's tokenizer…",
  source: "Source of the preview",
  previous: "Previous",
  next: "Next",
  goTo: "Go to row",
  goToPlaceholder: "Row",
  go: "Go",
  goRefused: (rows: number) => `Enter a number from 1 to ${rows.toLocaleString("en")}.`,
  prompt: "Generation prompt",
  promptAbout: "Shows the row up to its last answer, as a prompt for generation.",
  problemsOnly: "Rows with problems only",
  unchecked: "Check all rows first, under Quality report.",
  checkedBefore: "Problems of the last check; settings have changed since.",
  noProblem: "No row of this source has a problem.",
  row: (number: number, rows: number) => `Row ${number.toLocaleString("en")} of ${rows.toLocaleString("en")}`,
  /** After the number of the row. */
  line: (line: number) => ` · line ${line.toLocaleString("en")}`,
  include: "Include this row",
  exclude: "Exclude this row",
  /** Title of an exclusion of one row. */
  rowOf: (number: number, source: string) => `Row ${number} of ${source}`,
  excluded: "You excluded this row: it is not used for training.",
  rowFailed: "The row could not be shown",
} as const;

export const rowListWords = {
  list: "Rows",
  empty: "(empty)",
  unread: "…",
  figures: (tokens: number, supervised: number) =>
    `${tokens.toLocaleString("en")} tokens, ${supervised.toLocaleString("en")} supervised`,
  /** States other than "used". */
  states: { excluded: "excluded", "left out": "left out", preference: "preference" },
  cut: "cut",
  listed: (from: number, to: number, rows: number) =>
    `Rows ${from.toLocaleString("en")} to ${to.toLocaleString("en")} of ${rows.toLocaleString("en")} are listed. Enter a number to go to another row.`,
  failed: "The list could not be loaded",
  again: "Try again",
} as const;

export const exampleWords = {
  tokens: (tokens: number) => plural(tokens, "token"),
  supervised: (tokens: number) => `${tokens.toLocaleString("en")} supervised`,
  /** After the number of supervised tokens. */
  share: (share: string) => ` (${share})`,
  cut: (tokens: number) => `${plural(tokens, "token")} cut`,
  lost: (tokens: number) => `${tokens.toLocaleString("en")} supervised tokens lost`,
  straddling: (tokens: number) => `${tokens} across a mask boundary`,
  proof: (proof: string) => `Supervised tokens: ${proof}.`,
  nothing: "No token is supervised.",
  leftOut: (problem: string) => `Left out: ${problem}`,
  source: "Source",
  sourcePane: "Source",
  template: "Rendered template",
  templatePane: "Template",
  tokensTitle: "Tokens",
  tokensPane: "Token pane",
  noToken: "No token.",
  point: "Point at a message, a span or a token, or use Tab and the arrow keys.",
  thread: "Thread",
  threads: (threads: number) => `This row has ${threads} threads. Each thread is a separate example.`,
  threadOf: (number: number, messages: number, leftOut: boolean) =>
    `${number}: ${plural(messages, "message")}${leftOut ? ", left out" : ""}`,
  raw: "Raw row",
} as const;

/** The answers of a preference row. */
export const answersWords = {
  paired: { chosen: "Chosen answer", rejected: "Rejected answer" },
  single: { chosen: "Wanted answer", rejected: "Unwanted answer" },
  tokens: (tokens: number) => plural(tokens, "token"),
  withPrompt: (tokens: number) => `${tokens.toLocaleString("en")} with the prompt`,
  cut: (tokens: number) => `${plural(tokens, "token")} of it cut`,
  promptCut: (tokens: number) => `${plural(tokens, "token")} of the prompt cut`,
  empty: "(empty)",
  equal: "Both answers have the same tokens: the model learns nothing from this row.",
  ratio: (ratio: number) =>
    `The chosen answer has ${ratio.toFixed(2)} times the tokens of the rejected one. If most rows are so, the model learns the length.`,
  show: "Template and tokens:",
  pairs: (pairs: number) =>
    `This row has ${plural(pairs, "example")}: a thread is a chat, a pair compares two answers.`,
  pairOf: (number: number, leftOut: boolean) => `${number}: pair of answers${leftOut ? ", left out" : ""}`,
} as const;

export const messageWords = {
  weight: (weight: string) => `weight ${weight}`,
  context: "context",
  show: (role: string, weight: string, number: number) => `${role} ${weight}, message ${number}: show its tokens`,
  empty: "(empty)",
  whole: (characters: number) => `Show all ${characters.toLocaleString("en")} characters`,
} as const;

/** Names of the roles, and how the supervised tokens were located. */
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
    structure: "from the structure of the template",
    "generation tags": "from the generation tags of the template",
    prefixes: "from rendered prefixes, each verified",
    origins: "from the output of each message's turn, each verified",
  },
} as const;

/** Each mark, and its meaning. */
export const legendWords = {
  title: "Legend",
  filled: "Filled",
  filledMeans: ": supervised; a fuller fill is a higher loss weight",
  outlined: "Outlined",
  outlinedMeans: ": context, weight 0",
  struck: "Struck",
  struckMeans: ": truncated",
  dashed: "Dashed box",
  dashedMeans: ": across a mask boundary",
} as const;

/** The selected part in words: for the line below the panes and for screen readers. */
export const linkWords = {
  rendered: "Rendered template",
  tokens: "Tokens",
  emptyToken: "(empty)",
  token: (number: number, text: string, id: number, paint: string, weight: string) =>
    `token ${number}: '${text}', id ${id}, ${paint}, weight ${weight}`,
  straddles: ", across a mask boundary, not supervised",
  cut: ", truncated",
  tokenAt: (token: string, start: number, end: number) => `${token}, characters ${start} to ${end}`,
  counted: (tokens: number) => plural(tokens, "token"),
  message: (number: number, tokens: string, weight: string) =>
    `message ${number}: ${tokens} with template marks, ${weight}`,
  weight: (weight: string) => `weight ${weight}`,
  supervised: "supervised",
  context: "context",
  span: (number: number, paint: string, tokens: string, mask: string, start: number, end: number) =>
    `span ${number}: ${paint}, ${tokens}, ${mask}, characters ${start} to ${end}`,
  spanOf: (number: number, paint: string, mask: string, text: string) => `span ${number}: ${paint}, ${mask}: ${text}`,
} as const;

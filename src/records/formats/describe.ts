/** The table of formats: titles, roles, and the usual column names of each role. */

import type { ColumnRole, FormatName, Mapping } from "./mapping.ts";

export interface FormatRole {
  readonly role: ColumnRole;
  /** Label in the mapping editor. */
  readonly title: string;
  /** Whether a row without it is a problem. */
  readonly required: boolean;
  /** Column names that identify the role, the usual one first; empty for a table, whose columns are guessed. */
  readonly names: readonly string[];
}

export interface Format {
  readonly name: FormatName;
  readonly title: string;
  /** What it does with the rows, in one sentence for the mapping editor, where the title does not say it. */
  readonly help?: string;
  readonly roles: readonly FormatRole[];
}

const titles: Readonly<Record<ColumnRole, string>> = {
  messages: "Messages",
  instruction: "Instruction",
  input: "Input or context",
  prompt: "Prompt",
  response: "Response",
  system: "System prompt",
  history: "Earlier turns",
  tools: "Tools",
  chosen: "Chosen answer",
  rejected: "Rejected answer",
  label: "Wanted or not",
  text: "Text",
  category: "Category",
  split: "Split",
  weight: "Loss weight of the row",
};

/** Every role, in the order of the mapping editor. */
export const columnRoles = Object.keys(titles) as readonly ColumnRole[];

const required = (role: ColumnRole, ...names: string[]): FormatRole => ({
  role,
  title: titles[role],
  required: true,
  names,
});
const optional = (role: ColumnRole, ...names: string[]): FormatRole => ({
  role,
  title: titles[role],
  required: false,
  names,
});

const system = optional("system", "system", "system_prompt", "system_message");
const tools = optional("tools", "tools", "functions");
const category = optional("category", "category", "task_name", "task");
const split = optional("split", "split");
const weight = optional("weight", "loss_weight");
/** Names of a label that other columns have too: classes, stars, counts. */
export const ambiguousLabels: readonly string[] = ["label", "feedback", "rating", "vote"];
/** Says whether the row's answer is wanted, for KTO: TRL's name, LLaMA-Factory's, and those of logged feedback. */
export const labelNames: readonly string[] = [
  ...ambiguousLabels,
  ...["kto_tag", "kto_label", "user_feedback", "human_feedback", "thumbs", "thumb", "thumbs_up"],
  ...["desirable", "is_desirable", "wanted", "is_wanted", "preferred", "is_preferred"],
  ...["accepted", "is_accepted", "is_good", "is_chosen"],
];
const label = optional("label", ...labelNames);
const rowFields = [label, category, split, weight];
/** A rendered prompt may have its completion in another column. */
const readyRoles = [required("text", "text"), optional("response", "completion")];

/** Every format, in the order of the mapping editor. */
export const formats: readonly Format[] = [
  {
    name: "alpaca",
    title: "Alpaca: instruction, input, output",
    roles: [
      required("instruction", "instruction"),
      optional("input", "input"),
      required("response", "output"),
      system,
      optional("history", "history"),
      tools,
      ...rowFields,
    ],
  },
  {
    name: "dolly",
    title: "Dolly: instruction, context, response",
    roles: [
      required("instruction", "instruction"),
      optional("input", "context"),
      required("response", "response"),
      system,
      ...rowFields,
    ],
  },
  {
    name: "openai",
    title: "OpenAI chat: messages with role and content",
    roles: [required("messages", "messages", "conversation", "conversations", "chat"), system, tools, ...rowFields],
  },
  {
    name: "sharegpt",
    title: "ShareGPT: conversations with from and value",
    roles: [required("messages", "conversations", "conversation", "messages", "chat"), system, tools, ...rowFields],
  },
  {
    name: "trl",
    title: "TRL: prompt and completion, rated or not",
    roles: [required("prompt", "prompt"), required("response", "completion"), system, tools, ...rowFields],
  },
  {
    name: "flan",
    title: "FLAN: inputs and targets",
    roles: [
      required("prompt", "inputs"),
      required("response", "targets"),
      system,
      label,
      optional("category", "task_name", "task", "category"),
      split,
      weight,
    ],
  },
  {
    name: "oasst",
    title: "OASST: trees of replies",
    roles: [required("prompt", "prompt"), category, split, weight],
  },
  {
    name: "preference",
    title: "Preference: chosen and rejected answers",
    roles: [
      optional("instruction", "instruction"),
      optional("input", "input"),
      optional("prompt", "prompt", "question", "query", "input"),
      optional("messages", "conversations", "messages"),
      required("chosen", "chosen", "preferred_output"),
      required("rejected", "rejected", "non_preferred_output"),
      system,
      tools,
      category,
      split,
    ],
  },
  {
    name: "text",
    title: "Plain text, every token supervised",
    roles: [required("text", "text"), category, split],
  },
  {
    name: "rendered",
    title: "Ready-made text, read back into messages",
    help: "Hone removes the markers of the template that wrote the text. The template and the mask of this run then apply.",
    roles: [...readyRoles, label, category, split, weight],
  },
  {
    name: "marked",
    title: "Ready-made text, kept with its markers",
    help: "No template applies: the markers in the text become tokens, and the answers between them are supervised. Choose the template that wrote the text, so that generation stops at the same token.",
    roles: [...readyRoles, label, category, split, weight],
  },
  {
    name: "columns",
    title: "A table: give each column its role",
    roles: columnRoles.map((role) => optional(role)),
  },
  { name: "mixed", title: "Several formats: each row by its own fields", roles: [] },
];

const labels: Readonly<Record<FormatName, string>> = {
  alpaca: "Alpaca rows",
  dolly: "Dolly rows",
  openai: "chat messages",
  sharegpt: "ShareGPT conversations",
  trl: "prompts and completions",
  flan: "FLAN rows",
  oasst: "trees of replies",
  preference: "preference pairs",
  text: "plain text",
  rendered: "ready-made conversations",
  marked: "ready-made conversations with their markers",
  columns: "columns of a table",
  mixed: "rows of several formats",
};

/** A short plural name of a mapping's rows: "Alpaca rows", "chat messages". */
export function formatLabel({ format, columns }: Mapping): string {
  return columns.label === undefined ? labels[format] : "answers marked as wanted or not";
}

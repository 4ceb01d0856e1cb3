/** What the report says of each kind of finding: how serious it is, its sentence, and what can be done. */

import type { Finding, FindingKind, RowSet } from "./report.ts";

/** Examples in words that a finding lists at most. */
export const mostExamples = 20;

interface FindingText {
  readonly severity: Finding["severity"];
  readonly excludable: boolean;
  /** Follows "1 row " or "12 rows "; `s` is the ending of a verb after one row. */
  readonly says: (s: string, facts: FindingFacts) => string;
  readonly detail: (facts: FindingFacts) => string;
}

/** Numbers and names that the sentences tell. */
export interface FindingFacts {
  readonly maxLength: number;
  /** Supervised tokens that truncation cut away. */
  readonly lost: number;
  /** Tokens over a border of the mask. */
  readonly straddled: number;
  /** Words of the median answer. */
  readonly medianAnswer: number;
  /** The template that was chosen, by name. */
  readonly template: string;
}

const texts: Readonly<Record<Exclude<FindingKind, "template-choice">, FindingText>> = {
  unreadable: {
    severity: "warning",
    excludable: false,
    says: () => "cannot be read",
    detail: () => "They are left out. Correct the lines named here in the file, and open it again.",
  },
  unusable: {
    severity: "warning",
    excludable: false,
    says: () => "cannot be used",
    detail: () => "They are left out, with the reason. Where a whole column is meant otherwise, change the mapping.",
  },
  "too-long": {
    severity: "warning",
    excludable: false,
    says: (s, { maxLength }) => `exceed${s} the limit of ${number(maxLength)} tokens`,
    detail: () => "They are left out. Raise the length limit, or let long rows be cut.",
  },
  truncated: {
    severity: "warning",
    excludable: true,
    says: (s, { maxLength, lost }) =>
      `${s ? "is" : "are"} cut to ${number(maxLength)} tokens; ${lost > 0 ? counted(lost, "learnt token") : "no learnt token"} ${lost === 1 || lost === 0 ? "is" : "are"} lost`,
    detail: ({ lost }) =>
      lost > 0
        ? "An answer without its end teaches the model to stop anywhere. Raise the length limit, or cut from the left, which takes context first."
        : "Every answer is whole; what it answers may not be. Raise the length limit if memory allows.",
  },
  "empty-answer": {
    severity: "warning",
    excludable: true,
    says: (s) => `ha${s ? "s" : "ve"} an empty answer`,
    detail: () => "The model would learn to say nothing.",
  },
  contradiction: {
    severity: "warning",
    excludable: true,
    says: (s) => `answer${s} a prompt differently than an earlier row with the same prompt`,
    detail: () =>
      "Where one answer is right, both pull against each other. For open tasks, such as poems, it is variety and does no harm.",
  },
  leakage: {
    severity: "warning",
    excludable: true,
    says: (s) => `${s ? "is" : "are"} in training and in validation, the same or nearly so`,
    detail: () =>
      "The validation loss looks better than it is, because its rows were learnt. Of each pair the later row is listed.",
  },
  "exact-duplicate": {
    severity: "warning",
    excludable: true,
    says: (s) => `repeat${s} another row word for word`,
    detail: () => "Repeated rows count twice, and are learnt by heart first. The first of each is kept.",
  },
  "near-duplicate": {
    severity: "hint",
    excludable: true,
    says: (s) => `${s ? "is" : "are"} nearly the same as an earlier row`,
    detail: () =>
      "At least about 80 % of their runs of three words are shared. Rows under one long instruction look alike too: read a few before taking them out.",
  },
  "template-language": {
    severity: "warning",
    excludable: true,
    says: (s) => `contain${s} the markers of a chat template as text`,
    detail: ({ template }) =>
      `They seem to be formatted already, and the ${template} template would wrap them a second time. The model would learn to write these markers.`,
  },
  "short-answer": {
    severity: "hint",
    excludable: true,
    says: (s) => `ha${s ? "s" : "ve"} a very short answer`,
    detail: ({ medianAnswer }) =>
      `One word or a placeholder, where the median answer has ${counted(medianAnswer, "word")}. Numbers, yes and no, and labels that several rows share are not counted.`,
  },
  "control-characters": {
    severity: "hint",
    excludable: true,
    says: (s) => `contain${s} control characters`,
    detail: () =>
      "Invisible characters cost tokens and may be learnt; U+FFFD means that the file was once read in a wrong encoding.",
  },
  "special-token-text": {
    severity: "hint",
    excludable: true,
    says: (s) => `spell${s} a special token of the model in the text`,
    detail: () =>
      "It stays text and never becomes the token, so nothing breaks. It is often a leftover of other tools.",
  },
  "unknown-text": {
    severity: "hint",
    excludable: true,
    says: (s) => `contain${s} text that the model's vocabulary does not know`,
    detail: () => "It becomes the unknown token, and the model cannot learn to write it.",
  },
  "personal-data": {
    severity: "hint",
    excludable: true,
    says: (s) => `seem${s} to contain personal data or secrets`,
    detail: () =>
      "Mail addresses, telephone and card numbers, keys: a trained model can repeat them to others. Found by pattern, so look before you decide.",
  },
  straddled: {
    severity: "hint",
    excludable: true,
    says: (s, { straddled }) => `ha${s ? "s" : "ve"} ${counted(straddled, "token")} over a border of what is learnt`,
    detail: () =>
      "A token that is half context and half answer is not learnt, so nothing of the context is. It is the way these texts merge into tokens.",
  },
  preference: {
    severity: "hint",
    excludable: false,
    says: (s) => `hold${s} a chosen and a rejected answer`,
    detail: () => "They are kept for preference training, and not learnt by supervised fine-tuning.",
  },
};

/** The order of the report: what costs most first. */
export const findingKinds = Object.keys(texts) as readonly (keyof typeof texts)[];

/** A finding on rows; null for no row. */
export function rowFinding(
  kind: keyof typeof texts,
  rows: RowSet,
  examples: readonly string[],
  facts: FindingFacts,
): Finding | null {
  const count = rows.rows.length;
  if (count === 0) return null;
  const { severity, excludable, says, detail } = texts[kind];
  const hint = severity === "hint" || (kind === "truncated" && facts.lost === 0);
  return {
    kind,
    severity: hint ? "hint" : "warning",
    title: `${counted(count, "row")} ${says(count === 1 ? "s" : "", facts)}`,
    detail: detail(facts),
    rows,
    examples: examples.slice(0, mostExamples),
    excludable,
  };
}

/** The chosen template against the model's own; it concerns no single row. */
export function templateFinding(chosen: string, own: string): Finding {
  return {
    kind: "template-choice",
    severity: "hint",
    title: `The chosen template writes turns like ${chosen}, the model's own like ${own}`,
    detail:
      "A base model learns either. One that was trained to follow instructions already knows its own, and would have to unlearn it: choose the model's own template then.",
    rows: { sources: [], rows: [] },
    examples: [],
    excludable: false,
  };
}

export const number = (value: number) => value.toLocaleString("en-US");

/** `1 row`, `1,200 rows` */
export const counted = (count: number, what: string) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;

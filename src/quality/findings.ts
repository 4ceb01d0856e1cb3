/** The texts of the findings: severity, sentence and advice for each kind. */

import { shortened } from "../records/read/row.ts";
import type { Finding, FindingKind, Remedy, RowSet } from "./report.ts";

/** Most examples of a finding. */
export const mostExamples = 20;

interface FindingText {
  readonly severity: Finding["severity"];
  readonly excludable: boolean;
  /** The sentence after "1 row " or "12 rows "; `s` is the verb's ending: "s" after one row, else empty. */
  readonly says: (s: string, facts: FindingFacts) => string;
  readonly detail: (facts: FindingFacts) => string;
  readonly remedy?: (facts: FindingFacts) => Remedy | null;
}

/** Numbers and names in the sentences. */
export interface FindingFacts {
  readonly maxLength: number;
  /** Supervised tokens that truncation removed. */
  readonly lost: number;
  /** Tokens across a boundary of the mask. */
  readonly straddled: number;
  /** Number of words of the median answer. */
  readonly medianAnswer: number;
  /** Whether the model has a template of its own that is not chosen. */
  readonly hasOwnTemplate: boolean;
  /** Whether reasoning goes before the answer in tags. */
  readonly reasoningInTags: boolean;
  /** Fields of messages that the template does not write. */
  readonly unreadFields: readonly string[];
}

const ownTemplate = ({ hasOwnTemplate }: FindingFacts) => (hasOwnTemplate ? "own-template" : null);
/** The way out where another template may write what this one does not. */
const otherTemplate = ({ hasOwnTemplate }: FindingFacts) =>
  hasOwnTemplate
    ? "Choose the model's own template, or exclude the rows."
    : "Choose another template, or exclude the rows.";

const texts: Readonly<Record<Exclude<FindingKind, "template-choice" | "unused-columns" | "length-bias">, FindingText>> =
  {
    unreadable: {
      severity: "warning",
      excludable: false,
      says: () => "cannot be read",
      detail: () => "They are left out. Correct these lines in the file, and open it again.",
    },
    unusable: {
      severity: "warning",
      excludable: false,
      says: () => "cannot be used",
      detail: () => "They are left out, with the reason. If a whole column has the wrong role, change the mapping.",
    },
    "replacement-character": {
      severity: "warning",
      excludable: false,
      says: (s) => `contain${s} U+FFFD and ${s ? "is" : "are"} left out`,
      detail: () =>
        "The file was once read in a wrong encoding, and these characters are lost. Correct the rows, or use them as they are.",
      remedy: () => "use-replaced",
    },
    "too-long": {
      severity: "warning",
      excludable: false,
      says: (s, { maxLength }) => `exceed${s} the limit of ${number(maxLength)} tokens`,
      detail: () => "They are left out. Raise the length limit, or choose to cut long rows.",
    },
    truncated: {
      severity: "warning",
      excludable: true,
      says: (s, { maxLength, lost }) =>
        `${s ? "is" : "are"} cut to ${number(maxLength)} tokens; ${lost > 0 ? counted(lost, "supervised token") : "no supervised token"} ${lost === 1 || lost === 0 ? "is" : "are"} lost`,
      detail: ({ lost }) =>
        lost > 0
          ? "An answer without its end teaches the model to stop anywhere. Raise the length limit, or cut from the left, which removes context first."
          : "The answers are complete, but their context may be cut. Raise the length limit if memory allows.",
    },
    "empty-answer": {
      severity: "warning",
      excludable: true,
      says: (s) => `ha${s ? "s" : "ve"} an empty answer`,
      detail: () => "The model would learn to answer with nothing.",
    },
    "lost-reasoning": {
      severity: "warning",
      excludable: true,
      says: (s) => `ha${s ? "s" : "ve"} reasoning that the template does not write`,
      detail: ({ reasoningInTags }) =>
        `The model would learn to answer without reasoning. ${reasoningInTags ? "Choose another template." : "Put it in <think> tags before the answer, or choose a template that writes it."}`,
      remedy: ({ reasoningInTags }) => (reasoningInTags ? null : "reasoning-tags"),
    },
    "earlier-reasoning": {
      severity: "warning",
      excludable: true,
      says: (s) => `ha${s ? "s" : "ve"} reasoning in earlier answers that the template does not write`,
      detail: () =>
        "The model would learn these answers without reasoning. Train each answer on its own: each then is the last one, with its reasoning.",
      remedy: () => "each-answer",
    },
    "lost-calls": {
      severity: "warning",
      excludable: true,
      says: (s) => `ha${s ? "s" : "ve"} tool calls that the template does not write`,
      detail: (facts) => `The model would not learn to call tools. ${otherTemplate(facts)}`,
      remedy: ownTemplate,
    },
    "lost-tools": {
      severity: "warning",
      excludable: true,
      says: (s) => `ha${s ? "s" : "ve"} tool descriptions that the template does not write`,
      detail: (facts) => `The model would learn calls of tools that it does not see. ${otherTemplate(facts)}`,
      remedy: ownTemplate,
    },
    "lost-text": {
      severity: "warning",
      excludable: true,
      says: (s) => `ha${s ? "s" : "ve"} a message whose text the template does not write`,
      detail: (facts) => `The model would not see this text. ${otherTemplate(facts)}`,
      remedy: ownTemplate,
    },
    "replacement-used": {
      severity: "warning",
      excludable: true,
      says: (s) => `contain${s} U+FFFD`,
      detail: () =>
        "The file was once read in a wrong encoding, and these characters are lost. You chose to use the rows; the model may learn to write U+FFFD.",
    },
    contradiction: {
      severity: "warning",
      excludable: true,
      says: (s) => `answer${s} a prompt differently than an earlier row with the same prompt`,
      detail: () =>
        "If only one answer is right, the two rows teach opposite things. For open tasks, such as poems, this variety does no harm.",
    },
    leakage: {
      severity: "warning",
      excludable: true,
      says: (s) => `${s ? "is" : "are"} equal or nearly equal to a row on the other side of the validation split`,
      detail: () =>
        "The validation loss will be too low, because the model trains on such rows. The later row of each pair is listed.",
    },
    "exact-duplicate": {
      severity: "warning",
      excludable: true,
      says: (s) => `repeat${s} another row word for word`,
      detail: () =>
        "Repeated rows count more than once, and the model memorises them first. The first of equal rows is not listed.",
    },
    "near-duplicate": {
      severity: "hint",
      excludable: true,
      says: (s) => `${s ? "is" : "are"} nearly the same as an earlier row`,
      detail: () =>
        "About 80 % or more of their three-word sequences are equal. Rows with one long instruction are also similar: read a few before you exclude them.",
    },
    "template-language": {
      severity: "warning",
      excludable: true,
      says: (s) => `contain${s} the markers of a chat template as text`,
      detail: () =>
        "The model would learn to write these markers as text. If a template wrote the whole text, choose ready-made text in the mapping.",
    },
    "short-answer": {
      severity: "hint",
      excludable: true,
      says: (s) => `ha${s ? "s" : "ve"} a very short answer`,
      detail: ({ medianAnswer }) =>
        `One word or a placeholder; the median answer has ${counted(medianAnswer, "word")}. Numbers, yes, no, and labels of several rows do not count.`,
    },
    mojibake: {
      severity: "hint",
      excludable: true,
      says: (s) => `seem${s} to contain UTF-8 that was read as Windows-1252`,
      detail: () =>
        "Some characters became two or three others, such as Ã© for é. Write the file again from its source, as UTF-8.",
    },
    "unread-fields": {
      severity: "hint",
      excludable: false,
      says: (s, { unreadFields }) =>
        `ha${s ? "s" : "ve"} message fields that the template does not write: ${namesOf(unreadFields)}`,
      detail: () => "The model does not see them. If it should, choose a template that writes them.",
    },
    "control-characters": {
      severity: "hint",
      excludable: true,
      says: (s) => `contain${s} control characters`,
      detail: () => "Invisible characters cost tokens, and the model may learn to write them.",
    },
    "special-token-text": {
      severity: "hint",
      excludable: true,
      says: (s) => `spell${s} a special token of the model in the text`,
      detail: () =>
        "It stays text and does not become the token, so it does no harm. Other tools often leave such text.",
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
        "Mail addresses, telephone and card numbers, keys: a trained model can repeat them to others. They were found by patterns: check them before you decide.",
    },
    straddled: {
      severity: "hint",
      excludable: true,
      says: (s, { straddled }) =>
        `ha${s ? "s" : "ve"} ${counted(straddled, "token")} across a boundary of supervised text`,
      detail: () =>
        "A token that is part context and part answer is not supervised, so that the model never trains on context. The tokenizer merges these texts.",
    },
    preference: {
      severity: "hint",
      excludable: false,
      says: (s) => `ha${s ? "s" : "ve"} chosen or rejected answers`,
      detail: () => "No stage of this recipe trains on preferences. Add one, or the run leaves these rows out.",
      remedy: () => "preference-stage",
    },
    "equal-answers": {
      severity: "warning",
      excludable: true,
      says: (s) => `ha${s ? "s" : "ve"} two answers with the same tokens`,
      detail: () => "The template writes both alike, so the model cannot learn a preference from them.",
    },
    "opposite-preference": {
      severity: "warning",
      excludable: true,
      says: (s) => `prefer${s} the opposite of an earlier row with the same prompt`,
      detail: () =>
        "One row prefers an answer that the other rejects. Together they teach nothing: exclude one of them.",
    },
  };

/** All kinds in the order of the report, the most harmful first. */
export const findingKinds = Object.keys(texts) as readonly (keyof typeof texts)[];

/** A finding on rows; null without rows. */
export function rowFinding(
  kind: keyof typeof texts,
  rows: RowSet,
  examples: readonly string[],
  facts: FindingFacts,
): Finding | null {
  const count = rows.rows.length;
  if (count === 0) return null;
  const { severity, excludable, says, detail, remedy } = texts[kind];
  const hint = severity === "hint" || (kind === "truncated" && facts.lost === 0);
  return {
    kind,
    severity: hint ? "hint" : "warning",
    title: `${counted(count, "row")} ${says(count === 1 ? "s" : "", facts)}`,
    detail: detail(facts),
    rows,
    examples: examples.slice(0, mostExamples),
    excludable,
    remedy: remedy?.(facts) ?? null,
  };
}

/** The finding that the chosen template differs from the model's own; it has no rows. */
export function templateFinding(chosen: string, own: string): Finding {
  return {
    kind: "template-choice",
    severity: "hint",
    title: `The chosen template writes turns like ${chosen}, the model's own like ${own}`,
    detail:
      "A base model can learn both. A model that was trained to follow instructions would have to unlearn its own template: choose its own then.",
    rows: { sources: [], rows: [] },
    examples: [],
    excludable: false,
    remedy: null,
  };
}

/** The finding that no role uses some columns of a source; it has no rows. `source` is null where there is only one. */
export function columnsFinding(columns: readonly string[], source: string | null): Finding {
  return {
    kind: "unused-columns",
    severity: "hint",
    title: `${columns.length === 1 ? "A column has" : `${counted(columns.length, "column")} have`} no role${source === null ? "" : ` in ${source}`}: ${namesOf(columns)}`,
    detail: "The model does not see them. If it should, give them a role in the mapping.",
    rows: { sources: [], rows: [] },
    examples: [],
    excludable: false,
    remedy: null,
  };
}

/** The lengths of chosen and rejected answers, where they differ in one direction. */
export interface LengthBias {
  readonly longer: boolean;
  /** Share of such pairs, 0 to 1, and the number of all pairs. */
  readonly share: number;
  readonly pairs: number;
  /** Mean ratio of the chosen to the rejected answer's tokens: the geometric mean, so that 2 and 1/2 cancel. */
  readonly ratio: number;
}

/** The finding that the model could learn a length instead of the preference; it has no rows. */
export function lengthFinding({ longer, share, pairs, ratio }: LengthBias): Finding {
  const [more, less] = longer ? ["longer", "long"] : ["shorter", "short"];
  return {
    kind: "length-bias",
    severity: "warning",
    title: `In ${Math.round(100 * share)} % of ${counted(pairs, "pair")} the chosen answer is ${more}: on average ${ratio.toFixed(2)} times the tokens of the rejected one`,
    detail: `The model may learn that ${less} answers are good. That is right only if you want ${more} answers; else balance the lengths, or use SimPO or IPO, which divide by the length.`,
    rows: { sources: [], rows: [] },
    examples: [],
    excludable: false,
    remedy: null,
  };
}

/** Most names that a sentence lists. */
const mostNames = 6;

function namesOf(names: readonly string[]): string {
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : "";
  const shown = names.slice(0, mostNames).map((name) => shortened(name, 30));
  return `${shown.join(", ")}${more}`;
}

export const number = (value: number) => value.toLocaleString("en-US");

/** `1 row`, `1,200 rows` */
export const counted = (count: number, what: string) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;

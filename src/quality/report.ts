/** The report on the rows before a run: counts, findings and hard checks. Plain data. */

import type { TrainableKind } from "../records/example.ts";
import type { LossKind } from "./losses.ts";

/** Rows as pairs of source and row index, in parallel, ascending. */
export interface RowSet {
  readonly sources: readonly number[];
  readonly rows: readonly number[];
}

export type FindingKind =
  | "unreadable"
  | "unusable"
  | "exact-duplicate"
  | "near-duplicate"
  | "contradiction"
  | "leakage"
  | "empty-answer"
  | "short-answer"
  /** The texts contain markers of a chat template. */
  | "template-language"
  /** The chosen template has another family than the model's own. */
  | "template-choice"
  /** What the template does not write of the rows. */
  | LossKind
  /** Columns to which the mapping gives no role. */
  | "unused-columns"
  | "too-long"
  | "truncated"
  | "control-characters"
  /** U+FFFD; these rows are left out. */
  | "replacement-character"
  /** U+FFFD in rows that the user wants to use. */
  | "replacement-used"
  /** UTF-8 that was read as Windows-1252. */
  | "mojibake"
  | "special-token-text"
  /** Text without a token in the vocabulary, encoded as the unknown token. */
  | "unknown-text"
  | "personal-data"
  | "straddled"
  /** Preference rows, where no stage trains on preferences. */
  | "preference"
  /** Preference rows whose answers have the same tokens. */
  | "equal-answers"
  /** An answer to a prompt that one row prefers and another rejects. */
  | "opposite-preference"
  /** Most chosen answers are longer, or shorter, than the rejected ones. */
  | "length-bias";

/** A change of the settings that resolves a finding. */
export type Remedy =
  /** Trains each answer of a chat as an example of its own. */
  | "each-answer"
  /** Puts reasoning in `<think>` tags within the answer's text. */
  | "reasoning-tags"
  /** The model's own template. */
  | "own-template"
  /** Trains on the preferences: in a stage of their own, or as the only stage where there are no other rows. */
  | "preference-stage"
  /** Uses the rows with U+FFFD as they are. */
  | "use-replaced";

export interface Finding {
  readonly kind: FindingKind;
  readonly severity: "warning" | "hint";
  /** One sentence with the count: `12 rows repeat another row word for word`. */
  readonly title: string;
  /** Effect and advice, in one or two sentences. */
  readonly detail: string;
  /** Rows that an exclusion removes: all duplicates but the first. */
  readonly rows: RowSet;
  /** At most 20 of them in words, with their row numbers: `row 12 = row 3`. */
  readonly examples: readonly string[];
  /** Whether the user can exclude the rows; unreadable rows are left out already. */
  readonly excludable: boolean;
  /** The page offers it as a button; null where no setting resolves the finding. */
  readonly remedy: Remedy | null;
}

export type CheckKind = "rows" | "stop" | "bos" | "supervised" | "spans" | "mixture";

/** A hard check: while one fails, no run starts. */
export interface Check {
  readonly kind: CheckKind;
  readonly passed: boolean;
  /** The result in words: `Every answer ends in a supervised "<|im_end|>"`. */
  readonly title: string;
  /** The remedy if it failed, else the reason for the check. */
  readonly detail: string;
  /** The first faulty rows, at most 20. */
  readonly rows: RowSet;
}

/** A source's examples of one kind, in a stage that trains on this kind only. A pair of answers is one example. */
export interface KindReport {
  /** Number of its training examples, without held-out ones. */
  readonly training: number;
  /** Its actual share, 0 to 1, of the supervised tokens in one epoch of the stage. */
  readonly realisedShare: number;
  /** Passes over its examples in that epoch. */
  readonly passes: number;
}

export interface SourceReport {
  readonly name: string;
  /** Number of records in the file, with the unreadable ones. */
  readonly records: number;
  /** Number of usable examples; a pair of answers is one. */
  readonly examples: number;
  readonly excluded: number;
  readonly tokens: number;
  readonly supervisedTokens: number;
  /** The weight λ in the mixture. */
  readonly lambda: number;
  /** Its actual share, 0 to 1, of the supervised tokens in one epoch of the mixture. */
  readonly realisedShare: number;
  /** Passes over this source in one epoch of the mixture. */
  readonly passes: number;
  /** The same for separate stages of plain text, chats and preferences. */
  readonly byKind: Readonly<Record<TrainableKind, KindReport>>;
}

export interface AnswersReport {
  readonly pairs: number;
  /** Number of answers, single ones with a label included, and their mean length in tokens; NaN without one. */
  readonly chosen: { readonly count: number; readonly meanTokens: number };
  readonly rejected: { readonly count: number; readonly meanTokens: number };
}

export interface DataReport {
  /** Number of usable examples of all sources. */
  readonly examples: number;
  /** The first 2,000 left-out rows, with the reason; `leftOutCount` counts all. Preference rows are a finding instead. */
  readonly leftOut: readonly {
    readonly source: number;
    readonly row: number;
    readonly line: number;
    readonly message: string;
  }[];
  readonly leftOutCount: number;
  readonly tokens: number;
  readonly supervisedTokens: number;
  /** Number of truncated rows, and of their supervised tokens that remain and that are lost. */
  readonly truncation: { readonly rows: number; readonly remaining: number; readonly lost: number };
  /** Histogram of example lengths in tokens: counts[i] examples have from edges[i] up to, not including, edges[i+1] tokens. */
  readonly lengths: {
    readonly edges: readonly number[];
    readonly counts: readonly number[];
    readonly longest: number;
    readonly median: number;
  };
  /** The answers of preference rows; null where no stage trains on them. */
  readonly answers: AnswersReport | null;
  readonly sources: readonly SourceReport[];
  readonly findings: readonly Finding[];
  readonly checks: readonly Check[];
  readonly seconds: number;
}

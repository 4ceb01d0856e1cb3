/** What is known about the rows before a run: counts, findings, and the hard checks. Plain data. */

import type { LearntKind } from "../records/example.ts";

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
  /** Markers of a chat template stand in the contents. */
  | "template-language"
  /** The chosen template is of another family than the model's own. */
  | "template-choice"
  | "too-long"
  | "truncated"
  | "control-characters"
  | "special-token-text"
  /** Text that the vocabulary has no token for, and so became the unknown token. */
  | "unknown-text"
  | "personal-data"
  | "straddled"
  | "preference";

export interface Finding {
  readonly kind: FindingKind;
  readonly severity: "warning" | "hint";
  /** One sentence with the count: `12 rows repeat another row word for word`. */
  readonly title: string;
  /** Why it matters and what can be done, in one or two sentences. */
  readonly detail: string;
  /** Rows that an exclusion would take out: of duplicates all but the first. */
  readonly rows: RowSet;
  /** A few of them in words, each naming its rows: `row 12 = row 3`. At most 20. */
  readonly examples: readonly string[];
  /** Whether taking the rows out makes sense; unreadable rows are out already. */
  readonly excludable: boolean;
}

export type CheckKind = "rows" | "stop" | "bos" | "supervised" | "spans" | "mixture";

/** A hard check: while one fails, no run starts. */
export interface Check {
  readonly kind: CheckKind;
  readonly passed: boolean;
  /** What is checked and found: `Every answer ends in a learnt <|im_end|>`. */
  readonly title: string;
  /** The way out where it failed, else why it matters. */
  readonly detail: string;
  /** The first rows at fault, at most 20. */
  readonly rows: RowSet;
}

/** What a source gives of one kind, in a stage that learns this kind alone. */
export interface KindReport {
  /** Examples of the source that are trained on, not held out. */
  readonly training: number;
  /** Its share of the supervised tokens that one epoch of the stage really gives, and the passes over it in that epoch. */
  readonly realisedShare: number;
  readonly passes: number;
}

export interface SourceReport {
  readonly name: string;
  /** Records of the file, unreadable ones included. */
  readonly records: number;
  /** Examples that the run can learn from. */
  readonly examples: number;
  readonly excluded: number;
  readonly tokens: number;
  readonly supervisedTokens: number;
  /** λ as asked, and the share of supervised tokens that one epoch of the mixture really gives. */
  readonly lambda: number;
  readonly realisedShare: number;
  /** Passes over this source in one epoch of the mixture. */
  readonly passes: number;
  /** The same were text and chats learnt in stages of their own. */
  readonly byKind: Readonly<Record<LearntKind, KindReport>>;
}

export interface DataReport {
  /** Examples that the run can learn from, of all sources. */
  readonly examples: number;
  /**
   * Rows left out with the reason, at most 2,000; `leftOutCount` counts them all. Preference rows are not among them: they
   * are kept for later, and have a finding of their own.
   */
  readonly leftOut: readonly {
    readonly source: number;
    readonly row: number;
    readonly line: number;
    readonly message: string;
  }[];
  readonly leftOutCount: number;
  readonly tokens: number;
  readonly supervisedTokens: number;
  /** Supervised tokens that truncation cut away, and those that it kept, of the rows that it cut. */
  readonly truncation: { readonly rows: number; readonly kept: number; readonly lost: number };
  /** Histogram of example lengths in tokens: counts[i] examples have from edges[i] up to, not including, edges[i+1] tokens. */
  readonly lengths: {
    readonly edges: readonly number[];
    readonly counts: readonly number[];
    readonly longest: number;
    readonly median: number;
  };
  readonly sources: readonly SourceReport[];
  readonly findings: readonly Finding[];
  readonly checks: readonly Check[];
  readonly seconds: number;
}

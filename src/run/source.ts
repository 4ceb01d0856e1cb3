/** The data sources of a run. Plain data: part of every run record. */

import type { Mapping } from "../records/formats/mapping.ts";

/** One dataset of a run. */
export interface SourceChoice {
  /** Hash of the rows as read, before any mapping. */
  readonly hash: string;
  /** The mapping from rows to examples; null: the detected one. */
  readonly mapping: Mapping | null;
  /** Rows that the user excluded, ascending. */
  readonly excluded: readonly number[];
}

/** A source with its weight in a mixture. */
export interface WeightedSource extends SourceChoice {
  /** λ, > 0. */
  readonly lambda: number;
}

/** A source without changes: all rows, with the detected mapping. */
export function wholeSource(hash: string): WeightedSource {
  return { hash, mapping: null, lambda: 1, excluded: [] };
}

/** A source as a run records it: the stages have its λ. */
export const choiceOf = ({ hash, mapping, excluded }: SourceChoice): SourceChoice => ({ hash, mapping, excluded });

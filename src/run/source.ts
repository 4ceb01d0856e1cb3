/** Which rows a run learns from. Plain data: part of every run record. */

import type { Mapping } from "../records/formats/mapping.ts";

/** One dataset among those that a run learns from. */
export interface SourceChoice {
  /** Names the rows as they were read, before any mapping. */
  readonly hash: string;
  /** How rows become examples; null: as it was detected. */
  readonly mapping: Mapping | null;
  /** Rows taken out by the user, ascending. */
  readonly excluded: readonly number[];
}

/** A source with its weight in a mixture. */
export interface WeightedSource extends SourceChoice {
  /** λ, > 0. */
  readonly lambda: number;
}

/** A source as it is chosen when nothing about it is changed: all rows, as they were detected. */
export function wholeSource(hash: string): WeightedSource {
  return { hash, mapping: null, lambda: 1, excluded: [] };
}

/** A source as a run keeps it: its weight is its stages'. */
export const choiceOf = ({ hash, mapping, excluded }: SourceChoice): SourceChoice => ({ hash, mapping, excluded });

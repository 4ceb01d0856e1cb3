/** Which rows a run learns from, and how they are staged. Plain data: part of every run record. */

import type { Mapping } from "../records/formats/mapping.ts";

/** One dataset among those that a run learns from. */
export interface SourceChoice {
  /** Names the rows as they were read, before any mapping. */
  readonly hash: string;
  /** How rows become examples; null: as it was detected. */
  readonly mapping: Mapping | null;
  /** λ of the mixture, > 0. */
  readonly lambda: number;
  /** Rows taken out by the user, ascending. */
  readonly excluded: readonly number[];
}

/** A source as it is chosen when nothing about it is changed: all rows, as they were detected. */
export function wholeSource(hash: string): SourceChoice {
  return { hash, mapping: null, lambda: 1, excluded: [] };
}

/**
 * Whether plain text and chats are mixed in one stage, or a first stage continues pre-training on the text and a second one
 * learns from the chats (DOMAIN.md, Domain adaptation).
 */
export const stageOrders = ["together", "text-first"] as const;

export type StageOrder = (typeof stageOrders)[number];

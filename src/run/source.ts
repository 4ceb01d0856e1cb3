/** The data sources of a run. Plain data: part of every run record. */

import * as v from "valibot";
import type { Mapping } from "../records/formats/mapping.ts";
import { Count, Text } from "./fields.ts";

/** A row that the user changed on the page. */
export interface RowEdit {
  readonly row: number;
  /** The new value of the row as JSON text. */
  readonly value: string;
}

/** The user's options of a source. Each is absent where it was not chosen. */
export interface SourceOptions {
  /** Whether texts of special tokens in content become these tokens. */
  readonly specialTokens?: boolean;
  /** Tool descriptions as JSON text, for rows without their own. */
  readonly tools?: string;
  /** Whether rows with U+FFFD are used; without it they are left out. */
  readonly replaced?: boolean;
}

export const OptionsSchema: v.GenericSchema<unknown, SourceOptions> = v.object({
  specialTokens: v.exactOptional(v.boolean()),
  tools: v.exactOptional(Text),
  replaced: v.exactOptional(v.boolean()),
});

export const EditsSchema: v.GenericSchema<unknown, readonly RowEdit[]> = v.array(v.object({ row: Count, value: Text }));

/** One dataset of a run. */
export interface SourceChoice {
  /** Hash of the rows as read, before any mapping. */
  readonly hash: string;
  /** The mapping from rows to examples; null: the detected one. */
  readonly mapping: Mapping | null;
  /** Rows that the user excluded, ascending. */
  readonly excluded: readonly number[];
  readonly options?: SourceOptions;
  /** Ascending by row, at most one per row; absent without edits. */
  readonly edits?: readonly RowEdit[];
}

/** A source with its weight in a mixture. */
export interface WeightedSource extends SourceChoice {
  /** λ, > 0. */
  readonly lambda: number;
  /** λ in each stage, in their order: null is `lambda`, 0 leaves the source out of the stage. Absent: `lambda` in every stage. */
  readonly stages?: readonly (number | null)[];
  /** Whether it is the run's general text, which is not the task; absent where it is not. */
  readonly general?: true;
}

/** A source without changes: all rows, with the detected mapping. */
export function wholeSource(hash: string): WeightedSource {
  return { hash, mapping: null, lambda: 1, excluded: [] };
}

/** A source as a run records it: the stages have its λ. */
export const choiceOf = ({ hash, mapping, excluded, options, edits }: SourceChoice): SourceChoice => ({
  hash,
  mapping,
  excluded,
  ...(options && { options }),
  ...(edits && { edits }),
});

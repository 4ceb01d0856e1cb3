/** How the fields of a row become messages: a format, and for each of its roles the column that plays it. Plain data. */

import * as v from "valibot";

const formatNames = [
  "alpaca",
  "dolly",
  "sharegpt",
  "openai",
  "trl",
  "oasst",
  "flan",
  "preference",
  "text",
  /** A table whose columns the user gave roles to. */
  "columns",
  /** Each row by its own fields, for files that mix formats. */
  "mixed",
] as const;

export type FormatName = (typeof formatNames)[number];

/** What a column can be. Not every format knows every role. */
const columnRoles = [
  "system",
  "instruction",
  "input",
  "response",
  "history",
  "messages",
  "tools",
  "prompt",
  "chosen",
  "rejected",
  "text",
  "category",
  "split",
  "weight",
] as const;

export type ColumnRole = (typeof columnRoles)[number];

export interface Mapping {
  readonly format: FormatName;
  /** Role → name of the column. A role left out is not there; a column in no role is not used. */
  readonly columns: Readonly<Partial<Record<ColumnRole, string>>>;
}

/** A mapping as it is kept: in a run, and in a dataset's summary. */
export const MappingSchema: v.GenericSchema<unknown, Mapping> = v.object({
  format: v.picklist(formatNames),
  columns: v.record(v.picklist(columnRoles), v.string()),
});

/** What a look at the rows found. */
export interface Detection {
  readonly mapping: Mapping;
  /** Why, in a sentence: `198 of 200 rows have "instruction" and "output"`. */
  readonly reason: string;
  /** Other mappings that would read at least one of the rows, the likeliest first. */
  readonly alternatives: readonly Mapping[];
  /** The columns found, at most 1,000, each with the beginning of a value of it. */
  readonly columns: readonly { readonly name: string; readonly sample: string }[];
}

/** The meaning of a row's fields: a format, and the column for each of its roles. Plain data. */

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
  /** A text that a chat template rendered: read back into messages. */
  "rendered",
  /** The same, with the text as it is: its markers are tokens, and the answers between them are supervised. */
  "marked",
  /** A table; the user chooses the roles of its columns. */
  "columns",
  /** A file of several formats: each row is recognised by its own fields. */
  "mixed",
] as const;

export type FormatName = (typeof formatNames)[number];

/** Roles of a column; a format uses some of them. */
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
  "label",
  "text",
  "category",
  "split",
  "weight",
] as const;

export type ColumnRole = (typeof columnRoles)[number];

export interface Mapping {
  readonly format: FormatName;
  /** Role → name of its column. Columns without a role are not used. */
  readonly columns: Readonly<Partial<Record<ColumnRole, string>>>;
}

/** A mapping as stored in a run's record and in a dataset's summary. */
export const MappingSchema: v.GenericSchema<unknown, Mapping> = v.object({
  format: v.picklist(formatNames),
  columns: v.record(v.picklist(columnRoles), v.string()),
});

/** The format of a file, detected from its first rows. */
export interface Detection {
  readonly mapping: Mapping;
  /** The reason in one sentence: `198 of 200 rows have "instruction" and "output"`. */
  readonly reason: string;
  /** Other mappings that can read at least one of these rows, the likeliest first. */
  readonly alternatives: readonly Mapping[];
  /** The first 1,000 columns and all mapped ones, each with the beginning of one of its values. */
  readonly columns: readonly { readonly name: string; readonly sample: string }[];
}

/** A row as its file has it, before anybody asks what its fields mean. */

export const fileKinds = ["json", "jsonl", "csv", "tsv", "parquet", "text", "markdown"] as const;

export type FileKind = (typeof fileKinds)[number];

/** A row that could be read: of tables and JSON an object (or whatever JSON stood there), of text a string. */
export interface ReadValue {
  /** Line of the file on which it begins, as an editor shows it, from 1; of a Parquet table, row + 1. */
  readonly line: number;
  readonly value: unknown;
}

/** A row that could not. */
export interface ReadProblem {
  readonly line: number;
  /** Why, without the place: `broken JSON: …`. */
  readonly problem: string;
}

/** Plain JSON data: it is kept, and crosses workers, as it is. Index in the file's sequence is its row number. */
export type DataRecord = ReadValue | ReadProblem;

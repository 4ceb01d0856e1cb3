/** A row as read from its file, before a mapping gives its fields their meaning. */

export const fileKinds = ["json", "jsonl", "csv", "tsv", "parquet", "text", "markdown"] as const;

export type FileKind = (typeof fileKinds)[number];

/** A readable row: usually an object; any value in JSON files, a string in text files. */
export interface ReadValue {
  /** Line of the file on which it begins, from 1; for a Parquet table it is row + 1. */
  readonly line: number;
  readonly value: unknown;
}

/** A row or a part of the file that cannot be read. */
export interface ReadProblem {
  readonly line: number;
  /** The reason, without the place: `broken JSON: …`. */
  readonly problem: string;
}

/** JSON data as in `value.ts`; it stays in its worker, because a message loses the class of an exact number. Its index in the file is its row number. */
export type DataRecord = ReadValue | ReadProblem;

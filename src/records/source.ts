/** The summary of a data file, as lists show it. */

import type { RowProblem } from "./example.ts";
import type { Detection } from "./formats/mapping.ts";
import type { FileEncoding } from "./read/encoding.ts";
import type { FileKind } from "./read/record.ts";

/** A data file after reading; a `Mapping` gives its columns their meaning. */
export interface SourceSummary {
  readonly name: string;
  /** SHA-256 of the rows as read; every run refers to its rows by it. */
  readonly hash: string;
  readonly kind: FileKind;
  readonly gzip: boolean;
  /** Absent for UTF-8 and Parquet. */
  readonly encoding?: FileEncoding;
  /** Number of records, with the unreadable ones. */
  readonly rows: number;
  /** Bytes of the original file. */
  readonly byteLength: number;
  readonly detection: Detection;
  /** The first 500 unreadable records; `unreadable` counts all. */
  readonly problems: readonly RowProblem[];
  readonly unreadable: number;
  /** Whether this browser stores a copy. */
  readonly stored: boolean;
}

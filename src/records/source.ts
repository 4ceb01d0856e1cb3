/** What a list shows of a file of rows. */

import type { RowProblem } from "./example.ts";
import type { Detection } from "./formats/mapping.ts";
import type { FileKind } from "./read/record.ts";

/** A file of rows as it was read; what its columns mean is the choice of a `Mapping`. */
export interface SourceSummary {
  readonly name: string;
  /** SHA-256 over the rows as read; names them in every run. */
  readonly hash: string;
  readonly kind: FileKind;
  readonly gzip: boolean;
  /** Records, unreadable ones included. */
  readonly rows: number;
  /** Bytes of the file, as it came. */
  readonly byteLength: number;
  readonly detection: Detection;
  /** Records that could not be read, at most 500; `unreadable` counts them all. */
  readonly problems: readonly RowProblem[];
  readonly unreadable: number;
  /** Whether a copy is kept in this browser. */
  readonly stored: boolean;
}

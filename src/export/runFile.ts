/**
 * A run as one file: an uncompressed zip with everything that reproduces the run, except the base model, which the record
 * identifies by its hash.
 *
 *     README.txt                               the list of contents
 *     run.json                                 the record with its curves; a number that JSON lacks is {"$number": "NaN"}
 *     checkpoints/<step>/tensors.safetensors   trained parameters with AdamW's moments
 *     checkpoints/<step>/state.json            the training loop's state, with the curves up to it
 *     data/<hash>/<n>.json                     rows as they were read, one list per piece
 *     results/exams/<n>.json                   exam results of the run and its base model, if there are any
 *     results/votes.json                       blind votes, if there are any
 *     manifest.json                            paths of checkpoints and rows, and the SHA-256 of each 4 MiB of every file
 */

import * as v from "valibot";
import type { StoredDType } from "../hub/safetensors.ts";
import { type Curves, noCurves } from "../run/curves.ts";
import { Hash, IsoDate, list, Name, whole } from "../run/fields.ts";
import { mostSteps } from "../run/foreign.ts";
import { type RunRecord, RunSchema, wholeRecord } from "../run/record.ts";
import type { RunResults } from "../run/results.ts";
import type { CheckpointView } from "../storage/checkpoints.ts";
import { format as recordFormat, unsealed } from "../storage/records.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import type { DType } from "../tensor/dtype.ts";
import { type OutFile, readBackError } from "./files.ts";
import { exactNumber } from "./foreignJson.ts";

/**
 * The format that this program writes. A change that older programs cannot read raises it; an optional part that they
 * ignore, such as `results`, does not.
 */
export const fileFormat = 1;
/** Every file has one hash per piece of this length. */
export const pieceBytes = 4 * 2 ** 20;

/** Rows of one source, as they are stored. */
export interface RunRows {
  readonly hash: string;
  readonly name: string;
  readonly savedAt: string;
  readonly summary: unknown;
  readonly files: readonly ByteSource[];
}

export interface RunContents {
  readonly record: RunRecord;
  readonly curves: Curves;
  /** Each state contains the curves up to its step. */
  readonly checkpoints: readonly Omit<CheckpointView, "curves">[];
  readonly rows: readonly RunRows[];
  readonly results: RunResults;
}

export interface RunFileOptions {
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export const storedTypes: Readonly<Record<DType, StoredDType>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int32: "I32",
  int64: "I64",
  uint8: "U8",
  bool: "BOOL",
};

const Path = v.custom<string>(
  (value) => typeof value === "string" && /^[\w-][\w.-]*(\/[\w-][\w.-]*){0,9}$/.test(value) && value.length <= 200,
  "a path inside the file",
);
/** A file contains only the newest checkpoint, the best and the one to resume from. */
const mostCheckpoints = 1000;
const mostFiles = 20_000;
export const Manifest = v.object({
  hone: v.literal("run"),
  format: whole(1, fileFormat),
  recordFormat: whole(1, Number.MAX_SAFE_INTEGER),
  checkpoints: list(
    v.object({ step: whole(0, mostSteps), savedAt: IsoDate, state: Path, tensors: Path }),
    mostCheckpoints,
  ),
  data: list(
    v.object({ hash: Hash, name: Name, savedAt: IsoDate, summary: v.unknown(), files: list(Path, mostFiles) }),
    mostCheckpoints,
  ),
  files: list(
    v.object({ name: Path, byteLength: whole(0, Number.MAX_SAFE_INTEGER), sha256: list(Hash, 1e7) }),
    mostFiles,
  ),
  results: v.exactOptional(v.object({ exams: list(Path, mostFiles), votes: v.nullable(Path) })),
});
export type Manifest = v.InferOutput<typeof Manifest>;

/** JSON that loses nothing: plain JSON would turn a loss of NaN into null. */
export function exactText(value: object): string {
  const exact = (_name: string, member: unknown) =>
    typeof member === "number" && !Number.isFinite(member) ? { $number: String(member) } : member;
  return `${JSON.stringify(value, exact, 2)}\n`;
}

export const recordText = (record: RunRecord, curves: Curves): string => exactText(wholeRecord(record, curves));

/** Reads `exactText`; the schema of records checks the result. */
const readRecordText = (text: string): unknown => JSON.parse(text, (_name, value: unknown) => exactNumber(value));

/** Reads the text of `recordText`, also of an earlier version. Throws StorageError naming `what`. */
function readRecord(
  what: string,
  wayOut: string,
  format: number,
  value: unknown,
): Pick<RunContents, "record" | "curves"> {
  const { record, curves } = unsealed(what, wayOut, RunSchema, { format, value });
  return { record, curves: curves ?? noCurves };
}

/** The record with its curves as a file. Throws ExportError when the file, read back, differs. */
export async function writeRecord(name: string, record: RunRecord, curves: Curves): Promise<OutFile> {
  const written = recordText(record, curves);
  const content = new Blob([written], { type: "application/json" });
  const value = readRecordText(await content.text());
  const back = readRecord(`The record in ${name}`, "Export it again.", recordFormat, value);
  const found = recordText(back.record, back.curves);
  if (found !== written) throw readBackError(name, found, written);
  return { name, content };
}

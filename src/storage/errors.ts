/** What can go wrong in storage, each as a type of its own with a sentence that a user can act on. */

import { cut } from "../tensor/quote.ts";

/** Something kept in this browser cannot be read or written. */
export class StorageError extends Error {
  override readonly name: string = "StorageError";
}

/** The browser gives this page no more room. */
export class StorageFullError extends StorageError {
  override readonly name = "StorageFullError";
  constructor(
    /** What was being saved, as the start of a sentence: "The checkpoint of step 40". */
    what: string,
    /** Bytes that were still to be written. */
    readonly needed: number,
    /** Bytes that the browser claims to give still; null where it does not say. */
    readonly free: number | null,
    /** `remains` says what is there of what was saved before, as a sentence. */
    { remains = "", ...options }: ErrorOptions & { readonly remains?: string } = {},
  ) {
    // Chrome's estimate is always 10 GiB above what is used, so it can contradict the refusal; then it says nothing.
    const room =
      free === null || free >= needed
        ? "this browser gives no more room"
        : `this browser gives ${megabytes(free)} more`;
    super(
      `${what} needs ${megabytes(needed)}, but ${room}. ${remains && `${remains} `}Delete a run or a model of this ` +
        "browser, or free disk space, and go on.",
      options,
    );
  }
}

/** The browser threw away what this page had saved, while it was saving more. */
export class StorageClearedError extends StorageError {
  override readonly name = "StorageClearedError";
  /** `what` as for StorageFullError. */
  constructor(what: string, options?: ErrorOptions) {
    super(
      `${what} could not be saved: the browser has cleared this page's storage. What was saved before is gone, all or in ` +
        "part. Look under Runs, Model and Data for what is there.",
      options,
    );
  }
}

/** A checkpoint whose bytes are not those that were saved. */
export class CheckpointDamagedError extends StorageError {
  override readonly name = "CheckpointDamagedError";
  constructor(
    readonly runId: string,
    readonly step: number,
    /** Steps of the run's other checkpoints whose bytes were all checked and found whole, newest first. */
    readonly goodSteps: readonly number[],
    runName: string,
    /** What is wrong and where, as the end of a sentence. */
    damage: string,
    options?: ErrorOptions,
  ) {
    const [next] = goodSteps;
    const wayOut =
      next === undefined ? "No other checkpoint of the run is whole: start it again" : `Go on from step ${next}`;
    super(`The checkpoint of step ${step} of run "${cut(runName)}" is damaged: ${damage}. ${wayOut}.`, options);
  }
}

/** The name of anything that was thrown; "" for what is no error. */
export function errorName(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : "";
}

/** What browsers mean by the names of their errors: their own texts differ, and name parts of their programs. */
const reasons: Readonly<Record<string, string>> = {
  AbortError: "the browser broke it off",
  ConstraintError: "the browser's database refuses it",
  DataCloneError: "it holds a value that the browser cannot store",
  DataError: "the browser's database is damaged",
  InvalidStateError: "the browser closed its database",
  NotAllowedError: "the browser does not allow it",
  NotFoundError: "the browser's database is not there any more",
  NotReadableError: "the browser cannot read its own files",
  QuotaExceededError: "the browser gives no more room",
  SecurityError: "the browser denies this page its storage",
  TimeoutError: "the browser's database did not answer",
  TransactionInactiveError: "the browser ended it too early",
  UnknownError: "the browser's database reports an error of the disk",
  VersionError: "a newer version of Hone has changed the browser's database: reload the page",
};

/** Most characters of an error's own text; those of this room are sentences for the user, and none is cut. */
const mostText = 160;

/** Why something failed, in plain words, for the inside of a sentence. */
export function errorText(error: unknown): string {
  const name = errorName(error);
  if (error instanceof DOMException) return reasons[name] ?? `the browser gives the reason ${name}`;
  if (["TypeError", "RangeError", "ReferenceError"].includes(name)) return `a fault of Hone (${name})`;
  if (error instanceof StorageError) return error.message.replace(/\.$/, "");
  return cut(error instanceof Error ? error.message || name : String(error), mostText).replace(/\.$/, "");
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: bytes < 10e6 ? 1 : 0 })} MB`;
}

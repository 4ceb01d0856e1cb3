/** Errors of storage, one type each, with a message that says how to continue. */

import { cut } from "../tensor/quote.ts";

/** Something in this browser's storage cannot be read or written. */
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
    /** Bytes that are free by the browser's estimate; null where it gives none. */
    readonly free: number | null,
    /** `remains` is a sentence about what is left of earlier data. */
    { remains = "", ...options }: ErrorOptions & { readonly remains?: string } = {},
  ) {
    // Chrome's estimate is always 10 GiB above usage, so it can contradict the refusal; then it is left out.
    const room =
      free === null || free >= needed
        ? "this browser gives no more room"
        : `this browser gives ${megabytes(free)} more`;
    super(
      `${what} needs ${megabytes(needed)}, but ${room}. ${remains && `${remains} `}Delete a run or a model of this ` +
        "browser, or free disk space, then try again.",
      options,
    );
  }
}

/** The browser deleted the stored data of this page while the page saved more. */
export class StorageClearedError extends StorageError {
  override readonly name = "StorageClearedError";
  /** `what` as in StorageFullError. */
  constructor(what: string, options?: ErrorOptions) {
    super(
      `${what} could not be saved: the browser has cleared this page's storage. Some or all earlier ` +
        "data is gone. Runs, Model and Data show what is left.",
      options,
    );
  }
}

/** The bytes of a checkpoint are not those that were saved. */
export class CheckpointDamagedError extends StorageError {
  override readonly name = "CheckpointDamagedError";
  constructor(
    readonly runId: string,
    readonly step: number,
    /** Steps of the run's other checkpoints, each checked in full; the nearest earlier one first. */
    readonly goodSteps: readonly number[],
    runName: string,
    /** What is wrong and where, as the end of a sentence. */
    damage: string,
    options?: ErrorOptions,
  ) {
    const [next] = goodSteps;
    const wayOut =
      next === undefined ? "No other checkpoint of the run is whole: start it again" : `Resume from step ${next}`;
    super(`The checkpoint of step ${step} of run "${cut(runName)}" is damaged: ${damage}. ${wayOut}.`, options);
  }
}

/** The name of a thrown error; "" for any other value. */
export function errorName(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : "";
}

/** Our texts for the browsers' error names: their own texts differ, and quote internals. */
const reasons: Readonly<Record<string, string>> = {
  AbortError: "the browser aborted it",
  ConstraintError: "the browser's database refuses it",
  DataCloneError: "it holds a value that the browser cannot store",
  DataError: "the browser's database is damaged",
  InvalidStateError: "the browser closed its database",
  NotAllowedError: "the browser does not allow it",
  NotFoundError: "the browser's database no longer exists",
  NotReadableError: "the browser cannot read its own files",
  QuotaExceededError: "the browser gives no more room",
  SecurityError: "the browser denies this page its storage",
  TimeoutError: "the browser's database did not answer",
  TransactionInactiveError: "the browser ended it too early",
  UnknownError: "the browser's database reports a disk error",
  VersionError: "a newer version of Hone has changed the browser's database: reload the page",
};

/** Longest quote of a foreign error's text; messages of `StorageError` are never cut. */
const mostText = 160;

/** The reason of a failure in plain words, for the inside of a sentence. */
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

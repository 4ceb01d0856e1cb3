/** What can go wrong in storage, each as a type of its own with a sentence that a user can act on. */

/** Something kept in this browser cannot be read or written. */
export class StorageError extends Error {
  override readonly name: string = "StorageError";
}

/** The browser gives this page no more room. What was saved before is untouched. */
export class StorageFullError extends StorageError {
  override readonly name = "StorageFullError";
  constructor(
    /** What was being saved, as the start of a sentence: "The checkpoint of step 40". */
    what: string,
    /** Bytes that were still to be written. */
    readonly needed: number,
    /** Bytes that the browser claims to give still; null where it does not say. */
    readonly free: number | null,
    options?: ErrorOptions,
  ) {
    // Chrome's estimate is always 10 GiB above what is used, so it can contradict the refusal; then it says nothing.
    const room =
      free === null || free >= needed
        ? "this browser gives no more room"
        : `this browser gives ${megabytes(free)} more`;
    super(
      `${what} needs ${megabytes(needed)}, but ${room}. Nothing that was saved before is lost: delete a run or a kept ` +
        "model, or free disk space, and go on.",
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
    super(`The checkpoint of step ${step} of run "${runName}" is damaged: ${damage}. ${wayOut}.`, options);
  }
}

/** The name of anything that was thrown; "" for what is no error. */
export function errorName(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : "";
}

/** What a thrown value says, for the inside of a sentence. */
export function errorText(error: unknown): string {
  const text = error instanceof Error || error instanceof DOMException ? error.message || error.name : String(error);
  return text.replace(/\.$/, "");
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: bytes < 10e6 ? 1 : 0 })} MB`;
}

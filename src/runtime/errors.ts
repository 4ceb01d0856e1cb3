/** The errors of this room; each message is a sentence for the page. */

import type { Artifact } from "../artifacts/contract.ts";
import type { DeviceLost } from "./types.ts";

/** A call that the runtime refuses, or a provider that cannot be had. */
export class RuntimeError extends Error {
  override name = "RuntimeError";
}

/** A run that failed inside ONNX Runtime or on the GPU; its session has been discarded. */
export class RunError extends RuntimeError {
  override name = "RunError";
  readonly kind: Artifact["kind"];
  readonly key: string;

  constructor(artifact: Artifact, cause: unknown) {
    super(`The ${artifact.kind} artifact ${artifact.key} failed: ${messageOf(cause)}`, { cause });
    this.kind = artifact.kind;
    this.key = artifact.key;
  }
}

/** Any call after the GPU device went away, and the calls that were under way. */
export class DeviceLostError extends RuntimeError {
  override name = "DeviceLostError";

  constructor(lost: DeviceLost) {
    const why = lost.message ? `${lost.reason}: ${lost.message}` : lost.reason;
    super(`The GPU was lost (${why.replace(/\.$/, "")}). Try again: another device is opened then.`);
  }
}

/** What anything thrown says of itself. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What a user takes away: named files, which may be larger than memory, and what should be known about them. */

import { bytesFromBlob } from "../hub/bytes.ts";
import { type ModelFiles, modelFromSources } from "../hub/files.ts";
import { cut } from "../tensor/quote.ts";

export interface OutFile {
  readonly name: string;
  readonly content: Blob;
}

/** Files that were read back and found to be what they were to be. */
export interface Bundle {
  readonly files: readonly OutFile[];
  /** What a user should know, a sentence or two each. */
  readonly notes: readonly string[];
  /** Tensors that were read back and found equal, bit for bit. */
  readonly tensors: number;
}

/** Gives every trained tensor once, in any order, as float32 in a buffer of its own. */
export type TrainedTensors = (
  visit: (name: string, values: Float32Array<ArrayBuffer>) => void | Promise<void>,
) => Promise<void>;

export const jsonFile = (name: string, value: unknown): OutFile => ({
  name,
  content: new Blob([`${JSON.stringify(value, null, 2)}\n`], { type: "application/json" }),
});

/** The files as this project's own readers take them. */
export const reopened = (name: string, files: readonly OutFile[]): ModelFiles =>
  modelFromSources(
    name,
    files.map((file) => bytesFromBlob(file.name, file.content)),
  );

/** What was written is not what was to be written: the user gets none of it. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

/** The error of a file that came from elsewhere and is not what it should be. */
export const damagedFile = (name: string, problem: string, cause?: unknown) =>
  new ExportError(`${cut(name)} is damaged: ${problem}. Take another copy of it, or export the run again.`, {
    cause,
  });

/** The error of a file that was read back otherwise than it was to be. */
export const readBackError = (what: string, found: string, wanted: string) =>
  new ExportError(
    `Nothing was exported: read back, ${what} is ${found} instead of ${wanted}. Export again; if it fails again, it is a ` +
      "fault of Hone that should be reported.",
  );

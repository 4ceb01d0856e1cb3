/** The result of an export: named files, which may be larger than memory, and notes about them. */

import { bytesFromBlob } from "../hub/bytes.ts";
import { type ModelFiles, modelFromSources } from "../hub/files.ts";
import { writePythonJson } from "../hub/json.ts";
import { cut } from "../tensor/quote.ts";

export interface OutFile {
  readonly name: string;
  readonly content: Blob;
}

/** Files that were read back and compared. */
export interface Bundle {
  readonly files: readonly OutFile[];
  /** Notes for the user, a sentence or two each. */
  readonly notes: readonly string[];
  /** Number of tensors that were read back and equal, bit for bit. */
  readonly tensors: number;
}

/** Returns every trained tensor once, in any order, as float32 in a new buffer. */
export type TrainedTensors = (
  visit: (name: string, values: Float32Array<ArrayBuffer>) => void | Promise<void>,
) => Promise<void>;

export const jsonFile = (name: string, value: unknown): OutFile => ({
  name,
  content: new Blob([`${writePythonJson(value)}\n`], { type: "application/json" }),
});

/** The files in the form that the project's own readers use. */
export const reopened = (name: string, files: readonly OutFile[]): ModelFiles =>
  modelFromSources(
    name,
    files.map((file) => bytesFromBlob(file.name, file.content)),
  );

/** The export failed, and the user gets none of its files. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

/** The error for a damaged foreign file. */
export const damagedFile = (name: string, problem: string, cause?: unknown) =>
  new ExportError(`${cut(name)} is damaged: ${problem}. Choose another copy, or export the run again.`, {
    cause,
  });

/** The error for a file that differs from the expected one when it is read back. */
export const readBackError = (what: string, found: string, wanted: string) =>
  new ExportError(
    `Nothing was exported: read back, ${what} is ${found} instead of ${wanted}. Export again; if it fails again, please ` +
      "report this fault of Hone.",
  );

/** A pretraining run's checkpoint: one safetensors file of parameters and moments, with the loop's state in its header. */

import { existsSync, openAsBlob } from "node:fs";
import { basename } from "node:path";
import { bytesFromBlob } from "../../src/hub/bytes.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/hub/safetensors.ts";
import type { Curves } from "../../src/run/curves.ts";
import type { LoopCheckpoint } from "../../src/training/loop.ts";
import type { TrainingProgram } from "../../src/training/program.ts";
import { type ReadState, readState, wholeState } from "../../src/training/state.ts";
import { writeWhole } from "./writeWhole.ts";

/** Saves the run's state with its curves. `fingerprint` identifies recipe and text. */
export async function saveCheckpoint(
  path: string,
  fingerprint: string,
  { state, tensors }: LoopCheckpoint,
  curves: Curves,
): Promise<void> {
  const stored: StoredTensor[] = [];
  for (const { name, shape, read } of tensors) stored.push({ name, dtype: "F32", shape, data: await read() });
  writeWhole(path, writeSafetensors(stored, { fingerprint, state: JSON.stringify(wholeState(state, curves)) }));
}

/**
 * Restores the checkpoint at `path` and returns its state with the curves; null if there is none. Throws when it belongs to
 * another recipe or text, or does not fit the program.
 */
export async function loadCheckpoint(
  path: string,
  fingerprint: string,
  program: TrainingProgram,
): Promise<ReadState | null> {
  if (!existsSync(path)) return null;
  const { tensors, metadata } = await readSafetensors(bytesFromBlob(basename(path), await openAsBlob(path)));
  if (metadata.fingerprint !== fingerprint) {
    throw new Error(
      `${path} is the checkpoint of a run with another recipe, seed or corpus: choose another folder with --work, or begin ` +
        "anew with --fresh.",
    );
  }
  return program.restore(async (restore) => {
    for (const { name, shape, source, start, end } of tensors.values()) {
      await restore({ name, dtype: "float32", shape }, () => source.slice(start, end));
    }
    return readState(JSON.parse(metadata.state ?? "null"), null);
  });
}

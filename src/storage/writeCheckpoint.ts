/** Writes checkpoints: their state and tensors into chunks; and an imported run in one transaction. */

import type { Curves } from "../run/curves.ts";
import type { RunRecord } from "../run/record.ts";
import type { RunResults } from "../run/results.ts";
import { byteSizeOf, describeType } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import type { ChunkStore, ChunkWriter } from "./chunks.ts";
import { commit } from "./commit.ts";
import type { CurveStore } from "./curves.ts";
import { StorageError } from "./errors.ts";
import { addFiles, type FilesToSave } from "./files.ts";
import type { KeyValue } from "./keyValue.ts";
import { type CheckpointManifest, type CheckpointTensor, recordKey, type StoredFiles, sealed } from "./records.ts";
import type { ResultStore } from "./results.ts";

/** A tensor to save. It is read when its turn comes, so that the model is never in memory as a whole. */
export interface TensorSource extends Pick<CheckpointTensor, "name" | "dtype" | "shape"> {
  /** The elements in row-major order. */
  read(): ArrayBufferView | Promise<ArrayBufferView>;
}

/** The state from which the loop resumes, as plain JSON, and the tensors. */
interface StateAndTensors {
  readonly state: object;
  readonly tensors: readonly TensorSource[];
}

export interface CheckpointToAdopt extends StateAndTensors {
  readonly step: number;
  readonly savedAt: string;
}

export interface RunToAdopt {
  readonly record: RunRecord;
  readonly curves: Curves;
  /** The state of each contains the curves up to its step. */
  readonly checkpoints: readonly CheckpointToAdopt[];
  /** The run's datasets that this browser does not have. */
  readonly datasets: readonly FilesToSave[];
  readonly results: RunResults;
}

/** The state as JSON text. Throws `StorageError` for values that JSON would change silently. */
export function encodeState(what: string, state: object): Uint8Array {
  const text = JSON.stringify(state, (name, value: unknown) => {
    const lost = typeof value === "number" ? !Number.isFinite(value) : ArrayBuffer.isView(value);
    if (!lost) return value;
    throw new StorageError(
      `${what} could not be saved: "${name}" of its state is ${typeof value === "number" ? value : "a typed array"}, ` +
        "which JSON cannot represent. Use finite numbers and plain arrays.",
    );
  });
  return new TextEncoder().encode(text);
}

interface Encoded extends Pick<StateAndTensors, "tensors"> {
  readonly state: Uint8Array;
}

export const bytesOf = ({ state, tensors }: Encoded) =>
  tensors.reduce((sum, { dtype, shape }) => sum + byteSizeOf(dtype, shape), state.byteLength);

/**
 * Passes everything to the writer, which may buffer some of it. Throws for a tensor whose size does not fit its type.
 */
export async function writeChunks(
  writer: ChunkWriter,
  what: string,
  { state, tensors }: Encoded,
): Promise<Pick<CheckpointManifest, "state" | "tensors">> {
  const saved: CheckpointTensor[] = [];
  for (const { name, dtype, shape, read } of tensors) {
    const view = await read();
    const expected = byteSizeOf(dtype, shape);
    if (view.byteLength !== expected) {
      throw new StorageError(
        `${what} could not be saved: tensor ${name} has ${view.byteLength} bytes, but ${describeType(dtype, shape)} ` +
          `takes ${expected}.`,
      );
    }
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    saved.push({ name, dtype, shape, ...(await writer.add(inMemory(bytes))) });
  }
  return { state: await writer.add(inMemory(state)), tensors: saved };
}

const inMemory = (bytes: Uint8Array) => ({
  byteLength: bytes.byteLength,
  slice: async (start: number, end: number) => bytes.slice(start, end),
});

interface AdoptParts {
  readonly records: KeyValue;
  readonly chunks: ChunkStore;
  readonly curves: CurveStore;
  readonly results: Pick<ResultStore, "writes">;
}

/** Saves an imported run: all of it counts at once, or nothing. Call it while no tab collects chunks. */
export async function adoptRun(
  { record, curves: seen, checkpoints, datasets, results: seenResults }: RunToAdopt,
  { records, chunks, curves, results }: AdoptParts,
  signal: AbortSignal | undefined,
): Promise<void> {
  const what = `The run "${cut(record.name)}"`;
  const encoded = checkpoints.map((checkpoint) => ({
    ...checkpoint,
    state: encodeState(what, checkpoint.state),
  }));
  const rowBytes = datasets.flatMap(({ files }) => files).reduce((sum, { byteLength }) => sum + byteLength, 0);
  const total = encoded.reduce((sum, contents) => sum + bytesOf(contents), rowBytes);
  const writer = await chunks.writer(what, total);
  const manifests: CheckpointManifest[] = [];
  for (const { step, savedAt, ...contents } of encoded) {
    signal?.throwIfAborted();
    const written = await writeChunks(writer, what, contents);
    manifests.push({ runId: record.id, step, savedAt, ...written, curves: null });
  }
  const entries: StoredFiles[] = [];
  for (const { files, ...entry } of datasets) {
    const savedAt = new Date().toISOString();
    entries.push({ ...entry, savedAt, files: await addFiles(writer, files, signal) });
  }
  const resultWrites = await results.writes(writer, record.id, seenResults);
  await writer.flush();
  signal?.throwIfAborted();
  const write = (await curves.writer(record.id, null, seen)).unwritten();
  const key = recordKey("run", record.id);
  if ((await records.get(key)) !== undefined) {
    throw new StorageError(`${what} could not be imported: another tab saved a run with the same id. Try again.`);
  }
  const bytes = JSON.stringify([manifests, entries, record]).length + write.bytes;
  const puts = [
    ...write.puts,
    ...entries.map((entry) => sealed(recordKey("dataset", entry.hash), entry)),
    ...resultWrites,
    ...manifests.map((manifest) => sealed(recordKey("checkpoint", record.id, manifest.step), manifest)),
    sealed(key, record),
  ];
  await commit({ what, bytes }, writer, records, puts, { undo: puts.map(([put]) => put) });
}

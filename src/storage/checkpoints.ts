/**
 * Checkpoints: chunks first, then manifest and run record in one transaction, so a killed tab leaves the last complete
 * checkpoint.
 */

import * as v from "valibot";
import type { RunRecord } from "../run/record.ts";
import { cut } from "../tensor/quote.ts";
import { type Bytes, ChunkDamagedError, type ChunkStore, chunkBytes, type StoredBytes } from "./chunks.ts";
import { commit } from "./commit.ts";
import type { CurveStore, CurveWriter } from "./curves.ts";
import { CheckpointDamagedError, errorText, StorageClearedError, StorageError } from "./errors.ts";
import type { KeyValue } from "./keyValue.ts";
import type { Collector } from "./orphans.ts";
import {
  type CheckpointManifest,
  CheckpointManifestSchema,
  type CheckpointTensor,
  type CurvePlace,
  keyPrefix,
  lastPart,
  recordKey,
  sealed,
  unsealed,
} from "./records.ts";
import type { ResultStore } from "./results.ts";
import type { Runs } from "./runs.ts";
import { adoptRun, bytesOf, encodeState, type RunToAdopt, type TensorSource, writeChunks } from "./writeCheckpoint.ts";

export interface CheckpointContents {
  /** The run at this step; `record.step` is the checkpoint's. Saved in the same transaction. */
  readonly record: RunRecord;
  /** The state from which the loop resumes, as plain JSON. Numbers must be finite. */
  readonly state: object;
  readonly tensors: readonly TensorSource[];
  /** Their new points are saved in the same transaction; left out where there are none. */
  readonly curves?: CurveWriter;
}

/**
 * Called for each tensor; `read` returns its bytes, checked, in a new buffer. Tensors that are not read are not
 * checked.
 */
export type RestoreTensor = (
  tensor: Pick<CheckpointTensor, "name" | "dtype" | "shape">,
  read: () => Promise<Uint8Array<ArrayBuffer>>,
) => void | Promise<void>;

export interface Checkpoints {
  /**
   * Saves the record and a checkpoint of `record.step`. The newest `recipe.keepLast` checkpoints stay, this one
   * included, and the best (`record.best`). The same transaction deletes older ones, and later ones: they belong to a
   * branch that the run left when it went back. After `StorageFullError` or `StorageError` all earlier data is intact.
   */
  save(contents: CheckpointContents): Promise<CheckpointManifest>;
  /**
   * Reads a checkpoint: its state, and its tensors in order through `restore`, which must not save. Throws
   * `CheckpointDamagedError`, which lists the intact ones, or `StorageError` when there is no such checkpoint.
   */
  load(
    runId: string,
    which: number | "latest" | "best",
    restore: RestoreTensor,
  ): Promise<{ readonly manifest: CheckpointManifest; readonly state: unknown }>;
  /** Steps of the run's checkpoints, newest first. */
  steps(runId: string): Promise<number[]>;
  /** The run's checkpoints, newest first, with the time of their save; null where the manifest cannot be read. */
  list(runId: string): Promise<{ readonly step: number; readonly savedAt: string | null }[]>;
  /**
   * A checkpoint whose tensors are read and checked on demand; null when there is none. Unlike in `load`, it can be
   * deleted meanwhile: then a read throws `StorageError`.
   */
  open(runId: string, step: number): Promise<CheckpointView | null>;
  /**
   * Imports a run of another browser with its curves, checkpoints, results and rows: all of it counts at once, or
   * nothing. Throws as `save` does, and where a run has the same id.
   */
  adopt(run: RunToAdopt, signal?: AbortSignal): Promise<void>;
  /** Bytes of the checkpoints of each run, by its id; a chunk that two checkpoints share counts once. */
  sizes(): Promise<Readonly<Record<string, number>>>;
}

export interface CheckpointView {
  readonly step: number;
  readonly savedAt: string;
  readonly state: unknown;
  /** As in `CheckpointManifest`. */
  readonly curves: CurvePlace | null;
  readonly tensors: readonly (Pick<CheckpointTensor, "name" | "dtype" | "shape"> & Bytes)[];
}

/** Length of each chunk by its key. */
function chunkLengths({ byteLength, chunks }: StoredBytes): [string, number][] {
  return chunks.map((key, index) => [key, Math.min(chunkBytes, byteLength - index * chunkBytes)]);
}

const clearedBefore = (what: string) =>
  `The browser has cleared this page's storage in the meantime, so some or all earlier data is gone. ${what} is ` +
  "saved. Runs, Model and Data show what is left.";

export interface CheckpointParts {
  readonly records: KeyValue;
  readonly chunks: ChunkStore;
  readonly collector: Collector;
  readonly runs: Pick<Runs, "get" | "curveWrite">;
  readonly curves: CurveStore;
  readonly results: Pick<ResultStore, "writes">;
  /** Whether every record is gone that was there when they were last listed or written. */
  readonly wasCleared: () => Promise<boolean>;
  /** A save adds a sentence when it finds the storage cleared. */
  readonly problems: string[];
}

export function createCheckpoints(parts: CheckpointParts): Checkpoints {
  const { records, chunks, collector, runs, curves, results, wasCleared, problems } = parts;

  async function steps(runId: string): Promise<number[]> {
    const keys = await records.keys(keyPrefix("checkpoint", runId));
    return keys.map((key) => Number(lastPart(key))).sort((a, b) => b - a);
  }

  /** Null when there is none. Throws `StorageError` when it cannot be read. */
  async function manifestOf(runId: string, step: number): Promise<CheckpointManifest | null> {
    const stored = await records.get(recordKey("checkpoint", runId, step));
    if (stored === undefined) return null;
    const what = `The checkpoint of step ${step}`;
    return unsealed(what, "Resume from another checkpoint.", CheckpointManifestSchema, stored);
  }

  async function isWhole(runId: string, step: number): Promise<boolean> {
    try {
      const manifest = await manifestOf(runId, step);
      if (manifest === null) return false;
      await chunks.verify(manifest.state, "the training state");
      for (const tensor of manifest.tensors) await chunks.verify(tensor, tensor.name);
      return true;
    } catch (error) {
      if (error instanceof StorageError) return false;
      throw error;
    }
  }

  async function damagedError(run: RunRecord, step: number, damage: string, cause: unknown) {
    const good: number[] = [];
    for (const other of await steps(run.id)) if (other !== step && (await isWhole(run.id, other))) good.push(other);
    // The nearest earlier checkpoint comes first; later ones exist only when the caller wanted an older step.
    const order = [...good.filter((other) => other < step), ...good.filter((other) => other > step)];
    return new CheckpointDamagedError(run.id, step, order, run.name, damage, { cause });
  }

  return {
    steps,

    async list(runId) {
      const listed = (await steps(runId)).map(async (step) => {
        const manifest = await manifestOf(runId, step).catch(() => null);
        return { step, savedAt: manifest?.savedAt ?? null };
      });
      return Promise.all(listed);
    },

    adopt: (run, signal) => collector.guarded(() => adoptRun(run, { records, chunks, curves, results }, signal), true),

    async open(runId, step) {
      const manifest = await manifestOf(runId, step);
      if (manifest === null) return null;
      const text = new TextDecoder().decode(await chunks.readAll(manifest.state, "the training state"));
      const state: unknown = JSON.parse(text);
      const tensors = manifest.tensors.map(({ name, dtype, shape, ...stored }) => ({
        name,
        dtype,
        shape,
        ...chunks.open(stored, `tensor ${name}`),
      }));
      return { step, savedAt: manifest.savedAt, state, curves: manifest.curves, tensors };
    },

    async sizes() {
      const lengths = new Map<string, Map<string, number>>();
      for (const key of await records.keys(keyPrefix("checkpoint"))) {
        const stored = await records.get(key);
        const manifest = v.safeParse(v.object({ value: CheckpointManifestSchema }), stored);
        // `load` and `open` report a manifest that cannot be read.
        if (!manifest.success) continue;
        const { runId, state, tensors } = manifest.output.value;
        const chunksOf = lengths.get(runId) ?? new Map<string, number>();
        for (const [chunk, length] of [state, ...tensors].flatMap(chunkLengths)) chunksOf.set(chunk, length);
        lengths.set(runId, chunksOf);
      }
      return Object.fromEntries(
        [...lengths].map(([runId, chunksOf]) => [
          runId,
          [...chunksOf.values()].reduce((sum, length) => sum + length, 0),
        ]),
      );
    },

    save: ({ record, state, tensors, curves: seen }) =>
      collector.guarded(async () => {
        const what = `The checkpoint of step ${record.step} of run "${cut(record.name)}"`;
        const encoded = { state: encodeState(what, state), tensors };
        const lost = await wasCleared();
        const attempt = async () => {
          const writer = await chunks.writer(what, bytesOf(encoded));
          const saved = await writeChunks(writer, what, encoded);
          await writer.flush();
          const write = await runs.curveWrite(record.id, seen);
          const manifest: CheckpointManifest = {
            runId: record.id,
            step: record.step,
            savedAt: new Date().toISOString(),
            ...saved,
            curves: write?.end ?? null,
          };
          const key = recordKey("checkpoint", record.id, record.step);
          const present = await steps(record.id);
          const older = present.filter((step) => step < record.step);
          const stay = new Set([record.step, ...older.slice(0, Math.max(0, record.recipe.keepLast - 1))]);
          if (record.best !== null && record.best.step <= record.step) stay.add(record.best.step);
          const dropped = present.filter((step) => !stay.has(step));
          await commit(
            { what, bytes: JSON.stringify([manifest, record]).length + (write?.bytes ?? 0) },
            writer,
            records,
            [...(write?.puts ?? []), sealed(key, manifest), sealed(recordKey("run", record.id), record)],
            { deletes: dropped.map((step) => recordKey("checkpoint", record.id, step)), undo: [key] },
          );
          write?.written();
          return manifest;
        };
        // A browser that clears its storage meanwhile leaves room for the whole checkpoint.
        let again = false;
        const saved = await attempt().catch(async (error: unknown) => {
          // A read that the clearing aborts fails with the browser's own error.
          if (!(error instanceof StorageClearedError) && !(await wasCleared().catch(() => false))) throw error;
          again = true;
          return attempt();
        });
        if (lost || again) problems.push(clearedBefore(what));
        return saved;
      }, true),

    load: (runId, which, restore) =>
      collector.guarded(async () => {
        const run = await runs.get(runId);
        if (run === null) throw new StorageError(`There is no run ${runId} in this browser. It may have been deleted.`);
        const available = await steps(runId);
        if (available.length === 0) {
          throw new StorageError(
            `Run "${cut(run.name)}" has no checkpoint: resume it until one is saved, or start it again.`,
          );
        }
        const step = which === "latest" ? available[0] : which === "best" ? run.best?.step : which;
        const manifest =
          step === undefined
            ? null
            : await manifestOf(runId, step).catch(async (error: unknown) => {
                if (!(error instanceof StorageError)) throw error;
                throw await damagedError(run, step, `its manifest is unreadable (${errorText(error)})`, error);
              });
        if (manifest === null) {
          const wanted = typeof which === "number" ? `checkpoint of step ${which}` : `${which} checkpoint`;
          throw new StorageError(
            `Run "${cut(run.name)}" has no ${wanted}: it has steps ${cut(available.join(", "))}. Choose one of these, or start the run again.`,
          );
        }
        try {
          const state: unknown = JSON.parse(
            new TextDecoder().decode(await chunks.readAll(manifest.state, "the training state")),
          );
          for (const tensor of manifest.tensors) {
            await restore(tensor, () => chunks.readAll(tensor, `tensor ${tensor.name}`));
          }
          return { manifest, state };
        } catch (error) {
          if (!(error instanceof ChunkDamagedError)) throw error;
          throw await damagedError(run, manifest.step, error.message, error);
        }
      }, false),
  };
}

/** Losses of training rows by run and checkpoint, each a record that is replaced as a whole. */

import { type ExampleLosses, ExampleLossesSchema } from "../run/rowLosses.ts";
import { StorageError } from "./errors.ts";
import { type KeyValue, writeFor } from "./keyValue.ts";
import { keyPrefix, lastPart, recordKey, sealed, unsealed } from "./records.ts";

export interface RowLossStore {
  /** Losses of a step's checkpoint with this key; null where there are none, or only of other data. Throws `StorageError`. */
  get(runId: string, step: number, key: string): Promise<ExampleLosses | null>;
  /** Replaces the losses of that step. Throws `StorageError` where the run is gone, `StorageFullError` where there is no room. */
  put(runId: string, losses: ExampleLosses): Promise<void>;
  /** Keys of all losses of a run. */
  keys(runId: string): Promise<string[]>;
  /** Deletes losses whose run is gone. */
  tidy(): Promise<void>;
}

export function createRowLosses(records: KeyValue): RowLossStore {
  const keysOf = (runId: string) => records.keys(keyPrefix("rowLosses", runId));

  return {
    async get(runId, step, key) {
      const stored = await records.get(recordKey("rowLosses", runId, step));
      if (stored === undefined) return null;
      const what = `The losses of rows at step ${step}`;
      const losses = unsealed(what, "Measure them again.", ExampleLossesSchema, stored);
      return losses.key === key ? losses : null;
    },

    async put(runId, losses) {
      const what = "The losses of the rows";
      if ((await records.get(recordKey("run", runId))) === undefined)
        throw new StorageError(`${what} were not saved: their run is not in this browser any more.`);
      const { sources, rows, lines, tokens, base, tuned } = losses;
      const bytes = [sources, rows, lines, tokens, base, tuned].reduce((sum, { byteLength }) => sum + byteLength, 0);
      await writeFor({ what, bytes }, records, [sealed(recordKey("rowLosses", runId, losses.step), losses)]);
    },

    keys: keysOf,

    async tidy() {
      const keys = await records.keys(keyPrefix("rowLosses"));
      if (keys.length === 0) return;
      const runs = new Set((await records.keys(keyPrefix("run"))).map(lastPart));
      const lost = keys.filter((key) => !runs.has(lastPart(key.slice(0, key.lastIndexOf("/")))));
      if (lost.length > 0) await writeFor({ what: "The deletion of losses of rows", bytes: 0 }, records, [], lost);
    },
  };
}

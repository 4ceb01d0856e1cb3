/** Edited rows of datasets, a record each: two tabs that edit different rows of a dataset overwrite nothing. */

import * as v from "valibot";
import { Count, Text } from "../run/fields.ts";
import type { RowEdit } from "../run/source.ts";
import { cut } from "../tensor/quote.ts";
import { type KeyValue, writeFor } from "./keyValue.ts";
import { keyPrefix, recordKey, sealed, unsealed } from "./records.ts";

export interface EditStore {
  /** The edits of a dataset, ascending by row. Throws `StorageError` where one cannot be read. */
  list(hash: string): Promise<readonly RowEdit[]>;
  /** Saves edits and deletes those of the rows `undone`, all or nothing. Throws `StorageFullError`. */
  write(hash: string, edits: readonly RowEdit[], undone?: readonly number[]): Promise<void>;
  /** Deletes all edits of a dataset. */
  delete(hash: string): Promise<void>;
}

const EditSchema: v.GenericSchema<unknown, RowEdit> = v.object({ row: Count, value: Text });

export function createEdits(records: KeyValue): EditStore {
  const keyOf = (hash: string, row: number) => recordKey("edit", hash, row);
  const keysOf = (hash: string) => records.keys(keyPrefix("edit", hash));

  return {
    async list(hash) {
      const found = await Promise.all((await keysOf(hash)).map(async (key) => [key, await records.get(key)] as const));
      const edits = found.flatMap(([key, stored]) =>
        stored === undefined
          ? []
          : [unsealed(`The edit ${cut(key, 100)}`, "Delete the dataset and open its file again.", EditSchema, stored)],
      );
      return edits.sort((a, b) => a.row - b.row);
    },

    write: (hash, edits, undone = []) =>
      writeFor(
        { what: "The edit", bytes: edits.reduce((sum, { value }) => sum + value.length, 0) },
        records,
        edits.map((edit) => sealed(keyOf(hash, edit.row), edit)),
        undone.map((row) => keyOf(hash, row)),
      ),

    async delete(hash) {
      const keys = await keysOf(hash);
      if (keys.length > 0) await writeFor({ what: "The deletion of edits", bytes: 0 }, records, [], keys);
    },
  };
}

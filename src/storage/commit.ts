/** Writes the records that make chunks count, and sees to it that the chunks are there. */

import type { ChunkWriter } from "./chunks.ts";
import { StorageClearedError } from "./errors.ts";
import { type Entry, type KeyValue, type WritePurpose, writeFor } from "./keyValue.ts";

/**
 * Chunks and records lie in two databases, so a browser that clears its storage in between would leave a record without
 * contents. The chunks are therefore looked up before and after; where some are gone, `undo` is deleted again. Throws
 * StorageClearedError then, and what `writeFor` throws.
 */
export async function commit(
  purpose: WritePurpose,
  writer: ChunkWriter,
  records: KeyValue,
  puts: readonly Entry[],
  { deletes = [], undo }: { readonly deletes?: readonly string[]; readonly undo: readonly string[] },
): Promise<void> {
  const requireChunks = async () => {
    if ((await writer.missing()) > 0) throw new StorageClearedError(purpose.what);
  };
  await requireChunks();
  await writeFor(purpose, records, puts, deletes);
  await requireChunks().catch(async (error: unknown) => {
    // Should it fail as well, reading tells that contents are missing.
    await records.write([], undo).catch(() => undefined);
    throw error;
  });
}

/** Writes the records that make chunks count, and checks that the chunks are stored. */

import type { ChunkWriter } from "./chunks.ts";
import { StorageClearedError } from "./errors.ts";
import { type Entry, type KeyValue, type WritePurpose, writeFor } from "./keyValue.ts";

/**
 * Chunks and records are in two databases: a browser that clears its storage between the two writes would leave a
 * record without contents. Chunks are therefore counted before and after the write; if some are gone, it throws
 * StorageClearedError and removes what it wrote (`undo`). Also throws what `writeFor` throws.
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
    // If this fails too, a later read finds the missing contents.
    await records.write([], undo).catch(() => undefined);
    throw error;
  });
}

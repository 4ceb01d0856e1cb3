/** Opens documents as passages, one after the other; a document that cannot be read does not stop the others. */

import type { OpenedDocuments } from "../protocol/datasets.ts";
import { passagesOf } from "../records/documents/passages.ts";
import { readDocument } from "../records/documents/read.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { nextTask } from "../training/control.ts";

/** Throws the signal's reason. */
export async function openDocuments(
  sources: readonly ByteSource[],
  onProgress: (task: string, done: number, total: number | null) => void,
  signal?: AbortSignal,
): Promise<OpenedDocuments> {
  const documents: OpenedDocuments["documents"][number][] = [];
  const failures: OpenedDocuments["failures"][number][] = [];
  for (const source of sources) {
    const { name } = source;
    onProgress(`Reading ${name}`, 0, null);
    try {
      const onPage = async (done: number, total: number) => {
        onProgress(`Reading ${name}`, done, total);
        await nextTask();
        signal?.throwIfAborted();
      };
      documents.push({ name, passages: passagesOf(await readDocument(source, { signal, onPage })) });
    } catch (error) {
      signal?.throwIfAborted();
      failures.push({ name, message: error instanceof Error ? error.message : String(error) });
    }
  }
  return { documents, failures };
}

/** Several files as one zip, for one download; the door to fflate. Nothing is compressed: weights hardly can be. */

import { Zip, ZipPassThrough } from "fflate";
import { ExportError, type OutFile } from "./files.ts";

/** What a zip without the extension for larger ones holds. */
const limit = 2 ** 32 - 1;
const pieceBytes = 4 * 2 ** 20;

/** Reads and writes a few megabytes at a time. Throws ExportError above 4 GiB, and the signal's reason when cancelled. */
export async function zipFiles(files: readonly OutFile[], signal?: AbortSignal): Promise<Blob> {
  const total = files.reduce((sum, { content }) => sum + content.size, 0);
  // Names, places and checksums take some hundred bytes a file.
  if (total + 1024 * files.length > limit) {
    throw new ExportError(
      `The files have ${total} bytes, and a zip holds ${limit}: export the adapter, which is small.`,
    );
  }
  const parts: Blob[] = [];
  const zip = new Zip((error, bytes) => {
    if (error) throw error;
    parts.push(new Blob([bytes]));
  });
  for (const { name, content } of files) {
    const entry = new ZipPassThrough(name);
    zip.add(entry);
    for (let from = 0; from < content.size; from += pieceBytes) {
      signal?.throwIfAborted();
      entry.push(new Uint8Array(await content.slice(from, from + pieceBytes).arrayBuffer()));
    }
    entry.push(new Uint8Array(0), true);
  }
  zip.end();
  return new Blob(parts, { type: "application/zip" });
}

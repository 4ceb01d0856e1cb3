/**
 * Several files as one zip for one download; the only import of zip.js. Entries are stored without compression, because
 * weights hardly compress.
 */

import type { ScratchFile } from "../storage/scratch.ts";
import { type OutFile, readBackError } from "./files.ts";
import { openArchive } from "./openArchive.ts";

const pieceBytes = 4 * 2 ** 20;

/** Loaded at the first export: 39 kB (gzip). This entry of zip.js has no workers and no WebAssembly. */
const zipLibrary = () => import("@zip.js/zip.js/lib/zip-core-custom.js");

/** Writes a zip into a scratch file, piece by piece. */
export interface ArchiveWriter {
  /**
   * Adds a file of `byteLength` bytes from `pieces`, in order. Throws the errors of the scratch file and of `pieces`.
   */
  add(name: string, byteLength: number, pieces: AsyncIterable<Piece>): Promise<void>;
  finish(): Promise<Blob>;
}

type Piece = Uint8Array<ArrayBuffer>;

/** Entries and archives above 4 GiB are zip64; smaller ones use the form that every program reads. */
export async function writeArchive(out: ScratchFile): Promise<ArchiveWriter> {
  const { ZipWriter } = await zipLibrary();
  let at = 0;
  const writable = new WritableStream<Piece>({
    write(bytes) {
      out.write(bytes, at);
      at += bytes.length;
    },
  });
  const zip = new ZipWriter(writable, { level: 0, useWebWorkers: false });
  return {
    async add(name, byteLength, pieces) {
      await zip.add(name, { readable: streamOf(pieces), size: byteLength });
    },
    async finish() {
      await zip.close();
      return out.finish();
    },
  };
}

/** The pieces as a stream; Chromium lacks `ReadableStream.from`. */
function streamOf(pieces: AsyncIterable<Piece>): ReadableStream<Piece> {
  const iterator = pieces[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

/** The bytes of a blob, a few megabytes at a time. Throws the signal's reason. */
export async function* piecesOf(content: Blob, signal?: AbortSignal): AsyncGenerator<Piece> {
  for (let from = 0; from < content.size; from += pieceBytes) {
    signal?.throwIfAborted();
    yield new Uint8Array(await content.slice(from, from + pieceBytes).arrayBuffer());
  }
}

/** Writes a zip of these files and compares its contents with them. Throws ExportError, or the signal's reason. */
export async function zipFiles(files: readonly OutFile[], out: ScratchFile, signal?: AbortSignal): Promise<Blob> {
  const archive = await writeArchive(out);
  for (const { name, content } of files) await archive.add(name, content.size, piecesOf(content, signal));
  const written = await archive.finish();
  await requireEntries(written, files, signal);
  return written;
}

/** Throws ExportError unless the archive has these files, byte for byte, and no other. */
async function requireEntries(archive: Blob, files: readonly OutFile[], signal?: AbortSignal): Promise<void> {
  const entries = await openArchive("The archive", archive, signal);
  const names = (all: readonly { readonly name: string }[]) => all.map(({ name }) => name).join(", ");
  if (names(entries) !== names(files)) throw readBackError("the list of files", names(entries), names(files));
  for (const [index, { name, content }] of files.entries()) {
    const found = (entries[index] as OutFile).content;
    if (found.size !== content.size) throw readBackError(`the length of ${name}`, `${found.size}`, `${content.size}`);
    const read = piecesOf(found, signal);
    for await (const wanted of piecesOf(content, signal)) {
      const { value } = await read.next();
      const at = firstDifference(value ?? new Uint8Array(0), wanted);
      if (at >= 0) throw readBackError(`a byte of ${name}`, String(value?.[at]), String(wanted[at]));
    }
  }
}

/** Index of the first different byte; -1 where both are equal. */
function firstDifference(found: Piece, wanted: Piece): number {
  for (let i = 0; i < wanted.length; i++) if (found[i] !== wanted[i]) return i;
  return -1;
}

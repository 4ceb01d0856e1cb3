/** Several files as one zip, for one download; the door to fflate. Nothing is compressed: weights hardly can be. */

import { Zip, ZipPassThrough } from "fflate";
import type { ScratchFile } from "../storage/scratch.ts";
import { ExportError, type OutFile, readBackError } from "./files.ts";

/** What a zip without the extension for larger ones holds. */
const limit = 2 ** 32 - 1;
const pieceBytes = 4 * 2 ** 20;

/** A zip that is being written into a scratch file, a few megabytes at a time. */
export interface ArchiveWriter {
  /** Adds a file; `pieces` are given in order. Throws ExportError above 4 GiB in all. */
  add(name: string, pieces: Iterable<Piece> | AsyncIterable<Piece>): Promise<void>;
  finish(): Promise<Blob>;
}

type Piece = Uint8Array<ArrayBuffer>;

/** `remedy` is what to do where it becomes too large. */
export function writeArchive(out: ScratchFile, remedy: string): ArchiveWriter {
  let at = 0;
  let failure: unknown = null;
  const zip = new Zip((error, bytes) => {
    failure ??= error;
    if (failure) return;
    try {
      // Buffers of its own and the pieces that were added; none is shared.
      out.write(bytes as Piece, at);
      at += bytes.length;
    } catch (thrown) {
      failure = thrown;
    }
  });
  const check = (more = 0) => {
    if (failure) throw failure;
    // The list of names at the end takes some hundred bytes a file.
    if (at + more + 2 ** 20 > limit) {
      throw new ExportError(`The files have more than the ${limit} bytes that a zip holds: ${remedy}.`);
    }
  };
  return {
    async add(name, pieces) {
      const entry = new ZipPassThrough(name);
      zip.add(entry);
      for await (const piece of pieces) {
        check(piece.length);
        entry.push(piece);
      }
      entry.push(new Uint8Array(0), true);
      check();
    },
    finish() {
      zip.end();
      check();
      return out.finish();
    },
  };
}

/** The bytes of a blob, a few megabytes at a time. Throws the signal's reason when cancelled. */
export async function* piecesOf(content: Blob, signal?: AbortSignal): AsyncGenerator<Piece> {
  for (let from = 0; from < content.size; from += pieceBytes) {
    signal?.throwIfAborted();
    yield new Uint8Array(await content.slice(from, from + pieceBytes).arrayBuffer());
  }
}

/** Writes a zip of these files and compares what it holds with them. Throws ExportError above 4 GiB, the signal's reason when cancelled. */
export async function zipFiles(files: readonly OutFile[], out: ScratchFile, signal?: AbortSignal): Promise<Blob> {
  const total = files.reduce((sum, { content }) => sum + content.size, 0);
  if (total + 2 ** 20 > limit) {
    throw new ExportError(
      `The files have ${total} bytes, and a zip holds ${limit}: export the adapter, which is small.`,
    );
  }
  const archive = writeArchive(out, "export the adapter, which is small");
  for (const { name, content } of files) await archive.add(name, piecesOf(content, signal));
  const written = await archive.finish();
  await requireEntries(written, files, signal);
  return written;
}

/** Throws ExportError unless the archive holds these files, byte for byte, and no other. */
async function requireEntries(archive: Blob, files: readonly OutFile[], signal?: AbortSignal): Promise<void> {
  const entries = await openArchive("The archive", archive);
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

/** Of the second among the first; -1 where they are equal. */
function firstDifference(found: Piece, wanted: Piece): number {
  for (let i = 0; i < wanted.length; i++) if (found[i] !== wanted[i]) return i;
  return -1;
}

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
/** Fixed parts of the records at the end, in the middle and before each file. */
const [endLength, entryLength, localLength] = [22, 46, 30];

/**
 * The files of a zip whose contents are stored as they are, each as a part of the blob: nothing is copied or read ahead. Checksums are
 * left to who reads. `name` is the archive's in errors. Throws ExportError for anything else, and for what is cut off.
 */
export async function openArchive(name: string, archive: Blob): Promise<OutFile[]> {
  const refuse = (problem: string) => new ExportError(`${name} ${problem}: take the file as Hone wrote it.`);
  // The end may be followed by a comment of up to 64 KiB.
  const tailFrom = Math.max(0, archive.size - endLength - 0xffff);
  const tail = await viewOf(archive.slice(tailFrom));
  let end = tail.byteLength - endLength;
  while (end >= 0 && tail.getUint32(end, true) !== endSignature) end--;
  if (end < 0) throw refuse("is no zip file, or is cut off");
  const count = tail.getUint16(end + 10, true);
  const [size, from] = [tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  if (from + size > tailFrom + end) throw refuse("is damaged: its list of files lies outside of it");
  const list = await viewOf(archive.slice(from, from + size));
  const files: OutFile[] = [];
  for (let at = 0, left = count; left > 0; left--) {
    if (at + entryLength > list.byteLength || list.getUint32(at, true) !== entrySignature) {
      throw refuse("is damaged: its list of files is broken");
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => list.getUint16(at + field, true));
    const path = new TextDecoder().decode(new Uint8Array(list.buffer, at + entryLength, nameLength));
    const [packed, byteLength, start] = [20, 24, 42].map((field) => list.getUint32(at + field, true)) as [
      number,
      number,
      number,
    ];
    if (list.getUint16(at + 10, true) !== 0 || packed !== byteLength) throw refuse(`holds ${path} compressed`);
    const local = await viewOf(archive.slice(start, start + localLength));
    if (local.byteLength < localLength) throw refuse(`is damaged: ${path} lies outside of it`);
    const dataAt = start + localLength + local.getUint16(26, true) + local.getUint16(28, true);
    if (dataAt + byteLength > from) throw refuse(`is damaged: ${path} lies outside of it`);
    files.push({ name: path, content: archive.slice(dataAt, dataAt + byteLength) });
    at += entryLength + (nameLength ?? 0) + (extraLength ?? 0) + (commentLength ?? 0);
  }
  return files;
}

const viewOf = async (blob: Blob) => new DataView(await blob.arrayBuffer());

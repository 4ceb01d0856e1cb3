/** Model files as bytes: blobs, read-ahead and cached sources, and JSON with errors that name the file. */

import { type ByteSource, requireRange } from "../tensor/bytes.ts";
import { cut } from "../tensor/quote.ts";
import { ModelError } from "./error.ts";
import { parseJson, requireLength } from "./json.ts";

/** A file that the user chose, or a blob from storage; reads only the requested slices. */
export function bytesFromBlob(name: string, blob: Blob): ByteSource {
  return {
    name,
    byteLength: blob.size,
    async slice(start, end, signal) {
      signal?.throwIfAborted();
      requireRange(this, start, end);
      let bytes: Uint8Array<ArrayBuffer>;
      try {
        bytes = new Uint8Array(await blob.slice(start, end).arrayBuffer());
      } catch (cause) {
        throw new ModelError(`${cut(name)} cannot be read because it was changed, moved or deleted: choose it again.`, {
          cause,
        });
      }
      signal?.throwIfAborted();
      if (bytes.byteLength !== end - start) {
        throw new ModelError(
          `${cut(name)} is shorter than before (${bytes.byteLength} of ${end - start} bytes could be read): choose it again.`,
        );
      }
      return bytes;
    },
  };
}

/**
 * The same bytes, read in windows of `windowBytes`, so that many small consecutive slices need few requests. Caches one
 * window in memory.
 */
export function readAhead(source: ByteSource, windowBytes: number): ByteSource {
  let windowStart = 0;
  let cached = new Uint8Array(0);
  return {
    name: source.name,
    byteLength: source.byteLength,
    async slice(start, end, signal) {
      signal?.throwIfAborted();
      requireRange(this, start, end);
      if (start < windowStart || end > windowStart + cached.length) {
        const overlaps = start >= windowStart && start < windowStart + cached.length;
        const rest = overlaps ? cached.subarray(start - windowStart) : new Uint8Array(0);
        const windowEnd = Math.min(Math.max(end, start + windowBytes), source.byteLength);
        const fresh = await source.slice(start + rest.length, windowEnd, signal);
        // A new array each time: slices of the last window may still be in use.
        if (rest.length === 0) cached = fresh;
        else {
          const joined = new Uint8Array(rest.length + fresh.length);
          joined.set(rest);
          joined.set(fresh, rest.length);
          cached = joined;
        }
        windowStart = start;
      }
      return cached.subarray(start - windowStart, end - windowStart);
    },
  };
}

/**
 * The same bytes; a part that was read once is not requested again, up to `limit` bytes of memory: a header is read twice, for
 * its places and for its texts.
 */
export function cacheParts(source: ByteSource, limit: number): ByteSource {
  const parts: { readonly start: number; readonly bytes: Uint8Array<ArrayBuffer> }[] = [];
  let cached = 0;
  /** The bytes from `start` on that a part has; empty for none. */
  const known = (start: number, end: number) => {
    const part = parts.find((one) => one.start <= start && start < one.start + one.bytes.length);
    return part ? part.bytes.subarray(start - part.start, end - part.start) : new Uint8Array(0);
  };
  return {
    name: source.name,
    byteLength: source.byteLength,
    async slice(start, end, signal) {
      signal?.throwIfAborted();
      requireRange(source, start, end);
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      for (let at = start; at < end; ) {
        let piece = known(at, end);
        if (piece.length === 0) {
          // Up to the next part that is known.
          const next = parts.reduce((least, part) => (part.start > at ? Math.min(least, part.start) : least), end);
          piece = await source.slice(at, next, signal);
          if (cached + piece.length <= limit) {
            parts.push({ start: at, bytes: piece });
            cached += piece.length;
          }
        }
        pieces.push(piece);
        at += piece.length;
      }
      const [only, ...others] = pieces;
      if (only && others.length === 0) return only;
      const bytes = new Uint8Array(end - start);
      let at = 0;
      for (const piece of pieces) {
        bytes.set(piece, at);
        at += piece.length;
      }
      return bytes;
    },
  };
}

/** The same bytes, read whole at the first slice and cached in memory: for small files that are read more than once. */
export function cacheWhole<Source extends ByteSource>(source: Source): Source {
  let whole: Promise<Uint8Array<ArrayBuffer>> | null = null;
  return {
    ...source,
    async slice(start, end, signal) {
      signal?.throwIfAborted();
      requireRange(source, start, end);
      const reading = whole ?? source.slice(0, source.byteLength, signal);
      whole = reading;
      try {
        return (await reading).subarray(start, end);
      } catch (error) {
        if (whole === reading) whole = null;
        throw error;
      }
    },
  };
}

/** A whole JSON file whose top level is an object, with its bytes. Throws `ModelError` naming the file and the place. */
export async function readJson(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<{ readonly value: Readonly<Record<string, unknown>>; readonly bytes: Uint8Array<ArrayBuffer> }> {
  if (source.byteLength === 0) throw new ModelError(`${source.name} is empty: download it again.`);
  requireLength(source.name, source.byteLength);
  const bytes = await source.slice(0, source.byteLength, signal);
  const kind = describeForeign(bytes);
  if (kind !== null) throw new ModelError(`${source.name} is not JSON but ${kind}: download the file itself.`);
  const value = parseJson(source.name, bytes);
  if (!isObject(value))
    throw new ModelError(`${source.name} is JSON but not an object: check that it is the right file.`);
  return { value, bytes };
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The kind of a file by its first bytes, for a message about a file that is not JSON or safetensors; null when unknown. */
export function describeForeign(bytes: Uint8Array): string | null {
  const start = String.fromCharCode(...bytes.subarray(0, 48))
    .trimStart()
    .toLowerCase();
  if (start.startsWith("<")) return "a web page";
  if (start.startsWith("version https://git-lfs")) return "a Git LFS pointer, which only names the real file";
  if (start.startsWith("gguf")) return "a GGUF file";
  if (start.startsWith("pk\u0003\u0004")) return "a ZIP archive, such as PyTorch's .bin";
  const [first, protocol = 0] = bytes;
  if (first === 0x80 && protocol >= 2 && protocol <= 5) return "a Python pickle, such as PyTorch's .bin";
  if (start.startsWith("\u001f\u008b")) return "a gzip archive";
  if (start.startsWith("\u00ff\u00fe") || start.startsWith("\u00fe\u00ff")) return "a text in UTF-16";
  return null;
}

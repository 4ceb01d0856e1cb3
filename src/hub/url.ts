/**
 * Bytes at an address: only this file fetches models. It requests parts with Range (RFC 9110 §14), and reads a file whole
 * and once where the server cannot send parts. It contacts only the named host and refuses redirects, except from
 * huggingface.co, which redirects to its own storage hosts.
 */

import { type ByteSource, bytesFromMemory, requireRange } from "../tensor/bytes.ts";
import { cut } from "../tensor/quote.ts";
import { bytesFromBlob } from "./bytes.ts";
import { ModelError } from "./error.ts";
import { byteLimitOf } from "./json.ts";
import { cutOff, describeStatus, piecesOf, readInto, request, show, tooLong, withRetries } from "./request.ts";

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined;
  /** Progress of a file that a server can only send whole: bytes read, and bytes in all where they are known. */
  readonly onProgress?: ((done: number, total: number | null) => void) | undefined;
  /** Number of bytes just received, of any file; also called for reads after the opening. */
  readonly onReceived?: ((bytes: number) => void) | undefined;
  /** A note for the user, in one sentence. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** Bytes from a network. */
export interface RemoteBytes extends ByteSource {
  /** The server's name of this version of the file (RFC 9110 §8.8), which shows a change. Null where it sends none. */
  readonly stamp: string | null;
}

/** Bytes of the first request, which are cached: enough for a small file, or for the header of a larger one. */
const probeBytes = 64 * 2 ** 10;

/**
 * Opens the file at an http(s) address and reads its length. Throws a `ModelError` that names address, status and way out
 * (`absent` when the file is missing or refused, or a web page came instead), or the signal's reason.
 */
export async function bytesFromUrl(url: URL, name: string, options: OpenOptions = {}): Promise<RemoteBytes> {
  const { signal, onNote, onReceived } = options;
  return withRetries({ url, signal }, async () => {
    const response = await request(url, `bytes=0-${probeBytes - 1}`, signal);
    const stamp = stampOf(response);
    if (response.status === 416) {
      await response.body?.cancel();
      return { ...bytesFromMemory(name, new Uint8Array(0)), stamp };
    }
    if (response.status === 200) {
      const whole = bytesFromBlob(name, await readAll(response, url, byteLimitOf(name), options));
      if (whole.byteLength > probeBytes) {
        onNote?.(`${url.host} cannot send parts of a file, so ${name} was downloaded whole into memory.`);
      }
      return { ...whole, stamp };
    }
    noteRedirect(url, response, onNote);
    const range = contentRange(response);
    if (range !== null && range.start !== 0) throw wrongRange(url, response, 0);
    // A server may hide Content-Range from a page of another origin (CORS), but not Content-Length.
    const byteLength = range?.total ?? (await lengthByHead(url, signal));
    const head = new Uint8Array(Math.min(probeBytes, byteLength));
    const received = await readInto(response, head, onReceived);
    if (received < head.length) throw new Error(cutOff(url, received, head.length));
    return { ...parts(url, name, byteLength, async () => head, onReceived), stamp };
  });
}

/**
 * A file of known length on a server that sends parts: sends no request before the first slice, which throws as
 * `bytesFromUrl` does.
 */
export function partsOfUrl(url: URL, name: string, byteLength: number, options: OpenOptions = {}): RemoteBytes {
  const { onReceived } = options;
  const from = parts(url, name, byteLength, null, onReceived);
  let head: Promise<Uint8Array<ArrayBuffer>> | null = null;
  const readHead = (signal?: AbortSignal) => {
    const reading = head ?? from.slice(0, Math.min(probeBytes, byteLength), signal);
    head = reading;
    reading.catch(() => {
      if (head === reading) head = null;
    });
    return reading;
  };
  return { ...parts(url, name, byteLength, readHead, onReceived), stamp: null };
}

/** Reads by Range. `readHead` returns the cached first bytes; null reads them like all others. */
function parts(
  url: URL,
  name: string,
  byteLength: number,
  readHead: ((signal?: AbortSignal) => Promise<Uint8Array<ArrayBuffer>>) | null,
  onReceived: OpenOptions["onReceived"],
): ByteSource {
  return {
    name,
    byteLength,
    async slice(start, end, signal) {
      signal?.throwIfAborted();
      requireRange(this, start, end);
      if (start === end) return new Uint8Array(0);
      const head = readHead !== null && start < Math.min(probeBytes, byteLength) ? await readHead(signal) : null;
      if (head !== null && end <= head.length) return head.subarray(start, end);
      const bytes = new Uint8Array(end - start);
      if (head !== null) bytes.set(head.subarray(start));
      let filled = head === null ? 0 : head.length - start;
      await withRetries({ url, signal, progress: () => filled }, async () => {
        const from = start + filled;
        const response = await request(url, `bytes=${from}-${end - 1}`, signal);
        const range = contentRange(response);
        const fits = range === null || (range.start === from && range.total === byteLength);
        if (response.status !== 206 || !fits) {
          await response.body?.cancel();
          throw wrongRange(url, response, from);
        }
        filled += await readInto(response, bytes.subarray(filled), onReceived);
        if (filled < bytes.length) throw new Error(cutOff(url, filled, bytes.length));
      });
      return bytes;
    },
  };
}

/**
 * The length of a file, from a request for one byte; null where the server does not send it. Throws as `bytesFromUrl` does.
 */
export async function lengthOfUrl(url: URL, signal?: AbortSignal): Promise<number | null> {
  return withRetries({ url, signal }, async () => {
    const response = await request(url, "bytes=0-0", signal);
    await response.body?.cancel();
    if (response.status === 416) return 0;
    if (response.status === 206) return contentRange(response)?.total ?? lengthByHead(url, signal);
    return response.headers.has("Content-Encoding") ? null : declaredLength(response);
  });
}

/** A strong ETag, else the time of the last change, which is the only one that every page of another origin may read. */
function stampOf(response: Response): string | null {
  const tag = response.headers.get("ETag");
  return tag !== null && !tag.startsWith("W/") ? tag : response.headers.get("Last-Modified");
}

function declaredLength(response: Response): number | null {
  return lengthIn(response.headers.get("Content-Length"));
}

async function lengthByHead(url: URL, signal: AbortSignal | undefined): Promise<number> {
  const length = declaredLength(await request(url, null, signal));
  if (length !== null) return length;
  throw new ModelError(
    `The server does not send this page the length of ${show(url)}; ` +
      "let it send Access-Control-Expose-Headers: Content-Range, or download the files and choose them here.",
  );
}

/** A number of bytes in a header; null for any other text. */
function lengthIn(text: string | null | undefined): number | null {
  const length = /^\d+$/.test(text ?? "") ? Number(text) : Number.NaN;
  return Number.isSafeInteger(length) ? length : null;
}

/** `Content-Range: bytes 0-99/1234`; null when it is absent, hidden, without a total, or beyond exact numbers. */
function contentRange(response: Response): { readonly start: number; readonly total: number } | null {
  const parts = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "");
  const [start, total] = [lengthIn(parts?.[1]), lengthIn(parts?.[2])];
  return start === null || total === null ? null : { start, total };
}

function wrongRange(url: URL, response: Response, from: number): ModelError {
  const sent = cut(response.headers.get("Content-Range") ?? describeStatus(response));
  return new ModelError(
    `Hone requested bytes from ${from} on of ${show(url)}, but the server sent "${sent}"; ` +
      "the file has changed or the server has a fault: open the model again.",
  );
}

function noteRedirect(url: URL, response: Response, onNote: OpenOptions["onNote"]): void {
  const host = response.url === "" ? url.host : new URL(response.url).host;
  if (host !== url.host) onNote?.(`${url.host} sends the weights from its storage host ${host}.`);
}

/** The whole body as a blob, which a browser may store outside its heap; `limit` in bytes, null for none. */
async function readAll(
  response: Response,
  url: URL,
  limit: number | null,
  { onProgress, onReceived }: OpenOptions,
): Promise<Blob> {
  const total = declaredLength(response);
  const parts: BlobPart[] = [];
  let done = 0;
  const pieces = piecesOf(response);
  for (;;) {
    const piece = await pieces.next().catch((): never => {
      throw new Error(cutOff(url, done, total));
    });
    if (piece.done) return new Blob(parts);
    parts.push(piece.value);
    done += piece.value.length;
    onReceived?.(piece.value.length);
    // With a Content-Encoding the declared length counts the compressed bytes.
    onProgress?.(done, total !== null && done > total ? null : total);
    if (limit === null || done <= limit) continue;
    await pieces.return(undefined);
    throw tooLong(url, limit);
  }
}

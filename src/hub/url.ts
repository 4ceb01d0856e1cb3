/**
 * Bytes at an address: the only place from which Hone fetches a model. Parts are asked for with Range (RFC 9110 §14);
 * a server that cannot send parts is read whole, once. Only the host that was named is contacted: a redirect is
 * refused, but for huggingface.co, which keeps its files on storage hosts of its own.
 */

import { type ByteSource, bytesFromMemory, requireRange } from "../tensor/bytes.ts";
import { cut } from "../tensor/quote.ts";
import { bytesFromBlob } from "./bytes.ts";
import { ModelError } from "./error.ts";
import { byteLimitOf } from "./json.ts";
import { cutOff, describeStatus, persist, piecesOf, readInto, request, show, tooLong } from "./request.ts";

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes read so far, and all of them where that is known, of a file that a server can only send whole. */
  readonly onProgress?: ((done: number, total: number | null) => void) | undefined;
  /** Bytes that just came over the line, of any file, then and later. */
  readonly onReceived?: ((bytes: number) => void) | undefined;
  /** What a user should know, in one sentence. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** Bytes that come over a network. */
export interface RemoteBytes extends ByteSource {
  /** What the server calls this version of the file (RFC 9110 §8.8): equal where it is the same. Null where it does not say. */
  readonly stamp: string | null;
}

/** Asked for at first, and kept: a small file, or the header of a larger one, is then here already. */
const probeBytes = 64 * 2 ** 10;

/**
 * Opens the file at an http(s) address and learns its length. Throws `ModelError` naming address, status and remedy
 * (`absent` when the file is missing, refused, or a web page came instead), or the signal's reason.
 */
export async function bytesFromUrl(url: URL, name: string, options: OpenOptions = {}): Promise<RemoteBytes> {
  const { signal, onNote, onReceived } = options;
  return persist({ url, signal }, async () => {
    const response = await request(url, `bytes=0-${probeBytes - 1}`, signal);
    const stamp = stampOf(response);
    if (response.status === 416) {
      await response.body?.cancel();
      return { ...bytesFromMemory(name, new Uint8Array(0)), stamp };
    }
    if (response.status === 200) {
      const whole = bytesFromBlob(name, await readAll(response, url, byteLimitOf(name), options));
      if (whole.byteLength > probeBytes) {
        onNote?.(`${url.host} cannot send parts of a file, so ${name} was downloaded whole and is held in memory.`);
      }
      return { ...whole, stamp };
    }
    noteRedirect(url, response, onNote);
    const range = contentRange(response);
    if (range !== null && range.start !== 0) throw unaskedRange(url, response, 0);
    // A server may hide Content-Range from a page of another origin (CORS), but not Content-Length.
    const byteLength = range?.total ?? (await lengthByHead(url, signal));
    const head = new Uint8Array(Math.min(probeBytes, byteLength));
    const received = await readInto(response, head, onReceived);
    if (received < head.length) throw new Error(cutOff(url, received, head.length));
    return { ...parts(url, name, byteLength, async () => head, onReceived), stamp };
  });
}

/**
 * A file whose length is known, on a server that sends parts: nothing is asked for before the first slice. Throws as
 * `bytesFromUrl` does, then.
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

/** Reads by Range; what lies in the first bytes, where `readHead` gives them, is asked for once. */
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
      await persist({ url, signal, progress: () => filled }, async () => {
        const from = start + filled;
        const response = await request(url, `bytes=${from}-${end - 1}`, signal);
        const range = contentRange(response);
        const fits = range === null || (range.start === from && range.total === byteLength);
        if (response.status !== 206 || !fits) {
          await response.body?.cancel();
          throw unaskedRange(url, response, from);
        }
        filled += await readInto(response, bytes.subarray(filled), onReceived);
        if (filled < bytes.length) throw new Error(cutOff(url, filled, bytes.length));
      });
      return bytes;
    },
  };
}

/**
 * The length of a file, of which no more than a byte is read; null where the server does not tell. Throws as
 * `bytesFromUrl` does.
 */
export async function lengthOfUrl(url: URL, signal?: AbortSignal): Promise<number | null> {
  return persist({ url, signal }, async () => {
    const response = await request(url, "bytes=0-0", signal);
    await response.body?.cancel();
    if (response.status === 416) return 0;
    if (response.status === 206) return contentRange(response)?.total ?? lengthByHead(url, signal);
    return response.headers.has("Content-Encoding") ? null : declaredLength(response);
  });
}

/** A strong ETag, else the time of the last change: the only one that a page of another origin may always read. */
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
    `The server does not tell this page how long ${show(url)} is; ` +
      "let it send Access-Control-Expose-Headers: Content-Range, or download the files and choose them here.",
  );
}

/** A number of bytes as a header writes it; null for anything else. */
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

function unaskedRange(url: URL, response: Response, from: number): ModelError {
  const sent = cut(response.headers.get("Content-Range") ?? describeStatus(response));
  return new ModelError(
    `${show(url)} was asked for bytes from ${from} on but sent "${sent}"; ` +
      "the file has changed on the server or the server is at fault: open the model again.",
  );
}

function noteRedirect(url: URL, response: Response, onNote: OpenOptions["onNote"]): void {
  const host = response.url === "" ? url.host : new URL(response.url).host;
  if (host !== url.host) onNote?.(`${url.host} sends the weights from its storage host ${host}.`);
}

/** The whole body as a blob, which a browser may keep outside of its heap; `limit` in bytes, null for none. */
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
    // With a Content-Encoding the declared length is that of the packed bytes.
    onProgress?.(done, total !== null && done > total ? null : total);
    if (limit === null || done <= limit) continue;
    await pieces.return(undefined);
    throw tooLong(url, limit);
  }
}

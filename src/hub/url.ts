/**
 * Bytes at an address: the only place from which Hone fetches a model. Parts are asked for with Range (RFC 9110 §14);
 * a server that cannot send parts is read whole, once. Only the host that was named is contacted: a redirect is
 * refused, but for huggingface.co, which keeps its files on storage hosts of its own.
 */

import { type ByteSource, bytesFromMemory, requireRange } from "../tensor/bytes.ts";
import { bytesFromBlob } from "./bytes.ts";
import { ModelError, messageOf } from "./error.ts";

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes read so far, and all of them where that is known. */
  readonly onProgress?: ((done: number, total: number | null) => void) | undefined;
  /** What a user should know, in one sentence. */
  readonly onNote?: ((note: string) => void) | undefined;
}

export const huggingFaceHost = "huggingface.co";

/** Asked for at first, and kept: a small file, or the header of a larger one, is then here already. */
const probeBytes = 64 * 2 ** 10;

/** Pauses before the second and later attempts, in milliseconds. */
const pauses = [250, 500, 1000];

/**
 * Opens the file at an http(s) address and learns its length. Throws `ModelError` naming address, status and remedy
 * (`absent` when the file is missing, refused, or a web page came instead), or the signal's reason.
 */
export async function bytesFromUrl(url: URL, name: string, options: OpenOptions = {}): Promise<ByteSource> {
  const { signal, onNote } = options;
  return persist(url, signal, async () => {
    const response = await request(url, `bytes=0-${probeBytes - 1}`, signal);
    if (response.status === 416) {
      await response.body?.cancel();
      return bytesFromMemory(name, new Uint8Array(0));
    }
    if (response.status === 200) {
      const whole = bytesFromBlob(name, await readAll(response, url, options));
      if (whole.byteLength > probeBytes) {
        onNote?.(`${url.host} cannot send parts of a file, so ${name} was downloaded whole and is held in memory.`);
      }
      return whole;
    }
    noteRedirect(url, response, onNote);
    const range = contentRange(response);
    if (range !== null && range.start !== 0) throw unaskedRange(url, response, 0);
    // A server may hide Content-Range from a page of another origin (CORS), but not Content-Length.
    const byteLength = range?.total ?? (await lengthByHead(url, signal));
    const head = new Uint8Array(Math.min(probeBytes, byteLength));
    const received = await readInto(response, head);
    if (received < head.length) throw new Error(cutOff(url, received, head.length));
    return rangedSource(url, name, byteLength, head);
  });
}

function rangedSource(url: URL, name: string, byteLength: number, head: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    name,
    byteLength,
    async slice(start, end, signal) {
      signal?.throwIfAborted();
      requireRange(this, start, end);
      if (end <= head.length) return head.subarray(start, end);
      const bytes = new Uint8Array(end - start);
      let filled = 0;
      await persist(url, signal, async () => {
        const from = start + filled;
        const response = await request(url, `bytes=${from}-${end - 1}`, signal);
        const range = contentRange(response);
        const fits = range === null || (range.start === from && range.total === byteLength);
        if (response.status !== 206 || !fits) throw unaskedRange(url, response, from);
        filled += await readInto(response, bytes.subarray(filled));
        if (filled < bytes.length) throw new Error(cutOff(url, filled, bytes.length));
      });
      return bytes;
    },
  };
}

/** Makes a few attempts: a `ModelError` is final, a lost connection or any other error is worth another attempt. */
async function persist<T>(url: URL, signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ModelError) throw error;
      const pause = pauses[failures];
      if (pause === undefined) {
        const times = `(${failures + 1} attempts)`;
        // fetch tells every reason apart from an HTTP status as a TypeError without details.
        if (!(error instanceof TypeError)) throw new ModelError(`${messageOf(error)} ${times}: try again later.`);
        throw new ModelError(
          `${show(url)} cannot be reached ${times}: check the address and the network; ` +
            "if both are fine, the server does not allow this page to read it (CORS): download the files and choose them here.",
          { cause: error },
        );
      }
      await wait(pause, signal);
    }
  }
}

/** One request; the answer has a status of 200, 206 or 416 and is no web page. */
async function request(url: URL, range: string | null, signal: AbortSignal | undefined): Promise<Response> {
  const response = await fetch(url, {
    method: range === null ? "HEAD" : "GET",
    ...(range !== null && { headers: { Range: range } }),
    redirect: url.host === huggingFaceHost ? "follow" : "manual",
    referrerPolicy: "no-referrer",
    credentials: "omit",
    // Model files are large and kept by storage/ where the user wants it; a stale part would not fit the others.
    cache: "no-store",
    ...(signal && { signal }),
  });
  const problem = problemOf(url, response);
  if (problem === null) return response;
  await response.body?.cancel();
  throw problem;
}

/** Why an answer is no use: a `ModelError` when that is final, a plain error when another attempt may help. */
function problemOf(url: URL, response: Response): Error | null {
  const { status } = response;
  const address = show(url);
  if (response.type === "opaqueredirect" || (status >= 300 && status < 400)) {
    const target = response.headers.get("Location");
    return new ModelError(
      `${address} redirects to ${target === null ? "another address" : show(new URL(target, url))}, and Hone contacts ` +
        "only the address that you gave: give the final one.",
    );
  }
  if (status === 401 || status === 403) {
    const remedy =
      url.host === huggingFaceHost
        ? "the model does not exist, is private, or is gated: check the name, accept its conditions on its page, " +
          "download its files there and choose them here."
        : "it is not public: download the files with your account and choose them here.";
    return new ModelError(`The server refuses ${address} (${status}); ${remedy}`, { absent: true });
  }
  if (status === 404 || status === 410) {
    return new ModelError(
      `There is no ${address} (${status}): check the address; ` +
        "the folder of a model holds config.json, tokenizer.json and model.safetensors.",
      { absent: true },
    );
  }
  if (status === 408 || status === 429 || status >= 500) {
    return new Error(`The server has no answer for ${address} now (${describeStatus(response)})`);
  }
  if (status !== 200 && status !== 206 && status !== 416) {
    return new ModelError(`The server refuses ${address} (${describeStatus(response)}): check the address.`);
  }
  if (/^\s*(text\/html|application\/xhtml)/i.test(response.headers.get("Content-Type") ?? "") && status !== 416) {
    return new ModelError(
      `${address} answered with a web page (${status}) instead of the file: give the address of the folder with the raw files.`,
      { absent: true },
    );
  }
  return null;
}

async function lengthByHead(url: URL, signal: AbortSignal | undefined): Promise<number> {
  const response = await request(url, null, signal);
  const length = Number(response.headers.get("Content-Length") ?? Number.NaN);
  if (Number.isSafeInteger(length)) return length;
  throw new ModelError(
    `The server does not tell this page how long ${show(url)} is; ` +
      "let it send Access-Control-Expose-Headers: Content-Range, or download the files and choose them here.",
  );
}

/** `Content-Range: bytes 0-99/1234`; null when it is absent, hidden or without a total. */
function contentRange(response: Response): { readonly start: number; readonly total: number } | null {
  const parts = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "");
  return parts === null ? null : { start: Number(parts[1]), total: Number(parts[2]) };
}

function unaskedRange(url: URL, response: Response, from: number): ModelError {
  const sent = response.headers.get("Content-Range") ?? describeStatus(response);
  return new ModelError(
    `${show(url)} was asked for bytes from ${from} on but sent "${sent}"; ` +
      "the file has changed on the server or the server is at fault: open the model again.",
  );
}

function noteRedirect(url: URL, response: Response, onNote: OpenOptions["onNote"]): void {
  const host = response.url === "" ? url.host : new URL(response.url).host;
  if (host !== url.host) onNote?.(`${url.host} sends the weights from its storage host ${host}.`);
}

/** Fills `room` from the answer's body and stops there; gives the number of bytes that came before it ended or broke. */
async function readInto(response: Response, room: Uint8Array): Promise<number> {
  let filled = 0;
  const reader = response.body?.getReader();
  try {
    while (reader !== undefined && filled < room.length) {
      const { done, value } = await reader.read();
      if (done) break;
      const taken = value.subarray(0, room.length - filled);
      room.set(taken, filled);
      filled += taken.length;
    }
  } catch {
    // A broken connection: what came so far is good, and the caller asks for the rest.
  }
  await reader?.cancel().catch(() => undefined);
  return filled;
}

/** The whole body as a blob, which a browser may keep outside of its heap. */
async function readAll(response: Response, url: URL, { onProgress }: OpenOptions): Promise<Blob> {
  const declared = Number(response.headers.get("Content-Length") ?? Number.NaN);
  const total = Number.isSafeInteger(declared) ? declared : null;
  const parts: BlobPart[] = [];
  let done = 0;
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    const piece = await reader.read().catch((): never => {
      throw new Error(cutOff(url, done, total));
    });
    if (piece.done) break;
    parts.push(piece.value);
    done += piece.value.length;
    // With a Content-Encoding the declared length is that of the packed bytes.
    onProgress?.(done, total !== null && done > total ? null : total);
  }
  return new Blob(parts);
}

function cutOff(url: URL, received: number, wanted: number | null): string {
  return `The connection to ${show(url)} ended after ${received}${wanted === null ? "" : ` of ${wanted}`} bytes`;
}

function describeStatus(response: Response): string {
  return `${response.status} ${response.statusText}`.trim();
}

/** An address without its query, which may hold a secret. */
function show(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

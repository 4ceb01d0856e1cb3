/** One request to an address at a time: retried where that may help, refused with a way out where it may not. */

import { cut } from "../tensor/quote.ts";
import { ModelError, messageOf } from "./error.ts";
import { hubRefusal, huggingFaceHost } from "./hubErrors.ts";

/** Pauses before the second and later attempts at a first answer, in milliseconds. */
const shortPauses = [250, 500, 1000];

/** More and longer pauses during a transfer, so that a short loss of the connection does not end it. */
const transferPauses = [...shortPauses, 2000, 4000];

/** Milliseconds without a byte after which a connection counts as lost. */
const silenceLimit = 30_000;

interface RetryOptions {
  readonly url: URL;
  readonly signal: AbortSignal | undefined;
  /** Bytes received so far in a transfer: more bytes reset the count of attempts. */
  readonly progress?: () => number;
}

/** Makes up to four attempts, six in a transfer. A `ModelError` is final; any other error is worth another attempt. */
export async function withRetries<T>({ url, signal, progress }: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  const pauses = progress ? transferPauses : shortPauses;
  let failures = 0;
  let before = progress?.() ?? 0;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ModelError) throw error;
      const now = progress?.() ?? 0;
      if (now > before) failures = 0;
      before = now;
      const pause = pauses[failures];
      failures++;
      if (pause === undefined) throw giveUp(url, error, failures);
      await wait(pause, signal);
    }
  }
}

function giveUp(url: URL, error: unknown, attempts: number): ModelError {
  const times = `(${attempts} attempts)`;
  const isTimeout = error instanceof DOMException && error.name === "TimeoutError";
  // fetch reports every failure other than an HTTP status as a TypeError without details.
  if (!(error instanceof TypeError) && !isTimeout) {
    return new ModelError(`${messageOf(error)} ${times}: try again later.`, { cause: error });
  }
  if (globalThis.navigator?.onLine === false) {
    return new ModelError(
      `This browser is offline, so ${show(url)} cannot be reached ${times}: try again when it is online. A model stored in ` +
        "this browser, or files from disk, need no network.",
      { cause: error },
    );
  }
  return new ModelError(
    `${show(url)} cannot be reached ${times}: check the address and the network; ` +
      "if both are right, the server does not allow this page to read it (CORS): download the files and choose them here.",
    { cause: error },
  );
}

/** Sends one request; only huggingface.co may redirect to another host. Throws `TimeoutError` when nobody answers. */
export async function send(
  url: URL,
  range: string | null,
  method: "GET" | "HEAD",
  signal: AbortSignal | undefined,
): Promise<Response> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(new DOMException("Nobody answered.", "TimeoutError")), silenceLimit);
  try {
    return await fetch(url, {
      method,
      ...(range !== null && { headers: { Range: range } }),
      redirect: url.host === huggingFaceHost ? "follow" : "manual",
      referrerPolicy: "no-referrer",
      credentials: "omit",
      // Model files are large and storage/ stores them; a stale part would not fit the others.
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Requests a file, or only its headers where `range` is null. The status is 200, 206 or 416; the answer is no web page. */
export async function request(url: URL, range: string | null, signal: AbortSignal | undefined): Promise<Response> {
  const response = await send(url, range, range === null ? "HEAD" : "GET", signal);
  const problem = problemOf(url, response);
  if (problem === null) return response;
  await response.body?.cancel();
  throw problem;
}

/** The fault of an answer, null for none: a final `ModelError`, or a plain error when another attempt may help. */
function problemOf(url: URL, response: Response): Error | null {
  const { status } = response;
  const address = show(url);
  if (response.type === "opaqueredirect" || (status >= 300 && status < 400)) {
    const target = response.headers.get("Location");
    return new ModelError(
      `${address} redirects to ${target === null || !URL.canParse(target, url) ? "another address" : show(new URL(target, url))}, and Hone contacts ` +
        "only the address that you entered: enter the final one.",
    );
  }
  const [, id = null, revision = ""] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\//.exec(url.pathname) ?? [];
  const refusal = url.host === huggingFaceHost && id !== null ? hubRefusal(id, revision, response) : null;
  if (refusal !== null) return refusal;
  if (status === 401 || status === 403) {
    return new ModelError(
      `The server refuses ${address} (${status}); it is not public: download the files with your account and choose them here.`,
      { absent: true },
    );
  }
  if (status === 404 || status === 410) {
    return new ModelError(
      `There is no ${address} (${status}): check the address; ` +
        "the folder of a model has config.json, tokenizer.json and model.safetensors.",
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
      `${address} answered with a web page (${status}) instead of the file: enter the address of the folder with the raw files.`,
      { absent: true },
    );
  }
  return null;
}

/** The pieces of a body as they arrive. Throws when the connection breaks or falls silent. */
export async function* piecesOf(response: Response): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader();
  let silent = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  // Cancelling the reader ends its pending read.
  const startTimer = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      silent = true;
      reader?.cancel().catch(() => undefined);
    }, silenceLimit);
  };
  try {
    while (reader !== undefined) {
      startTimer();
      const { done, value } = await reader.read();
      if (silent) throw new Error("The connection fell silent.");
      if (done) return;
      clearTimeout(timer);
      yield value;
    }
  } finally {
    clearTimeout(timer);
    await reader?.cancel().catch(() => undefined);
  }
}

/**
 * Fills `target` from the answer's body. Returns the number of bytes, which is smaller when the body ended early, or the
 * connection broke or fell silent.
 */
export async function readInto(
  response: Response,
  target: Uint8Array,
  onReceived?: (bytes: number) => void,
): Promise<number> {
  let filled = 0;
  if (target.length === 0) await response.body?.cancel();
  else {
    try {
      for await (const piece of piecesOf(response)) {
        const part = piece.subarray(0, target.length - filled);
        target.set(part, filled);
        filled += part.length;
        onReceived?.(part.length);
        if (filled === target.length) break;
      }
    } catch {
      // The connection broke: the received bytes are valid, and the caller requests the rest.
    }
  }
  return filled;
}

/** A whole body of at most `limit` bytes. Throws `ModelError` when there are more, another error when it breaks off. */
export async function readUpTo(response: Response, url: URL, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    for await (const piece of piecesOf(response)) {
      pieces.push(piece);
      length += piece.length;
      if (length > limit) break;
    }
  } catch {
    throw new Error(cutOff(url, length, null));
  }
  if (length > limit) throw tooLong(url, limit);
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

export function tooLong(url: URL, limit: number): ModelError {
  return new ModelError(
    `${show(url)} sends more than the limit of ${limit} bytes for such a file: check that it is the right address.`,
  );
}

export function cutOff(url: URL, received: number, wanted: number | null): string {
  return `The connection to ${show(url)} ended after ${received}${wanted === null ? "" : ` of ${wanted}`} bytes`;
}

export function describeStatus(response: Response): string {
  return `${response.status} ${cut(response.statusText, 40)}`.trim();
}

/** An address without its query, which may contain a secret. */
export function show(url: URL): string {
  return cut(`${url.origin}${url.pathname}`, 120);
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

/** One request to an address at a time, tried again where that may help, and refused in words where it may not. */

import { cut } from "../tensor/quote.ts";
import { ModelError, messageOf } from "./error.ts";
import { hubRefusal, huggingFaceHost } from "./hubErrors.ts";

/** Pauses before the second and later attempts, in milliseconds, while somebody waits for a first answer. */
const shortPauses = [250, 500, 1000];

/** The same within a transfer: a line that is lost for a moment costs nothing. */
const transferPauses = [...shortPauses, 2000, 4000];

/** A connection over which nothing comes for so long is taken for lost, in milliseconds. */
const silence = 30_000;

interface Persistence {
  readonly url: URL;
  readonly signal: AbortSignal | undefined;
  /** Bytes that came so far, within a transfer: attempts are counted anew whenever there are more. */
  readonly progress?: () => number;
}

/** Makes a few attempts: a `ModelError` is final, a lost connection or any other error is worth another attempt. */
export async function persist<T>({ url, signal, progress }: Persistence, attempt: () => Promise<T>): Promise<T> {
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
  // fetch tells every reason apart from an HTTP status as a TypeError without details.
  if (!(error instanceof TypeError) && !isTimeout) {
    return new ModelError(`${messageOf(error)} ${times}: try again later.`, { cause: error });
  }
  if (globalThis.navigator?.onLine === false) {
    return new ModelError(
      `This browser is offline, so ${show(url)} cannot be reached ${times}: go on when the line is back. A model kept in ` +
        "this browser, or files from disk, need none.",
      { cause: error },
    );
  }
  return new ModelError(
    `${show(url)} cannot be reached ${times}: check the address and the network; ` +
      "if both are fine, the server does not allow this page to read it (CORS): download the files and choose them here.",
    { cause: error },
  );
}

/** Sends one request; only huggingface.co may lead to another host. Throws `TimeoutError` when nobody answers. */
export async function send(
  url: URL,
  range: string | null,
  method: "GET" | "HEAD",
  signal: AbortSignal | undefined,
): Promise<Response> {
  const impatient = new AbortController();
  const timer = setTimeout(() => impatient.abort(new DOMException("Nobody answered.", "TimeoutError")), silence);
  try {
    return await fetch(url, {
      method,
      ...(range !== null && { headers: { Range: range } }),
      redirect: url.host === huggingFaceHost ? "follow" : "manual",
      referrerPolicy: "no-referrer",
      credentials: "omit",
      // Model files are large and kept by storage/ where the user wants it; a stale part would not fit the others.
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, impatient.signal]) : impatient.signal,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Asks for a file, or for its headers where `range` is null; the answer has a status of 200, 206 or 416 and is no web page. */
export async function request(url: URL, range: string | null, signal: AbortSignal | undefined): Promise<Response> {
  const response = await send(url, range, range === null ? "HEAD" : "GET", signal);
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
      `${address} redirects to ${target === null || !URL.canParse(target, url) ? "another address" : show(new URL(target, url))}, and Hone contacts ` +
        "only the address that you gave: give the final one.",
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

/** The pieces of a body as they come. Throws when the connection breaks or falls silent. */
export async function* piecesOf(response: Response): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader();
  let silent = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  // Cancelling a reader ends the read that waits.
  const listen = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      silent = true;
      reader?.cancel().catch(() => undefined);
    }, silence);
  };
  try {
    while (reader !== undefined) {
      listen();
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
 * Fills `room` from the answer's body and stops there; gives the number of bytes that came before it ended, broke or fell
 * silent.
 */
export async function readInto(
  response: Response,
  room: Uint8Array,
  onReceived?: (bytes: number) => void,
): Promise<number> {
  let filled = 0;
  if (room.length === 0) await response.body?.cancel();
  else {
    try {
      for await (const piece of piecesOf(response)) {
        const taken = piece.subarray(0, room.length - filled);
        room.set(taken, filled);
        filled += taken.length;
        onReceived?.(taken.length);
        if (filled === room.length) break;
      }
    } catch {
      // A broken connection: what came so far is good, and the caller asks for the rest.
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
    `${show(url)} sends more than the ${limit} bytes that such a file may have: check that it is the right address.`,
  );
}

export function cutOff(url: URL, received: number, wanted: number | null): string {
  return `The connection to ${show(url)} ended after ${received}${wanted === null ? "" : ` of ${wanted}`} bytes`;
}

export function describeStatus(response: Response): string {
  return `${response.status} ${cut(response.statusText, 40)}`.trim();
}

/** An address without its query, which may hold a secret. */
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

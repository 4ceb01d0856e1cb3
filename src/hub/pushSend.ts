/** Requests of a push: JSON with the token for the hub, and bytes without it for the hub's storage. */

import * as v from "valibot";
import { huggingFaceHost } from "./hubErrors.ts";
import { connectionLost, PushError, type Refused, refusal, strangeAnswer } from "./pushErrors.ts";

/** Milliseconds before the second and later attempts. */
const pauses = [500, 1000, 2000, 4000];

/** Longest wait for a rate limit, in seconds; after a longer one the user pushes again. */
const longestWait = 60;

/** Milliseconds without an answer or a sent byte after which a connection counts as lost. */
const silenceLimit = 60_000;

/** Bytes of an answer that are read: a list of a thousand signed addresses has about one megabyte. */
const longestAnswer = 2 ** 23;

export const hubOrigin = `https://${huggingFaceHost}`;

export interface Sender {
  /**
   * A request to the hub with the token. `path` starts with "/". The answer's JSON; null for an empty one. Throws PushError, or
   * the signal's reason. `statuses`: those that are an answer and no refusal, without their body.
   */
  json(request: HubRequest): Promise<{ readonly status: number; readonly body: unknown }>;
  /** Sends bytes to an address of the hub's storage, without the token. Resolves with the ETag, "" where the page may not read it. */
  put(url: URL, request: PutRequest): Promise<string>;
}

export interface HubRequest {
  readonly path: string | URL;
  /** The object of the request in errors. */
  readonly what: string;
  readonly method: "GET" | "POST";
  readonly body?: string;
  readonly type?: string;
  /** False for a request that must not be repeated when its answer is lost. */
  readonly repeatable?: boolean;
  readonly statuses?: readonly number[];
}

export interface PutRequest {
  readonly what: string;
  readonly content: Blob;
  /** Bytes of this request that were sent so far; starts again at 0 with each attempt. */
  onSent(bytes: number): void;
}

/** The token is in the Authorization header of requests to the hub, and nowhere else. */
export function createSender(id: string, token: string, signal: AbortSignal | undefined, wait: Wait = waitFor): Sender {
  const clean = (text: string) => text.replaceAll(token, "•••");
  const fail = (what: string, refused: Refused) => refusal(id, what, { ...refused, said: clean(refused.said) });

  /** Attempts until there is an answer below 500 that is no rate limit. */
  async function attempts(what: string, repeatable: boolean, attempt: () => Promise<Response | PutAnswer>) {
    for (let failures = 0; ; failures++) {
      signal?.throwIfAborted();
      let answer: Response | PutAnswer | null = null;
      try {
        answer = await attempt();
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof PushError) throw error;
      }
      const pause = pauses[failures];
      if (answer === null) {
        if (!repeatable || pause === undefined) throw connectionLost(what, failures + 1);
        await wait(pause, signal);
        continue;
      }
      const { status } = answer;
      const rateLimited = status === 429 || status === 503;
      if (pause === undefined || (!rateLimited && (!repeatable || (status < 500 && status !== 408)))) return answer;
      const seconds = secondsToWait(answer.headers);
      if (seconds !== null && seconds > longestWait) return answer;
      if (answer instanceof Response) await answer.body?.cancel();
      await wait(seconds === null ? pause : 1000 * seconds, signal);
    }
  }

  return {
    async json({ path, what, method, body, type = "application/json", repeatable = true, statuses = [] }) {
      const url = new URL(path, hubOrigin);
      // Another host must not get the token.
      const known = url.origin === hubOrigin;
      const answer = (await attempts(what, repeatable, () =>
        withTimeout(signal, (both) =>
          fetch(url, {
            method,
            headers: {
              ...(known && { Authorization: `Bearer ${token}` }),
              ...(body !== undefined && { "Content-Type": type }),
              Accept: type === lfsType ? lfsType : "application/json",
            },
            ...(body !== undefined && { body }),
            redirect: known ? "follow" : "error",
            referrerPolicy: "no-referrer",
            credentials: "omit",
            cache: "no-store",
            signal: both,
          }),
        ),
      )) as Response;
      if (statuses.includes(answer.status)) {
        await answer.body?.cancel();
        return { status: answer.status, body: null };
      }
      const text = await textOf(answer).catch(() => {
        signal?.throwIfAborted();
        throw connectionLost(what, 1);
      });
      if (!answer.ok) throw fail(what, refusedBy(answer.status, answer.headers, text));
      if (text === "") return { status: answer.status, body: null };
      try {
        return { status: answer.status, body: JSON.parse(text) };
      } catch {
        throw strangeAnswer(what);
      }
    },

    async put(url, { what, content, onSent }) {
      if (url.protocol !== "https:") throw strangeAnswer(`an address for ${what}`);
      // A blob with a type would add a header that the address is not signed for.
      const bytes = content.slice(0, content.size, "");
      const send = typeof XMLHttpRequest === "undefined" ? putWithFetch : putWithXhr;
      const answer = (await attempts(what, true, () => {
        onSent(0);
        return send(url, bytes, onSent, signal);
      })) as PutAnswer;
      if (answer.status < 200 || answer.status > 299)
        throw fail(what, refusedBy(answer.status, answer.headers, answer.text));
      onSent(bytes.size);
      return answer.headers.get("ETag") ?? "";
    },
  };
}

export const lfsType = "application/vnd.git-lfs+json";

interface PutAnswer {
  readonly status: number;
  readonly headers: Pick<Headers, "get">;
  readonly text: string;
}

type Put = (
  url: URL,
  content: Blob,
  onSent: (bytes: number) => void,
  signal: AbortSignal | undefined,
) => Promise<PutAnswer>;

/** fetch reports no sent bytes, so a browser uses XMLHttpRequest. */
const putWithXhr: Put = (url, content, onSent, signal) =>
  new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const listen = () => {
      clearTimeout(timer);
      timer = setTimeout(() => xhr.abort(), silenceLimit);
    };
    const abort = () => xhr.abort();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    xhr.upload.onprogress = ({ loaded }) => {
      listen();
      onSent(loaded);
    };
    xhr.onload = () => {
      end();
      const headers = { get: (name: string) => xhr.getResponseHeader(name) };
      resolve({ status: xhr.status, headers, text: xhr.responseText.slice(0, longestAnswer) });
    };
    xhr.onerror = xhr.onabort = () => {
      end();
      reject(new TypeError("The connection broke."));
    };
    signal?.addEventListener("abort", abort);
    xhr.open("PUT", url);
    xhr.send(content);
    listen();
  });

const putWithFetch: Put = async (url, content, _onSent, signal) => {
  const response = await fetch(url, {
    method: "PUT",
    body: content,
    redirect: "error",
    referrerPolicy: "no-referrer",
    credentials: "omit",
    ...(signal && { signal }),
  });
  return { status: response.status, headers: response.headers, text: await textOf(response) };
};

async function withTimeout(signal: AbortSignal | undefined, send: (signal: AbortSignal) => Promise<Response>) {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), silenceLimit);
  try {
    return await send(signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal);
  } finally {
    clearTimeout(timer);
  }
}

async function textOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    if (text.length > longestAnswer) {
      await reader.cancel();
      throw strangeAnswer("a very long answer");
    }
  }
  return text + decoder.decode();
}

function refusedBy(status: number, headers: Pick<Headers, "get">, text: string): Refused {
  return {
    status,
    code: headers.get("X-Error-Code") ?? "",
    said: headers.get("X-Error-Message") ?? wordsOf(text),
    waitSeconds: secondsToWait(headers),
  };
}

const wordsSchema = v.object({
  error: v.optional(v.string()),
  message: v.optional(v.string()),
  errors: v.optional(v.array(v.object({ message: v.string() }))),
});

/** The message in an answer: JSON's `error`, `message` or first of `errors`; the storage answers in XML. */
function wordsOf(text: string): string {
  try {
    const parsed = v.safeParse(wordsSchema, JSON.parse(text));
    if (!parsed.success) return "";
    const { error, message, errors } = parsed.output;
    return error ?? message ?? errors?.[0]?.message ?? "";
  } catch {
    return /<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? "";
  }
}

/** Seconds of `Retry-After` (a number or a date), or of the hub's `RateLimit: "api";r=0;t=55`. */
function secondsToWait(headers: Pick<Headers, "get">): number | null {
  const after = headers.get("Retry-After")?.trim() ?? "";
  if (/^\d+$/.test(after)) return Number(after);
  const date = Date.parse(after);
  if (!Number.isNaN(date)) return Math.max(0, Math.ceil((date - Date.now()) / 1000));
  const limit = /;\s*r=0\b.*;\s*t=(\d+)/.exec(headers.get("RateLimit") ?? "");
  return limit ? Number(limit[1]) : null;
}

/** Waits before another attempt. Rejects with the signal's reason. */
export type Wait = (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;

function waitFor(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", end, { once: true });
  });
}

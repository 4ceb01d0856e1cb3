/**
 * What a worker works on, shared with the page: files of strangers may keep a worker busy without end, and then it hears
 * nothing. The page notices the silence, ends the worker, and names the work.
 */

import { nextTask } from "../training/control.ts";
import type { Port } from "./rpc.ts";

export interface Work {
  /** The call that it belongs to, as `serve` names it. */
  readonly call: string;
  /** A file, or a row of one. */
  readonly subject: string;
  /** The part of a model's files or of the recipe that runs on the subject; "" for none. */
  readonly part: string;
}

/** The worker's side. */
export interface Activity {
  /** Names the next piece of work of a call. */
  begin(call: string, subject: string, part?: string): void;
  /** Names the part that runs next on the same subject. */
  part(part: string): void;
  /** Says that long work without a name of its own moves on. */
  pulse(): void;
  /** Between these two the page watches. */
  callBegan(): void;
  callEnded(): void;
}

/** For a service without a worker. */
export const unwatched: Activity = {
  begin: () => undefined,
  part: () => undefined,
  pulse: () => undefined,
  callBegan: () => undefined,
  callEnded: () => undefined,
};

type ToWorker = { readonly kind: "watch"; readonly memory: SharedArrayBuffer | null } | { readonly kind: "ping" };
type ToPage =
  | { readonly kind: "pong" }
  | { readonly kind: "busy"; readonly busy: boolean }
  | { readonly kind: "work"; readonly work: Work };

/** Bytes of a name in shared memory. */
const nameBytes = 4096;
/** Int32 words before the name: the count of beats, and the bytes of the name. */
const headWords = 2;
/** Milliseconds between two messages that name the work, where no memory is shared. */
const betweenMessages = 20;

/**
 * The worker's activity, told to the page over `port`. In shared memory every piece of work is named exactly; without it
 * (a page that is not cross-origin isolated) by messages, of which the last may name a piece some milliseconds before.
 */
export function followActivity(port: Port): Activity {
  let head: Int32Array | null = null;
  let name: Uint8Array | null = null;
  let work: Work = { call: "", subject: "", part: "" };
  let messageAt = Number.NEGATIVE_INFINITY;
  let running = 0;
  const encoder = new TextEncoder();
  const encoded = new Uint8Array(nameBytes);
  const send = (message: ToPage) => port.postMessage(message);

  port.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
    if (data.kind === "ping") send({ kind: "pong" });
    if (data.kind !== "watch" || !data.memory) return;
    head = new Int32Array(data.memory, 0, headWords);
    name = new Uint8Array(data.memory, headWords * 4);
  });

  const pulse = () => {
    if (head) {
      Atomics.add(head, 0, 1);
      return;
    }
    const now = performance.now();
    if (now - messageAt < betweenMessages) return;
    messageAt = now;
    send({ kind: "work", work });
  };
  const write = (next: Work) => {
    work = next;
    if (head && name) {
      // An encoder does not write into shared memory everywhere.
      const { written } = encoder.encodeInto(JSON.stringify(next), encoded);
      name.set(encoded.subarray(0, written));
      head[1] = written;
    }
    pulse();
  };
  return {
    begin: (call, subject, part = "") => write({ call, subject: shortened(subject), part: shortened(part) }),
    part: (part) => write({ ...work, part: shortened(part) }),
    pulse,
    callBegan: () => {
      if (running++ === 0) send({ kind: "busy", busy: true });
    },
    callEnded: () => {
      if (--running > 0) return;
      write({ call: "", subject: "", part: "" });
      send({ kind: "busy", busy: false });
    },
  };
}

const shortened = (text: string) => (text.length > 300 ? `${text.slice(0, 299)}…` : text);

export interface WatchOptions {
  /** Milliseconds between two looks at the worker. */
  readonly every?: number;
  /** Looks without a sign of life after which it is stuck. */
  readonly patience?: number;
}

/** Seconds without a sign of life after which a worker is ended. */
export const patienceSeconds = 5;

/**
 * The page's side: calls `onStuck` once, with the last named work, when a busy worker gives no sign of life. It counts looks
 * and not time: a tab that was frozen, or a page that was itself busy, must not end a worker that is well.
 */
export function watchActivity(
  port: Port,
  onStuck: (work: Work) => void,
  { every = 1000, patience = patienceSeconds }: WatchOptions = {},
): { stop(): void } {
  const memory = canShare() ? new SharedArrayBuffer(headWords * 4 + nameBytes) : null;
  const head = memory && new Int32Array(memory, 0, headWords);
  let latest: Work = { call: "", subject: "", part: "" };
  let timer: ReturnType<typeof setInterval> | null = null;
  let heard = true;
  let beats = 0;
  let silent = 0;
  let looking = false;
  let stopped = false;

  const named = (): Work => {
    if (!memory || !head) return latest;
    // A decoder does not read shared memory everywhere: the bytes are copied first.
    const bytes = new Uint8Array(memory, headWords * 4).slice(0, head[1]);
    return bytes.length === 0 ? latest : JSON.parse(new TextDecoder().decode(bytes));
  };
  const rest = () => {
    if (timer !== null) clearInterval(timer);
    timer = null;
  };
  const look = async () => {
    if (looking) return;
    looking = true;
    // Messages that wait are heard first.
    await nextTask();
    looking = false;
    if (timer === null) return;
    const now = head ? Atomics.load(head, 0) : 0;
    silent = heard || now !== beats ? 0 : silent + 1;
    heard = false;
    beats = now;
    if (silent < patience) return port.postMessage({ kind: "ping" } satisfies ToWorker);
    stopped = true;
    rest();
    onStuck(named());
  };
  const wake = () => {
    if (timer !== null || stopped) return;
    heard = true;
    silent = 0;
    timer = setInterval(() => void look(), every);
  };

  port.addEventListener("message", ({ data }: MessageEvent<ToPage>) => {
    heard = true;
    if (data.kind === "work") latest = data.work;
    if (data.kind === "busy") data.busy ? wake() : rest();
  });
  port.postMessage({ kind: "watch", memory } satisfies ToWorker);
  return {
    stop() {
      stopped = true;
      rest();
    },
  };
}

/** Only an isolated page may share memory; Node always may. */
const canShare = () => typeof SharedArrayBuffer !== "undefined" && (globalThis.crossOriginIsolated ?? true);

/** Why a call was ended with its worker: one sentence that names what did not end, and on what. */
export function describeStuck({ subject, part }: Work): string {
  const worker = part === "" ? "The work" : part;
  const on = subject === "" ? "" : ` on ${subject}`;
  return (
    `${worker} did not end${on} within ${patienceSeconds} seconds, so Hone stopped it. ` +
    "Change one of them, or leave it out; nothing else was stopped."
  );
}

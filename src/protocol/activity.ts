/**
 * The watchdog of a worker: a stranger's file may keep a worker busy for ever, and a busy worker receives no message. The
 * worker shares the name of its current work; the page notices its silence, ends it and names that work.
 */

import { nextTask } from "../training/control.ts";
import type { Port } from "./rpc.ts";

export interface Work {
  /** The call's name, as `serve` gives it. */
  readonly call: string;
  /** A file, or a row of one. */
  readonly subject: string;
  /** The part of the model or of the recipe that runs on the subject; "" for none. */
  readonly part: string;
}

/** The worker's side. */
export interface Activity {
  /** Names the next piece of work of a call. */
  begin(call: string, subject: string, part?: string): void;
  /** Names the part that runs next on the same subject. */
  part(part: string): void;
  /** A sign of life during long work without a name of its own. */
  pulse(): void;
  /** The page watches the worker while at least one call runs. */
  callBegan(): void;
  callEnded(): void;
}

/** For a service that runs without a worker. */
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

/** Bytes for the encoded work in shared memory. */
const nameBytes = 4096;
/** Int32 words before the name: the number of pulses, and the bytes of the name. */
const headWords = 2;
/** Milliseconds between two messages that name the work, where no memory is shared. */
const messageInterval = 20;

/**
 * The worker's side of the watchdog. Shared memory names the current work exactly; a page without it (not cross-origin
 * isolated) gets messages, and the last of them may name work that ended some milliseconds earlier.
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
    if (now - messageAt < messageInterval) return;
    messageAt = now;
    send({ kind: "work", work });
  };
  const write = (next: Work) => {
    work = next;
    if (head && name) {
      // In some browsers TextEncoder cannot write into shared memory.
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
  /** Milliseconds between two checks of the worker. */
  readonly every?: number;
  /** Checks in a row without a sign of life, after which the worker is stuck. */
  readonly patience?: number;
}

/** A worker is ended after so many seconds without a sign of life. */
export const patienceSeconds = 5;

/**
 * The page's side of the watchdog: calls `onStuck` once, with the current work, when a busy worker gives no sign of life. It
 * counts checks, not time, so that a tab that was frozen does not end a healthy worker.
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
  let messageArrived = true;
  let pulses = 0;
  let silentChecks = 0;
  let checking = false;
  let stopped = false;

  const currentWork = (): Work => {
    if (!memory || !head) return latest;
    // In some browsers TextDecoder cannot read shared memory: the bytes are copied first.
    const bytes = new Uint8Array(memory, headWords * 4).slice(0, head[1]);
    return bytes.length === 0 ? latest : JSON.parse(new TextDecoder().decode(bytes));
  };
  const stopTimer = () => {
    if (timer !== null) clearInterval(timer);
    timer = null;
  };
  const check = async () => {
    if (checking) return;
    checking = true;
    // Messages in the queue are signs of life, so they are handled first.
    await nextTask();
    checking = false;
    if (timer === null) return;
    const now = head ? Atomics.load(head, 0) : 0;
    silentChecks = messageArrived || now !== pulses ? 0 : silentChecks + 1;
    messageArrived = false;
    pulses = now;
    if (silentChecks < patience) return port.postMessage({ kind: "ping" } satisfies ToWorker);
    stopped = true;
    stopTimer();
    onStuck(currentWork());
  };
  const startTimer = () => {
    if (timer !== null || stopped) return;
    messageArrived = true;
    silentChecks = 0;
    timer = setInterval(() => void check(), every);
  };

  port.addEventListener("message", ({ data }: MessageEvent<ToPage>) => {
    messageArrived = true;
    if (data.kind === "work") latest = data.work;
    if (data.kind === "busy") data.busy ? startTimer() : stopTimer();
  });
  port.postMessage({ kind: "watch", memory } satisfies ToWorker);
  return {
    stop() {
      stopped = true;
      stopTimer();
    },
  };
}

/** A page may share memory only when it is cross-origin isolated; Node always may. */
const canShare = () => typeof SharedArrayBuffer !== "undefined" && (globalThis.crossOriginIsolated ?? true);

/** Why a call and its worker were ended, with the part that did not end and its subject. */
export function describeStuck({ subject, part }: Work): string {
  const worker = part === "" ? "The work" : part;
  const on = subject === "" ? "" : ` on ${subject}`;
  return (
    `${worker} did not end${on} within ${patienceSeconds} seconds, so Hone stopped it. ` +
    "Change one of them, or leave it out; nothing else was stopped."
  );
}

/** Calls over postMessage: the type of a call is the type of the function that answers it. */

import type { Activity } from "./activity.ts";

/** What is needed of a Worker, of a MessagePort, or of a worker's own global scope. */
export interface Port {
  postMessage(message: unknown, options?: { transfer?: Transferable[] }): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

/** Holds for an interface whose every member is a method that returns a promise. */
export type Callable<Api> = { readonly [K in keyof Api]: (...args: never[]) => Promise<unknown> };

interface WireError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause: WireError | undefined;
}

/** Hands the other side a port of its own to a third. */
interface Introduction {
  readonly kind: "port";
  readonly replaces: Replacement | null;
}

type Request =
  /** `signalAt` is the place among the arguments where an AbortSignal stood; -1 for none. */
  | {
      readonly kind: "call";
      readonly id: number;
      readonly method: string;
      readonly args: readonly unknown[];
      readonly signalAt: number;
    }
  | { readonly kind: "cancel"; readonly id: number };

type Reply =
  | { readonly kind: "result"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number; readonly error: WireError }
  | { readonly kind: "event"; readonly event: unknown };

const transferLists = new WeakMap<object, Transferable[]>();

/** Marks an argument or a result whose buffers are to be moved instead of copied; the sender loses them. */
export function transfer<T extends object>(value: T, buffers: Transferable[]): T {
  transferLists.set(value, buffers);
  return value;
}

function buffersOf(values: readonly unknown[]): Transferable[] {
  return values.flatMap((value) => (typeof value === "object" && value ? (transferLists.get(value) ?? []) : []));
}

/** Causes are followed this deep, so that a chain that bites its tail ends. */
const causeDepth = 4;

function packError(thrown: unknown, depth = causeDepth): WireError {
  if (!(thrown instanceof Error)) return { name: "Error", message: String(thrown), stack: undefined, cause: undefined };
  const { name, message, stack, cause } = thrown;
  return { name, message, stack, cause: cause == null || depth === 0 ? undefined : packError(cause, depth - 1) };
}

function unpackError({ name, message, stack, cause }: WireError): Error {
  const error = new Error(message, cause && { cause: unpackError(cause) });
  error.name = name;
  if (stack) error.stack = stack;
  return error;
}

export interface Connection<Api> {
  /** The other side's methods. */
  readonly api: Api;
  /** Rejects every pending call, and every later one, with this error. */
  close(error: Error): void;
  /**
   * Goes on with another worker of the same kind. Pending calls are sent to it again, except `failed`, the call that made
   * this necessary: it rejects. So does a call that is sent a third time, and one whose buffers were moved.
   */
  moveTo(port: Port, failed: FailedCall): void;
}

export type CallNumber = number | "every" | null;

/** The call that a worker was ended for. */
export interface FailedCall {
  /** Null where it is none of this connection's; "every" where it is not known. */
  readonly id: CallNumber;
  readonly error: Error;
}

export interface ConnectOptions {
  /**
   * Whether an aborted call rejects at once with the signal's reason, though the other side has not answered. Else the call
   * settles as the other side decides: a rejection with AbortError, or what it has so far.
   */
  readonly rejectAtOnce?: boolean;
}

interface Pending {
  readonly request: Extract<Request, { kind: "call" }>;
  /** How often it may still be sent again. */
  resends: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** The calling side. An AbortSignal among the arguments of a call becomes a cancel message. */
export function connect<Api extends Callable<Api>, Event>(
  first: Port,
  onEvent: (event: Event) => void,
  { rejectAtOnce = false }: ConnectOptions = {},
): Connection<Api> {
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let closed: Error | null = null;
  let port = first;

  const listenTo = (own: Port) =>
    own.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
      if (closed || own !== port) return;
      if (data.kind === "event") return onEvent(data.event as Event);
      if (data.kind !== "result" && data.kind !== "error") return;
      const call = pending.get(data.id);
      pending.delete(data.id);
      if (data.kind === "result") call?.resolve(data.value);
      else call?.reject(unpackError(data.error));
    });
  listenTo(port);

  const call = (method: string, args: readonly unknown[]) => {
    if (closed) return Promise.reject(closed);
    const signalAt = args.findIndex((argument) => argument instanceof AbortSignal);
    const signal = args[signalAt] as AbortSignal | undefined;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = ++lastId;
    const cancel = () => {
      port.postMessage({ kind: "cancel", id } satisfies Request);
      if (!rejectAtOnce) return;
      pending.get(id)?.reject(signal?.reason);
      pending.delete(id);
    };
    return new Promise<unknown>((resolve, reject) => {
      const sent = args.map((argument, place) => (place === signalAt ? null : argument));
      const request: Pending["request"] = { kind: "call", id, method, args: sent, signalAt };
      const buffers = buffersOf(sent);
      port.postMessage(request, { transfer: buffers });
      pending.set(id, { request, resends: buffers.length === 0 ? mostResends : 0, resolve, reject });
      signal?.addEventListener("abort", cancel);
    }).finally(() => signal?.removeEventListener("abort", cancel));
  };

  const api = new Proxy({} as Api, {
    // A proxy that answered to "then" would look like a promise.
    get: (_target, method) =>
      typeof method === "string" && method !== "then" ? (...args: unknown[]) => call(method, args) : undefined,
  });

  return {
    api,
    close(error) {
      closed = error;
      for (const { reject } of pending.values()) reject(error);
      pending.clear();
    },
    moveTo(next, failed) {
      port = next;
      listenTo(port);
      for (const [id, one] of pending) {
        if (failed.id === "every" || id === failed.id || one.resends === 0) {
          pending.delete(id);
          one.reject(failed.error);
        } else {
          one.resends--;
          port.postMessage(one.request);
        }
      }
    },
  };
}

const mostResends = 2;

/** Sends events to the calling side. */
export function emitTo<Event>(port: Port): (event: Event) => void {
  return (event) => port.postMessage({ kind: "event", event } satisfies Reply);
}

export interface ServeOptions {
  /** Begins the name of each call: "page" gives "page:1". */
  readonly name?: string;
  /** Says when a call is at work. */
  readonly activity?: Pick<Activity, "callBegan" | "callEnded">;
}

/**
 * The answering side: calls `answering` for the methods that one call uses, with the call's name, and sends errors with name,
 * message and cause. A call waits for methods that are still being made; messages that come meanwhile are not lost.
 */
export function serve<Api extends Callable<Api>>(
  answering: (call: string) => Api | Promise<Api>,
  port: Port,
  { name = "page", activity }: ServeOptions = {},
): void {
  const running = new Map<number, AbortController>();

  const answer = async ({ id, method, args, signalAt }: Extract<Request, { kind: "call" }>) => {
    const controller = new AbortController();
    running.set(id, controller);
    activity?.callBegan();
    try {
      const ready = await answering(`${name}:${id}`);
      const handler: unknown = ready[method as keyof Api];
      if (typeof handler !== "function") throw new TypeError(`The worker has no call named "${method}".`);
      const value: unknown = await handler.apply(
        ready,
        args.map((argument, place) => (place === signalAt ? controller.signal : argument)),
      );
      port.postMessage({ kind: "result", id, value } satisfies Reply, { transfer: buffersOf([value]) });
    } catch (thrown) {
      port.postMessage({ kind: "error", id, error: packError(thrown) } satisfies Reply);
    } finally {
      running.delete(id);
      activity?.callEnded();
    }
  };

  port.addEventListener("message", ({ data }: MessageEvent<Request | Introduction>) => {
    if (data.kind === "cancel") running.get(data.id)?.abort();
    else if (data.kind === "call") void answer(data);
  });
}

/** Which call of the port `name` has the name `call`, as `serve` gave it. */
export function callNumber(call: string, name: string): CallNumber {
  if (call === "") return "every";
  return call.startsWith(`${name}:`) ? Number(call.slice(name.length + 1)) : null;
}

/** What a third learns with a new port: the call of its own that the worker before was ended for. */
export interface Replacement {
  readonly id: CallNumber;
  readonly message: string;
}

/** Makes two workers known to each other: each gets one end of a channel. `one` hears why `other` replaces another. */
export function introduce(one: Port, other: Port, replaces: Replacement | null = null): void {
  const { port1, port2 } = new MessageChannel();
  one.postMessage({ kind: "port", replaces } satisfies Introduction, { transfer: [port1] });
  other.postMessage({ kind: "port", replaces: null } satisfies Introduction, { transfer: [port2] });
}

/** Hears of every port that `introduce` hands in, already started. */
export function onPort(own: Port, hear: (port: MessagePort, replaces: Replacement | null) => void): void {
  own.addEventListener("message", ({ data, ports: [port] }: MessageEvent<Request | Introduction>) => {
    if (data.kind !== "port" || !port) return;
    hear(port, data.replaces);
    port.start();
  });
}

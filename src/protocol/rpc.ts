/** Remote calls over postMessage: a call has the type of the function that answers it. */

import type { Activity } from "./activity.ts";

/** The common part of Worker, MessagePort and a worker's global scope. */
export interface Port {
  postMessage(message: unknown, options?: { transfer?: Transferable[] }): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

/** Constrains an interface to methods that return promises. */
export type Callable<Api> = { readonly [K in keyof Api]: (...args: never[]) => Promise<unknown> };

interface WireError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause: WireError | undefined;
}

/** Transfers a port to the receiver, for calls to or from another worker. */
interface Introduction {
  readonly kind: "port";
  readonly replaces: Replacement | null;
}

type Request =
  /** `signalAt`: index of the AbortSignal among the arguments; -1 for none. */
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

/** Marks an argument or a result whose buffers are transferred, not copied; the sender loses them. */
export function transfer<T extends object>(value: T, buffers: Transferable[]): T {
  transferLists.set(value, buffers);
  return value;
}

function buffersOf(values: readonly unknown[]): Transferable[] {
  return values.flatMap((value) => (typeof value === "object" && value ? (transferLists.get(value) ?? []) : []));
}

/** Depth to which causes are sent: a chain of causes may be circular. */
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
   * Replaces the worker. Pending calls are sent to the new one; these reject: the `failed` call, a call that was sent
   * three times already, and a call whose buffers were transferred.
   */
  moveTo(port: Port, failed: FailedCall): void;
}

export type CallNumber = number | "every" | null;

/** The call that a worker was ended for. */
export interface FailedCall {
  /** Null for a call of another connection; "every" where the call is not known. */
  readonly id: CallNumber;
  readonly error: Error;
}

export interface ConnectOptions {
  /**
   * Whether an aborted call rejects at once with the signal's reason. Else it settles when the other side answers: with an
   * AbortError, or with the result so far.
   */
  readonly rejectAtOnce?: boolean;
}

interface Pending {
  readonly request: Extract<Request, { kind: "call" }>;
  /** How many more times it may be sent. */
  resends: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** The calling side. Aborting an AbortSignal among the arguments sends a cancel message. */
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
      pending.set(id, { request, resends: buffers.length === 0 ? maxResends : 0, resolve, reject });
      signal?.addEventListener("abort", cancel);
    }).finally(() => signal?.removeEventListener("abort", cancel));
  };

  const api = new Proxy({} as Api, {
    // With a member "then" the proxy would be taken for a promise.
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

const maxResends = 2;

/** Sends events to the calling side. */
export function emitTo<Event>(port: Port): (event: Event) => void {
  return (event) => port.postMessage({ kind: "event", event } satisfies Reply);
}

export interface ServeOptions {
  /** Prefix of the calls' names: "page" gives "page:1". */
  readonly name?: string;
  /** Is notified when a call begins and ends. */
  readonly activity?: Pick<Activity, "callBegan" | "callEnded">;
}

/**
 * The answering side. `methodsFor` gives the methods for one call, by the call's name; a call waits until it resolves.
 * Errors are sent with name, message, stack and cause.
 */
export function serve<Api extends Callable<Api>>(
  methodsFor: (call: string) => Api | Promise<Api>,
  port: Port,
  { name = "page", activity }: ServeOptions = {},
): void {
  const running = new Map<number, AbortController>();

  const answer = async ({ id, method, args, signalAt }: Extract<Request, { kind: "call" }>) => {
    const controller = new AbortController();
    running.set(id, controller);
    activity?.callBegan();
    try {
      const ready = await methodsFor(`${name}:${id}`);
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

/** The number in a call's name, if the prefix is `name`: "page:1" gives 1. */
export function callNumber(call: string, name: string): CallNumber {
  if (call === "") return "every";
  return call.startsWith(`${name}:`) ? Number(call.slice(name.length + 1)) : null;
}

/** Why a new port replaces the one before: the receiver's call that failed, and the message of its error. */
export interface Replacement {
  readonly id: CallNumber;
  readonly message: string;
}

/** Connects two workers by a channel. `replaces` reaches `one`: why `other` replaces the worker before. */
export function introduce(one: Port, other: Port, replaces: Replacement | null = null): void {
  const { port1, port2 } = new MessageChannel();
  one.postMessage({ kind: "port", replaces } satisfies Introduction, { transfer: [port1] });
  other.postMessage({ kind: "port", replaces: null } satisfies Introduction, { transfer: [port2] });
}

/** Calls `onIntroduced` with every port that `introduce` transfers, and starts the port. */
export function onPort(own: Port, onIntroduced: (port: MessagePort, replaces: Replacement | null) => void): void {
  own.addEventListener("message", ({ data, ports: [port] }: MessageEvent<Request | Introduction>) => {
    if (data.kind !== "port" || !port) return;
    onIntroduced(port, data.replaces);
    port.start();
  });
}

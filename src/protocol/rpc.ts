/** Calls over postMessage: the type of a call is the type of the function that answers it. */

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
}

/**
 * The calling side. An AbortSignal among the arguments of a call becomes a cancel message; the call then settles
 * as the other side decides (a rejection with AbortError, or what it has so far).
 */
export function connect<Api extends Callable<Api>, Event>(
  port: Port,
  onEvent: (event: Event) => void,
): Connection<Api> {
  const pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let lastId = 0;
  let closed: Error | null = null;

  port.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
    if (closed) return;
    if (data.kind === "event") return onEvent(data.event as Event);
    const call = pending.get(data.id);
    pending.delete(data.id);
    if (data.kind === "result") call?.resolve(data.value);
    else call?.reject(unpackError(data.error));
  });

  const call = (method: string, args: readonly unknown[]) => {
    if (closed) return Promise.reject(closed);
    const signalAt = args.findIndex((argument) => argument instanceof AbortSignal);
    const signal = args[signalAt] as AbortSignal | undefined;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = ++lastId;
    const cancel = () => port.postMessage({ kind: "cancel", id } satisfies Request);
    return new Promise<unknown>((resolve, reject) => {
      const sent = args.map((argument, place) => (place === signalAt ? null : argument));
      port.postMessage({ kind: "call", id, method, args: sent, signalAt } satisfies Request, {
        transfer: buffersOf(sent),
      });
      pending.set(id, { resolve, reject });
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
  };
}

/** Sends events to the calling side. */
export function emitTo<Event>(port: Port): (event: Event) => void {
  return (event) => port.postMessage({ kind: "event", event } satisfies Reply);
}

/**
 * The answering side: calls `api` for every message, and tells errors with their name, message and cause. An api that is
 * still being made is waited for by each call; messages that come meanwhile are not lost.
 */
export function serve<Api extends Callable<Api>>(api: Api | Promise<Api>, port: Port): void {
  const running = new Map<number, AbortController>();
  // Told by the calls that wait for it, and by nothing else.
  Promise.resolve(api).catch(() => undefined);

  const answer = async ({ id, method, args, signalAt }: Extract<Request, { kind: "call" }>) => {
    const controller = new AbortController();
    running.set(id, controller);
    try {
      const ready = await api;
      const handler: unknown = ready[method as keyof Api];
      if (typeof handler !== "function") throw new TypeError(`The engine has no call named "${method}".`);
      const value: unknown = await handler.apply(
        ready,
        args.map((argument, place) => (place === signalAt ? controller.signal : argument)),
      );
      port.postMessage({ kind: "result", id, value } satisfies Reply, { transfer: buffersOf([value]) });
    } catch (thrown) {
      port.postMessage({ kind: "error", id, error: packError(thrown) } satisfies Reply);
    } finally {
      running.delete(id);
    }
  };

  port.addEventListener("message", ({ data }: MessageEvent<Request | Introduction>) => {
    if (data.kind === "cancel") running.get(data.id)?.abort();
    else if (data.kind === "call") void answer(data);
  });
}

/** Makes two workers known to each other: each gets one end of a channel. */
export function introduce(one: Port, other: Port): void {
  const { port1, port2 } = new MessageChannel();
  one.postMessage({ kind: "port" } satisfies Introduction, { transfer: [port1] });
  other.postMessage({ kind: "port" } satisfies Introduction, { transfer: [port2] });
}

/** Hears of every port that `introduce` hands in, already started. */
export function onPort(own: Port, hear: (port: MessagePort) => void): void {
  own.addEventListener("message", ({ data, ports: [port] }: MessageEvent<Request | Introduction>) => {
    if (data.kind !== "port" || !port) return;
    hear(port);
    port.start();
  });
}

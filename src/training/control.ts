/** Requests to a running training loop: pause, cancel or save; and the macrotask that lets them arrive. */

export interface Control {
  /** The pending request; cancel overrides pause. */
  readonly request: "pause" | "cancel" | null;
  /** Aborted by pause and by cancel. */
  readonly signal: AbortSignal;
  /** Aborted by cancel alone: a run that is paused while it is prepared is prepared to its end, to be resumed. */
  readonly cancelSignal: AbortSignal;
  /** Aborted by pause, by cancel and by `skipBefore`. */
  readonly beforeSignal: AbortSignal;
  /** Whether a checkpoint of the current weights was requested. */
  readonly saveRequested: boolean;
  /** Resets `saveRequested`, after the checkpoint. */
  saved(): void;
}

export interface ControlSwitch extends Control {
  pause(): void;
  cancel(): void;
  /** Requests a checkpoint between two steps; the run continues. */
  save(): void;
  /** Requests the first step at once: ends or leaves out the answers, the validation and the snapshot before it. */
  skipBefore(): void;
}

export function createControl(): ControlSwitch {
  let request: Control["request"] = null;
  let saveRequested = false;
  const controller = new AbortController();
  const cancelling = new AbortController();
  const skipping = new AbortController();
  return {
    get request() {
      return request;
    },
    get saveRequested() {
      return saveRequested;
    },
    saved: () => {
      saveRequested = false;
    },
    save: () => {
      saveRequested = true;
    },
    skipBefore: () => skipping.abort(),
    signal: controller.signal,
    cancelSignal: cancelling.signal,
    beforeSignal: AbortSignal.any([controller.signal, skipping.signal]),
    pause: () => {
      request ??= "pause";
      controller.abort();
    },
    cancel: () => {
      request = "cancel";
      controller.abort();
      cancelling.abort();
    },
  };
}

/**
 * Resolves in a later macrotask, after the waiting messages. It uses a message channel, because browsers delay nested
 * `setTimeout(0)` calls by 4 ms or more.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Settles as `work` does, or rejects with the signal's reason as soon as that is aborted; `work` itself goes on. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

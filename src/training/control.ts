/** How a run in progress is asked to pause, to stop or to save, and how the engine's thread stays able to hear it. */

export interface Control {
  /** What has been asked for; cancel outranks pause. */
  readonly request: "pause" | "cancel" | null;
  /** Aborted by either, for calls that take a signal. */
  readonly signal: AbortSignal;
  /** Aborted by cancel alone: a run that is paused while it is prepared is prepared to its end, to be resumed. */
  readonly cancelSignal: AbortSignal;
  /** Whether a checkpoint of the weights as they are was asked for. */
  readonly saveAsked: boolean;
  /** What was asked for has been saved. */
  saved(): void;
}

export interface ControlSwitch extends Control {
  pause(): void;
  cancel(): void;
  /** Asks for a checkpoint between two steps; the run goes on. */
  save(): void;
}

export function createControl(): ControlSwitch {
  let request: Control["request"] = null;
  let saveAsked = false;
  const controller = new AbortController();
  const cancelling = new AbortController();
  return {
    get request() {
      return request;
    },
    get saveAsked() {
      return saveAsked;
    },
    saved: () => {
      saveAsked = false;
    },
    save: () => {
      saveAsked = true;
    },
    signal: controller.signal,
    cancelSignal: cancelling.signal,
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
 * Resolves in a later macrotask, after messages that wait have been handled. A message channel is used because
 * `setTimeout(0)` is held back to 4 ms and more when it is nested.
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

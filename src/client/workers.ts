/** Workers with their connections: the engine's death ends its connection, the dataset worker is replaced. */

import { describeStuck, type WatchOptions, watchActivity } from "../protocol/activity.ts";
import type { DataApi, DataEvent } from "../protocol/datasets.ts";
import { type Callable, type Connection, callNumber, connect, type Port, type Replacement } from "../protocol/rpc.ts";

/** The part of Worker that the client uses. */
export interface EngineWorker extends Port {
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  addEventListener(type: "error" | "messageerror", listener: (event: Event) => void): void;
  terminate(): void;
}

/** The worker did not load, threw outside a call, or sent a message that cannot be read. */
export class EngineStopped extends Error {
  override readonly name = "EngineStopped";
}

/** The work of this call did not end. */
class WorkStopped extends Error {
  override readonly name = "WorkStopped";
}

function explain(event: Event, name: string, remedy: string): string {
  if (event.type === "messageerror") return `The ${name} sent a message that this browser could not read. ${remedy}`;
  // Only an exception has a message; a file that does not load gives an event without one.
  const thrown = "message" in event && typeof event.message === "string" && event.message;
  return thrown
    ? `The ${name} stopped: ${thrown}. ${remedy}`
    : `The ${name} could not be loaded. Check that the page's files are all served, then start it again.`;
}

export interface WorkerConnection<Api> {
  /** Null where the browser refused to start a worker. */
  readonly worker: EngineWorker | null;
  readonly connection: Connection<Api>;
  end(error: Error): void;
}

/** A worker until it dies or is ended. */
interface LiveWorker {
  readonly worker: EngineWorker;
  /** Whether it ever sent a message. */
  answered: boolean;
  alive: boolean;
}

interface OpenOptions<Event> {
  readonly start: () => EngineWorker;
  /** "engine", for messages. */
  readonly name: string;
  readonly remedy: string;
  readonly onEvent: (event: Event) => void;
  readonly onDeath: (error: Error, answered: boolean) => void;
}

/** Starts a worker, and calls `onDeath` once if it dies by itself. `cause` is why the browser refused to start it. */
function startWorker({
  start,
  name,
  remedy,
  onDeath,
}: Omit<OpenOptions<never>, "onEvent">): LiveWorker | { cause: unknown } {
  let worker: EngineWorker;
  try {
    worker = start();
  } catch (cause) {
    return { cause };
  }
  const current: LiveWorker = { worker, answered: false, alive: true };
  worker.addEventListener("message", () => {
    current.answered = true;
  });
  const die = (event: Event) => {
    if (!current.alive) return;
    current.alive = false;
    worker.terminate();
    onDeath(new EngineStopped(explain(event, name, remedy)), current.answered);
  };
  worker.addEventListener("error", die);
  worker.addEventListener("messageerror", die);
  return current;
}

/** A closed connection: a page that was opened from a file may not start workers. */
function refused<Api extends Callable<Api>>(cause: unknown): WorkerConnection<Api> {
  const connection = connect<Api, never>(new MessageChannel().port1, () => {});
  connection.close(new EngineStopped("This browser did not let the page start its engine.", { cause }));
  return { worker: null, connection, end: () => {} };
}

/** A worker with its connection; when the worker dies, its calls reject. */
export function openWorker<Api extends Callable<Api>, Event>(options: OpenOptions<Event>): WorkerConnection<Api> {
  const current = startWorker({
    ...options,
    onDeath: (error, answered) => {
      connection.close(error);
      options.onDeath(error, answered);
    },
  });
  if ("cause" in current) return refused(current.cause);
  const { worker } = current;
  const connection = connect<Api, Event>(worker, options.onEvent);
  return {
    worker,
    connection,
    end(error) {
      current.alive = false;
      worker.terminate();
      connection.close(error);
    },
  };
}

interface OpenDataOptions extends Pick<OpenOptions<DataEvent>, "start" | "onEvent"> {
  /** Gives the worker that replaces one that died or was stuck, and the engine's call that failed. */
  readonly onReplaced: (worker: EngineWorker, replaces: Replacement) => void;
  readonly watch: WatchOptions;
}

/**
 * The dataset worker with its connection. A new worker replaces one that dies or is stuck; after a stuck call it gets all
 * other pending calls again. A worker that dies before its first message is not replaced.
 */
export function openDataWorker({ start, onEvent, onReplaced, watch }: OpenDataOptions): WorkerConnection<DataApi> {
  let current: LiveWorker;
  let connection: Connection<DataApi> | null = null;
  let watchdog: { stop(): void } | null = null;

  const replace = (error: Error, call: string) => {
    const next = startWatched();
    if ("cause" in next) return connection?.close(error);
    current = next;
    connection?.moveTo(current.worker, { id: callNumber(call, "page"), error });
    onReplaced(current.worker, { id: callNumber(call, "engine"), message: error.message });
  };
  const startWatched = () => {
    const next = startWorker({
      start,
      name: "dataset worker",
      remedy: "Try again; with fewer rows or a shorter file if it stops once more.",
      onDeath: (error, answered) => {
        watchdog?.stop();
        if (answered) replace(error, "");
        else connection?.close(error);
      },
    });
    if ("cause" in next) return next;
    watchdog?.stop();
    watchdog = watchActivity(
      next.worker,
      (work) => {
        next.alive = false;
        next.worker.terminate();
        replace(new WorkStopped(describeStuck(work)), work.call);
      },
      watch,
    );
    return next;
  };

  const first = startWatched();
  if ("cause" in first) return refused(first.cause);
  current = first;
  const made = connect<DataApi, DataEvent>(current.worker, onEvent, { rejectAtOnce: true });
  connection = made;
  return {
    get worker() {
      return current.worker;
    },
    connection: made,
    end(error) {
      watchdog?.stop();
      current.alive = false;
      current.worker.terminate();
      made.close(error);
    },
  };
}

/** Workers with their connections: one that dies ends its connection, one that is stuck is replaced. */

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

export interface Line<Api> {
  /** Null where the browser refused to start one. */
  readonly worker: EngineWorker | null;
  readonly connection: Connection<Api>;
  end(error: Error): void;
}

interface LiveWorker {
  readonly worker: EngineWorker;
  /** Whether it ever sent a message. */
  answered: boolean;
  alive: boolean;
}

interface LineOptions<Event> {
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
}: Omit<LineOptions<never>, "onEvent">): LiveWorker | { cause: unknown } {
  let worker: EngineWorker;
  try {
    worker = start();
  } catch (cause) {
    return { cause };
  }
  const occupant: LiveWorker = { worker, answered: false, alive: true };
  worker.addEventListener("message", () => {
    occupant.answered = true;
  });
  const die = (event: Event) => {
    if (!occupant.alive) return;
    occupant.alive = false;
    worker.terminate();
    onDeath(new EngineStopped(explain(event, name, remedy)), occupant.answered);
  };
  worker.addEventListener("error", die);
  worker.addEventListener("messageerror", die);
  return occupant;
}

/** A closed connection: a page that was opened from a file may not start workers. */
function refused<Api extends Callable<Api>>(cause: unknown): Line<Api> {
  const connection = connect<Api, never>(new MessageChannel().port1, () => {});
  connection.close(new EngineStopped("This browser did not let the page start its engine.", { cause }));
  return { worker: null, connection, end: () => {} };
}

/** A worker with its connection; when the worker dies, its calls reject. */
export function openLine<Api extends Callable<Api>, Event>(options: LineOptions<Event>): Line<Api> {
  const occupant = startWorker({
    ...options,
    onDeath: (error, answered) => {
      connection.close(error);
      options.onDeath(error, answered);
    },
  });
  if ("cause" in occupant) return refused(occupant.cause);
  const { worker } = occupant;
  const connection = connect<Api, Event>(worker, options.onEvent);
  return {
    worker,
    connection,
    end(error) {
      occupant.alive = false;
      worker.terminate();
      connection.close(error);
    },
  };
}

interface DataLineOptions extends Pick<LineOptions<DataEvent>, "start" | "onEvent"> {
  /** Gives the worker that replaces one that died or was stuck, and the engine's call that failed. */
  readonly onReplaced: (worker: EngineWorker, replaces: Replacement) => void;
  readonly watch: WatchOptions;
}

/**
 * The dataset worker with its connection. A new worker replaces one that dies or is stuck, and gets the calls that did not
 * cause it again. A worker that never answered and died is not replaced.
 */
export function openDataLine({ start, onEvent, onReplaced, watch }: DataLineOptions): Line<DataApi> {
  let occupant: LiveWorker;
  let connection: Connection<DataApi> | null = null;
  let watchdog: { stop(): void } | null = null;

  const replace = (error: Error, call: string) => {
    const next = startWatched();
    if ("cause" in next) return connection?.close(error);
    occupant = next;
    connection?.moveTo(occupant.worker, { id: callNumber(call, "page"), error });
    onReplaced(occupant.worker, { id: callNumber(call, "engine"), message: error.message });
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
  occupant = first;
  const made = connect<DataApi, DataEvent>(occupant.worker, onEvent, { rejectAtOnce: true });
  connection = made;
  return {
    get worker() {
      return occupant.worker;
    },
    connection: made,
    end(error) {
      watchdog?.stop();
      occupant.alive = false;
      occupant.worker.terminate();
      made.close(error);
    },
  };
}

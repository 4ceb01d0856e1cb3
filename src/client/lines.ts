/** Lines to workers: a worker with its connection, ended or replaced when the worker dies or is stuck. */

import { describeStuck, type WatchOptions, watchActivity } from "../protocol/activity.ts";
import type { DataApi, DataEvent } from "../protocol/datasets.ts";
import { type Callable, type Connection, callNumber, connect, type Port, type Replacement } from "../protocol/rpc.ts";

/** The part of Worker that the client uses. */
export interface EngineWorker extends Port {
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  addEventListener(type: "error" | "messageerror", listener: (event: Event) => void): void;
  terminate(): void;
}

/** A worker that does not load, throws outside a call, or sends what cannot be read. */
export class EngineStopped extends Error {
  override readonly name = "EngineStopped";
}

/** A call whose work did not end. */
class WorkStopped extends Error {
  override readonly name = "WorkStopped";
}

function explain(event: Event, name: string, remedy: string): string {
  if (event.type === "messageerror") return `The ${name} sent a message that this browser could not read. ${remedy}`;
  // Only an exception brings a message; a file that does not load brings a bare event.
  const thrown = "message" in event && typeof event.message === "string" && event.message;
  return thrown
    ? `The ${name} stopped: ${thrown}. ${remedy}`
    : `The ${name} could not be loaded. Check that the page's files are all served, then start it again.`;
}

export interface Line<Api> {
  /** Null where the browser let none be started. */
  readonly worker: EngineWorker | null;
  readonly connection: Connection<Api>;
  end(error: Error): void;
}

/** A worker of a line, until it ends. */
interface Occupant {
  readonly worker: EngineWorker;
  /** Whether it has ever sent anything. */
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

/** Starts a worker, and calls `onDeath` once if it dies by itself. Null where the browser lets none be started. */
function occupy({ start, name, remedy, onDeath }: Omit<LineOptions<never>, "onEvent">): Occupant | { cause: unknown } {
  let worker: EngineWorker;
  try {
    worker = start();
  } catch (cause) {
    return { cause };
  }
  const occupant: Occupant = { worker, answered: false, alive: true };
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

/** A connection without a worker: a page opened from a file may not start any. */
function refused<Api extends Callable<Api>>(cause: unknown): Line<Api> {
  const connection = connect<Api, never>(new MessageChannel().port1, () => {});
  connection.close(new EngineStopped("This browser did not let the page start its engine.", { cause }));
  return { worker: null, connection, end: () => {} };
}

/** A worker with its connection, both ended by its death. */
export function openLine<Api extends Callable<Api>, Event>(options: LineOptions<Event>): Line<Api> {
  const occupant = occupy({
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
  /** Another worker took the place of one that died or was stuck; the engine's failed call goes with it. */
  readonly onReplaced: (worker: EngineWorker, replaces: Replacement) => void;
  readonly watch: WatchOptions;
}

/**
 * The dataset worker with its connection. When it dies or is stuck, another worker takes its place, and calls that did not
 * cause that are sent to it again. One that never answered is not replaced.
 */
export function openDataLine({ start, onEvent, onReplaced, watch }: DataLineOptions): Line<DataApi> {
  let occupant: Occupant;
  let connection: Connection<DataApi> | null = null;
  let watching: { stop(): void } | null = null;

  const replace = (error: Error, call: string) => {
    const next = take();
    if ("cause" in next) return connection?.close(error);
    occupant = next;
    connection?.moveTo(occupant.worker, { id: callNumber(call, "page"), error });
    onReplaced(occupant.worker, { id: callNumber(call, "engine"), message: error.message });
  };
  const take = () => {
    const next = occupy({
      start,
      name: "dataset worker",
      remedy: "Try again; with fewer rows or a shorter file if it stops once more.",
      onDeath: (error, answered) => {
        watching?.stop();
        if (answered) replace(error, "");
        else connection?.close(error);
      },
    });
    if ("cause" in next) return next;
    watching?.stop();
    watching = watchActivity(
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

  const first = take();
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
      watching?.stop();
      occupant.alive = false;
      occupant.worker.terminate();
      made.close(error);
    },
  };
}

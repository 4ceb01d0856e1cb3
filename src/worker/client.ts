/** The page's end of the engine: starts the worker, notices its death, and can start another one. */

import { requestPersistence } from "../storage/quota.ts";
import type { EngineApi, EngineEvent } from "./protocol.ts";
import { type Connection, connect, type Port } from "./rpc.ts";

/** The part of Worker that the client uses. */
export interface EngineWorker extends Port {
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  addEventListener(type: "error" | "messageerror", listener: (event: Event) => void): void;
  terminate(): void;
}

export interface EngineClient {
  /** The engine's calls. After a death every one rejects with `EngineStopped`, until `restart`. */
  readonly engine: EngineApi;
  /** Hears every event; returns the way to stop hearing. */
  onEvent(listener: (event: EngineEvent) => void): () => void;
  /** Hears of the worker's death, once per worker; returns the way to stop hearing. */
  onDeath(listener: (error: Error) => void): () => void;
  /** Asks the browser not to throw away what is kept when the disk runs low; only a page may ask. True when granted. */
  keepStorage(): Promise<boolean>;
  /** Ends the present worker, if any, and starts a new one with nothing open in it. */
  restart(): void;
}

/** A worker that does not load, throws outside a call, or sends what cannot be read. */
class EngineStopped extends Error {
  override readonly name = "EngineStopped";
}

/** Starts the engine's worker. */
export function startEngineWorker(): EngineWorker {
  return new Worker(new URL("./entry.ts", import.meta.url), { type: "module", name: "hone-engine" });
}

function explain(event: Event): string {
  if (event.type === "messageerror")
    return "The engine sent a message that this browser could not read. Start it again.";
  // Only an exception brings a message; a file that does not load brings a bare event.
  const thrown = "message" in event && typeof event.message === "string" && event.message;
  return thrown
    ? `The engine stopped: ${thrown}. Start it again; runs go on from their last checkpoint.`
    : "The engine could not be loaded. Check that the page's files are all served, then start it again.";
}

/** Connects to an engine. `start` makes the worker, now and at each restart. */
export function createEngineClient(start: () => EngineWorker): EngineClient {
  const eventListeners = new Set<(event: EngineEvent) => void>();
  const deathListeners = new Set<(error: Error) => void>();

  const open = () => {
    let worker: EngineWorker;
    try {
      worker = start();
    } catch (cause) {
      // A page opened from a file may not start workers at all.
      const connection = connect<EngineApi, EngineEvent>(new MessageChannel().port1, () => {});
      connection.close(new EngineStopped("This browser did not let the page start its engine.", { cause }));
      return { connection, end: () => {} };
    }
    const connection = connect<EngineApi, EngineEvent>(worker, (event) => {
      for (const listener of eventListeners) listener(event);
    });
    let alive = true;
    const end = (error: Error) => {
      alive = false;
      worker.terminate();
      connection.close(error);
    };
    const die = (event: Event) => {
      if (!alive) return;
      const error = new EngineStopped(explain(event));
      end(error);
      for (const listener of deathListeners) listener(error);
    };
    worker.addEventListener("error", die);
    worker.addEventListener("messageerror", die);
    return { connection, end };
  };

  let current: { connection: Connection<EngineApi>; end(error: Error): void } = open();

  const listenTo =
    <T>(listeners: Set<T>) =>
    (listener: T) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    };

  return {
    get engine() {
      return current.connection.api;
    },
    onEvent: listenTo(eventListeners),
    onDeath: listenTo(deathListeners),
    keepStorage: requestPersistence,
    restart() {
      current.end(new EngineStopped("The engine was started again before this call ended."));
      current = open();
    },
  };
}

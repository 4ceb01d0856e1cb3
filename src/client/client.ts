/** The page's end of the engine and of the data worker: starts both, notices their deaths, and can start others. */

import type { DataApi, DataEvent, TokenizerFiles } from "../protocol/datasets.ts";
import type { EngineApi, EngineEvent } from "../protocol/engine.ts";
import { type Callable, type Connection, connect, introduce, type Port } from "../protocol/rpc.ts";
import { isPersistent, requestPersistence } from "../storage/quota.ts";

export { repeatWarning } from "../batching/mixture.ts";
/** Words for people, not the engine: the page names formats and their columns as the readers do. */
export { formatLabel, formats } from "../records/formats/describe.ts";

/** The part of Worker that the client uses. */
export interface EngineWorker extends Port {
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  addEventListener(type: "error" | "messageerror", listener: (event: Event) => void): void;
  terminate(): void;
}

export interface WorkerStarters {
  readonly engine: () => EngineWorker;
  readonly data: () => EngineWorker;
}

export interface EngineClient {
  /** The engine's calls. After a death every one rejects with `EngineStopped`, until `restart`. */
  readonly engine: EngineApi;
  /**
   * The data worker's calls. After a death the pending ones reject with `EngineStopped`, and another worker that knows
   * the same model takes the place; one that never answered is not replaced before `restart`.
   */
  readonly data: DataApi;
  /** Hears every event; returns the way to stop hearing. */
  onEvent(listener: (event: EngineEvent | DataEvent) => void): () => void;
  /** Hears of the engine's death, once per worker; returns the way to stop hearing. */
  onDeath(listener: (error: Error) => void): () => void;
  /** Asks the browser not to throw away what is kept when the disk runs low; only a page may ask. True when granted. */
  keepStorage(): Promise<boolean>;
  /** Whether the browser promised that before; null where it does not say. */
  storageIsKept(): Promise<boolean | null>;
  /** Ends the present workers, if any, and starts new ones with nothing open in them. */
  restart(): void;
}

/** A worker that does not load, throws outside a call, or sends what cannot be read. */
class EngineStopped extends Error {
  override readonly name = "EngineStopped";
}

/** Starts the two workers of the page. */
export const pageWorkers: WorkerStarters = {
  engine: () => new Worker(new URL("../engine/entry.ts", import.meta.url), { type: "module", name: "hone-engine" }),
  data: () => new Worker(new URL("../datasets/entry.ts", import.meta.url), { type: "module", name: "hone-data" }),
};

function explain(event: Event, name: string, remedy: string): string {
  if (event.type === "messageerror") return `The ${name} sent a message that this browser could not read. ${remedy}`;
  // Only an exception brings a message; a file that does not load brings a bare event.
  const thrown = "message" in event && typeof event.message === "string" && event.message;
  return thrown
    ? `The ${name} stopped: ${thrown}. ${remedy}`
    : `The ${name} could not be loaded. Check that the page's files are all served, then start it again.`;
}

interface Line<Api> {
  /** Null where the browser let none be started. */
  readonly worker: EngineWorker | null;
  readonly connection: Connection<Api>;
  end(error: Error): void;
}

interface LineOptions<Event> {
  readonly start: () => EngineWorker;
  /** "engine", for messages. */
  readonly name: string;
  readonly remedy: string;
  readonly onEvent: (event: Event) => void;
  /** `answered`: whether it had ever sent anything. */
  readonly onDeath: (error: Error, answered: boolean) => void;
}

/** A worker with its connection. */
function openLine<Api extends Callable<Api>, Event>(options: LineOptions<Event>): Line<Api> {
  const { start, name, remedy, onEvent, onDeath } = options;
  let worker: EngineWorker;
  try {
    worker = start();
  } catch (cause) {
    // A page opened from a file may not start workers at all.
    const connection = connect<Api, Event>(new MessageChannel().port1, () => {});
    connection.close(new EngineStopped("This browser did not let the page start its engine.", { cause }));
    return { worker: null, connection, end: () => {} };
  }
  let answered = false;
  worker.addEventListener("message", () => {
    answered = true;
  });
  const connection = connect<Api, Event>(worker, onEvent);
  let alive = true;
  const end = (error: Error) => {
    alive = false;
    worker.terminate();
    connection.close(error);
  };
  const die = (event: globalThis.Event) => {
    if (!alive) return;
    const error = new EngineStopped(explain(event, name, remedy));
    end(error);
    onDeath(error, answered);
  };
  worker.addEventListener("error", die);
  worker.addEventListener("messageerror", die);
  return { worker, connection, end };
}

/** Connects to an engine and a data worker. The starters make the workers, now and at each restart. */
export function createEngineClient(starters: WorkerStarters): EngineClient {
  const eventListeners = new Set<(event: EngineEvent | DataEvent) => void>();
  const deathListeners = new Set<(error: Error) => void>();
  const onEvent = (event: EngineEvent | DataEvent) => {
    for (const listener of eventListeners) listener(event);
  };
  /** The model that the data worker was told last: another worker is told it again. */
  let model: TokenizerFiles | null = null;

  const openEngine = () =>
    openLine<EngineApi, EngineEvent>({
      start: starters.engine,
      name: "engine",
      remedy: "Start it again; runs go on from their last checkpoint.",
      onEvent,
      onDeath: (error) => {
        for (const listener of deathListeners) listener(error);
      },
    });

  const openData = (): Line<DataApi> =>
    openLine<DataApi, DataEvent>({
      start: starters.data,
      name: "data worker",
      remedy: "Try again; with fewer rows or a shorter file if it stops once more.",
      onEvent,
      onDeath: (_error, answered) => {
        if (!answered) return;
        data = openData();
        meet();
        // Should it be refused again, the call that needs the model says so.
        if (model) void data.connection.api.tellModel(model).catch(() => undefined);
      },
    });

  const meet = () => {
    if (engine.worker && data.worker) introduce(engine.worker, data.worker);
  };

  let engine = openEngine();
  let data = openData();
  meet();

  const listenTo =
    <T>(listeners: Set<T>) =>
    (listener: T) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    };

  const dataApi = new Proxy({} as DataApi, {
    get(_target, method) {
      const { api } = data.connection;
      if (method !== "tellModel") return api[method as keyof DataApi];
      return (files: TokenizerFiles) => {
        model = files;
        return api.tellModel(files);
      };
    },
  });

  return {
    get engine() {
      return engine.connection.api;
    },
    data: dataApi,
    onEvent: listenTo(eventListeners),
    onDeath: listenTo(deathListeners),
    keepStorage: requestPersistence,
    storageIsKept: isPersistent,
    restart() {
      const error = new EngineStopped("The engine was started again before this call ended.");
      engine.end(error);
      data.end(error);
      engine = openEngine();
      data = openData();
      meet();
    },
  };
}

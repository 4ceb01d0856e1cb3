/** The page's side of the two services: starts their workers, reports a worker that died, replaces one that is stuck. */

import type { WatchOptions } from "../protocol/activity.ts";
import { type DataApi, type DataEvent, type TokenizerFiles, withModel } from "../protocol/datasets.ts";
import type { EngineApi, EngineEvent } from "../protocol/engine.ts";
import { introduce } from "../protocol/rpc.ts";
import { isPersistent, requestPersistence } from "../storage/quota.ts";
import { EngineStopped, type EngineWorker, openDataWorker, openWorker } from "./workers.ts";

export { repeatWarning } from "../batching/mixture.ts";
/** The page names formats, their columns and fields of reasoning as the readers do. */
export { reasoningFields } from "../records/example.ts";
export { formatLabel, formats } from "../records/formats/describe.ts";
/** The page draws rows with a seed, as the services do. */
export { createRandom, shuffle } from "../tensor/random.ts";

export interface WorkerStarters {
  readonly engine: () => EngineWorker;
  readonly data: () => EngineWorker;
}

export interface EngineClient {
  /** The engine's calls. After its worker died, every call rejects with `EngineStopped` until `restart`. */
  readonly engine: EngineApi;
  /**
   * The dataset worker's calls. When the worker dies, pending calls reject with `EngineStopped`. A call whose work does not
   * end rejects with `WorkStopped`, which names the work; the other calls continue on a new worker.
   */
  readonly data: DataApi;
  /** Subscribes to every event; returns the unsubscribe function. */
  onEvent(listener: (event: EngineEvent | DataEvent) => void): () => void;
  /** Subscribes to the death of the engine's worker, once per worker; returns the unsubscribe function. */
  onDeath(listener: (error: Error) => void): () => void;
  /** Requests persistent storage, which the browser does not evict when the disk is full. Only a page may; true when granted. */
  requestPersistence(): Promise<boolean>;
  /** Whether storage is persistent already; null where the browser does not say. */
  isPersistent(): Promise<boolean | null>;
  /** Ends the present workers and starts new ones, in which nothing is open. */
  restart(): void;
}

export const pageWorkers: WorkerStarters = {
  engine: () => new Worker(new URL("../engine/entry.ts", import.meta.url), { type: "module", name: "hone-engine" }),
  data: () => new Worker(new URL("../datasets/entry.ts", import.meta.url), { type: "module", name: "hone-data" }),
};

/** Starts both workers with `starters` and connects them; `restart` does so again. */
export function createEngineClient(starters: WorkerStarters, watch: WatchOptions = {}): EngineClient {
  const eventListeners = new Set<(event: EngineEvent | DataEvent) => void>();
  const deathListeners = new Set<(error: Error) => void>();
  const onEvent = (event: EngineEvent | DataEvent) => {
    for (const listener of eventListeners) listener(event);
  };

  const openEngine = () =>
    openWorker<EngineApi, EngineEvent>({
      start: starters.engine,
      name: "engine",
      remedy: "Start it again; runs go on from their last checkpoint.",
      onEvent,
      onDeath: (error) => {
        for (const listener of deathListeners) listener(error);
      },
    });
  const openData = () =>
    openDataWorker({
      start: starters.data,
      onEvent,
      onReplaced: (worker, replaces) => {
        if (engine.worker) introduce(engine.worker, worker, replaces);
      },
      watch,
    });
  const introduceWorkers = () => {
    if (engine.worker && data.worker) introduce(engine.worker, data.worker);
  };

  let engine = openEngine();
  let data = openData();
  introduceWorkers();

  const listenTo =
    <T>(listeners: Set<T>) =>
    (listener: T) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    };

  /** The model that was added last, for a worker that replaced another and has no model. */
  let model: TokenizerFiles | null = null;
  const addModel: DataApi["addModel"] = async (files, signal) => {
    model = null;
    const added = await data.connection.api.addModel(files, signal);
    model = files;
    return added;
  };
  const dataApi = new Proxy({} as DataApi, {
    get(_target, method) {
      if (method === "addModel") return addModel;
      return (...args: never[]) =>
        withModel(
          () => (data.connection.api[method as keyof DataApi] as (...all: never[]) => Promise<unknown>)(...args),
          () => model && addModel(model),
        );
    },
  });

  return {
    get engine() {
      return engine.connection.api;
    },
    data: dataApi,
    onEvent: listenTo(eventListeners),
    onDeath: listenTo(deathListeners),
    requestPersistence,
    isPersistent,
    restart() {
      const error = new EngineStopped("The engine was started again before this call ended.");
      engine.end(error);
      data.end(error);
      engine = openEngine();
      data = openData();
      introduceWorkers();
    },
  };
}

/** The page's end of the engine and of the dataset worker: starts both, notices their deaths, and replaces them. */

import type { WatchOptions } from "../protocol/activity.ts";
import { type DataApi, type DataEvent, type TokenizerFiles, unknownModel } from "../protocol/datasets.ts";
import type { EngineApi, EngineEvent } from "../protocol/engine.ts";
import { introduce } from "../protocol/rpc.ts";
import { isPersistent, requestPersistence } from "../storage/quota.ts";
import { EngineStopped, type EngineWorker, openDataLine, openLine } from "./lines.ts";

export { repeatWarning } from "../batching/mixture.ts";
/** Words for people, not the engine: the page names formats and their columns as the readers do. */
export { formatLabel, formats } from "../records/formats/describe.ts";

export interface WorkerStarters {
  readonly engine: () => EngineWorker;
  readonly data: () => EngineWorker;
}

export interface EngineClient {
  /** The engine's calls. After a death every one rejects with `EngineStopped`, until `restart`. */
  readonly engine: EngineApi;
  /**
   * The dataset worker's calls. When the worker dies, pending calls reject with `EngineStopped`. When work of one call does not
   * end, that call rejects with `WorkStopped`, which names the work, and the others go on. Another worker takes the place.
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

/** Starts the two workers of the page. */
export const pageWorkers: WorkerStarters = {
  engine: () => new Worker(new URL("../engine/entry.ts", import.meta.url), { type: "module", name: "hone-engine" }),
  data: () => new Worker(new URL("../datasets/entry.ts", import.meta.url), { type: "module", name: "hone-data" }),
};

/** Connects to an engine and a dataset worker. The starters make the workers, now and at each restart. */
export function createEngineClient(starters: WorkerStarters, watch: WatchOptions = {}): EngineClient {
  const eventListeners = new Set<(event: EngineEvent | DataEvent) => void>();
  const deathListeners = new Set<(error: Error) => void>();
  const onEvent = (event: EngineEvent | DataEvent) => {
    for (const listener of eventListeners) listener(event);
  };

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
  const openData = () =>
    openDataLine({
      start: starters.data,
      onEvent,
      onReplaced: (worker, replaces) => {
        if (engine.worker) introduce(engine.worker, worker, replaces);
      },
      watch,
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

  /** The model that was added last: a worker that took the place of another does not know it. */
  let model: TokenizerFiles | null = null;
  const addModel: DataApi["addModel"] = async (files, signal) => {
    model = null;
    const added = await data.connection.api.addModel(files, signal);
    model = files;
    return added;
  };
  const withModel = async (call: () => Promise<unknown>) => {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Error) || error.name !== unknownModel || !model) throw error;
      await addModel(model);
      return call();
    }
  };
  const dataApi = new Proxy({} as DataApi, {
    get(_target, method) {
      if (method === "addModel") return addModel;
      return (...args: never[]) =>
        withModel(() =>
          (data.connection.api[method as keyof DataApi] as (...all: never[]) => Promise<unknown>)(...args),
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

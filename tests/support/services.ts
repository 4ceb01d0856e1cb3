/**
 * The page's two services in the test's thread: the real engine and dataset service, each behind a message channel that stands
 * for the worker. Stubs of single calls simulate events that a test cannot cause (a refusal, a crash, another tab's messages).
 */

import type { WorkerStarters } from "../../src/client/client.ts";
import type { EngineWorker } from "../../src/client/workers.ts";
import { createDatasetService } from "../../src/datasets/datasets.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { followActivity } from "../../src/protocol/activity.ts";
import type { DataApi, DataEvent } from "../../src/protocol/datasets.ts";
import type { EngineApi, EngineEvent } from "../../src/protocol/engine.ts";
import { connect, emitTo, onPort, serve } from "../../src/protocol/rpc.ts";
import type { OrtEntries } from "../../src/runtime/provider.ts";
import { openStorage } from "../../src/storage/storage.ts";

/** Calls that stubs answer instead of the service. */
export interface Stubs {
  /** Called once per engine; `real` is the service for all other calls. */
  readonly engine?: (real: EngineApi) => Partial<EngineApi>;
  readonly data?: (real: DataApi) => Partial<DataApi>;
}

export interface Services extends WorkerStarters {
  /** Sends an engine event to the page, as when another tab trains. */
  tell(event: EngineEvent): void;
  /** Crashes the last started engine, as an uncaught exception would; resolves once its work has ended. */
  crash(): Promise<void>;
  /** Ends training and all running calls of the page; later calls get no answer. */
  close(): Promise<void>;
}

/** A stub that rejects. */
export const refuse = (message: string) => () => Promise.reject(new Error(message));

/** A stub that ends only when it is cancelled. */
export const untilCancelled = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

/** Counts running calls, and cancels those that can be cancelled. */
function createCalls() {
  const pending = new Set<Promise<unknown>>();
  let end = new AbortController();
  return {
    watched: <Api extends object>(api: Api): Api =>
      new Proxy(api, {
        get(target, name) {
          const call: unknown = Reflect.get(target, name);
          if (typeof call !== "function") return call;
          return (...args: unknown[]) => {
            const signals = (one: unknown) => (one instanceof AbortSignal ? AbortSignal.any([one, end.signal]) : one);
            const work: Promise<unknown> = call.apply(target, args.map(signals));
            pending.add(work);
            void work.catch(() => undefined).finally(() => pending.delete(work));
            return work;
          };
        },
      }),
    async end() {
      end.abort();
      end = new AbortController();
      while (pending.size > 0) await Promise.allSettled(pending);
    },
  };
}

function workerOf(answer: (port: MessagePort) => void): EngineWorker & EventTarget {
  const { port1, port2 } = new MessageChannel();
  answer(port2);
  port1.start();
  port2.start();
  return Object.assign(port1, {
    terminate() {
      port1.close();
      port2.close();
    },
  });
}

/** Starters of both services, for `createEngineClient`. `entries` match the place where the test runs. */
export function openServices(entries: OrtEntries, stubs: Stubs = {}): Services {
  const calls = createCalls();
  const engines: Promise<EngineApi>[] = [];
  const workers: EngineWorker[] = [];
  let tell: (event: EngineEvent) => void = () => undefined;
  let die: () => void = () => undefined;
  const settle = async () => {
    for (const engine of engines) await (await engine).cancelRun();
    await calls.end();
  };
  return {
    engine() {
      const worker = workerOf((port) => {
        tell = emitTo<EngineEvent>(port);
        const met = new Promise<DataApi>((resolve) => {
          onPort(port, (other) => resolve(connect<DataApi, DataEvent>(other, () => undefined).api));
        });
        const engine = createEngine(entries, tell, () => met);
        engines.push(engine);
        const served = engine.then((real) => calls.watched<EngineApi>({ ...real, ...stubs.engine?.(real) }));
        serve(() => served, port);
      });
      die = () => void worker.dispatchEvent(new Event("error"));
      workers.push(worker);
      return worker;
    },
    data() {
      const worker = workerOf((port) => {
        const activity = followActivity(port);
        const service = openStorage().then((storage) =>
          createDatasetService(storage, emitTo<DataEvent>(port), { activity }),
        );
        const during = async (call: string) => {
          const real = (await service).during(call);
          return calls.watched<DataApi>({ ...real, ...stubs.data?.(real) });
        };
        serve(during, port, { name: "page", activity });
        onPort(port, (other) => serve(during, other, { name: "engine", activity }));
      });
      workers.push(worker);
      return worker;
    },
    tell: (event) => tell(event),
    crash: () => {
      die();
      return settle();
    },
    async close() {
      await settle();
      for (const worker of workers) worker.terminate();
    },
  };
}

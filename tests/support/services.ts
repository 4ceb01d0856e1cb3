/**
 * The page's two services in the test's own thread: the real engine and the real datasets, each behind a message channel as
 * behind a worker. What no real service does on demand (a refusal, a death, another tab's words) is a stub of a single call.
 */

import type { WorkerStarters } from "../../src/client/client.ts";
import type { EngineWorker } from "../../src/client/lines.ts";
import { createDatasetService } from "../../src/datasets/datasets.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { followActivity } from "../../src/protocol/activity.ts";
import type { DataApi, DataEvent } from "../../src/protocol/datasets.ts";
import type { EngineApi, EngineEvent } from "../../src/protocol/engine.ts";
import { connect, emitTo, onPort, serve } from "../../src/protocol/rpc.ts";
import type { OrtEntries } from "../../src/runtime/provider.ts";
import { openStorage } from "../../src/storage/storage.ts";

/** Calls that are answered otherwise than by the service. */
export interface Stubs {
  /** Made once per engine; `real` is the service that the other calls go to. */
  readonly engine?: (real: EngineApi) => Partial<EngineApi>;
  readonly data?: (real: DataApi) => Partial<DataApi>;
}

export interface Services extends WorkerStarters {
  /** Has the engine tell the page something, as it does when another tab trains. */
  tell(event: EngineEvent): void;
  /** Has the engine that was started last die, as of an uncaught exception; resolves once nothing of it is at work. */
  crash(): Promise<void>;
  /** Ends whatever trains and every call of the page that is under way; what the page calls later is not heard. */
  close(): Promise<void>;
}

/** A call that is refused. */
export const refuse = (message: string) => () => Promise.reject(new Error(message));

/** A call that ends only when it is cancelled. */
export const untilCancelled = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

/** Counts the calls that have not ended, and ends those that can be. */
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

/** Starters of both services, for `createEngineClient`. `entries` are those of the place where the test runs. */
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

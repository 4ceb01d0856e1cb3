/** Engine and dataset service in the test's own thread, with no worker between, and rows taken in as a page would. */

import { createDatasetService } from "../../src/datasets/datasets.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { DataApi } from "../../src/protocol/datasets.ts";
import type { EngineApi, EngineEvent } from "../../src/protocol/engine.ts";
import { type SourceChoice, wholeSource } from "../../src/run/source.ts";
import type { OrtEntries } from "../../src/runtime/provider.ts";
import { openStorage } from "../../src/storage/storage.ts";

export interface Here {
  readonly engine: EngineApi;
  readonly data: DataApi;
  /** Hears every event of the engine at once, before it goes on; returns the way to stop hearing. */
  onEvent(listener: (event: EngineEvent) => void): () => void;
}

/** `entries` are those of the place where the test runs: `browserEntries`, or `nodeEntries`. */
export async function engineHere(entries: OrtEntries): Promise<Here> {
  const listeners = new Set<(event: EngineEvent) => void>();
  const emit = (event: EngineEvent) => {
    for (const listener of listeners) listener(event);
  };
  const data = createDatasetService(await openStorage(), () => undefined).during("");
  return {
    engine: await createEngine(entries, emit, async () => data),
    data,
    onEvent(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** Resolves once the run that trains has taken so many steps. */
export function stepTaken({ onEvent }: Pick<Here, "onEvent">, step: number): Promise<void> {
  return new Promise((resolve) => {
    const stop = onEvent((event) => {
      if (event.type !== "step" || event.metrics.step < step) return;
      stop();
      resolve();
    });
  });
}

/** Rows as a file of JSON, taken in. */
export async function takeIn(data: DataApi, rows: unknown, name = "pairs.json"): Promise<SourceChoice> {
  const { sources, failures } = await data.open([new File([JSON.stringify(rows)], name)]);
  if (!sources[0]) throw new Error(failures.map(({ message }) => message).join(" "));
  return wholeSource(sources[0].hash);
}

/** The engine's worker: one engine, served over the worker's own port. */

import type { DataApi, DataEvent } from "../protocol/datasets.ts";
import type { EngineApi, EngineEvent } from "../protocol/engine.ts";
import { type Connection, connect, emitTo, onPort, serve } from "../protocol/rpc.ts";
import { tabChannel } from "../protocol/tabs.ts";
import { browserEntries } from "../runtime/browserEntries.ts";
import { createEngine } from "./engine.ts";

/** The way to the data worker, which the page hands in; a new one replaces it. What that worker tells, it tells the page. */
let current: Connection<DataApi> | null = null;
const met = new Promise<void>((resolve) => {
  onPort(self, (port) => {
    current?.close(new Error("The data worker stopped, and another one has taken its place: try again."));
    current = connect<DataApi, DataEvent>(port, () => {});
    resolve();
  });
});

async function data(): Promise<DataApi> {
  await met;
  if (!current) throw new Error("The data worker is not there: reload the page.");
  return current.api;
}

serve<EngineApi>(createEngine(browserEntries, emitTo<EngineEvent>(self), data, tabChannel()), self);

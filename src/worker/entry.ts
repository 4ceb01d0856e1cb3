/** The engine's worker: one engine, served over the worker's own port. */

import { browserEntries } from "../runtime/browserEntries.ts";
import type { DataApi, DataEvent } from "./dataProtocol.ts";
import { createEngine } from "./engine.ts";
import type { EngineApi, EngineEvent } from "./protocol.ts";
import { type Connection, connect, emitTo, onPort, serve } from "./rpc.ts";
import { tabChannel } from "./tabs.ts";

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

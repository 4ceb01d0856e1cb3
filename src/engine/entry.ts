/** The engine's worker: one engine, served over the worker's own port. */

import type { DataApi, DataEvent } from "../protocol/datasets.ts";
import type { EngineApi, EngineEvent } from "../protocol/engine.ts";
import { type Connection, connect, emitTo, onPort, serve } from "../protocol/rpc.ts";
import { tabChannel } from "../protocol/tabs.ts";
import { browserEntries } from "../runtime/browserEntries.ts";
import { createEngine } from "./engine.ts";

/** The connection to the dataset worker, over a port that the page brings. That worker's events go to the page alone. */
const service = new Promise<DataApi>((resolve) => {
  let connection: Connection<DataApi> | null = null;
  onPort(self, (port, replaces) => {
    if (connection && replaces) {
      connection.moveTo(port, { id: replaces.id, error: new Error(replaces.message) });
    } else {
      connection = connect<DataApi, DataEvent>(port, () => {}, { rejectAtOnce: true });
      resolve(connection.api);
    }
  });
});

const engine = createEngine(browserEntries, emitTo<EngineEvent>(self), () => service, tabChannel());
// Each call that waits for the engine rejects; without a call nobody needs to know.
engine.catch(() => undefined);
serve<EngineApi>(() => engine, self);

/** The data worker: one desk, served to the page over the worker's own port, and to the engine over one that the page hands in. */

import type { DataApi, DataEvent } from "../protocol/datasets.ts";
import { emitTo, onPort, serve } from "../protocol/rpc.ts";
import { openStorage } from "../storage/storage.ts";
import { createDataDesk } from "./datasets.ts";

const desk = openStorage().then((storage) => createDataDesk(storage, emitTo<DataEvent>(self)));
serve<DataApi>(desk, self);
onPort(self, (port) => serve<DataApi>(desk, port));

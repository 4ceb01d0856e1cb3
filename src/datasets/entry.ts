/** The dataset worker: one service, for the page over the worker's own port, and for the engine over one that the page brings. */

import { followActivity } from "../protocol/activity.ts";
import type { DataApi, DataEvent } from "../protocol/datasets.ts";
import { emitTo, onPort, serve } from "../protocol/rpc.ts";
import { openStorage } from "../storage/storage.ts";
import { createDatasetService } from "./datasets.ts";

const activity = followActivity(self);
const service = openStorage().then((storage) => createDatasetService(storage, emitTo<DataEvent>(self), { activity }));
// Each call that waits for the service rejects; without a call nobody needs to know.
service.catch(() => undefined);
const during = async (call: string) => (await service).during(call);

serve<DataApi>(during, self, { name: "page", activity });
onPort(self, (port) => serve<DataApi>(during, port, { name: "engine", activity }));

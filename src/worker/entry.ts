/** The engine's worker: one engine, served over the worker's own port. */

import { browserEntries } from "../runtime/browserEntries.ts";
import { createEngine } from "./engine.ts";
import type { EngineApi, EngineEvent } from "./protocol.ts";
import { emitTo, serve } from "./rpc.ts";

serve<EngineApi>(createEngine(browserEntries, emitTo<EngineEvent>(self)), self);

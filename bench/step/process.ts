/** One engine in a process of its own, on WebGPU under Node; processes.ts starts it and makes its calls. */

import { dawnEntries, endNow } from "../../src/runtime/dawnEntries.ts";
import { answerTo, type CallMessage, createCalls } from "./calls.ts";
import type { PageEngine, Prepare } from "./engine.ts";
import { honeOn } from "./honeOn.ts";
import "./iteratorHelpers.ts";
import { problemOf } from "./problem.ts";

const entries = await dawnEntries();
if (typeof entries === "string") throw new Error(entries);

const engines: { readonly [engine in PageEngine]: () => Promise<{ prepare: Prepare }> } = {
  hone: async () => ({ prepare: honeOn(entries) }),
  other: () => Promise.reject(new Error("Another checkout of Hone runs only in a browser.")),
  jax: () => import("./jax.ts"),
  tfjs: () => import("./tfjs.ts"),
};

const calls = createCalls({
  load: (engine) => engines[engine](),
  problemFor: async (_engine, ...parameters) => problemOf(...parameters),
});

process.on("message", async (message: CallMessage) => process.send?.(await answerTo(calls, message)));
process.on("disconnect", endNow);

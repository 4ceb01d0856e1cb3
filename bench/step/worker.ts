/** The worker of one engine in its page. */

import { answerTo, type CallMessage, createCalls } from "./calls.ts";
import type { PageEngine, Prepare } from "./engine.ts";
import { problemOf } from "./problem.ts";

const engines: { readonly [engine in PageEngine]: () => Promise<{ prepare: Prepare }> } = {
  hone: () => import("./hone.ts"),
  other: () => import("hone:other"),
  jax: () => import("./jax.ts"),
  tfjs: () => import("./tfjs.ts"),
};

const calls = createCalls({
  load: (engine) => engines[engine](),
  problemFor: async (engine, ...parameters) =>
    engine === "other" ? (await import("hone:other")).problemOf(...parameters) : problemOf(...parameters),
});

self.onmessage = async ({ data }: MessageEvent<CallMessage>) => self.postMessage(await answerTo(calls, data));

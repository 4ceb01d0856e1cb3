/** One part of `npm run gpu` in a process of its own; run.ts starts it and prints what it sends. */

import { dawnEntries, endNow } from "../../src/runtime/dawnEntries.ts";
import { messageOf } from "../../src/runtime/errors.ts";
import type { AdapterFacts } from "./part.ts";
import { parts } from "./parts.ts";
import type { Row } from "./row.ts";
import { type Effort, scaleOf } from "./scale.ts";

export interface ChildRequest extends Effort {
  readonly part: string;
}

export type ChildMessage =
  | { readonly kind: "missing"; readonly reason: string }
  | { readonly kind: "adapter"; readonly adapter: AdapterFacts }
  | { readonly kind: "row"; readonly row: Row }
  | { readonly kind: "end"; readonly error: string | null };

/** Resolves when the message is on its way, because the process exits after the last one. */
const send = (message: ChildMessage) =>
  new Promise<void>((sent) => {
    if (process.send) process.send(message, () => sent());
    else sent();
  });

async function factsOf(): Promise<AdapterFacts> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("Dawn gave an adapter once, but not again.");
  const { description, device, architecture, isFallbackAdapter } = adapter.info;
  return {
    name: description || device || architecture || "an adapter without a name",
    emulated: isFallbackAdapter,
    shaderF16: adapter.features.has("shader-f16"),
  };
}

async function answer({ part: name, ...effort }: ChildRequest): Promise<void> {
  const entries = await dawnEntries();
  if (typeof entries === "string") return send({ kind: "missing", reason: entries });
  const adapter = await factsOf();
  await send({ kind: "adapter", adapter });
  const part = parts.find((entry) => entry.name === name);
  if (!part) throw new Error(`There is no part ${name}.`);
  const { run } = await part.load();
  const scale = scaleOf(adapter.emulated, effort);
  await run({ entries, adapter, scale, report: (row) => void send({ kind: "row", row }) });
}

process.on("message", async (request: ChildRequest) => {
  const error = await answer(request).then(() => null, messageOf);
  await send({ kind: "end", error });
  endNow();
});
process.on("disconnect", endNow);

/** The page of one engine: forwards each call to the engine's worker, as Hone's page does. */

import type { Calls } from "./calls.ts";

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
let calls = 0;

worker.onmessage = ({ data }: MessageEvent<{ id: number; value?: unknown; failure?: string }>) => {
  const call = waiting.get(data.id);
  waiting.delete(data.id);
  if (data.failure === undefined) call?.resolve(data.value);
  else call?.reject(new Error(data.failure));
};
worker.onerror = (event) => {
  for (const { reject } of waiting.values()) reject(new Error(event.message || "The worker did not load."));
  waiting.clear();
};

/** The command calls this with plain data. */
const call = (name: keyof Calls, argument: unknown) =>
  new Promise<unknown>((resolve, reject) => {
    const id = calls++;
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, name, argument });
  });

Object.assign(globalThis, { call });

/** The page of one engine: hands each call to the worker in which the engine lives, as on Hone's own page. */

import type { Calls } from "./worker.ts";

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

/** Called by the command, with plain data. */
const call = (name: keyof Calls, argument: unknown) =>
  new Promise<unknown>((resolve, reject) => {
    const id = calls++;
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, name, argument });
  });

Object.assign(globalThis, { call });

/** Engines in processes of their own, on WebGPU under Node. */

import { fork } from "node:child_process";
import { once } from "node:events";
import { scriptBeside } from "../../scripts/harness/beside.ts";
import type { AnswerMessage, Calls } from "./calls.ts";
import type { Place } from "./entrant.ts";
import { residentOf, type Tab } from "./tab.ts";

const script = scriptBeside(import.meta.url, "process");

/** A process answers like a tab of the page. */
export const processes: Place = {
  description: `Node ${process.version} with Dawn`,
  open: async () => openProcess(),
};

function openProcess(): Tab {
  const child = fork(script);
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let count = 0;
  child.on("message", (answer: AnswerMessage) => {
    const call = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ("failure" in answer) call?.reject(new Error(answer.failure));
    else call?.resolve(answer.value);
  });
  child.on("exit", (code, signal) => {
    const error = new Error(`The engine's process ended with ${signal ?? `code ${code}`}; its output is above.`);
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });
  return {
    call: (name, ...argument) =>
      new Promise<unknown>((resolve, reject) => {
        if (!child.connected) {
          reject(new Error("The engine's process has ended; its output is above."));
          return;
        }
        const id = count++;
        waiting.set(id, { resolve, reject });
        child.send({ id, name, argument: argument[0] ?? null });
      }) as ReturnType<Calls[typeof name]>,
    resident: () => (child.pid === undefined ? null : residentOf(child.pid)),
    bytesLoaded: () => null,
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    },
  };
}

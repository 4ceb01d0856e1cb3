/** Storage in a dedicated worker, driven by messages: stands for another tab, and dies as one when it is terminated. */

import { acquireTrainingLock } from "../../src/storage/lock.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { byteTensor, contents, loadWhole, patternBytes, runRecord } from "../unit/storage/backend.ts";

export type Command =
  | { readonly do: "lock" }
  | { readonly do: "collect" }
  /** Deletes a whole database; answers when it is gone. */
  | { readonly do: "delete"; readonly database: string }
  /** Saves a checkpoint of so many bytes; with `halt` it stops before its last tensor until "go on". */
  | { readonly do: "save"; readonly run: string; readonly step: number; readonly bytes: number; readonly halt: boolean }
  | { readonly do: "load"; readonly run: string }
  | { readonly do: "go on" };

let goOn = () => {};
const opened = openStorage();

async function perform(command: Command): Promise<unknown> {
  const storage = await opened;
  switch (command.do) {
    case "lock":
      return (await acquireTrainingLock()) !== null;
    case "collect":
      return storage.collect();
    case "delete": {
      const request = indexedDB.deleteDatabase(command.database);
      return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(null);
        request.onerror = () => reject(request.error);
      });
    }
    case "load": {
      const { step, tensors } = await loadWhole(storage, command.run);
      return { step, w: tensors.w };
    }
    case "go on":
      return goOn();
    case "save": {
      const { record, state, tensors } = contents(runRecord(command.run, command.step), {
        w: patternBytes(command.bytes, command.step),
      });
      const last = byteTensor("last", Uint8Array.of(command.step));
      const read = async () => {
        if (command.halt) {
          postMessage("halted");
          await new Promise<void>((resolve) => {
            goOn = resolve;
          });
        }
        return last.read();
      };
      return (await storage.checkpoints.save({ record, state, tensors: [...tensors, { ...last, read }] })).step;
    }
  }
}

addEventListener("message", async ({ data }: MessageEvent<{ id: number; command: Command }>) => {
  try {
    postMessage({ id: data.id, result: await perform(data.command) });
  } catch (error) {
    postMessage({ id: data.id, error: String(error) });
  }
});

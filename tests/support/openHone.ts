/** The page's store on the real services in Node, without a page. */

import { afterEach, beforeAll, beforeEach } from "vitest";
import { createEngineClient } from "../../src/client/client.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createHone, type Hone } from "../../src/store/hone.ts";
import type { HoneState } from "../../src/store/state.ts";
import { type DiskCopy, disk } from "./disk.ts";
import { engineHere, type Here } from "./engineHere.ts";
import { openServices, type Services, type Stubs } from "./services.ts";

const opened: Services[] = [];

/** Each test starts with the disk that `prepare` wrote, once per file. Returns a getter for the result of `prepare`. */
export function eachOnADisk<T>(prepare: (here: Here) => Promise<T>): () => T {
  let made: { readonly given: T; readonly copy: DiskCopy } | null = null;
  beforeAll(async () => {
    disk.put();
    const here = await engineHere(nodeEntries);
    await here.engine.start("wasm");
    made = { given: await prepare(here), copy: disk.copy() };
  }, 300_000);
  beforeEach(() => disk.put(made?.copy));
  afterEach(async () => {
    for (const services of opened.splice(0)) await services.close();
  });
  return () => {
    if (!made) throw new Error("The prepared disk exists only inside a test.");
    return made.given;
  };
}

/** A page that has just started its engine; its data on the disk outlives it. */
export async function openHone(stubs: Stubs = {}) {
  const services = openServices(nodeEntries, stubs);
  opened.push(services);
  const client = createEngineClient(services);
  const hone = createHone(client);
  await hone.engine.start("auto");
  const crash = () => {
    disk.cut();
    return services.crash();
  };
  return { hone, client, tell: services.tell, crash, facts: () => hone.store.getState() };
}

/** Resolves at the state change that makes `isTrue` true, so that a test does not depend on timers. */
export function until({ store }: Pick<Hone, "store">, isTrue: (state: HoneState) => boolean): Promise<void> {
  if (isTrue(store.getState())) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = store.subscribe((state) => {
      if (!isTrue(state)) return;
      stop();
      resolve();
    });
  });
}

/** The client's life: a worker that dies rejects its calls once, and a new one answers. */

import { expect, test } from "vitest";
import { createEngineClient } from "../../../src/client/client.ts";
import type { EngineWorker } from "../../../src/client/lines.ts";
import type { WatchOptions } from "../../../src/protocol/activity.ts";
import type { DataEvent } from "../../../src/protocol/datasets.ts";
import type { EngineEvent } from "../../../src/protocol/engine.ts";
import type { DataSpec } from "../../../src/run/dataSpec.ts";

/** A worker that never answers; `fire` plays the browser's part. */
class SilentWorker extends EventTarget {
  terminated = false;
  readonly sent: unknown[] = [];
  postMessage(message: unknown) {
    this.sent.push(message);
  }
  terminate() {
    this.terminated = true;
  }
}

/** Node has no ErrorEvent. */
class ErrorEventStub extends Event {
  readonly message: string;
  constructor(message: string) {
    super("error");
    this.message = message;
  }
}

function clientOf(watch: WatchOptions = {}) {
  const workers: SilentWorker[] = [];
  const desks: SilentWorker[] = [];
  const startIn = (list: SilentWorker[]) => () => {
    const worker = new SilentWorker();
    list.push(worker);
    return worker as EngineWorker;
  };
  const client = createEngineClient({ engine: startIn(workers), data: startIn(desks) }, watch);
  return { client, workers, desks };
}

test.each([
  ["a file that does not load", new Event("error"), /could not be loaded/],
  ["an exception outside a call", new ErrorEventStub("boom in the worker"), /boom in the worker/],
  ["an unreadable message", new Event("messageerror"), /could not read/],
])("%s ends the worker, rejects what is pending and is told once", async (_name, event, text) => {
  const { client, workers } = clientOf();
  const deaths: Error[] = [];
  client.onDeath((error) => deaths.push(error));
  const pending = client.engine.report();
  workers[0]?.dispatchEvent(event);
  workers[0]?.dispatchEvent(event);
  await expect(pending).rejects.toMatchObject({ name: "EngineStopped", message: expect.stringMatching(text) });
  await expect(client.engine.listRuns()).rejects.toMatchObject({ name: "EngineStopped" });
  expect(workers[0]?.terminated).toBe(true);
  expect(deaths).toHaveLength(1);
});

test("a worker that may not be started rejects calls instead of throwing; a restart tries again", async () => {
  let allowed = false;
  const start = () => {
    if (!allowed) throw new Error("not from a file");
    return new SilentWorker() as EngineWorker;
  };
  const client = createEngineClient({ engine: start, data: start });
  await expect(client.data.list()).rejects.toMatchObject({ name: "EngineStopped" });
  await expect(client.engine.report()).rejects.toMatchObject({ name: "EngineStopped" });
  allowed = true;
  client.restart();
  const silent = await Promise.race([client.engine.report(), Promise.resolve("no answer yet")]);
  expect(silent).toBe("no answer yet");
});

test("a restart starts another worker; the old one is heard no more", async () => {
  const { client, workers } = clientOf();
  const events: (EngineEvent | DataEvent)[] = [];
  const stop = client.onEvent((event) => events.push(event));
  const lost = client.engine.report();
  client.restart();
  await expect(lost).rejects.toMatchObject({ name: "EngineStopped" });
  expect(workers).toHaveLength(2);

  const event: EngineEvent = { type: "deviceLost", message: "gone" };
  workers[0]?.dispatchEvent(new MessageEvent("message", { data: { kind: "event", event } }));
  expect(events).toEqual([]);
  workers[1]?.dispatchEvent(new MessageEvent("message", { data: { kind: "event", event } }));
  expect(events).toEqual([event]);
  stop();
  workers[1]?.dispatchEvent(new MessageEvent("message", { data: { kind: "event", event } }));
  expect(events).toHaveLength(1);

  const report = client.engine.report();
  workers[1]?.dispatchEvent(new MessageEvent("message", { data: { kind: "result", id: 1, value: "there" } }));
  expect(await report).toBe("there");
});

const tokenizerFiles = {
  modelHash: "m",
  tokenizerJson: {},
  tokenizerConfig: null,
  chatTemplate: null,
  contextLength: 8,
};
/** The calls that a worker was sent, by their names; introductions are "port". */
const heard = (worker: SilentWorker | undefined) =>
  (worker?.sent ?? []).map((message) => {
    const { kind, method } = message as { kind: string; method?: string };
    return method ?? kind;
  });

/** Plays a worker that answers its first call. */
const answer = (worker: SilentWorker | undefined, id: number, value: unknown) =>
  worker?.dispatchEvent(new MessageEvent("message", { data: { kind: "result", id, value } }));
const refuse = (worker: SilentWorker | undefined, id: number, name: string) => {
  const error = { name, message: name, stack: undefined, cause: undefined };
  worker?.dispatchEvent(new MessageEvent("message", { data: { kind: "error", id, error } }));
};

test("a dataset worker that dies is replaced, meets the engine, and is given the model when it needs it", async () => {
  const { client, workers, desks } = clientOf();
  const deaths: Error[] = [];
  client.onDeath((error) => deaths.push(error));
  const added = client.data.addModel(tokenizerFiles);
  const pending = client.data.list();
  answer(desks[0], 1, undefined);
  await added;
  desks[0]?.dispatchEvent(new ErrorEventStub("out of memory"));
  await expect(pending).rejects.toMatchObject({
    name: "EngineStopped",
    message: expect.stringMatching(/out of memory/),
  });
  expect(desks).toHaveLength(2);
  expect(heard(workers[0])).toEqual(["port", "port"]);
  expect(workers[0]?.terminated).toBe(false);
  expect(deaths).toEqual([]);

  const again = client.data.inspect({} as DataSpec);
  refuse(desks[1], 3, "UnknownModel");
  await expect.poll(() => heard(desks[1])).toEqual(["watch", "port", "inspect", "addModel"]);
  answer(desks[1], 4, undefined);
  await expect.poll(() => heard(desks[1]).slice(4)).toEqual(["inspect"]);
  answer(desks[1], 5, "a report");
  expect(await again).toBe("a report");
});

test("a dataset worker that is stuck is replaced: the call at fault is named and rejects, the others go on", async () => {
  const { client, workers, desks } = clientOf({ every: 5, patience: 3 });
  const [hanging, other] = [client.data.open([]), client.data.list()];
  const say = (data: unknown) => desks[0]?.dispatchEvent(new MessageEvent("message", { data }));
  say({ kind: "busy", busy: true });
  const watch = desks[0]?.sent.find((message) => (message as { kind: string }).kind === "watch");
  const { memory } = watch as { memory: SharedArrayBuffer };
  const name = new TextEncoder().encode('{"call":"page:1","subject":"wide.csv","part":"The file reader"}');
  new Uint8Array(memory).set(name, 8);
  new Int32Array(memory)[1] = name.length;
  await expect(hanging).rejects.toMatchObject({
    name: "WorkStopped",
    message: expect.stringMatching(/^The file reader did not end on wide\.csv/),
  });
  expect(desks[0]?.terminated).toBe(true);
  expect(heard(desks[1])).toEqual(["watch", "list", "port"]);
  expect(workers[0]?.sent.at(-1)).toMatchObject({ kind: "port", replaces: { id: null } });
  answer(desks[1], 2, []);
  expect(await other).toEqual([]);
});

test("a data worker that never answered is not started over and over", async () => {
  const { client, desks } = clientOf();
  desks[0]?.dispatchEvent(new Event("error"));
  await expect(client.data.list()).rejects.toMatchObject({ message: expect.stringMatching(/could not be loaded/) });
  expect(desks).toHaveLength(1);
});

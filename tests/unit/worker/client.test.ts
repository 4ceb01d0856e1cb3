/** The client's life: a worker that dies rejects its calls once, and a new one answers. */

import { expect, test } from "vitest";
import { createEngineClient, type EngineWorker } from "../../../src/worker/client.ts";
import type { EngineEvent } from "../../../src/worker/protocol.ts";

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

function clientOf() {
  const workers: SilentWorker[] = [];
  const client = createEngineClient(() => {
    const worker = new SilentWorker();
    workers.push(worker);
    return worker as EngineWorker;
  });
  return { client, workers };
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
  const client = createEngineClient(() => {
    if (!allowed) throw new Error("not from a file");
    return new SilentWorker() as EngineWorker;
  });
  await expect(client.engine.report()).rejects.toMatchObject({ name: "EngineStopped" });
  allowed = true;
  client.restart();
  const silent = await Promise.race([client.engine.report(), Promise.resolve("no answer yet")]);
  expect(silent).toBe("no answer yet");
});

test("a restart starts another worker; the old one is heard no more", async () => {
  const { client, workers } = clientOf();
  const events: EngineEvent[] = [];
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

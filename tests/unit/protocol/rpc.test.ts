/** Calls over a real MessageChannel: values, errors, cancelling, transfer, events. Oracle: the direct call. */

import { afterEach, describe, expect, test } from "vitest";
import { connect, emitTo, type Port, serve, transfer } from "../../../src/protocol/rpc.ts";

interface Echo {
  add(a: number, b: number): Promise<number>;
  bytes(length: number): Promise<{ data: Uint8Array<ArrayBuffer> }>;
  lengthOf(data: Uint8Array): Promise<number>;
  fail(): Promise<never>;
  failOddly(): Promise<never>;
  unclonable(): Promise<unknown>;
  wait(label: string, signal?: AbortSignal): Promise<string>;
  waitLast(signal: AbortSignal | undefined, label: string): Promise<string>;
}

const channels: MessageChannel[] = [];
afterEach(() => {
  for (const { port1, port2 } of channels.splice(0)) {
    port1.close();
    port2.close();
  }
});

function untilAborted(label: string, signal: AbortSignal): Promise<string> {
  return new Promise((_resolve, reject) =>
    signal.addEventListener("abort", () => reject(new DOMException(`${label} was cancelled`, "AbortError"))),
  );
}

function pair() {
  const channel = new MessageChannel();
  channels.push(channel);
  channel.port1.start();
  channel.port2.start();
  let kept: Uint8Array | null = null;
  const api: Echo = {
    add: async (a, b) => a + b,
    bytes: async (length) => {
      const data = new Uint8Array(length).fill(7);
      kept = data;
      return transfer({ data }, [data.buffer]);
    },
    lengthOf: async (data) => data.length,
    fail: async () => {
      const error = new RangeError("header is 9 bytes, file has 4", { cause: new TypeError("inner") });
      throw error;
    },
    failOddly: async () => {
      throw "plain text";
    },
    unclonable: async () => () => 1,
    wait: async (label, signal) => (signal ? untilAborted(label, signal) : `${label} without signal`),
    waitLast: async (signal, label) => (signal ? untilAborted(label, signal) : label),
  };
  serve(() => api, channel.port2);
  const events: unknown[] = [];
  const connection = connect<Echo, unknown>(channel.port1, (event) => events.push(event));
  return { ...connection, events, emit: emitTo<unknown>(channel.port2), kept: () => kept };
}

test("a call gives what the function gives, and calls do not mix", async () => {
  const { api } = pair();
  expect(await Promise.all([api.add(1, 2), api.add(10, 20), api.add(-1, 1)])).toEqual([3, 30, 0]);
});

test("an error crosses with name, message and cause", async () => {
  const error = await pair()
    .api.fail()
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: "RangeError", message: "header is 9 bytes, file has 4" });
  expect((error as Error).cause).toMatchObject({ name: "TypeError", message: "inner" });
});

test("what is thrown without being an Error, and a result that cannot be cloned, reject too", async () => {
  const { api } = pair();
  await expect(api.failOddly()).rejects.toThrow("plain text");
  await expect(api.unclonable()).rejects.toThrow(/clone/);
  expect(await api.add(2, 2)).toBe(4);
});

test("an argument that cannot be cloned rejects on this side and leaves nothing pending", async () => {
  const { api } = pair();
  await expect(api.add(1, (() => 1) as never)).rejects.toThrow(/clone/);
  expect(await api.add(2, 3)).toBe(5);
});

test("a call that does not exist is named", async () => {
  const { api } = pair();
  const missing = api as Echo & { nothing(): Promise<void> };
  await expect(missing.nothing()).rejects.toThrow('"nothing"');
});

test("a signal cancels its own call only, wherever it stands among the arguments", async () => {
  const { api } = pair();
  const first = new AbortController();
  const second = new AbortController();
  const a = api.wait("first", first.signal);
  const b = api.waitLast(second.signal, "second");
  first.abort();
  await expect(a).rejects.toMatchObject({ name: "AbortError", message: "first was cancelled" });
  second.abort();
  await expect(b).rejects.toMatchObject({ name: "AbortError", message: "second was cancelled" });
  expect(await api.wait("third")).toBe("third without signal");
});

test("a signal that is aborted before the call sends nothing", async () => {
  await expect(pair().api.wait("late", AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
});

test("marked buffers move instead of being copied, both ways", async () => {
  const { api, kept } = pair();
  const { data } = await api.bytes(1000);
  expect(data).toEqual(new Uint8Array(1000).fill(7));
  expect(kept()?.byteLength).toBe(0);
  const sent = new Uint8Array(500);
  expect(await api.lengthOf(transfer(sent, [sent.buffer]))).toBe(500);
  expect(sent.byteLength).toBe(0);
});

test("events arrive in order, between replies", async () => {
  const { api, events, emit } = pair();
  emit({ type: "one" });
  emit({ type: "two" });
  await api.add(0, 0);
  expect(events).toEqual([{ type: "one" }, { type: "two" }]);
});

test("calls wait for an api that is still being made, and fail when it fails", async () => {
  const outcome = (api: Promise<Pick<Echo, "add">>) => {
    api.catch(() => undefined);
    const channel = new MessageChannel();
    channels.push(channel);
    channel.port1.start();
    channel.port2.start();
    serve(() => api, channel.port2);
    return connect<Pick<Echo, "add">, never>(channel.port1, () => {}).api.add(1, 2);
  };
  expect(await outcome(Promise.resolve({ add: async (a, b) => a + b }))).toBe(3);
  await expect(outcome(Promise.reject(new Error("no storage")))).rejects.toThrow("no storage");
});

test("closing rejects pending and later calls with the reason", async () => {
  const { api, close } = pair();
  const pending = api.wait("pending", new AbortController().signal);
  close(new Error("the worker died"));
  await expect(pending).rejects.toThrow("the worker died");
  await expect(api.add(1, 1)).rejects.toThrow("the worker died");
});

/** A port to nobody, which notes what it is sent. */
function deafPort() {
  const sent: { kind: string; id: number; method?: string }[] = [];
  const target = new EventTarget();
  const port = Object.assign(target, { postMessage: (message: never) => void sent.push(message) });
  const answer = (id: number, value: unknown) =>
    target.dispatchEvent(new MessageEvent("message", { data: { kind: "result", id, value } }));
  return { port, sent, answer };
}

describe("a connection that moves to another worker", () => {
  type Adding = Pick<Echo, "add">;
  const reason = new Error("the work did not end");

  test("sends every pending call again but the one that failed, and no longer hears the first worker", async () => {
    const [first, second] = [deafPort(), deafPort()];
    const { api, moveTo } = connect<Adding, never>(first.port as Port, () => {});
    const [one, two, three] = [api.add(1, 1), api.add(2, 2), api.add(3, 3)];
    first.answer(3, 6);
    moveTo(second.port as Port, { id: 1, error: reason });
    await expect(one).rejects.toBe(reason);
    expect(second.sent.map(({ id, method }) => [id, method])).toEqual([[2, "add"]]);
    first.answer(2, "stale");
    second.answer(2, 4);
    expect(await Promise.all([two, three])).toEqual([4, 6]);
  });

  test("rejects all of them where the failed one is not known, and none where it is somebody else's", async () => {
    const [first, second, third] = [deafPort(), deafPort(), deafPort()];
    const { api, moveTo } = connect<Adding, never>(first.port as Port, () => {});
    const pending = api.add(1, 1);
    moveTo(second.port as Port, { id: null, error: reason });
    expect(second.sent).toHaveLength(1);
    moveTo(third.port as Port, { id: "every", error: reason });
    await expect(pending).rejects.toBe(reason);
    expect(third.sent).toEqual([]);
  });

  test("gives a call up that was sent three times", async () => {
    const ports = [deafPort(), deafPort(), deafPort(), deafPort()];
    const { api, moveTo } = connect<Adding, never>(ports[0]?.port as Port, () => {});
    const pending = api.add(1, 1);
    for (const { port } of ports.slice(1)) moveTo(port as Port, { id: null, error: reason });
    await expect(pending).rejects.toBe(reason);
    expect(ports.map(({ sent }) => sent.length)).toEqual([1, 1, 1, 0]);
  });
});

test("a call that rejects at once does so when it is aborted, though the other side never answers", async () => {
  const { port, sent } = deafPort();
  const { api } = connect<Pick<Echo, "wait">, never>(port as Port, () => {}, { rejectAtOnce: true });
  const controller = new AbortController();
  const pending = api.wait("never", controller.signal);
  controller.abort();
  await expect(pending).rejects.toBe(controller.signal.reason);
  expect(sent.map(({ kind }) => kind)).toEqual(["call", "cancel"]);
});

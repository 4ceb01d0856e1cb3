/** What the page tells its service worker, and when a reload is offered. Oracle: a container that does as browsers do. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createStore } from "zustand/vanilla";
import { createEngineClient } from "../../../src/client/client.ts";
import { type Context, patch } from "../../../src/store/context.ts";
import { createMetricSeries } from "../../../src/store/series.ts";
import { type HoneState, initialState } from "../../../src/store/state.ts";
import { updateActions } from "../../../src/store/update.ts";

/** A worker that never answers: nothing here asks the engine. */
const silent = () => Object.assign(new MessageChannel().port1, { terminate: () => undefined });

class FakeWorker extends EventTarget {
  state: string;
  readonly heard: unknown[] = [];
  constructor(state: string) {
    super();
    this.state = state;
  }
  postMessage(message: { type: string }) {
    this.heard.push(message);
    if (message.type === "takeOver") queueMicrotask(() => this.become("activated"));
  }
  become(state: string) {
    this.state = state;
    this.dispatchEvent(new Event("statechange"));
  }
}

class FakeRegistration extends EventTarget {
  active: FakeWorker | null = null;
  waiting: FakeWorker | null = null;
  installing: FakeWorker | null = null;
  readonly update = vi.fn(async () => undefined);
}

interface Browser {
  readonly registration?: FakeRegistration;
  /** Whether the page came through the worker. */
  readonly controlled?: boolean;
  readonly isolated?: boolean;
  readonly cores?: number;
}

const reload = vi.fn();
beforeEach(() => {
  reload.mockClear();
  vi.useFakeTimers({ toFake: ["setInterval"] });
  vi.stubGlobal("location", { reload });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** The topic on its own store, in such a browser; the engine is ready when `ready` says so. */
function studio({ registration, controlled = false, isolated = true, cores = 4 }: Browser) {
  const serviceWorker = registration && {
    controller: controlled ? registration.active : null,
    register: async () => registration,
    get ready() {
      return registration.active ? Promise.resolve(registration) : new Promise(() => {});
    },
  };
  vi.stubGlobal("navigator", { hardwareConcurrency: cores, serviceWorker });
  vi.stubGlobal("crossOriginIsolated", isolated);
  const client = createEngineClient({ engine: silent, data: silent });
  const store = createStore<HoneState>()(() => initialState);
  const context: Context = { client, store, series: createMetricSeries() };
  const actions = updateActions(context);
  const ready = (provider: "wasm" | "webgpu", threads: number) => {
    const report = { ...store.getState().engine.report, provider, threads } as NonNullable<
      ReturnType<typeof store.getState>["engine"]["report"]
    >;
    patch(context, "engine", { status: "ready", report });
  };
  return { ...actions, ready, offered: () => store.getState().update.reload };
}

function active(): FakeRegistration {
  const registration = new FakeRegistration();
  registration.active = new FakeWorker("activated");
  return registration;
}

test("a browser without service workers, or that denies them, is left in peace", async () => {
  const without = studio({});
  await without.watch();
  without.ready("wasm", 1);
  expect(without.offered()).toBeNull();

  const denied = studio({ registration: active() });
  vi.stubGlobal("navigator", {
    serviceWorker: { register: () => Promise.reject(new DOMException("no", "SecurityError")) },
  });
  await denied.watch();
  expect(denied.offered()).toBeNull();
});

test("the worker hears once of each provider that comes into use", async () => {
  const registration = active();
  const { watch, ready } = studio({ registration });
  await watch();
  expect(registration.active?.heard).toEqual([]);
  ready("webgpu", 1);
  ready("webgpu", 1);
  ready("wasm", 2);
  expect(registration.active?.heard).toEqual([
    { type: "keep", provider: "webgpu" },
    { type: "keep", provider: "wasm" },
  ]);
});

test("the first version is no new one; a later one is offered, from wherever it is in its installation", async () => {
  const first = new FakeRegistration();
  first.installing = new FakeWorker("installing");
  const newcomer = studio({ registration: first });
  void newcomer.watch();
  await Promise.resolve();
  first.installing.become("installed");
  expect(newcomer.offered()).toBeNull();

  const found = active();
  const later = studio({ registration: found });
  await later.watch();
  expect(later.offered()).toBeNull();
  found.installing = new FakeWorker("installing");
  found.dispatchEvent(new Event("updatefound"));
  expect(later.offered()).toBeNull();
  found.installing.become("installed");
  expect(later.offered()).toBe("version");

  const waits = active();
  waits.waiting = new FakeWorker("installed");
  const another = studio({ registration: waits });
  await another.watch();
  expect(another.offered()).toBe("version");
});

test("a reload lets the version that waits take over first; without one it only reloads", async () => {
  const registration = active();
  const waiting = new FakeWorker("installed");
  registration.waiting = waiting;
  const { watch, reload: take } = studio({ registration });
  await watch();
  await take();
  expect(waiting.heard).toEqual([{ type: "takeOver" }]);
  expect(waiting.state).toBe("activated");
  expect(reload).toHaveBeenCalledTimes(1);

  registration.waiting = null;
  await take();
  expect(reload).toHaveBeenCalledTimes(2);
});

test.each<[what: string, browser: Browser, provider: "wasm" | "webgpu", threads: number, offered: "threads" | null]>([
  ["one thread of several for want of isolation", { isolated: false }, "wasm", 1, "threads"],
  ["the page is isolated", { isolated: true }, "wasm", 1, null],
  // Or it would be offered for ever.
  ["it came through the worker and is not", { isolated: false, controlled: true }, "wasm", 1, null],
  ["the GPU computes", { isolated: false }, "webgpu", 1, null],
  ["there is one core", { isolated: false, cores: 1 }, "wasm", 1, null],
])("threads after a reload: %s", async (_what, browser, provider, threads, expected) => {
  const { watch, ready, offered } = studio({ registration: active(), ...browser });
  await watch();
  ready(provider, threads);
  expect(offered()).toBe(expected);
});

test("a tab that stays open asks for a new version once an hour", async () => {
  const registration = active();
  const { watch } = studio({ registration });
  await watch();
  vi.advanceTimersByTime(3 * 3_600_000);
  expect(registration.update).toHaveBeenCalledTimes(3);
});

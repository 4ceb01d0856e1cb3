/** Events between tabs, over a channel in memory and locks of this realm. Oracle: the training lock. */

import { expect, test, vi } from "vitest";
import type { EngineEvent, RunEvent } from "../../../src/protocol/engine.ts";
import { broadcast, followOthers, type Tabs, tabChannel } from "../../../src/protocol/tabs.ts";
import { acquireTrainingLock, isTraining, trainingEnd } from "../../../src/storage/lock.ts";
import { runRecord } from "../storage/backend.ts";

/** Two ends of a channel; each gets the events of the other only. */
function twoTabs(): [Tabs, Tabs] {
  const listeners: ((event: RunEvent) => void)[][] = [[], []];
  const end = (own: number): Tabs => ({
    send: (event) => listeners[1 - own]?.forEach((listener) => void listener(event)),
    onEvent: (listener) => void listeners[own]?.push(listener),
  });
  return [end(0), end(1)];
}

const record = runRecord("r", 3);

test("other tabs get the events of runs and no other event", () => {
  const [mine, theirs] = twoTabs();
  const page: EngineEvent[] = [];
  const received: RunEvent[] = [];
  theirs.onEvent((event) => void received.push(event));
  const emit = broadcast(mine, (event) => void page.push(event));
  const events: EngineEvent[] = [
    { type: "progress", task: "Compiling", done: 1, total: 4 },
    { type: "run", record },
    { type: "token", requestId: "1", text: "a" },
    { type: "checkpoint", runId: "r", step: 3 },
    { type: "elsewhere", event: { type: "runsChanged" } },
    { type: "runsChanged" },
  ];
  for (const event of events) emit(event);
  expect(page).toEqual(events);
  expect(received).toEqual([events[1], events[3], events[5]]);
});

test("training in another tab is emitted once, and its end after the recovery of its runs", async () => {
  const [mine, theirs] = twoTabs();
  const emitted: EngineEvent[] = [];
  const paused = { ...record, status: "paused" as const };
  const recover = vi.fn(async () => [paused]);
  const others = followOthers(
    mine,
    (event) => void emitted.push(event),
    () => false,
    recover,
  );
  await others.check();
  expect(emitted).toEqual([]);

  const release = await acquireTrainingLock();
  theirs.send({ type: "run", record });
  theirs.send({ type: "run", record });
  await vi.waitFor(() => expect(emitted.at(-1)).toEqual({ type: "othersTraining", training: true }));
  expect(recover).not.toHaveBeenCalled();
  release?.();
  await vi.waitFor(() => expect(emitted.at(-1)).toEqual({ type: "othersTraining", training: false }));
  expect(recover).toHaveBeenCalledTimes(1);
  expect(emitted).toEqual([
    { type: "elsewhere", event: { type: "run", record } },
    { type: "elsewhere", event: { type: "run", record } },
    { type: "othersTraining", training: true },
    { type: "run", record: paused },
    { type: "othersTraining", training: false },
  ]);
});

test("the tab that trains does not report itself as another tab", async () => {
  const [mine] = twoTabs();
  const emitted: EngineEvent[] = [];
  const others = followOthers(
    mine,
    (event) => void emitted.push(event),
    () => true,
    async () => [],
  );
  const release = await acquireTrainingLock();
  await others.check();
  expect(emitted).toEqual([]);
  release?.();
});

test("waiting for the end of training does not block the next run", async () => {
  const release = await acquireTrainingLock();
  const waiting = [trainingEnd(), trainingEnd()];
  expect(await isTraining()).toBe(true);
  expect(await acquireTrainingLock()).toBeNull();
  release?.();
  // The lock is released some tasks later.
  await vi.waitFor(async () => expect(await isTraining()).toBe(false));
  const again = await acquireTrainingLock();
  expect(again).not.toBeNull();
  again?.();
  await Promise.all(waiting);
});

test("the browser's channel reaches the other end and not its own", async () => {
  const [mine, theirs] = [tabChannel(), tabChannel()];
  const [own, received] = [vi.fn(), vi.fn()];
  mine.onEvent(own);
  theirs.onEvent(received);
  mine.send({ type: "runsChanged" });
  await vi.waitFor(() => expect(received).toHaveBeenCalledWith({ type: "runsChanged" }));
  expect(own).not.toHaveBeenCalled();
});

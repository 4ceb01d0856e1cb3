/** What tabs tell each other, over a channel in memory and locks of this realm. Oracle: the lock. */

import { expect, test, vi } from "vitest";
import type { EngineEvent, RunEvent } from "../../../src/protocol/engine.ts";
import { broadcast, followOthers, type Tabs, tabChannel } from "../../../src/protocol/tabs.ts";
import { acquireTrainingLock, isTraining, trainingEnd } from "../../../src/storage/lock.ts";
import { runRecord } from "../storage/backend.ts";

/** Two ends that hear each other and not themselves. */
function twoTabs(): [Tabs, Tabs] {
  const listeners: ((event: RunEvent) => void)[][] = [[], []];
  const end = (own: number): Tabs => ({
    send: (event) => listeners[1 - own]?.forEach((listener) => void listener(event)),
    onEvent: (listener) => void listeners[own]?.push(listener),
  });
  return [end(0), end(1)];
}

const record = runRecord("r", 3);

test("of what an engine tells its page, other tabs hear how runs go and nothing else", () => {
  const [mine, theirs] = twoTabs();
  const page: EngineEvent[] = [];
  const heard: RunEvent[] = [];
  theirs.onEvent((event) => void heard.push(event));
  const tell = broadcast(mine, (event) => void page.push(event));
  const events: EngineEvent[] = [
    { type: "progress", task: "Compiling", done: 1, total: 4 },
    { type: "run", record },
    { type: "token", requestId: "1", text: "a" },
    { type: "checkpoint", runId: "r", step: 3 },
    { type: "elsewhere", event: { type: "runsChanged" } },
    { type: "runsChanged" },
  ];
  for (const event of events) tell(event);
  expect(page).toEqual(events);
  expect(heard).toEqual([events[1], events[3], events[5]]);
});

test("a run in another tab is told with its end, once, and what a killed tab left is put right then", async () => {
  const [mine, theirs] = twoTabs();
  const told: EngineEvent[] = [];
  const paused = { ...record, status: "paused" as const };
  const recover = vi.fn(async () => [paused]);
  const others = followOthers(
    mine,
    (event) => void told.push(event),
    () => false,
    recover,
  );
  await others.check();
  expect(told).toEqual([]);

  const release = await acquireTrainingLock();
  theirs.send({ type: "run", record });
  theirs.send({ type: "run", record });
  await vi.waitFor(() => expect(told.at(-1)).toEqual({ type: "othersTraining", training: true }));
  expect(recover).not.toHaveBeenCalled();
  release?.();
  await vi.waitFor(() => expect(told.at(-1)).toEqual({ type: "othersTraining", training: false }));
  expect(recover).toHaveBeenCalledTimes(1);
  expect(told).toEqual([
    { type: "elsewhere", event: { type: "run", record } },
    { type: "elsewhere", event: { type: "run", record } },
    { type: "othersTraining", training: true },
    { type: "run", record: paused },
    { type: "othersTraining", training: false },
  ]);
});

test("the tab that trains does not take itself for another", async () => {
  const [mine] = twoTabs();
  const told: EngineEvent[] = [];
  const others = followOthers(
    mine,
    (event) => void told.push(event),
    () => true,
    async () => [],
  );
  const release = await acquireTrainingLock();
  await others.check();
  expect(told).toEqual([]);
  release?.();
});

test("who waits for the end of training never keeps the next run from starting", async () => {
  const release = await acquireTrainingLock();
  const waiting = [trainingEnd(), trainingEnd()];
  expect(await isTraining()).toBe(true);
  expect(await acquireTrainingLock()).toBeNull();
  release?.();
  // The lock is given back in the tasks that follow; from then on it is free, whoever waits.
  await vi.waitFor(async () => expect(await isTraining()).toBe(false));
  const again = await acquireTrainingLock();
  expect(again).not.toBeNull();
  again?.();
  await Promise.all(waiting);
});

test("the channel of the browser reaches the other end and not its own", async () => {
  const [mine, theirs] = [tabChannel(), tabChannel()];
  const [own, heard] = [vi.fn(), vi.fn()];
  mine.onEvent(own);
  theirs.onEvent(heard);
  mine.send({ type: "runsChanged" });
  await vi.waitFor(() => expect(heard).toHaveBeenCalledWith({ type: "runsChanged" }));
  expect(own).not.toHaveBeenCalled();
});

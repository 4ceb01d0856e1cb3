/** Progress of a task. Oracle: a clock of the test's own. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { progressEvents } from "../../../src/engine/progress.ts";
import type { EngineEvent } from "../../../src/protocol/engine.ts";

let clock = 0;
beforeEach(() => {
  clock = 0;
  vi.spyOn(performance, "now").mockImplementation(() => clock);
});
afterEach(() => {
  vi.restoreAllMocks();
});

test("has the first event, the last, and at most ten a second between them", () => {
  const events: EngineEvent[] = [];
  const report = progressEvents((event) => events.push(event), "Loading");
  for (let done = 0; done <= 5000; done++) {
    clock = done;
    report(done, 5000);
  }
  expect(events[0]).toEqual({ type: "progress", task: "Loading", done: 0, total: 5000 });
  expect(events.at(-1)).toEqual({ type: "progress", task: "Loading", done: 5000, total: 5000 });
  expect(events).toHaveLength(51);
});

test("without a known total, too; a task of nothing has its one event", () => {
  const events: EngineEvent[] = [];
  progressEvents((event) => events.push(event), "Fetching")(7, null);
  progressEvents((event) => events.push(event), "Loading")(0, 0);
  expect(events.map((event) => event.type === "progress" && [event.done, event.total])).toEqual([
    [7, null],
    [0, 0],
  ]);
});

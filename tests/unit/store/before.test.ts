/** The parts before a run's first step. Oracle: the events of each row, worked by hand. */

import { describe, expect, test } from "vitest";
import { beforeTasks } from "../../../src/run/beforeTasks.ts";
import { ended, isSkippable, withProgress } from "../../../src/store/before.ts";
import type { BeforePart } from "../../../src/store/state.ts";

type Event = readonly [task: string, done: number, total: number | null, at: number];

const after = (events: readonly Event[]) =>
  events.reduce<readonly BeforePart[]>(
    (parts, [task, done, total, at]) => withProgress(parts, { task, done, total }, at),
    [],
  );

test.each<[string, readonly Event[], readonly (readonly [string, number, number | null])[]]>([
  ["no event", [], []],
  ["a task that begins", [["weights", 0, 100, 50]], [["weights", 0, null]]],
  [
    "a task that goes on",
    [
      ["weights", 0, 100, 50],
      ["weights", 40, 100, 900],
    ],
    [["weights", 40, null]],
  ],
  [
    "a second task, which ends the first",
    [
      ["weights", 0, 100, 50],
      ["weights", 100, 100, 900],
      ["answers", 0, 3, 2050],
    ],
    [
      ["weights", 100, 2],
      ["answers", 0, null],
    ],
  ],
  [
    "a task that comes back, as a part of its own",
    [
      ["answers", 0, 3, 0],
      ["sessions", 0, null, 1000],
      ["answers", 1, 3, 4000],
    ],
    [
      ["answers", 0, 1],
      ["sessions", 0, 3],
      ["answers", 1, null],
    ],
  ],
])("%s", (_, events, expected) => {
  expect(after(events).map(({ task, done, seconds }) => [task, done, seconds])).toEqual(expected);
});

describe("the end", () => {
  const parts = after([
    ["weights", 0, 100, 0],
    ["sessions", 0, 2, 3000],
  ]);

  test("ends the present part and changes no earlier one", () => {
    expect(ended(parts, 5500).map(({ seconds }) => seconds)).toEqual([3, 2.5]);
    expect(ended(ended(parts, 5500), 9000)).toEqual(ended(parts, 5500));
  });

  test("a later event of the same task begins a part of its own", () => {
    expect(withProgress(ended(parts, 5500), { task: "sessions", done: 0, total: 1 }, 6000)).toHaveLength(3);
  });
});

test("answers, validation and snapshot can be skipped; weights and compilation cannot", () => {
  const of = (task: string) => isSkippable({ task, done: 0, total: null, startedAt: 0, seconds: null });
  expect(Object.entries(beforeTasks).map(([name, task]) => [name, of(task)])).toEqual([
    ["weights", false],
    ["answers", true],
    ["reference", false],
    ["validation", true],
    ["watch", true],
    ["sessions", false],
  ]);
  expect(of("Checking the model")).toBe(false);
});

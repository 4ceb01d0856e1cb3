/** The parts of a run before its first step, from the engine's progress events: each task is a part with a start and an end. */

import { type BeforeTask, beforeTasks } from "../run/beforeTasks.ts";
import type { BeforePart, CallProgress } from "./state.ts";

/** Tasks that a run can leave out. */
const skippable: readonly BeforeTask[] = ["answers", "validation", "watch"];

export const isSkippable = ({ task }: BeforePart): boolean => skippable.some((name) => beforeTasks[name] === task);

/** The parts after a progress event at `now`, in milliseconds. Another task ends the present part. */
export function withProgress(
  parts: readonly BeforePart[],
  { task, done, total }: CallProgress,
  now: number,
): readonly BeforePart[] {
  const last = parts.at(-1);
  if (last?.task === task && last.seconds === null) return [...parts.slice(0, -1), { ...last, done, total }];
  return [...ended(parts, now), { task, done, total, startedAt: now, seconds: null }];
}

/** All parts at their end. */
export const ended = (parts: readonly BeforePart[], now: number): readonly BeforePart[] =>
  parts.map((part) => (part.seconds === null ? { ...part, seconds: (now - part.startedAt) / 1000 } : part));

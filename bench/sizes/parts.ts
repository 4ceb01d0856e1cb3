/** The parts of a run's time up to its first step, from the engine's events. */

import { beforeTasks } from "../../src/run/beforeTasks.ts";
import type { Mark } from "./recorder.ts";

export interface Part {
  readonly name: string;
  readonly seconds: number;
  /** When it began and ended, in milliseconds since 1970. */
  readonly began: number;
  readonly ended: number;
}

const samplesIn = ({ event }: Mark) => (event?.type === "run" ? event.record.samples.length : 0);
const taskOf = ({ event }: Mark) => (event?.type === "progress" ? event.task : null);

/**
 * Seconds of each part between the call `startRun` and the first step, in the order of the loop; a part that the run does not
 * have, or that an older page does not report, takes none. Throws when there is no first step.
 */
export function partsOf(marks: readonly Mark[]): readonly Part[] {
  const start = marks.findIndex(({ call }) => call === "startRun");
  const end = marks.findIndex(({ event }, i) => i > start && event?.type === "step");
  if (start < 0 || end < 0) throw new Error("The engine reported no first step after the start of a run.");
  const run = marks.slice(start, end + 1);
  const samples = Math.max(...run.map(samplesIn));
  const first = (isEnd: (mark: Mark) => boolean) => run.find(isEnd)?.at;
  const last = (task: string) => run.findLast((mark) => taskOf(mark) === task)?.at;
  const ends = [
    ["rows prepared", first(({ event }) => event?.type === "run" && event.record.status === "running")],
    ["weights on the device", last(beforeTasks.weights)],
    ["answers before training", first((mark) => samples > 0 && samplesIn(mark) === samples)],
    ["validation before step 0", first(({ event }) => event?.type === "evaluation" && event.metrics.step === 0)],
    ["snapshot of the watched row", first(({ event }) => event?.type === "watch")],
    ["sessions of the first step", last(beforeTasks.sessions)],
    ["first step", run.at(-1)?.at],
  ] as const;
  let began = run[0]?.at ?? 0;
  return ends.map(([name, at]) => {
    const ended = Math.max(began, at ?? began);
    const part = { name, seconds: (ended - began) / 1000, began, ended };
    began = ended;
    return part;
  });
}

/** The parts of a run's time up to its first step, from the engine's events. */

import type { Mark } from "./recorder.ts";

export interface Part {
  readonly name: string;
  readonly seconds: number;
}

const samplesIn = ({ event }: Mark) => (event?.type === "run" ? event.record.samples.length : 0);

/**
 * Seconds of each part between the call `startRun` and the first step, in the order of the loop; a part that the run does not
 * have takes none. Throws when there is no first step.
 */
export function partsOf(marks: readonly Mark[]): readonly Part[] {
  const start = marks.findIndex(({ call }) => call === "startRun");
  const end = marks.findIndex(({ event }, i) => i > start && event?.type === "step");
  if (start < 0 || end < 0) throw new Error("The engine reported no first step after the start of a run.");
  const run = marks.slice(start, end + 1);
  const samples = Math.max(...run.map(samplesIn));
  const ends: readonly (readonly [name: string, ends: (mark: Mark) => boolean])[] = [
    ["rows prepared", ({ event }) => event?.type === "run" && event.record.status === "running"],
    ["weights, and answers before training", (mark) => samples > 0 && samplesIn(mark) === samples],
    ["validation before step 0", ({ event }) => event?.type === "evaluation" && event.metrics.step === 0],
    ["snapshot of the watched row", ({ event }) => event?.type === "watch"],
    ["training session and first step", ({ event }) => event?.type === "step"],
  ];
  let begun = run[0]?.at ?? 0;
  return ends.map(([name, isEnd]) => {
    const at = run.find((mark) => mark.at >= begun && isEnd(mark))?.at ?? begun;
    const seconds = (at - begun) / 1000;
    begun = at;
    return { name, seconds };
  });
}

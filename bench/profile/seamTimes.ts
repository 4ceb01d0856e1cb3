/** Computes the parts of a step's time, before and after the kernels, from its marks. */

import type { GpuCounts, Interval } from "./gpuMeter.ts";
import type { RunMarks } from "./seams.ts";
import type { StepMarks } from "./worker.ts";

/** Milliseconds. */
export interface SeamTimes {
  /** Feeds, checks of inputs and outputs, and everything around the runs. */
  readonly javascript: number;
  readonly mutex: number;
  /** From the mutex to the call of ONNX Runtime: copying and binding inputs. */
  readonly inputs: number;
  /** ONNX Runtime's time without waiting for the GPU: kernels on the processor, recording of commands on WebGPU. */
  readonly runtime: number;
  /** Waiting for the GPU, with reading back. */
  readonly gpu: number;
  /** From ONNX Runtime's return until the outputs are in JavaScript. */
  readonly outputs: number;
}

export const seams = [
  "javascript",
  "mutex",
  "inputs",
  "runtime",
  "gpu",
  "outputs",
] as const satisfies readonly (keyof SeamTimes)[];

/** Milliseconds of a span in which at least one of the waits was open. */
export function waitedWithin(waits: readonly Interval[], [from, to]: Interval): number {
  let reached = from;
  let total = 0;
  for (const [began, ended] of [...waits].sort((a, b) => a[0] - b[0])) {
    const start = Math.max(began, reached);
    const end = Math.min(ended, to);
    if (end <= start) continue;
    total += end - start;
    reached = end;
  }
  return total;
}

/** The parts add up to the run. */
export function timesOfRun(run: RunMarks): SeamTimes {
  const gpu = waitedWithin(run.waits, [run.called, run.returned]);
  return {
    javascript: run.queued - run.requested + (run.settled - run.ended),
    mutex: run.began - run.queued,
    inputs: run.called - run.began,
    runtime: run.returned - run.called - gpu,
    gpu,
    outputs: run.ended - run.returned,
  };
}

export const totalOf = (times: SeamTimes) => seams.reduce((sum, seam) => sum + times[seam], 0);

const lengthOf = ({ began, ended }: Pick<StepMarks, "began" | "ended">) => ended - began;

/** The step of median length, of two the shorter: one that was, so that its parts add up. */
export function medianStep(steps: readonly StepMarks[]): StepMarks {
  const step = [...steps].sort((a, b) => lengthOf(a) - lengthOf(b))[Math.floor((steps.length - 1) / 2)];
  if (!step) throw new Error("No step was taken.");
  return step;
}

export interface StepParts {
  readonly milliseconds: number;
  readonly training: SeamTimes;
  readonly optimizer: SeamTimes;
  /** Milliseconds of JavaScript outside of the two runs. */
  readonly around: number;
  readonly counts: { readonly training: Counts; readonly optimizer: Counts };
}

export interface Counts {
  readonly fedBytes: number;
  readonly readBytes: number;
  readonly gpu: GpuCounts | null;
}

export function partsOf(step: StepMarks): StepParts {
  const of = (kind: "training" | "optimizer") => {
    const run = step.runs.find((run) => run.kind === kind);
    if (!run) throw new Error(`The step has no run of the ${kind} artifact.`);
    return run;
  };
  const [training, optimizer] = [timesOfRun(of("training")), timesOfRun(of("optimizer"))];
  const counts = ({ fedBytes, readBytes, gpu }: RunMarks): Counts => ({ fedBytes, readBytes, gpu });
  const milliseconds = lengthOf(step);
  return {
    milliseconds,
    training,
    optimizer,
    around: milliseconds - totalOf(training) - totalOf(optimizer),
    counts: { training: counts(of("training")), optimizer: counts(of("optimizer")) },
  };
}

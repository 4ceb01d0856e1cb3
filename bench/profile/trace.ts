/**
 * A flame chart of the profiled steps in the trace-event format that chrome://tracing and Perfetto open:
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 */

import type { RunEvents } from "./events.ts";
import type { RunMarks } from "./seams.ts";
import { shapesText } from "./sums.ts";
import type { StepMarks } from "./worker.ts";

/** Times in microseconds. */
export interface TraceEvent {
  readonly name: string;
  readonly cat?: string;
  /** X is a slice; M names a track. */
  readonly ph: "X" | "M";
  readonly pid: 1;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: Readonly<Record<string, unknown>>;
}

const processor = 1;
const gpu = 2;

/** A slice between two marks, which are milliseconds. */
const slice = (name: string, cat: string, began: number, ended: number): TraceEvent => ({
  name,
  cat,
  ph: "X",
  pid: 1,
  tid: processor,
  ts: 1000 * began,
  dur: 1000 * (ended - began),
});

const seamsOf = (run: RunMarks): TraceEvent[] => [
  slice(`${run.kind} run`, "run", run.requested, run.settled),
  slice("mutex", "seam", run.queued, run.began),
  slice("inputs", "seam", run.began, run.called),
  slice("ONNX Runtime", "seam", run.called, run.returned),
  slice("outputs", "seam", run.returned, run.ended),
];

/** `events` are the runs of each artifact in the steps, in the same order. */
export function traceOf(
  steps: readonly StepMarks[],
  events: { readonly training: readonly RunEvents[]; readonly optimizer: readonly RunEvents[] },
): TraceEvent[] {
  const pairs = steps.flatMap((step, index) =>
    step.runs.flatMap((marks) => {
      const run = marks.kind === "training" || marks.kind === "optimizer" ? events[marks.kind][index] : undefined;
      return run ? [{ marks, run }] : [];
    }),
  );
  // ONNX Runtime's clock starts with a session. The GPU has one clock for all; its work is certainly done when a run returns.
  const gpuStart = Math.min(
    ...pairs.flatMap(({ marks, run }) => {
      const last = run.dispatches.at(-1);
      return last ? [1000 * marks.returned - last.began - last.took] : [];
    }),
  );
  const named = (tid: number, name: string): TraceEvent => ({
    name: "thread_name",
    ph: "M",
    pid: 1,
    tid,
    args: { name },
  });
  return [
    named(processor, "step"),
    ...(Number.isFinite(gpuStart) ? [named(gpu, "GPU")] : []),
    ...steps.flatMap((step, index) => [
      slice(`step ${index + 1}`, "step", step.began, step.ended),
      ...step.runs.flatMap(seamsOf),
    ]),
    ...pairs.flatMap(({ marks, run }) => {
      const shapes = new Map(run.nodes.map((node) => [node.name, shapesText(node)]));
      return [
        ...run.nodes.map(
          ({ name, op, began, took, bytes }): TraceEvent => ({
            name: op,
            cat: "node",
            ph: "X",
            pid: 1,
            tid: processor,
            ts: 1000 * marks.called + began - run.began,
            dur: took,
            args: { node: name, shapes: shapes.get(name), bytes },
          }),
        ),
        ...run.dispatches.map(
          ({ node, program, began, took }, index): TraceEvent => ({
            name: program,
            cat: "dispatch",
            ph: "X",
            pid: 1,
            tid: gpu,
            ts: gpuStart + began,
            // Times are rounded, and a slice must not overlap the next.
            dur: Math.min(took, (run.dispatches[index + 1]?.began ?? Number.POSITIVE_INFINITY) - began),
            args: { node, shapes: shapes.get(node) },
          }),
        ),
      ];
    }),
  ];
}

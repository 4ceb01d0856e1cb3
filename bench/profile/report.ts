/** The result of a profile: the figures for the table, the JSON file and the trace. */

import { median } from "../step/figures.ts";
import { matrixOperations, problemOf } from "../step/problem.ts";
import { type RunEvents, readRuns } from "./events.ts";
import { kernelsOf, timedOf } from "./kernels.ts";
import { medianStep, partsOf, type StepParts } from "./seamTimes.ts";
import { byOp, byRegion, byShape, type OpSum, type RegionSum, type ShapeSum } from "./sums.ts";
import type { Recording, RecordRequest } from "./worker.ts";

export interface ArtifactCounts {
  /** Number of nodes that ONNX Runtime ran, after its optimizations. */
  readonly nodes: number;
  /** Bytes of inputs and outputs of all nodes. */
  readonly bytes: number;
  /** Milliseconds of the profiled run, and those outside all kernels: medians over the steps. */
  readonly milliseconds: number;
  readonly betweenMilliseconds: number;
}

export interface Report {
  readonly provider: RecordRequest["provider"];
  readonly size: RecordRequest["size"];
  readonly method: RecordRequest["method"];
  readonly reason: string;
  readonly threads: number;
  readonly gpu: Recording["gpu"];
  /** The clock that timed the kernels; on WebGPU the processor's clock only times the recording of commands. */
  readonly clock: "processor" | "gpu";
  readonly figures: Recording["figures"];
  readonly tokens: number;
  /** Number of timed steps, and of warm-up steps before them. */
  readonly steps: number;
  readonly warmup: number;
  /** Floating-point operations of the step's matrix products, by the model's shapes. */
  readonly operations: number;
  readonly matrixPeak: NonNullable<Recording["matrixPeak"]>;
  /** The median step without profiling. */
  readonly step: StepParts;
  /** Milliseconds of the median profiled step. */
  readonly profiledMilliseconds: number;
  readonly artifacts: { readonly training: ArtifactCounts; readonly optimizer: ArtifactCounts };
  readonly ops: readonly OpSum[];
  readonly shapes: readonly ShapeSum[];
  readonly regions: readonly RegionSum[];
}

export interface ProfileEvents {
  readonly training: readonly RunEvents[];
  readonly optimizer: readonly RunEvents[];
}

/** The runs of the recorded steps, without the warm-up. */
export function eventsOf({ printed, steps }: Recording): ProfileEvents {
  const last = (lines: readonly string[]) => readRuns(lines).slice(-steps.length);
  return { training: last(printed.training), optimizer: last(printed.optimizer) };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

function countsOf(runs: readonly RunEvents[]): ArtifactCounts {
  const nodes = runs[0]?.nodes ?? [];
  return {
    nodes: nodes.length,
    bytes: sum(nodes.map(({ bytes }) => bytes)),
    milliseconds: median(runs.map(({ took }) => took)) / 1000,
    betweenMilliseconds: median(runs.map((run) => run.took - sum(timedOf(run).map(({ took }) => took)))) / 1000,
  };
}

/** `plain` is the recording without profiling; the times of the step come from it. */
export function reportOf(
  { provider, size, method }: Pick<RecordRequest, "provider" | "size" | "method">,
  plain: Recording,
  profiled: Recording,
  events: ProfileEvents,
): Report {
  const { matrixPeak } = plain;
  if (!matrixPeak) throw new Error("The recording without profiling has no peak of the matrix products.");
  const training = kernelsOf("training", events.training);
  const optimizer = kernelsOf("optimizer", events.optimizer);
  const kernels = [...training, ...optimizer];
  const problem = problemOf(size, method);
  return {
    provider,
    size,
    method,
    reason: plain.reason,
    threads: plain.threads,
    gpu: plain.gpu,
    clock: events.training[0]?.dispatches.length ? "gpu" : "processor",
    figures: plain.figures,
    steps: plain.steps.length,
    warmup: plain.warmup,
    tokens: problem.shape.rows * problem.shape.length,
    operations: matrixOperations(problem),
    matrixPeak,
    step: partsOf(medianStep(plain.steps)),
    profiledMilliseconds: partsOf(medianStep(profiled.steps)).milliseconds,
    artifacts: { training: countsOf(events.training), optimizer: countsOf(events.optimizer) },
    ops: byOp(kernels),
    shapes: byShape(kernels),
    regions: byRegion(kernels),
  };
}

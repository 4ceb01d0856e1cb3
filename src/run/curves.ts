/** The curves of a run, stored as columns: 10,000 steps are eight arrays instead of 10,000 objects. */

import type { EvaluationMetrics, StepMetrics } from "./metrics.ts";

const stepFields = {
  step: true,
  loss: true,
  gradientNorm: true,
  learningRate: true,
  tokens: true,
  supervisedTokens: true,
  examples: true,
  seconds: true,
} satisfies Readonly<Record<keyof StepMetrics, true>>;

export const stepColumns = Object.keys(stepFields) as (keyof StepMetrics)[];

/** One column per field of `StepMetrics`, all of equal length. NaN in `examples` marks a step without that count. */
export type StepColumns = { readonly [Field in keyof StepMetrics]-?: Float64Array<ArrayBuffer> };

export interface Curves {
  readonly steps: StepColumns;
  readonly evaluations: readonly EvaluationMetrics[];
}

/** Creates the column of each field from its name. */
export const eachColumn = (column: (field: keyof StepMetrics) => Float64Array<ArrayBuffer>) =>
  Object.fromEntries(stepColumns.map((field) => [field, column(field)])) as StepColumns;

export const noCurves: Curves = { steps: eachColumn(() => new Float64Array(0)), evaluations: [] };

/** A growing list of steps; adding one does not copy the others. */
export interface StepLog {
  readonly length: number;
  push(metrics: StepMetrics): void;
  /** Removes all steps after the first `length`. */
  truncate(length: number): void;
  /** The steps so far, not copied: a later `truncate` followed by `push` changes them. */
  view(): StepColumns;
}

/** A log with room for `capacity` steps; the room doubles whenever it is full. */
export function createStepLog(capacity: number, from: StepColumns = noCurves.steps): StepLog {
  const roomFor = (columns: StepColumns, room: number) =>
    eachColumn((field) => {
      const column = new Float64Array(room);
      column.set(columns[field]);
      return column;
    });
  let length = from.step.length;
  let room = Math.max(capacity, length);
  let columns = roomFor(from, room);
  const view = () => eachColumn((field) => columns[field].subarray(0, length));
  return {
    get length() {
      return length;
    },
    push(metrics) {
      if (length === room) {
        room *= 2;
        columns = roomFor(view(), room);
      }
      for (const field of stepColumns) columns[field][length] = metrics[field] ?? Number.NaN;
      length++;
    },
    truncate(to) {
      length = Math.min(length, to);
    },
    view,
  };
}

export function columnsOf(steps: readonly StepMetrics[]): StepColumns {
  return eachColumn((field) => Float64Array.from(steps, (metrics) => metrics[field] ?? Number.NaN));
}

/** The steps as a list of objects, as records in JSON store them. */
export function stepsOf(columns: StepColumns): StepMetrics[] {
  return Array.from(columns.step.keys(), (index) => metricsAt(columns, index));
}

/** The step at `index`; negative indices count from the end, -1 is the last. Undefined outside the columns. */
export function stepAt(columns: StepColumns, index: number): StepMetrics | undefined {
  const { length } = columns.step;
  const at = index < 0 ? length + index : index;
  return at >= 0 && at < length ? metricsAt(columns, at) : undefined;
}

function metricsAt(columns: StepColumns, index: number): StepMetrics {
  const value = (field: keyof StepMetrics) => columns[field][index] ?? Number.NaN;
  const examples = value("examples");
  return {
    step: value("step"),
    loss: value("loss"),
    gradientNorm: value("gradientNorm"),
    learningRate: value("learningRate"),
    tokens: value("tokens"),
    supervisedTokens: value("supervisedTokens"),
    ...(!Number.isNaN(examples) && { examples }),
    seconds: value("seconds"),
  };
}

export interface CurvePoint {
  readonly step: number;
  readonly loss: number;
}

/** Summary of a curve: its number of points, its first and its last. */
export interface CurveEnds {
  readonly points: number;
  readonly first: CurvePoint;
  readonly last: CurvePoint;
}

/** Summaries of a run's curves; null for a curve without points. */
export interface RunProgress {
  readonly steps: CurveEnds | null;
  readonly evaluations: CurveEnds | null;
}

export const noProgress: RunProgress = { steps: null, evaluations: null };

/** The summary after one more point. */
export function extended(ends: CurveEnds | null, { step, loss }: CurvePoint): CurveEnds {
  const last = { step, loss };
  return ends === null ? { points: 1, first: last, last } : { points: ends.points + 1, first: ends.first, last };
}

function endsOf(curve: readonly CurvePoint[]): CurveEnds | null {
  const [first] = curve;
  const last = curve.at(-1);
  return first && last ? { ...extended(null, first), last: extended(null, last).last, points: curve.length } : null;
}

export function progressOf(steps: readonly StepMetrics[], evaluations: readonly EvaluationMetrics[]): RunProgress {
  return { steps: endsOf(steps), evaluations: endsOf(evaluations) };
}

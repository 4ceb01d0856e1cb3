/** The curves of a run as columns, so that 10,000 steps are eight arrays and not 10,000 objects; and what a list shows of them. */

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

/** A column of equal length for each field of `StepMetrics`. NaN among the `examples` is a step that did not count them. */
export type StepColumns = { readonly [Field in keyof StepMetrics]-?: Float64Array<ArrayBuffer> };

export interface Curves {
  readonly steps: StepColumns;
  readonly evaluations: readonly EvaluationMetrics[];
}

/** A column for each field, from its name. */
export const eachColumn = (column: (field: keyof StepMetrics) => Float64Array<ArrayBuffer>) =>
  Object.fromEntries(stepColumns.map((field) => [field, column(field)])) as StepColumns;

export const noCurves: Curves = { steps: eachColumn(() => new Float64Array(0)), evaluations: [] };

/** Steps in a row, to which one is added without a copy of those before it. */
export interface StepLog {
  readonly length: number;
  push(metrics: StepMetrics): void;
  /** Drops all but the first `length` steps. */
  truncate(length: number): void;
  /** The steps so far, in the memory of this log: a later `truncate` and `push` changes them. */
  view(): StepColumns;
}

/** Makes room for `capacity` steps, and twice as many each time they are full. */
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

/** The steps one by one, as a record in JSON has them. */
export function stepsOf(columns: StepColumns): StepMetrics[] {
  return Array.from(columns.step.keys(), (index) => metricsAt(columns, index));
}

/** One step; of a negative index it counts from the end, -1 being the last. Undefined where there is none. */
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

/** A curve as a list shows it. */
export interface CurveEnds {
  readonly points: number;
  readonly first: CurvePoint;
  readonly last: CurvePoint;
}

/** How far the curves of a run go; null where one has no point. */
export interface RunProgress {
  readonly steps: CurveEnds | null;
  readonly evaluations: CurveEnds | null;
}

export const noProgress: RunProgress = { steps: null, evaluations: null };

/** With one point more. */
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

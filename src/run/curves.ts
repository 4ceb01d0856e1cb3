/** The curves of a run, stored as columns: 10,000 steps are twelve arrays instead of 10,000 objects. */

import type { EvaluationMetrics, PreferenceFigures, StepMetrics } from "./metrics.ts";

const stepFields = {
  step: true,
  loss: true,
  gradientNorm: true,
  learningRate: true,
  tokens: true,
  supervisedTokens: true,
  examples: true,
  seconds: true,
} satisfies Readonly<Record<Exclude<keyof StepMetrics, "preference">, true>>;

const figureFields = {
  margin: true,
  accuracy: true,
  chosen: true,
  rejected: true,
} satisfies Readonly<Record<keyof PreferenceFigures, true>>;

type StepColumn = keyof typeof stepFields | keyof typeof figureFields;

/** The columns of every version, and those that older versions do not have. */
export const firstColumns = Object.keys(stepFields) as (keyof typeof stepFields)[];
export const figureColumns = Object.keys(figureFields) as (keyof typeof figureFields)[];
export const stepColumns: readonly StepColumn[] = [...firstColumns, ...figureColumns];

/**
 * One column per figure of `StepMetrics`, all of equal length. NaN in `examples` marks a step without that count, NaN in the
 * figures of preferences a step without preferences.
 */
export type StepColumns = { readonly [Column in StepColumn]: Float64Array<ArrayBuffer> };

export interface Curves {
  readonly steps: StepColumns;
  readonly evaluations: readonly EvaluationMetrics[];
}

/** Creates the column of each field from its name. */
export const eachColumn = (column: (field: StepColumn) => Float64Array<ArrayBuffer>) =>
  Object.fromEntries(stepColumns.map((field) => [field, column(field)])) as StepColumns;

/** The value of a column in a step. */
const figureIn = (metrics: StepMetrics, column: StepColumn): number =>
  (column in figureFields
    ? metrics.preference?.[column as keyof PreferenceFigures]
    : metrics[column as keyof typeof stepFields]) ?? Number.NaN;

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
      for (const field of stepColumns) columns[field][length] = figureIn(metrics, field);
      length++;
    },
    truncate(to) {
      length = Math.min(length, to);
    },
    view,
  };
}

export function columnsOf(steps: readonly StepMetrics[]): StepColumns {
  return eachColumn((field) => Float64Array.from(steps, (metrics) => figureIn(metrics, field)));
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
  const value = (field: StepColumn) => columns[field][index] ?? Number.NaN;
  const examples = value("examples");
  const [margin, accuracy] = [value("margin"), value("accuracy")];
  const preference = { margin, accuracy, chosen: value("chosen"), rejected: value("rejected") };
  return {
    step: value("step"),
    loss: value("loss"),
    gradientNorm: value("gradientNorm"),
    learningRate: value("learningRate"),
    tokens: value("tokens"),
    supervisedTokens: value("supervisedTokens"),
    ...(!Number.isNaN(examples) && { examples }),
    seconds: value("seconds"),
    ...(!Number.isNaN(margin) && { preference }),
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

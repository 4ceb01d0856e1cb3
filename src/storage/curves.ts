/**
 * The curves of runs, in chunks that only grow at the end. A chunk names the place where it starts, so a run that
 * resumes from an older checkpoint branches off there and changes no stored chunk.
 */

import * as v from "valibot";
import {
  type Curves,
  createStepLog,
  eachColumn,
  figureColumns,
  firstColumns,
  noCurves,
  type StepColumns,
  type StepLog,
  stepColumns,
  stepsOf,
} from "../run/curves.ts";
import { type EvaluationMetrics, EvaluationSchema, type StepMetrics } from "../run/metrics.ts";
import { StorageError } from "./errors.ts";
import type { Entry, KeyValue } from "./keyValue.ts";
import {
  type CurvePlace,
  CurvePlaceSchema,
  keyPrefix,
  lastPart,
  type MetricChunk,
  recordKey,
  sealed,
  unsealed,
} from "./records.ts";

/** Most steps, and most evaluations, of a chunk: 32 KiB of columns. */
export const chunkPoints = 512;

/** New points of a run's curves, for one transaction with its record or checkpoint. */
export interface CurveWrite {
  readonly puts: readonly Entry[];
  readonly bytes: number;
  /** Where the curves end with these points. */
  readonly end: CurvePlace;
  /** Call it after the transaction. */
  written(): void;
}

/** Appends points to the curves of one run. The cost per step is constant. */
export interface CurveWriter {
  addStep(metrics: StepMetrics): void;
  addEvaluation(metrics: EvaluationMetrics): void;
  /** The chunks with points that are not on disk. A full chunk is in no write again after it was written. */
  unwritten(): CurveWrite;
  /** Drops the points that are not on disk. */
  dropUnwritten(): void;
}

export interface CurveStore {
  /**
   * The curves up to a place, from every chunk before it; without a place, up to the end of the last chunk. Throws
   * `StorageError`.
   */
  read(runId: string, upTo?: CurvePlace): Promise<Curves>;
  /** Appends from a place on; null is the beginning. `curves` are appended at once. Reads no chunk. */
  writer(runId: string, after: CurvePlace | null, curves?: Curves): Promise<CurveWriter>;
  /** Keys of all chunks of a run. */
  keys(runId: string): Promise<string[]>;
}

/** Whether the value has a column for each field, all of the same length. */
function areColumns(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const columns = new Map(Object.entries(value));
  const there = [...firstColumns, ...figureColumns.filter((field) => columns.has(field))];
  const lengths = there.map((field) => {
    const column: unknown = columns.get(field);
    return column instanceof Float64Array ? column.length : null;
  });
  return lengths[0] !== null && new Set(lengths).size === 1;
}

/** All columns; those that an older version does not have are NaN. */
function complete(columns: StepColumns): StepColumns {
  const missing = new Float64Array(columns.step.length).fill(Number.NaN);
  return eachColumn((field) => columns[field] ?? missing);
}

const MetricChunkSchema: v.GenericSchema<unknown, MetricChunk> = v.object({
  after: v.nullable(CurvePlaceSchema),
  steps: v.pipe(v.custom<StepColumns>(areColumns, "columns of one length"), v.transform(complete)),
  evaluations: v.array(EvaluationSchema),
});

const beginning = { steps: 0, evaluations: 0 };

/** A chunk that is not full, or not on disk. */
interface OpenChunk {
  readonly sequence: number;
  readonly after: CurvePlace | null;
  readonly steps: StepLog;
  readonly evaluations: EvaluationMetrics[];
  /** Its points on disk; null when it has none there. */
  onDisk: { readonly steps: number; readonly evaluations: number } | null;
}

const sizeOf = ({ steps, evaluations }: OpenChunk) => ({ steps: steps.length, evaluations: evaluations.length });
const isFull = ({ steps, evaluations }: OpenChunk) => Math.max(steps.length, evaluations.length) >= chunkPoints;
const isOnDisk = (chunk: OpenChunk) =>
  chunk.steps.length === chunk.onDisk?.steps && chunk.evaluations.length === chunk.onDisk.evaluations;

function endOf(chunk: OpenChunk): CurvePlace {
  const before = chunk.after ?? beginning;
  return {
    chunk: chunk.sequence,
    steps: before.steps + chunk.steps.length,
    evaluations: before.evaluations + chunk.evaluations.length,
  };
}

function createWriter(runId: string, after: CurvePlace | null, first: number): CurveWriter {
  /** New points go into the last one. */
  let chunks: OpenChunk[] = [];

  const tail = (): OpenChunk => {
    const last = chunks.at(-1);
    if (last && !isFull(last)) return last;
    const next: OpenChunk = {
      sequence: last ? last.sequence + 1 : first,
      after: last ? endOf(last) : after,
      steps: createStepLog(chunkPoints),
      evaluations: [],
      onDisk: null,
    };
    chunks.push(next);
    return next;
  };

  return {
    addStep: (metrics) => tail().steps.push(metrics),
    addEvaluation: (metrics) => void tail().evaluations.push(metrics),

    unwritten() {
      // A write without new points matters too: the run may have gone back, and the last chunk marks where its curves
      // end.
      const end = endOf(chunks.at(-1) ?? tail());
      const fresh = chunks.filter((chunk) => !isOnDisk(chunk)).map((chunk) => ({ chunk, size: sizeOf(chunk) }));
      let bytes = 0;
      const puts = fresh.map(({ chunk: { sequence, after: from, steps, evaluations } }) => {
        const view = steps.view();
        bytes += 8 * stepColumns.length * view.step.length + JSON.stringify(evaluations).length;
        // Copies, because a view would store its whole buffer.
        const value = { after: from, steps: eachColumn((field) => view[field].slice()), evaluations: [...evaluations] };
        return sealed(recordKey("metrics", runId, sequence), value);
      });
      return {
        puts,
        bytes,
        end,
        written() {
          for (const { chunk, size } of fresh) chunk.onDisk = size;
          // The last chunk stays even when it is full, because the next one begins at its end.
          chunks = chunks.filter((chunk, index) => index === chunks.length - 1 || !isOnDisk(chunk));
        },
      };
    },

    dropUnwritten() {
      chunks = chunks.filter(({ onDisk }) => onDisk !== null);
      for (const { steps, evaluations, onDisk } of chunks) {
        steps.truncate(onDisk?.steps ?? 0);
        evaluations.length = onDisk?.evaluations ?? 0;
      }
    },
  };
}

function joined(parts: readonly Curves[]): Curves {
  const length = parts.reduce((sum, { steps }) => sum + steps.step.length, 0);
  return {
    steps: eachColumn((field) => {
      const column = new Float64Array(length);
      let at = 0;
      for (const { steps } of parts) {
        column.set(steps[field], at);
        at += steps[field].length;
      }
      return column;
    }),
    evaluations: parts.flatMap(({ evaluations }) => evaluations),
  };
}

export function createCurves(records: KeyValue): CurveStore {
  const keys = (runId: string) => records.keys(keyPrefix("metrics", runId));
  const sequences = async (runId: string) => (await keys(runId)).map((key) => Number(lastPart(key)));

  async function readChunk(runId: string, sequence: number): Promise<MetricChunk> {
    const what = `Part ${sequence} of the curves of run ${runId}`;
    const stored = await records.get(recordKey("metrics", runId, sequence));
    const chunk = unsealed(what, "The run itself is not affected.", MetricChunkSchema, stored);
    if (chunk.after !== null && chunk.after.chunk >= sequence) {
      throw new StorageError(
        `${what} claims to follow part ${chunk.after.chunk}, which is not before it. The run itself is not affected.`,
      );
    }
    return chunk;
  }

  return {
    keys,

    async read(runId, upTo) {
      const all = upTo ? [] : await sequences(runId);
      const everything = { steps: Number.POSITIVE_INFINITY, evaluations: Number.POSITIVE_INFINITY };
      let place = upTo ?? (all.length > 0 ? { chunk: Math.max(...all), ...everything } : null);
      const parts: Curves[] = [];
      while (place !== null) {
        const { after, steps, evaluations } = await readChunk(runId, place.chunk);
        const from = after ?? beginning;
        const count = place.steps - from.steps;
        parts.unshift({
          steps: eachColumn((field) => steps[field].subarray(0, count)),
          evaluations: evaluations.slice(0, place.evaluations - from.evaluations),
        });
        place = after;
      }
      return joined(parts);
    },

    async writer(runId, after, curves = noCurves) {
      const writer = createWriter(runId, after, Math.max(-1, ...(await sequences(runId))) + 1);
      for (const metrics of stepsOf(curves.steps)) writer.addStep(metrics);
      for (const metrics of curves.evaluations) writer.addEvaluation(metrics);
      return writer;
    },
  };
}

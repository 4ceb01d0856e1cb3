/** The losses of a run's training rows under its base model and under one of its checkpoints, and what they say of the rows. */

import * as v from "valibot";
import { Count, Hash } from "./fields.ts";

/** The losses as they are stored: column by column, one entry per training example, in the order of sources and rows. */
export interface ExampleLosses {
  /** SHA-256 over the run's data and the checkpoint: equal losses have an equal key. */
  readonly key: string;
  /** Step of the checkpoint. */
  readonly step: number;
  /** int32 [examples]; index into the run's sources */
  readonly sources: Int32Array<ArrayBuffer>;
  /** int32 [examples]; index of the record in its source */
  readonly rows: Int32Array<ArrayBuffer>;
  /** int32 [examples]; line of the source's file on which the record begins, from 1 */
  readonly lines: Int32Array<ArrayBuffer>;
  /** int32 [examples]; supervised tokens */
  readonly tokens: Int32Array<ArrayBuffer>;
  /** float32 [examples]; Σ cross-entropy of the supervised tokens in nats, loss weights not applied; NaN before it is measured */
  readonly base: Float32Array<ArrayBuffer>;
  readonly tuned: Float32Array<ArrayBuffer>;
}

/** A training row with its losses: sums over the supervised tokens of all its examples. */
export interface RowLoss {
  readonly source: number;
  readonly row: number;
  readonly line: number;
  readonly tokens: number;
  readonly base: number;
  readonly tuned: number;
}

/** The measures by which rows are sorted: mean losses per supervised token, and by how much training lowered them. */
export const rowMeasures = ["tuned", "base", "drop"] as const;

export type RowMeasure = (typeof rowMeasures)[number];

/** The measure of a row in nats per token; `drop` is base − tuned. 0 for a row without supervised tokens. */
export function measureOf({ tokens, base, tuned }: RowLoss, measure: RowMeasure): number {
  const sum = measure === "drop" ? base - tuned : measure === "base" ? base : tuned;
  return sum / Math.max(tokens, 1);
}

const numbers = ["sources", "rows", "lines", "tokens"] as const;
const sums = ["base", "tuned"] as const;

function areColumns(value: unknown): value is Omit<ExampleLosses, "key" | "step"> {
  const columns = new Map(Object.entries(value ?? {}));
  const lengths = [
    ...numbers.map((name) => [columns.get(name), Int32Array] as const),
    ...sums.map((name) => [columns.get(name), Float32Array] as const),
  ].map(([column, type]) => (column instanceof type ? column.length : null));
  return lengths[0] !== null && new Set(lengths).size === 1;
}

export const ExampleLossesSchema: v.GenericSchema<unknown, ExampleLosses> = v.intersect([
  v.custom<Omit<ExampleLosses, "key" | "step">>(areColumns, "columns of one length"),
  v.looseObject({ key: Hash, step: Count }),
]);

/** Number of examples whose two losses are measured. */
export function measuredCount({ base, tuned }: Pick<ExampleLosses, "base" | "tuned">): number {
  let count = 0;
  base.forEach((loss, i) => {
    if (!Number.isNaN(loss) && !Number.isNaN(tuned[i])) count++;
  });
  return count;
}

/** The rows whose examples are all measured, in the order of sources and rows. */
export function rowsOfLosses(losses: ExampleLosses): RowLoss[] {
  const found: RowLoss[] = [];
  losses.rows.forEach((row, i) => {
    const source = losses.sources[i] ?? 0;
    const [tokens, base, tuned] = [losses.tokens[i] ?? 0, losses.base[i] ?? Number.NaN, losses.tuned[i] ?? Number.NaN];
    const last = found.at(-1);
    if (last?.row === row && last.source === source) {
      found[found.length - 1] = {
        ...last,
        tokens: last.tokens + tokens,
        base: last.base + base,
        tuned: last.tuned + tuned,
      };
    } else found.push({ source, row, line: losses.lines[i] ?? row + 1, tokens, base, tuned });
  });
  return found.filter(({ base, tuned }) => !Number.isNaN(base) && !Number.isNaN(tuned));
}

/** Two histograms with the same bins of equal width. */
export interface LossBins {
  /** Nats per token; one more than there are bins. */
  readonly edges: readonly number[];
  readonly base: readonly number[];
  readonly tuned: readonly number[];
}

/** At most 24 bins of a round width (1, 2 or 5 times a power of ten) from 0 past the highest mean loss. */
export function lossBins(rows: readonly RowLoss[]): LossBins {
  const finite = (value: number) => (Number.isFinite(value) ? Math.max(0, value) : 0);
  const means = (measure: "base" | "tuned") => rows.map((row) => finite(measureOf(row, measure)));
  const [base, tuned] = [means("base"), means("tuned")];
  const highest = [...base, ...tuned].reduce((most, value) => Math.max(most, value), 0);
  let width = 0.01;
  for (let k = 0; highest / width >= 24; k++) width = ([1, 2, 5][k % 3] ?? 1) * 10 ** (Math.floor(k / 3) - 2);
  const bins = Math.floor(highest / width) + 1;
  const count = (values: readonly number[]) => {
    const counts = new Array<number>(bins).fill(0);
    for (const value of values) {
      const bin = Math.min(bins - 1, Math.floor(value / width));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return counts;
  };
  const edges = Array.from({ length: bins + 1 }, (_, i) => Number((i * width).toPrecision(6)));
  return { edges, base: count(base), tuned: count(tuned) };
}

/**
 * Area under the ROC curve of scores for marked rows: the probability that a marked row has a higher score than an unmarked one,
 * ties counted half (Mann–Whitney U). NaN where there are none of either.
 */
export function areaUnderCurve(scores: readonly number[], marked: readonly boolean[]): number {
  const order = scores.map((_, i) => i).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
  let rankSum = 0;
  let count = 0;
  for (let i = 0; i < order.length; ) {
    let end = i;
    while (end < order.length && scores[order[end] ?? 0] === scores[order[i] ?? 0]) end++;
    const rank = (i + 1 + end) / 2;
    for (; i < end; i++) {
      if (!marked[order[i] ?? 0]) continue;
      rankSum += rank;
      count++;
    }
  }
  return (rankSum - (count * (count + 1)) / 2) / (count * (scores.length - count));
}

/** Number of marked rows among the `top` rows with the highest scores. */
export function markedInTop(scores: readonly number[], marked: readonly boolean[], top: number): number {
  const order = scores.map((_, i) => i).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  return order.slice(0, top).filter((i) => marked[i]).length;
}

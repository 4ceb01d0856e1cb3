/** Arithmetic and layout of the report: medians, spreads, paired ratios, rows and the table. */

export interface Row {
  readonly engine: string;
  readonly version: string;
  readonly backend: string;
  readonly size: string;
  readonly method: string;
  /** Tokens of the batch per second, padding included, from the median sample. */
  readonly tokensPerSecond: number;
  readonly supervisedTokensPerSecond: number;
  /** (third quartile − first quartile) / median of the milliseconds per step. */
  readonly spread: number;
  readonly millisecondsPerStep: number;
  /** See `peakBytesOf`; null when it could not be measured. */
  readonly peakBytes: number | null;
  readonly peakBytesOf:
    | "resident memory above the blank page's"
    | "live GPU buffers"
    | "resident memory above Python's";
  /** Losses of the first two steps; the second also depends on gradients, clipping and AdamW. */
  readonly loss: readonly [number, number];
  readonly gradientNorm: readonly [number, number];
  /** Largest relative deviation of these losses and norms from the median engine's. */
  readonly deviation: number;
  readonly normDeviation: number;
  /** Median over the rounds of Hone's speed divided by this engine's; null without Hone. */
  readonly ratioToHone: number | null;
  readonly timeToFirstStepMs: number;
  /** Uncompressed bytes of all files that the page loaded; null outside a browser. */
  readonly bytesLoaded: number | null;
  /** FLOP/s of the step's matrix products divided by the same runtime's `matrixPeak`. */
  readonly shareOfPeak: number;
}

/** An engine that threw, or whose results differ from the others. */
export interface Failure {
  readonly engine: string;
  readonly backend: string;
  readonly size: string;
  readonly method: string;
  readonly error: string;
}

/** GFLOP/s of a large square product of float32 matrices. */
export interface MatrixPeak {
  readonly engine: string;
  readonly backend: string;
  readonly gflops: number;
}

/** The result for one size and method. */
export interface Comparison {
  readonly rows: readonly Row[];
  readonly failures: readonly Failure[];
  readonly matrixPeak: readonly MatrixPeak[];
}

/** The content of `--json`; of several measured peaks per engine and backend it has the highest. */
export function reportOf<Machine>(machine: Machine, comparisons: readonly Comparison[]) {
  const highest = new Map<string, MatrixPeak>();
  for (const found of comparisons.flatMap(({ matrixPeak }) => matrixPeak)) {
    const key = `${found.engine} ${found.backend}`;
    if (!((highest.get(key)?.gflops ?? 0) >= found.gflops)) highest.set(key, found);
  }
  const rows = comparisons.flatMap(({ rows }) => rows);
  return {
    machine,
    rows,
    matrixPeak: [...highest.values()],
    shareOfPeak: rows.map(({ engine, backend, size, method, shareOfPeak }) => ({
      engine,
      backend,
      size,
      method,
      share: shareOfPeak,
    })),
    failures: comparisons.flatMap(({ failures }) => failures),
  };
}

/** The value below which the given share of the values lies, interpolated between neighbours. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export const median = (values: readonly number[]) => quantile(values, 0.5);

/** Interquartile range over the median. */
export const spreadOf = (values: readonly number[]) =>
  (quantile(values, 0.75) - quantile(values, 0.25)) / median(values);

/** Median of a[i]/b[i]; each pair was measured together, so that a slow machine slows both. */
export function pairedRatio(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) throw new Error(`${a.length} samples cannot be paired with ${b.length}.`);
  return median(a.map((value, i) => value / (b[i] ?? Number.NaN)));
}

/** Largest |value − median| / |median| over each engine's figures; not finite when a figure is not. */
export function deviations(figures: readonly (readonly number[])[]): number[] {
  return figures.map((own) =>
    Math.max(
      ...own.map((value, i) => {
        const middle = median(figures.map((other) => other[i] ?? Number.NaN).filter(Number.isFinite));
        return Number.isFinite(value) ? Math.abs(value - middle) / Math.abs(middle) : Number.POSITIVE_INFINITY;
      }),
    ),
  );
}

/** Columns of text; the first is left-aligned, numbers are right-aligned. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [line(head), ...rows.map(line)].join("\n");
}

/** Mebibytes, or a dash when not measured. */
export const bytesText = (bytes: number | null) => (bytes === null ? "–" : (bytes / 2 ** 20).toFixed(1));

/** A dash for NaN. */
const orDash = (value: number, text: (value: number) => string) => (Number.isNaN(value) ? "–" : text(value));

/** The table of one size and method. */
export function rowsTable(rows: readonly Row[]): string {
  return table(
    [
      "engine",
      "tokens/s",
      "supervised/s",
      "ms/step",
      "spread",
      "Hone ×",
      "peak MiB",
      "of peak",
      "first step",
      "MiB loaded",
      "loss 1",
      "loss 2",
      "deviation",
      "of norms",
    ],
    rows.map((row) => [
      `${row.engine} ${row.version} (${row.backend})`,
      row.tokensPerSecond.toFixed(0),
      row.supervisedTokensPerSecond.toFixed(0),
      row.millisecondsPerStep.toFixed(1),
      `${(100 * row.spread).toFixed(1)} %`,
      row.ratioToHone === null ? "–" : row.ratioToHone.toFixed(2),
      bytesText(row.peakBytes),
      orDash(row.shareOfPeak, (share) => `${(100 * share).toFixed(0)} %`),
      `${(row.timeToFirstStepMs / 1000).toFixed(1)} s`,
      bytesText(row.bytesLoaded),
      row.loss[0].toFixed(5),
      row.loss[1].toFixed(5),
      orDash(row.deviation, (value) => value.toExponential(1)),
      orDash(row.normDeviation, (value) => value.toExponential(1)),
    ]),
  );
}

/** The rows that `npm run gpu` prints and writes. */

/** `ok` and `FAIL` are numeric checks; `skipped` has its reason in the note. */
export type Verdict = "ok" | "FAIL" | "skipped" | "";

export interface Row {
  readonly figure: string;
  /** Null for a row of words. */
  readonly value: number | null;
  readonly unit: string;
  readonly verdict: Verdict;
  readonly note: string;
}

export interface PartResult {
  readonly part: string;
  readonly seconds: number;
  readonly rows: readonly Row[];
  /** Why the part ended before its end; null when it did not. */
  readonly error: string | null;
}

/** A measured figure. */
export const measured = (figure: string, value: number, unit: string, note = ""): Row => ({
  figure,
  value,
  unit,
  verdict: "",
  note,
});

/** A figure that may be at most `limit`; NaN fails. */
export const atMost = (figure: string, value: number, limit: number, unit: string, note = ""): Row => ({
  figure,
  value,
  unit,
  verdict: value <= limit ? "ok" : "FAIL",
  note: [`at most ${limit}`, note].filter(Boolean).join("; "),
});

/** Something that is not measured here, with the reason. */
export const skipped = (figure: string, reason: string): Row => ({
  figure,
  value: null,
  unit: "",
  verdict: "skipped",
  note: reason,
});

/** Words without a number. */
export const words = (figure: string, note: string): Row => ({ figure, value: null, unit: "", verdict: "", note });

/** Four significant digits; whole numbers in full. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size < 1e-3 || size >= 1e7 ? value.toExponential(1) : Number(value.toPrecision(4)).toString();
}

/** One line of the table. */
export function rowText({ figure, value, unit, verdict, note }: Row): string {
  const number = value === null ? "" : `${numberText(value)} ${unit}`.trimEnd();
  return `  ${verdict.padEnd(7)} ${figure.padEnd(58)} ${number.padStart(16)}  ${note}`.trimEnd();
}

/** The last line: numbers of parts, checks and failures. */
export function summaryOf(parts: readonly PartResult[]): { readonly text: string; readonly failed: boolean } {
  const rows = parts.flatMap((part) => part.rows);
  const of = (verdict: Verdict) => rows.filter((row) => row.verdict === verdict).length;
  const errors = parts.filter(({ error }) => error !== null).length;
  const seconds = parts.reduce((sum, part) => sum + part.seconds, 0);
  return {
    text:
      `${parts.length} parts in ${seconds.toFixed(0)} s: ${of("ok")} checks passed, ${of("FAIL")} failed, ` +
      `${of("skipped")} skipped, ${errors} parts ended early`,
    failed: of("FAIL") > 0 || errors > 0,
  };
}

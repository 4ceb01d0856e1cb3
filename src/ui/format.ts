/** Formats of numbers on the page. */

import type { CurveEnds } from "../run/curves.ts";

/** 3.1 M, 260 k, 512. */
export function count(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} B`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)} k`;
  return value.toLocaleString("en");
}

/** 1.2 GB, in powers of ten as disks are sold. */
export function bytes(value: number): string {
  for (const [unit, size] of [
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
  ] as const)
    if (value >= size) return `${(value / size).toFixed(1)} ${unit}`;
  return `${value} B`;
}

/** 1 h 05 min, 3 min 20 s, 12 s. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
  return minutes > 0 ? `${minutes} min ${String(whole % 60).padStart(2, "0")} s` : `${whole} s`;
}

/** A loss or a norm, four figures. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 1e4 ? value.toExponential(2) : value.toPrecision(4);
}

/** 4.021 → 2.310: the first and the last loss of a curve. */
export function fromTo(ends: Pick<CurveEnds, "first" | "last"> | null): string {
  return ends ? `${figure(ends.first.loss)} → ${figure(ends.last.loss)}` : "–";
}

/** One row, 2 rows. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${value.toLocaleString("en")} ${value === 1 ? one : many}`;
}

/** 22 Nov, 14:05. */
export function dateAndTime(iso: string): string {
  return new Date(iso).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

/** 12 %, 4.2 %: a share in [0, 1]. */
export function share(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const percent = 100 * value;
  return `${percent >= 10 || percent === 0 ? Math.round(percent) : percent.toFixed(1)} %`;
}

/** The lengths of the examples as a histogram. */

import type { DataReport } from "./report.ts";

/** At most 25 bins of a round width (1, 2 or 5 times a power of ten), from 0 past the longest. */
export function histogram(lengths: Int32Array): DataReport["lengths"] {
  const sorted = lengths.slice().sort();
  const longest = sorted.at(-1) ?? 0;
  let width = 1;
  for (let k = 0; longest / width >= 25; k++) width = ([1, 2, 5][k % 3] ?? 1) * 10 ** Math.floor(k / 3);
  const counts = new Array<number>(Math.floor(longest / width) + 1).fill(0);
  for (const length of sorted) counts[Math.floor(length / width)] = (counts[Math.floor(length / width)] ?? 0) + 1;
  const edges = Array.from({ length: counts.length + 1 }, (_, i) => i * width);
  return { edges, counts, longest, median: sorted[sorted.length >> 1] ?? 0 };
}

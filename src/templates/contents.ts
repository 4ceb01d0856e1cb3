/** The places of messages' texts in a rendering, indexed by message and by position. */

import type { Role } from "../records/example.ts";
import type { Range } from "./marks.ts";

/** A span of the rendering with its message; null for the text of no message, such as a tool's description. */
export interface Found extends Range {
  readonly message: number | null;
  readonly role: Role | null;
}

export interface Contents {
  readonly all: readonly Found[];
  /** In the order of the rendering. */
  of(message: number): readonly Found[];
  /** Those that lie completely in the range. */
  within(range: Range): readonly Found[];
  /** Whether one begins before `end` and ends after `start`. */
  overlap(start: number, end: number): boolean;
}

/** `all` must be in the order of the rendering and must not overlap. */
export function indexContents(all: readonly Found[]): Contents {
  const byMessage = new Map<number, Found[]>();
  for (const found of all) {
    if (found.message === null) continue;
    const own = byMessage.get(found.message);
    if (own) own.push(found);
    else byMessage.set(found.message, [found]);
  }
  /** Index of the first that passes, by binary search: all after it must pass too. */
  const first = (passes: (found: Found) => boolean): number => {
    let low = 0;
    let high = all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const found = all[middle];
      if (found && passes(found)) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  return {
    all,
    of: (message) => byMessage.get(message) ?? [],
    within({ start, end }) {
      const from = first((found) => found.start >= start);
      const until = first((found) => found.end > end);
      return all.slice(from, Math.max(from, until));
    },
    overlap(start, end) {
      const next = all[first((found) => found.end > start)];
      return next !== undefined && next.start < end;
    },
  };
}

/** Where the texts of messages stand in a rendering, found by message and by place without a walk through all of them. */

import type { Role } from "../records/example.ts";
import type { Range } from "./marks.ts";

/** A stretch of the rendering that belongs to a message; null for none, as of a tool's description. */
export interface Found extends Range {
  readonly message: number | null;
  readonly role: Role | null;
}

export interface Contents {
  readonly all: readonly Found[];
  /** In the order of the rendering. */
  of(message: number): readonly Found[];
  /** Those that lie whole in a stretch. */
  within(range: Range): readonly Found[];
  /** Whether one begins before `end` and ends behind `start`. */
  overlap(start: number, end: number): boolean;
}

/** `all` stand in the order of the rendering, and none begins before the one in front of it has ended. */
export function indexContents(all: readonly Found[]): Contents {
  const byMessage = new Map<number, Found[]>();
  for (const found of all) {
    if (found.message === null) continue;
    const own = byMessage.get(found.message);
    if (own) own.push(found);
    else byMessage.set(found.message, [found]);
  }
  /** Index of the first that passes; all behind it pass too. */
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

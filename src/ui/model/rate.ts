/** Download rate, from the last samples. */

export interface Seen {
  /** Milliseconds of a monotonic clock. */
  readonly at: number;
  /** Bytes at that time. */
  readonly done: number;
}

/** Milliseconds of the averaging window. */
const span = 5000;

/** Adds a sample; the list restarts when the number of bytes falls. */
export function withSeen(seen: readonly Seen[], next: Seen): Seen[] {
  const last = seen.at(-1);
  if (!last || next.done < last.done) return [next];
  const recent = seen.filter(({ at }) => next.at - at <= span);
  // One older sample stays, so that a slow download is measured too.
  const older = seen.at(-recent.length - 1);
  return [...(older && recent.length < 2 ? [older] : []), ...recent, next];
}

/** Bytes per second; null before the second sample. */
export function rateOf(seen: readonly Seen[]): number | null {
  const [first, last] = [seen[0], seen.at(-1)];
  if (!first || !last || last.at - first.at < 300) return null;
  return ((last.done - first.done) / (last.at - first.at)) * 1000;
}

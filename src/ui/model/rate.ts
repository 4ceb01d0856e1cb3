/** How fast bytes come, from what was seen of them lately. */

export interface Seen {
  /** Milliseconds of a steady clock. */
  readonly at: number;
  /** Bytes by then. */
  readonly done: number;
}

/** A line's speed wavers: it is taken over so many milliseconds. */
const span = 5000;

/** What was seen, with one more; it begins anew where there are fewer bytes than before. */
export function withSeen(seen: readonly Seen[], next: Seen): Seen[] {
  const last = seen.at(-1);
  if (!last || next.done < last.done) return [next];
  const recent = seen.filter(({ at }) => next.at - at <= span);
  // One older one stays, so that a slow line is measured too.
  const older = seen.at(-recent.length - 1);
  return [...(older && recent.length < 2 ? [older] : []), ...recent, next];
}

/** Bytes per second; null until enough was seen to say. */
export function rateOf(seen: readonly Seen[]): number | null {
  const [first, last] = [seen[0], seen.at(-1)];
  if (!first || !last || last.at - first.at < 300) return null;
  return ((last.done - first.done) / (last.at - first.at)) * 1000;
}

/** Dates of records. A machine's clock can be set back; a record must not become older by that. */

/** Now, or `before` if the clock is behind it. In the form of `Date.toISOString`. */
export function laterThan(before: string): string {
  const now = new Date().toISOString();
  return now > before ? now : before;
}

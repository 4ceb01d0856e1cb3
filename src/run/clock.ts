/** Dates of records. The clock of a machine can be set back; a record must not seem to be older than it was. */

/** Now, or `before` where the clock has been set back behind it. In the form of `Date.toISOString`. */
export function laterThan(before: string): string {
  const now = new Date().toISOString();
  return now > before ? now : before;
}

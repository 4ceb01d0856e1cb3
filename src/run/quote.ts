/** Foreign texts in messages. */

/** Most characters of a foreign name or path in a message. */
const mostQuoted = 60;

/** A foreign text on one line, cut to at most so many characters. */
export function quoted(text: string, most = mostQuoted): string {
  // Cut first: a text may have millions of characters.
  const line = text.slice(0, most + 1).replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, "?");
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}

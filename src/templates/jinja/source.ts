/** Characters and places of a template's source, and Python's white space. */

/** Line and column, from 1, of an offset. */
export function placeAt(source: string, offset: number): { readonly line: number; readonly column: number } {
  const before = source.slice(0, offset);
  const lines = before.split(/\r\n?|\n/);
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

/** A token in quotes, as messages show it. */
export const shownToken = (text: string) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

/** The characters of Python's `str.isspace`; JavaScript's white space has others. */
export const spaceClass = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const space = new RegExp(`[${spaceClass}]`);

export const isSpace = (character: string): boolean => space.test(character);

/** The offset after the white space at the start of a text. */
export function spaceBefore(text: string): number {
  let at = 0;
  while (at < text.length && isSpace(text.charAt(at))) at++;
  return at;
}

/** The offset of the white space at the end of a text. */
export function spaceAfter(text: string): number {
  let at = text.length;
  while (at > 0 && isSpace(text.charAt(at - 1))) at--;
  return at;
}

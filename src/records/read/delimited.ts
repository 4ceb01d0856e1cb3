/** Splits CSV and TSV rows into fields (RFC 4180), in linear time for any quotes and spaces. */

export interface TableForm {
  readonly delimiter: string;
  readonly newline: "\n" | "\r";
  /** The first line is Excel's `sep=;`, which names the delimiter and is no row. */
  readonly namesDelimiter?: boolean;
}

/** A row and the index after it. */
interface WholeRow {
  readonly fields: string[];
  readonly end: number;
}

/** `open`: index of a quote that is never closed. "unfinished": the next piece of the file may continue the row. */
export type Row = WholeRow | { readonly open: number } | "unfinished";

const quote = '"';

/**
 * Reads row after row. A quoted field ends at a quote before a delimiter or a line end; white space may stand between. Any
 * other quote within the field is text. `last`: the text ends the file.
 */
export function createRowReader(text: string, { delimiter, newline }: TableForm, last: boolean) {
  let at = 0;
  let nextDelimiter = text.indexOf(delimiter);
  let nextNewline = text.indexOf(newline);
  /** Moves the next delimiter and line end to `from` or later. */
  const seek = (from: number) => {
    if (nextDelimiter !== -1 && nextDelimiter < from) nextDelimiter = text.indexOf(delimiter, from);
    if (nextNewline !== -1 && nextNewline < from) nextNewline = text.indexOf(newline, from);
  };
  /** The first index from `from` with a delimiter, a line end, or other text than white space. */
  const afterSpaces = (from: number): number => {
    let place = from;
    while (place < text.length && text[place] !== delimiter && text[place] !== newline && isSpace(text, place)) place++;
    return place;
  };

  /** Indices of the closing quote of the field at `at`, and of the delimiter or line end after it; null if none closes it. */
  const quoted = (): { readonly close: number; readonly after: number } | null => {
    for (let close = text.indexOf(quote, at + 1); close !== -1; close = text.indexOf(quote, close + 1)) {
      if (text[close + 1] === quote) {
        close++;
        continue;
      }
      if (close === text.length - 1) return { close, after: text.length };
      const after = afterSpaces(close + 1);
      if (text[after] === delimiter || text[after] === newline) return { close, after };
    }
    return null;
  };

  return {
    /** The next row; null at the end of the text. */
    next(): Row | null {
      if (at >= text.length) return null;
      const fields: string[] = [];
      for (;;) {
        if (text[at] === quote) {
          const found = quoted();
          if (found === null) return last ? { open: at } : "unfinished";
          const { close, after } = found;
          if (after === text.length && !last) return "unfinished";
          fields.push(text.slice(at + 1, close).replaceAll('""', '"'));
          at = after + 1;
          seek(at);
          if (text[after] === delimiter) continue;
          return { fields, end: Math.min(at, text.length) };
        }
        if (nextDelimiter !== -1 && (nextDelimiter < nextNewline || nextNewline === -1)) {
          fields.push(text.slice(at, nextDelimiter));
          at = nextDelimiter + 1;
          seek(at);
          continue;
        }
        if (nextNewline === -1 && !last) return "unfinished";
        const end = nextNewline === -1 ? text.length : nextNewline;
        fields.push(text.slice(at, end));
        at = end + 1;
        seek(at);
        return { fields, end: Math.min(at, text.length) };
      }
    },
  };
}

function isSpace(text: string, place: number): boolean {
  const code = text.charCodeAt(place);
  return code === 0x20 || (code >= 0x09 && code <= 0x0d) || (code >= 0x80 && text[place]?.trim() === "");
}

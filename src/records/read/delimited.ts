/** Fields of CSV and TSV rows (RFC 4180), in one pass: no character is read again, however quotes and spaces stand. */

export interface TableForm {
  readonly delimiter: string;
  readonly newline: "\n" | "\r";
}

/** A row, and the place behind it. */
interface WholeRow {
  readonly fields: string[];
  readonly end: number;
}

/** `open`: the place of a quote that nothing closes. `unfinished`: the row may go on in the next piece of the file. */
export type Row = WholeRow | { readonly open: number } | "unfinished";

const quote = '"';

/**
 * Reads rows one after the other. A field in quotes ends at a quote that a delimiter or a line end follows, white space
 * aside; any other quote in it is text. `last`: the file ends with the text, and with it its last row.
 */
export function createRowReader(text: string, { delimiter, newline }: TableForm, last: boolean) {
  let at = 0;
  let nextDelimiter = text.indexOf(delimiter);
  let nextNewline = text.indexOf(newline);
  /** Searches again only where the place found last lies behind. */
  const seek = (from: number) => {
    if (nextDelimiter !== -1 && nextDelimiter < from) nextDelimiter = text.indexOf(delimiter, from);
    if (nextNewline !== -1 && nextNewline < from) nextNewline = text.indexOf(newline, from);
  };
  /** The first place from `from` on that holds no white space, a delimiter or a line end. */
  const afterSpaces = (from: number): number => {
    let place = from;
    while (place < text.length && text[place] !== delimiter && text[place] !== newline && isSpace(text, place)) place++;
    return place;
  };

  /** The end of the field in quotes that begins at `at`, and the place behind it; null where no quote closes it. */
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

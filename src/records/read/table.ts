/** Parses CSV and TSV in pieces; the first row is the header, and all values stay text. */

import { objectOf } from "../value.ts";
import { createRowReader, type TableForm } from "./delimited.ts";
import { damage } from "./encoding.ts";
import { type Emit, quote, type RowLimits, type RowParser, tooLong } from "./row.ts";

const delimiters = [",", "\t", ";", "|"];

/** Most restarts after quotes that are never closed; each costs a pass over the rest. */
const maxRestarts = 8;

/** Excel's line for the delimiter, maybe quoted and padded with empty fields. */
const delimiterLine = /^"?sep=(\\t|[^"\r\n])"?[,;|\t ]*(?=[\r\n]|$)/i;

/** Rows by which the delimiter is detected. */
const previewRows = 50;

/** Bounded, because every stored row contains the names of its columns: a short row could take a megabyte. */
const maxColumns = 10_000;
const longestName = 200;

/**
 * Detects a table's form from its beginning. With the right delimiter most rows have as many fields as the header; the comma
 * wins a tie. A first line `sep=;` names it. Rows end with CR LF, LF, or (in old files) CR.
 */
export function tableForm(beginning: string, whole: boolean, delimiter?: string): TableForm {
  const newline = !beginning.includes("\n") && beginning.includes("\r") ? "\r" : "\n";
  const [, named] = delimiterLine.exec(beginning) ?? [];
  if (named !== undefined) return { delimiter: named === "\\t" ? "\t" : named, newline, namesDelimiter: true };
  const fit = (candidate: string): number => {
    const reader = createRowReader(beginning, { delimiter: candidate, newline }, whole);
    const rows: string[][] = [];
    let broken = false;
    for (let count = 0; count < previewRows; count++) {
      const row = reader.next();
      if (row === null || row === "unfinished") break;
      broken = "open" in row;
      if ("open" in row) break;
      const { fields } = row;
      if (fields.length > 1 || fields[0]?.trim() !== "") rows.push(fields);
    }
    const width = rows[0]?.length ?? 0;
    if (width < 2) return 0;
    return rows.filter((fields) => fields.length === width).length / rows.length / (broken ? 2 : 1);
  };
  const fits = delimiters.map(fit);
  return { delimiter: delimiter ?? delimiters[fits.indexOf(Math.max(...fits))] ?? ",", newline };
}

/**
 * Parses rows into objects by the header's names: a repeated name becomes `name (2)`, an empty one `column 3`. A row with too
 * many or too few fields is a problem. A quote that is never closed is one too; parsing continues on the next line.
 */
export function createTableParser(form: TableForm, limits: RowLimits, emit: Emit): RowParser {
  const { delimiter, newline } = form;
  let names: string[] | null = null;
  let text = "";
  /** Line on which `text` begins. */
  let line = 1;
  /** Length of `text` for the next parse; it doubles, so that a row over many pieces is not parsed again for each. */
  let nextLength = 0;
  let restarts = 0;
  let skipsLine = form.namesDelimiter === true;
  let gaveUp = false;

  const emitRow = (fields: string[], raw: string) => {
    const at = line;
    line += linesOf(raw, newline);
    if (fields.length === 1 && raw.trim() === "") return;
    const values = withoutReturn(fields, raw, delimiter);
    if (!names) {
      const fault = faultOfHeader(values);
      gaveUp = fault !== null;
      if (fault !== null) emit({ line: at, problem: `${fault}; no row is read` }, 0);
      names = fault === null ? namesOf(values) : [];
      if (fault === null && raw.includes(damage)) {
        const problem = `bytes in the header cannot be decoded; save the file as UTF-8. The header begins ${quote(raw)}`;
        emit({ line: at, problem }, 0);
        names = names.map((name) => name.replaceAll(damage, "\uFFFD"));
      }
    } else if (raw.length > limits.rowLength) {
      emit({ line: at, problem: tooLong(raw, limits) }, 0);
    } else if (values.length !== names.length) {
      const is = (count: number) => `${count} ${count === 1 ? "field" : "fields"}`;
      const problem = `the row has ${is(values.length)}, but the header has ${names.length}; the row begins ${quote(raw)}`;
      emit({ line: at, problem }, raw.length);
    } else {
      emit({ line: at, value: objectOf(names.map((name, i) => [name, values[i] ?? ""])) }, raw.length);
    }
  };

  /** Emits the complete rows of the text; returns the index of a quote that is never closed, else null. */
  const emitRows = (last: boolean): number | null => {
    const reader = createRowReader(text, form, last);
    let cursor = 0;
    let open: number | null = null;
    for (let row = reader.next(); row !== null && row !== "unfinished" && !gaveUp; row = reader.next()) {
      if ("open" in row) {
        open = row.open - cursor;
        break;
      }
      emitRow(row.fields, text.slice(cursor, row.end));
      cursor = row.end;
    }
    text = text.slice(cursor);
    return open;
  };

  /** Reports a row without an end, and continues after its first line. */
  const skipRow = (place: number | null) => {
    if (place !== null) restarts++;
    gaveUp = names === null || restarts > maxRestarts;
    const why =
      place === null
        ? tooLong(text, limits)
        : `a quoted field that opens here is never closed; the row begins ${quote(text)}`;
    const problem = gaveUp ? `${why}; the rest of the file is not read` : why;
    emit({ line: line + linesOf(text.slice(0, place ?? 0), newline), problem }, 0);
    const next = text.indexOf(newline);
    skipsLine = next < 0;
    text = skipsLine ? "" : text.slice(next + 1);
    if (!skipsLine) line++;
    nextLength = 0;
  };

  return {
    kind: delimiter === "\t" ? "tsv" : "csv",
    push(piece) {
      if (gaveUp) return;
      let more = piece;
      if (skipsLine) {
        const next = piece.indexOf(newline);
        if (next < 0) return;
        more = piece.slice(next + 1);
        skipsLine = false;
        line++;
      }
      text += more;
      if (text.length < nextLength) return;
      emitRows(false);
      while (text.length > limits.rowLength && !gaveUp) {
        skipRow(openQuote(text, form));
        emitRows(false);
      }
      nextLength = text.length * 2;
    },
    end() {
      while (text !== "" && !gaveUp) {
        const place = emitRows(true);
        if (place !== null) skipRow(place);
      }
    },
  };
}

/** Index of a quote in the first row that is never closed; null if there is none. */
function openQuote(text: string, form: TableForm): number | null {
  const row = createRowReader(text, form, true).next();
  return row !== null && row !== "unfinished" && "open" in row ? row.open : null;
}

/** The reason why the first row cannot be a header, else null. */
function faultOfHeader(fields: readonly string[]): string | null {
  if (fields.length > maxColumns)
    return `the header has ${fields.length} columns, but at most ${maxColumns} can be read`;
  const long = fields.findIndex((field) => field.trim().length > longestName);
  if (long === -1) return null;
  const length = fields[long]?.trim().length ?? 0;
  return `the name of column ${long + 1} has ${length} characters, but at most ${longestName} can be read: a table begins with a row of names`;
}

/** Unique column names, in linear time: each repeated name continues from its last number. */
function namesOf(fields: readonly string[]): string[] {
  const names = new Set<string>();
  const counts = new Map<string, number>();
  fields.forEach((field, index) => {
    const name = field.trim() || `column ${index + 1}`;
    let count = counts.get(name) ?? 1;
    let unique = count === 1 ? name : `${name} (${count})`;
    while (names.has(unique)) unique = `${name} (${++count})`;
    counts.set(name, count + 1);
    names.add(unique);
  });
  return [...names];
}

function linesOf(text: string, newline: string): number {
  let lines = 0;
  for (let at = text.indexOf(newline); at >= 0; at = text.indexOf(newline, at + 1)) lines++;
  return lines;
}

/** Removes the CR of a row's end from an unquoted last field. */
function withoutReturn(fields: string[], raw: string, delimiter: string): string[] {
  const last = fields.at(-1) ?? "";
  const row = raw.endsWith("\n") ? raw.slice(0, -1) : raw;
  const before = row.length - last.length;
  const bare = last.endsWith("\r") && row.endsWith(last) && (before === 0 || row[before - 1] === delimiter);
  return bare ? [...fields.slice(0, -1), last.slice(0, -1)] : fields;
}

/** CSV and TSV in pieces, through papaparse; the first row is the header, and all values stay text. */

import Papa from "papaparse";
import { type Emit, quote, type RowLimits, type RowParser, tooLong } from "./row.ts";

export interface TableForm {
  readonly delimiter: string;
  readonly newline: "\n" | "\r";
}

const delimiters = [",", "\t", ";", "|"];

/** How often text is read again after a quote that is never closed; every time costs a pass over what is left. */
const maxRestarts = 8;

/**
 * What a table looks like from its beginning. Its delimiter is the one by which most rows have as many fields as the
 * header, a comma in doubt; its rows may end with CR and LF, with LF or (long ago) with CR alone.
 */
export function tableForm(beginning: string, whole: boolean, delimiter?: string): TableForm {
  const newline = !beginning.includes("\n") && beginning.includes("\r") ? "\r" : "\n";
  const fit = (candidate: string): number => {
    const parser = new Papa.Parser({ delimiter: candidate, newline, preview: 50 });
    const { data, errors }: Parsed = parser.parse(beginning, 0, !whole);
    const rows = data.filter((fields) => fields.length > 1 || fields[0]?.trim() !== "");
    const width = rows[0]?.length ?? 0;
    if (width < 2) return 0;
    return rows.filter((fields) => fields.length === width).length / rows.length / (errors.length > 0 ? 2 : 1);
  };
  const fits = delimiters.map(fit);
  return { delimiter: delimiter ?? delimiters[fits.indexOf(Math.max(...fits))] ?? ",", newline };
}

/** Parts of papaparse's results that are used here; of a step, `data` holds one row. */
type Parsed = Pick<Papa.ParseStepResult<string[][]>, "data" | "errors" | "meta">;

/**
 * Rows as objects by the header's names: a name that comes again is `name (2)`, an empty one `column 3`. A row with too
 * many or too few fields is a problem, and so is a quote that is never closed: reading goes on after its line.
 */
export function createTableParser(form: TableForm, limits: RowLimits, emit: Emit): RowParser {
  const { delimiter, newline } = form;
  let names: string[] | null = null;
  let text = "";
  /** Line on which `text` begins. */
  let line = 1;
  /** The text is parsed again when it is this long: doubling keeps a row over many pieces from being read many times. */
  let enough = 0;
  let restarts = 0;
  let skipsLine = false;
  let given = false;

  const takeRow = (fields: string[], raw: string) => {
    const at = line;
    line += linesOf(raw, newline);
    if (fields.length === 1 && raw.trim() === "") return;
    const values = withoutReturn(fields, raw, delimiter);
    if (!names) {
      names = namesOf(values);
    } else if (raw.length > limits.rowLength) {
      emit({ line: at, problem: tooLong(raw, limits) }, 0);
    } else if (values.length !== names.length) {
      const is = (count: number) => `${count} ${count === 1 ? "field" : "fields"}`;
      const problem = `this row has ${is(values.length)}, the header has ${names.length}; the row begins ${quote(raw)}`;
      emit({ line: at, problem }, raw.length);
    } else {
      // fromEntries defines properties: a column named __proto__ stays a plain column.
      emit({ line: at, value: Object.fromEntries(names.map((name, i) => [name, values[i]])) }, raw.length);
    }
  };

  /** Takes whole rows off the text; gives the place of a quote that is open at the end. */
  const takeRows = (last: boolean): number | null => {
    let cursor = 0;
    let open: number | null = null;
    const parser = new Papa.Parser({
      delimiter,
      newline,
      step: ({ data, errors, meta }: Parsed) => {
        const missing = errors.find(({ code }) => code === "MissingQuotes");
        if (missing) {
          open = (missing.index ?? 1) - 1 - cursor;
        } else {
          takeRow(data[0] ?? [], text.slice(cursor, meta.cursor));
          cursor = meta.cursor;
        }
      },
    });
    parser.parse(text, 0, !last);
    text = text.slice(cursor);
    return open;
  };

  /** Leaves out a row that does not end: reading goes on with the line after its first. */
  const leaveOut = (place: number | null) => {
    if (place !== null) restarts++;
    given = names === null || restarts > maxRestarts;
    const why =
      place === null
        ? tooLong(text, limits)
        : `a quoted field that opens here is never closed; the row begins ${quote(text)}`;
    const problem = given ? `${why}; the rest of the file is not read` : why;
    emit({ line: line + linesOf(text.slice(0, place ?? 0), newline), problem }, 0);
    const next = text.indexOf(newline);
    skipsLine = next < 0;
    text = skipsLine ? "" : text.slice(next + 1);
    if (!skipsLine) line++;
    enough = 0;
  };

  return {
    kind: delimiter === "\t" ? "tsv" : "csv",
    push(piece) {
      if (given) return;
      let more = piece;
      if (skipsLine) {
        const next = piece.indexOf(newline);
        if (next < 0) return;
        more = piece.slice(next + 1);
        skipsLine = false;
        line++;
      }
      text += more;
      if (text.length < enough) return;
      takeRows(false);
      while (text.length > limits.rowLength && !given) {
        leaveOut(openQuote(text, form));
        takeRows(false);
      }
      enough = text.length * 2;
    },
    end() {
      while (text !== "" && !given) {
        const place = takeRows(true);
        if (place !== null) leaveOut(place);
      }
    },
  };
}

/** Place of the quote that is open at the end of a row's beginning. */
function openQuote(text: string, form: TableForm): number | null {
  const { errors }: Parsed = new Papa.Parser({ ...form }).parse(text, 0, false);
  const index = errors.find(({ code }) => code === "MissingQuotes")?.index;
  return index === undefined ? null : index - 1;
}

function namesOf(fields: readonly string[]): string[] {
  const names: string[] = [];
  fields.forEach((field, index) => {
    const name = field.trim() || `column ${index + 1}`;
    let unique = name;
    for (let count = 2; names.includes(unique); count++) unique = `${name} (${count})`;
    names.push(unique);
  });
  return names;
}

function linesOf(text: string, newline: string): number {
  let lines = 0;
  for (let at = text.indexOf(newline); at >= 0; at = text.indexOf(newline, at + 1)) lines++;
  return lines;
}

/** The fields without the CR of the row's end, which papaparse leaves on a last field that is not in quotes. */
function withoutReturn(fields: string[], raw: string, delimiter: string): string[] {
  const last = fields.at(-1) ?? "";
  const row = raw.endsWith("\n") ? raw.slice(0, -1) : raw;
  const before = row.length - last.length;
  const bare = last.endsWith("\r") && row.endsWith(last) && (before === 0 || row[before - 1] === delimiter);
  return bare ? [...fields.slice(0, -1), last.slice(0, -1)] : fields;
}

/** JSON in pieces: an array element by element, JSON Lines line by line, and objects that span lines. */

import { closeList, colon, comma, createNesting, isClose, isOpen, isSpace, newline, openList } from "./nesting.ts";
import { type Emit, jsonRow, quote, type RowLimits, type RowParser, sizeOf, tooLong } from "./row.ts";

/** Text of one row that comes in pieces; of a row over the limit only its beginning is kept. */
function createHold(limits: RowLimits) {
  let pieces: string[] = [];
  let length = 0;
  return {
    get length() {
      return length;
    },
    add(text: string) {
      const fitted = length <= limits.rowLength;
      length += text.length;
      if (length <= limits.rowLength) pieces.push(text);
      else if (fitted) pieces = [(pieces[0] ?? text).slice(0, 64)];
    },
    /** What was held; holds nothing afterwards. */
    take(): { text: string; length: number; over: boolean } {
      const taken = { text: pieces.join(""), length, over: length > limits.rowLength };
      pieces = [];
      length = 0;
      return taken;
    },
  };
}

/** The elements of the array that the text begins with, each on its own, so that a broken one costs only itself. */
export function createArrayParser(limits: RowLimits, emit: Emit, firstLine = 1): RowParser {
  const nesting = createNesting();
  const element = createHold(limits);
  let line = firstLine;
  let opened = false;
  let elementLine: number | null = null;
  /** Whether only white space stands before on this line. */
  let lineBegins = true;
  let closed = false;
  let after = "";
  let afterLine = 0;

  const finish = (rest: string) => {
    if (elementLine !== null) {
      element.add(rest);
      const { text: source, length, over } = element.take();
      const text = source.trim();
      emit(over ? { line: elementLine, problem: tooLong(text, limits) } : jsonRow(text, elementLine), length);
    }
    elementLine = null;
  };

  return {
    kind: "json",
    push(text) {
      let start = 0;
      for (let i = 0; i < text.length; i++) {
        if (nesting.inString) i = nesting.stringEnd(text, i);
        if (i === text.length) break;
        const code = text.charCodeAt(i);
        if (code === newline) {
          line++;
          lineBegins = true;
          nesting.endOfLine();
          continue;
        }
        if (closed) {
          if (after === "" && isSpace(code)) continue;
          if (after === "") afterLine = line;
          if (after.length > 40) return;
          after += text[i];
          continue;
        }
        if (nesting.inString) {
          nesting.step(code);
          continue;
        }
        if (isSpace(code)) continue;
        if (!opened) {
          opened = code === openList;
          lineBegins = false;
          continue;
        }
        const { depth } = nesting;
        if (isOpen(code) && elementLine !== null) {
          // Two elements with no comma between them; or one that was never closed, where the next begins a line.
          const forgotten = depth === 0 ? isClose(nesting.previous) : lineBegins && !nesting.mayOpen();
          if (forgotten) {
            finish(text.slice(start, i));
            nesting.reset();
          }
        }
        lineBegins = false;
        if (nesting.depth === 0 && (code === comma || code === closeList)) {
          finish(text.slice(start, i));
          nesting.reset();
          closed = code === closeList;
          continue;
        }
        if (elementLine === null) {
          elementLine = line;
          start = i;
        }
        nesting.step(code);
      }
      if (elementLine !== null) element.add(text.slice(start));
    },
    end() {
      finish("");
      if (!closed) emit({ line, problem: "the array is never closed with ]: the file may be cut off" }, 0);
      else if (after !== "")
        emit({ line: afterLine, problem: `${quote(after.trim())} follows the end of the array` }, 0);
    },
  };
}

/** One row per line, blank lines aside. The single line of a file may be an object that holds the rows. */
function createLinesParser(limits: RowLimits, emit: Emit, firstLine: number): RowParser {
  const held = createHold(limits);
  let line = firstLine;
  let first: { text: string; line: number } | null = null;
  let any = false;

  const emitFirst = () => {
    if (first) emit(jsonRow(first.text, first.line), first.text.length);
    first = null;
  };
  const finish = (rest: string) => {
    held.add(rest);
    const { text: source, length, over } = held.take();
    const text = source.trim();
    if (text === "") return;
    emitFirst();
    if (over) emit({ line, problem: tooLong(text, limits) }, length);
    else if (any) emit(jsonRow(text, line), length);
    else first = { text, line };
    any = true;
  };
  return {
    kind: "jsonl",
    push(text) {
      let start = 0;
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
        finish(text.slice(start, end));
        line++;
        start = end + 1;
      }
      held.add(text.slice(start));
    },
    end() {
      finish("");
      if (first) emitObject(first.text, first.line, limits, emit);
    },
  };
}

/**
 * JSON that does not begin with an array: JSON Lines; or objects that span lines, one or several; or one object that
 * holds the rows, `{"data": [...]}` or `{"train": [...], "validation": [...]}`. Which of these is found as it goes:
 * where text cannot be an object over several lines, each line is judged by itself.
 */
export function createObjectsParser(limits: RowLimits, emit: Emit): RowParser {
  const nesting = createNesting();
  /** The object that is open. */
  const held = createHold(limits);
  let objectLine = 0;
  let line = 1;
  /** The first object over several lines, until it is known whether it is the only one. */
  let whole: { text: string; line: number } | null = null;
  let lines: RowParser | null = null;
  let seen = false;
  let abandoned = false;

  const emitWhole = () => {
    if (whole) emit(jsonRow(whole.text, whole.line), whole.text.length);
    whole = null;
  };
  const judgeLines = (text: string, firstLine: number) => {
    emitWhole();
    lines = createLinesParser(limits, emit, firstLine);
    lines.push(text);
  };

  return {
    get kind() {
      return lines ? "jsonl" : "json";
    },
    push(text) {
      if (abandoned) return;
      if (lines) return lines.push(text);
      let start = 0;
      for (let i = 0; i < text.length; i++) {
        if (nesting.inString) i = nesting.stringEnd(text, i);
        if (i === text.length) break;
        const code = text.charCodeAt(i);
        if (code === newline) {
          // A string cannot go over lines; and objects that end on the line where they began are JSON Lines.
          if (nesting.inString || (objectLine > 0 && nesting.depth === 0)) {
            return judgeLines(held.take().text + text.slice(start), objectLine);
          }
          line++;
        } else if (nesting.inString) {
          nesting.step(code);
        } else if (!isSpace(code)) {
          if (objectLine === 0) {
            objectLine = line;
            start = i;
            if (!isOpen(code)) return judgeLines(text.slice(start), line);
          } else if (nesting.depth === 0 || (isOpen(code) && !nesting.mayOpen())) {
            return judgeLines(held.take().text + text.slice(start), objectLine);
          }
          nesting.step(code);
          if (nesting.depth === 0 && line > objectLine) {
            held.add(text.slice(start, i + 1));
            const source = held.take().text;
            const row = jsonRow(source, objectLine);
            if ("problem" in row) return judgeLines(source + text.slice(i + 1), objectLine);
            emitWhole();
            if (seen) emit(row, source.length);
            else whole = { text: source, line: objectLine };
            seen = true;
            objectLine = 0;
            nesting.reset();
          }
        }
      }
      if (objectLine === 0) return;
      const rest = text.slice(start);
      if (held.length + rest.length <= limits.rowLength) return held.add(rest);
      if (line === objectLine) return judgeLines(held.take().text + rest, objectLine);
      abandoned = true;
      emitWhole();
      const most = `is larger than ${sizeOf(limits.rowLength)}, the most that one row may have`;
      emit({ line: objectLine, problem: `the object that begins here ${most}; write its rows as JSON Lines` }, 0);
    },
    end() {
      if (abandoned) return;
      if (!lines && objectLine > 0) judgeLines(held.take().text, objectLine);
      if (lines) lines.end();
      else if (whole) emitObject(whole.text, whole.line, limits, emit);
    },
  };
}

const tables = [
  "data",
  "rows",
  "examples",
  "instances",
  "items",
  "records",
  "entries",
  "samples",
  "dataset",
  "results",
];
const splits = ["train", "training", "validation", "valid", "val", "dev", "eval", "evaluation", "test"];

/**
 * The file's only object: a row, unless what it holds is rows: an array of objects under a name that says so, or as
 * its only member. Under the name of a split, rows that name none are given it.
 */
function emitObject(text: string, line: number, limits: RowLimits, emit: Emit): void {
  const row = jsonRow(text, line);
  const value = "value" in row ? row.value : null;
  const members = typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  const arrays = members.filter(([, items]) => Array.isArray(items) && items.length > 0 && items.every(isObject));
  const bySplit = arrays.filter(([name]) => splits.includes(name.toLowerCase()));
  const named = arrays.filter(([name]) => tables.includes(name.toLowerCase()));
  const only = members.length === 1 && !arrays.some(([, items]) => items.some(isMessage)) ? arrays : [];
  const chosen = bySplit.length > 0 ? bySplit : named.length === 1 ? named : only;
  if (chosen.length === 0) {
    emit(row, text.length);
    return;
  }

  const starts = listsOf(text, line);
  for (const [name] of chosen) {
    const at = starts.get(name);
    if (!at) continue;
    const parser = createArrayParser(
      limits,
      (record, size) => {
        const split = bySplit.length > 0 && "value" in record && isObject(record.value) && !("split" in record.value);
        emit(split ? { ...record, value: { ...record.value, split: name } } : record, size);
      },
      at.line,
    );
    // Without an end: what follows the array is the rest of the object.
    parser.push(text.slice(at.start));
  }
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isMessage = (value: object) => "role" in value || "from" in value;

/** Where the lists begin that are members of an object, by their names; of a name twice the last, as JSON.parse has it. */
function listsOf(text: string, firstLine: number): Map<string, { start: number; line: number }> {
  const found = new Map<string, { start: number; line: number }>();
  const nesting = createNesting();
  let line = firstLine;
  let stringStart = 0;
  let name = "";
  for (let i = 0; i < text.length; i++) {
    if (nesting.inString) i = nesting.stringEnd(text, i);
    const code = text.charCodeAt(i);
    if (code === newline) line++;
    const { inString, previous, depth } = nesting;
    if (!isSpace(code)) nesting.step(code);
    if (depth !== 1) continue;
    if (!inString && nesting.inString) stringStart = previous === colon ? -1 : i;
    else if (inString && !nesting.inString && stringStart >= 0) name = JSON.parse(text.slice(stringStart, i + 1));
    else if (code === openList && !inString) found.set(name, { start: i, line });
  }
  return found;
}

/** Parses JSON in pieces: arrays element by element, JSON Lines, and objects over several lines. */

import { entriesOf, isList, isObject, memberOf, objectOf, type Value } from "../value.ts";
import { closeList, colon, comma, createNesting, isClose, isOpen, isSpace, newline, openList } from "./nesting.ts";
import { type Emit, jsonRow, quote, type RowLimits, type RowParser, sizeOf, tooLong } from "./row.ts";

/** Collects the pieces of one row; of a row above the limit it retains only the beginning. */
function createRowBuffer(limits: RowLimits) {
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
    /** Returns the row and empties the buffer. */
    flush(): { text: string; length: number; over: boolean } {
      const flushed = { text: pieces.join(""), length, over: length > limits.rowLength };
      pieces = [];
      length = 0;
      return flushed;
    },
  };
}

/** Parses each element of the array at the text's start separately, so that a broken element costs no other one. */
export function createArrayParser(limits: RowLimits, emit: Emit, firstLine = 1): RowParser {
  const nesting = createNesting();
  const element = createRowBuffer(limits);
  let line = firstLine;
  let opened = false;
  let elementLine: number | null = null;
  /** Whether this line has only white space so far. */
  let lineBegins = true;
  let closed = false;
  let after = "";
  let afterLine = 0;

  const finish = (rest: string) => {
    if (elementLine !== null) {
      element.add(rest);
      const { text: source, length, over } = element.flush();
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
          const lacksComma = depth === 0 && isClose(nesting.previous);
          const isUnclosed = depth > 0 && lineBegins && !nesting.mayOpen();
          if (lacksComma || isUnclosed) {
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

/** Parses one row per line and skips blank lines. A file of one line may be an object that contains the rows. */
function createLinesParser(limits: RowLimits, emit: Emit, firstLine: number): RowParser {
  const buffer = createRowBuffer(limits);
  let line = firstLine;
  let first: { text: string; line: number } | null = null;
  let any = false;

  const emitFirst = () => {
    if (first) emit(jsonRow(first.text, first.line), first.text.length);
    first = null;
  };
  const finish = (rest: string) => {
    buffer.add(rest);
    const { text: source, length, over } = buffer.flush();
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
      buffer.add(text.slice(start));
    },
    end() {
      finish("");
      if (first) emitObject(first.text, first.line, limits, emit);
    },
  };
}

/**
 * Parses JSON that does not begin with an array: JSON Lines, objects over several lines, or one object that contains the
 * rows, `{"data": [...]}` or `{"train": [...], "validation": [...]}`. Text that cannot be an object over several lines is
 * parsed as JSON Lines.
 */
export function createObjectsParser(limits: RowLimits, emit: Emit): RowParser {
  const nesting = createNesting();
  /** The text of the open object. */
  const buffer = createRowBuffer(limits);
  let objectLine = 0;
  let line = 1;
  /** The first object over several lines; it may be the only one, and contain the rows. */
  let whole: { text: string; line: number } | null = null;
  let lines: RowParser | null = null;
  let seen = false;
  let abandoned = false;

  const emitWhole = () => {
    if (whole) emit(jsonRow(whole.text, whole.line), whole.text.length);
    whole = null;
  };
  const parseLines = (text: string, firstLine: number) => {
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
          // A string cannot span lines, and an object that ends on its first line is JSON Lines.
          if (nesting.inString || (objectLine > 0 && nesting.depth === 0)) {
            return parseLines(buffer.flush().text + text.slice(start), objectLine);
          }
          line++;
        } else if (nesting.inString) {
          nesting.step(code);
        } else if (!isSpace(code)) {
          if (objectLine === 0) {
            objectLine = line;
            start = i;
            if (!isOpen(code)) return parseLines(text.slice(start), line);
          } else if (nesting.depth === 0 || (isOpen(code) && !nesting.mayOpen())) {
            return parseLines(buffer.flush().text + text.slice(start), objectLine);
          }
          nesting.step(code);
          if (nesting.depth === 0 && line > objectLine) {
            buffer.add(text.slice(start, i + 1));
            const source = buffer.flush().text;
            const row = jsonRow(source, objectLine);
            if ("problem" in row) return parseLines(source + text.slice(i + 1), objectLine);
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
      if (buffer.length + rest.length <= limits.rowLength) return buffer.add(rest);
      if (line === objectLine) return parseLines(buffer.flush().text + rest, objectLine);
      abandoned = true;
      emitWhole();
      const limit = `is larger than ${sizeOf(limits.rowLength)}, the limit of a row`;
      emit({ line: objectLine, problem: `the object that begins here ${limit}; write its rows as JSON Lines` }, 0);
    },
    end() {
      if (abandoned) return;
      if (!lines && objectLine > 0) parseLines(buffer.flush().text, objectLine);
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
 * Emits the file's only object: its rows, if it has an array of objects as its only member or under one of the names above,
 * else the object as one row. Rows under the name of a split get that split, unless they have one.
 */
function emitObject(text: string, line: number, limits: RowLimits, emit: Emit): void {
  const row = jsonRow(text, line);
  const value = "value" in row ? row.value : null;
  const members = isObject(value) ? entriesOf(value) : [];
  const arrays = members.filter(([, items]) => isList(items) && items.length > 0 && items.every(isObject));
  const bySplit = arrays.filter(([name]) => splits.includes(name.toLowerCase()));
  const named = arrays.filter(([name]) => tables.includes(name.toLowerCase()));
  const only =
    members.length === 1 && !arrays.some(([, items]) => isList(items) && items.some(isMessage)) ? arrays : [];
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
        const own = bySplit.length > 0 && "value" in record && isObject(record.value) ? record.value : null;
        const isNew = own !== null && memberOf(own, "split") === undefined;
        emit(isNew ? { ...record, value: objectOf([...entriesOf(own), ["split", name]]) } : record, size);
      },
      at.line,
    );
    // No call of `end`, because the rest of the object follows the array.
    parser.push(text.slice(at.start));
  }
}

const isMessage = (value: Value) =>
  isObject(value) && (memberOf(value, "role") !== undefined || memberOf(value, "from") !== undefined);

/** Starts of an object's list members by name; the last one of equal names counts, as in JSON.parse. */
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

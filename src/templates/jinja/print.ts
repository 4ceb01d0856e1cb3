/** Python's `str` and `repr` of values, and its JSON. */

import type { Limits } from "./budget.ts";
import { fault } from "./fault.ts";
import { cut, isText, plain, type Run, type Str, Text, TextBuilder } from "./text.ts";
import { Dict, hasPairs, isList, Namespace, Span, Tuple, typeOf, Undefined, type Value, View } from "./values.ts";

/** Python's `str(value)`: what `{{ value }}` writes. Faults for values whose text is an address in memory. */
export function strOf(value: Value, limits: Limits): Str {
  if (isText(value)) return value;
  return value instanceof Undefined ? "" : reprOf(value, limits);
}

/** Python's `repr(value)`. */
export function reprOf(value: Value, limits: Limits): Str {
  const builder = new TextBuilder();
  writeRepr(value, builder, limits);
  limits.work(builder.length);
  return builder.build();
}

const scalar = (value: null | boolean | bigint | number): string => {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "bigint" ? bigintText(value) : floatText(value);
};

/** Python refuses to write more than 4,300 digits. */
function bigintText(value: bigint): string {
  if (value > mostDigits || value < -mostDigits) throw fault("an integer has more than 4,300 digits");
  return value.toString();
}

const mostDigits = 10n ** 4300n - 1n;

/** Python's `repr` of a float: the shortest digits, as in JavaScript, with its own rules for exponents. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits = "", exponent = "0"] = value.toExponential().split("e");
    const power = Number(exponent);
    return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  const text = String(value);
  return text.includes(".") ? text : `${text}.0`;
}

/** Characters that Python's `repr` writes as they are. */
const printable = /^[^\p{C}\p{Z}]$/u;

const pythonEscapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Python's `repr(text)`, with the places of its characters. */
export function reprText(value: Str): Str {
  const text = plain(value);
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = escapedBy(value, (character) => {
    if (character === quote) return `\\${quote}`;
    const known = pythonEscapes[character];
    if (known !== undefined) return known;
    if (character === " " || printable.test(character)) return null;
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
  });
  const builder = new TextBuilder();
  builder.add(quote);
  builder.add(escaped);
  builder.add(quote);
  return builder.build();
}

/** Replaces characters; `replace` returns null for one that stays. The spans move along. */
function escapedBy(value: Str, replace: (character: string) => string | null): Str {
  const text = plain(value);
  const pieces: string[] = [];
  /** Pairs of an offset and by how much it moves all later ones. */
  const shifts: [number, number][] = [];
  let from = 0;
  let at = 0;
  let moved = 0;
  for (const character of text) {
    const written = replace(character);
    at += character.length;
    if (written === null) continue;
    pieces.push(text.slice(from, at - character.length), written);
    from = at;
    moved += written.length - character.length;
    shifts.push([at, moved]);
  }
  if (shifts.length === 0) return value;
  pieces.push(text.slice(from));
  const result = pieces.join("");
  if (typeof value === "string") return result;
  const place = (offset: number) => {
    let low = 0;
    let high = shifts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((shifts[middle]?.[0] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return offset + (low === 0 ? 0 : (shifts[low - 1]?.[1] ?? 0));
  };
  const runs = value.runs.map((run): Run => ({ ...run, start: place(run.start), end: place(run.end) }));
  return new Text(result, runs);
}

/** The text of a value that has no members; null for others. */
function reprOfScalar(value: Value): Str | null {
  if (isText(value)) return reprText(value);
  if (value instanceof Undefined) return "Undefined";
  return value === null || typeof value !== "object" ? scalar(value) : null;
}

function writeRepr(value: Value, out: TextBuilder, limits: Limits): void {
  limits.count(1);
  limits.checkText(out.length);
  const alone = reprOfScalar(value);
  if (alone !== null) {
    out.add(alone);
    return;
  }
  const list = (open: string, items: readonly Value[], close: string) => {
    out.add(open);
    items.forEach((item, i) => {
      if (i > 0) out.add(", ");
      writeRepr(item, out, limits);
    });
    out.add(close);
  };
  limits.nested(() => {
    if (isList(value)) list("[", value, "]");
    else if (value instanceof Tuple) list("(", value.items, value.items.length === 1 ? ",)" : ")");
    else if (value instanceof Dict) {
      out.add("{");
      value.entries().forEach(([key, member], i) => {
        if (i > 0) out.add(", ");
        writeRepr(key, out, limits);
        out.add(": ");
        writeRepr(member, out, limits);
      });
      out.add("}");
    } else if (value instanceof View) list(`dict_${value.kind}([`, value.items(), "])");
    else if (value instanceof Span) {
      const { start, stop, step } = value;
      list("range(", step === 1n ? [start, stop] : [start, stop, step], ")");
    } else if (value instanceof Namespace) {
      out.add("<Namespace ");
      writeRepr(new Dict(value.members), out, limits);
      out.add(">");
    } else throw fault(`a value of the type ${typeOf(value)} has no text of its own`);
  });
}

export interface JsonOptions {
  /** Written once per level; null: on one line. */
  readonly indent: string | null;
  readonly between: Str;
  readonly colon: Str;
  readonly sorted: boolean;
  /** Whether other characters than ASCII are escaped. */
  readonly ascii: boolean;
}

/** Python's `json.dumps(value)`. */
export function jsonOf(value: Value, options: JsonOptions, limits: Limits): Str {
  const builder = new TextBuilder();
  writeJson(value, options, builder, 0, limits);
  limits.work(builder.length);
  return builder.build();
}

const jsonEscapes: Readonly<Record<string, string>> = {
  ...{ '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", "\b": "\\b" },
};

function jsonText(value: Str, ascii: boolean): Str {
  const escaped = escapedBy(value, (character) => {
    const known = jsonEscapes[character];
    if (known !== undefined) return known;
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0x20 && (!ascii || code < 0x7f)) return null;
    return Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
    ).join("");
  });
  const builder = new TextBuilder();
  builder.add('"');
  builder.add(escaped);
  builder.add('"');
  return builder.build();
}

const jsonNumber = (value: number) =>
  Number.isNaN(value) ? "NaN" : Number.isFinite(value) ? floatText(value) : value > 0 ? "Infinity" : "-Infinity";

/** The JSON of a value that has no members; null for others. */
function jsonOfScalar(value: Value, ascii: boolean): Str | null {
  if (isText(value)) return jsonText(value, ascii);
  if (value === null) return "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return bigintText(value);
  return typeof value === "number" ? jsonNumber(value) : null;
}

function writeJson(value: Value, options: JsonOptions, out: TextBuilder, level: number, limits: Limits): void {
  limits.count(1);
  limits.checkText(out.length);
  const alone = jsonOfScalar(value, options.ascii);
  if (alone !== null) {
    out.add(alone);
    return;
  }
  const line = (depth: number) => {
    if (options.indent === null) return;
    limits.checkText(out.length + options.indent.length * depth);
    out.add(`\n${options.indent.repeat(depth)}`);
  };
  const members = (open: string, count: number, write: (i: number) => void, close: string) => {
    out.add(open);
    for (let i = 0; i < count; i++) {
      if (i > 0) out.add(options.between);
      line(level + 1);
      write(i);
    }
    if (count > 0) line(level);
    out.add(close);
  };
  limits.nested(() => {
    const items = isList(value) ? value : value instanceof Tuple ? value.items : null;
    if (items) members("[", items.length, (i) => writeJson(items[i] ?? null, options, out, level + 1, limits), "]");
    else if (value instanceof Dict) {
      const entries = value.entries().map(([key, member]) => [jsonKey(key), member] as const);
      if (options.sorted) {
        limits.work(entries.length * 16);
        entries.sort(([a], [b]) => (plain(a) < plain(b) ? -1 : plain(a) > plain(b) ? 1 : 0));
      }
      members(
        "{",
        entries.length,
        (i) => {
          const [key, member] = entries[i] ?? ["", null];
          out.add(jsonText(key, options.ascii));
          out.add(options.colon);
          writeJson(member, options, out, level + 1, limits);
        },
        "}",
      );
    } else throw fault(`tojson cannot write a value of the type ${typeOf(value)}`);
  });
}

function jsonKey(key: Value): Str {
  if (isText(key)) return key;
  if (key === null) return "null";
  if (typeof key === "boolean") return String(key);
  if (typeof key === "bigint") return bigintText(key);
  if (typeof key === "number") return jsonNumber(key);
  throw fault(`tojson cannot write a key of the type ${typeOf(key)}`);
}

/** A part of a text by code points. */
export function cutPoints(value: Str, from: number, to: number): Str {
  const text = plain(value);
  return cut(value, unitOf(text, from), unitOf(text, to));
}

/** The UTF-16 offset of a code point. */
export function unitOf(text: string, point: number): number {
  if (!hasPairs(text)) return Math.min(point, text.length);
  let unit = 0;
  for (let i = 0; i < point && unit < text.length; i++) unit += (text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1;
  return unit;
}

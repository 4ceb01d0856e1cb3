/** Parses JSON of untrusted files and servers; bounds its size and depth first. */

import { cut } from "../tensor/quote.ts";
import { ModelError } from "./error.ts";

const mebibyte = 2 ** 20;

/** Most bytes of a file of this name: several times the largest of published models. Null for weights. */
export function byteLimitOf(name: string): number | null {
  if (name === "config.json" || name === "generation_config.json") return 4 * mebibyte;
  if (name === "tokenizer_config.json") return 32 * mebibyte;
  if (name.endsWith(".jinja")) return mebibyte;
  // Gemma 3's tokenizer has 33 MB, DeepSeek's index of shards 9 MB.
  return name.endsWith(".json") ? 128 * mebibyte : null;
}

/** Throws `ModelError` for a file that is longer than its limit. */
export function requireLength(name: string, byteLength: number): void {
  const limit = byteLimitOf(name);
  if (limit === null || byteLength <= limit) return;
  throw new ModelError(
    `${cut(name)} has ${byteLength} bytes, more than the limit of ${limit} for such a file: check that it is the right file.`,
  );
}

/** Nested lists and objects; published files have up to 10. Parsing and copying of deep values overflows the stack. */
const deepest = 64;

/**
 * Values of a file; each takes a few hundred bytes of memory. Gemma 3's tokenizer has 2 million, DeepSeek's index of shards
 * 90,000.
 */
const mostValues = 1_000_000;
const mostInTokenizer = 6 * mostValues;

/**
 * The parsed value. "python" also reads NaN, Infinity and -Infinity, which Python's json module writes; "strict" reads
 * JSON alone, without a byte order mark. Throws a `ModelError` that begins with `what`, such as a file's name, and names
 * the fault.
 */
export function parseJson(
  what: string,
  bytes: Uint8Array<ArrayBuffer>,
  dialect: "python" | "strict" = "python",
): unknown {
  const most = what.startsWith("tokenizer") ? mostInTokenizer : mostValues;
  const excess = jsonExcess(bytes, deepest, most);
  if (excess !== null) {
    const limit =
      excess === "depth" ? `nests lists and objects more than ${deepest} deep` : `has more than ${most} values`;
    throw new ModelError(`${what} ${limit}, the limit for a model's file: check that it is the right file.`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: dialect === "strict" }).decode(bytes);
  } catch (cause) {
    throw new ModelError(`${what} is not valid JSON (no UTF-8 text): download it again.`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const other = dialect === "python" ? parsePython(text) : null;
    if (other !== null) return other.value;
    const line = commentLine(text);
    if (line === null)
      throw new ModelError(`${what} is not valid JSON${whereOf(cause)}: download it again.`, { cause });
    throw new ModelError(`${what} has a comment in line ${line}, which JSON does not allow: remove it.`, { cause });
  }
}

/** Python's names as JSON: numbers above the greatest double parse to infinity. JSON has no such number for NaN. */
const asJson: Readonly<Record<string, string>> = { Infinity: "1e999", "-Infinity": "-1e999" };

/** The value of a text with NaN or infinite numbers; null where it has none, or more faults. */
function parsePython(text: string): { readonly value: unknown } | null {
  const mark = `NaN ${crypto.randomUUID()}`;
  const pieces = piecesOf(text).map((piece) =>
    piece.startsWith('"') ? piece : piece.replace(/-?Infinity|NaN/g, (found) => asJson[found] ?? `"${mark}"`),
  );
  const json = pieces.join("");
  if (json === text) return null;
  try {
    return { value: withNaN(JSON.parse(json), mark) };
  } catch {
    return null;
  }
}

/** The text in order: quoted texts with their quotes, and the rest between them. Takes linear time on any text. */
function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const open = text.indexOf('"', at);
    if (open < 0) return [...pieces, text.slice(at)];
    if (open > at) pieces.push(text.slice(at, open));
    let end = open + 1;
    while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
    pieces.push(text.slice(open, end + 1));
    at = end + 1;
  }
  return pieces;
}

/** The value with NaN in place of each text that equals `mark`; the depth is bounded by `deepest`. */
function withNaN(value: unknown, mark: string): unknown {
  if (value === mark) return Number.NaN;
  if (Array.isArray(value)) return value.map((item) => withNaN(item, mark));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withNaN(item, mark)]));
}

/** The line of the first comment, from 1; null without one. */
function commentLine(text: string): number | null {
  let line = 1;
  for (const piece of piecesOf(text)) {
    const at = piece.startsWith('"') ? -1 : piece.search(/\/[/*]|^[ \t]*#/m);
    if (at >= 0) return line + countLines(piece.slice(0, at));
    line += countLines(piece);
  }
  return null;
}

const countLines = (text: string) => text.split("\n").length - 1;

/** JSON as Python's json module writes it: NaN, Infinity and -Infinity stay numbers. */
export function writePythonJson(value: unknown): string {
  const marks = new Map<string, string>();
  const prefix = `number ${crypto.randomUUID()} `;
  const json = JSON.stringify(
    value,
    (_, member: unknown) => {
      if (typeof member !== "number" || Number.isFinite(member)) return member;
      const mark = prefix + String(member);
      marks.set(`"${mark}"`, String(member));
      return mark;
    },
    2,
  );
  let text = json;
  for (const [mark, number] of marks) text = text.replaceAll(mark, number);
  return text;
}

/** The limit that JSON text exceeds, null for none; stops at the byte that exceeds it. Quoted text does not count. */
export function jsonExcess(
  bytes: Uint8Array,
  deepest: number,
  mostValues = Number.POSITIVE_INFINITY,
): "depth" | "values" | null {
  let depth = 0;
  let values = 0;
  let inText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === 0x22) inText = !inText;
    else if (inText) at += byte === 0x5c ? 1 : 0;
    else if (byte === 0x2c) values++;
    else if (byte === 0x5b || byte === 0x7b) {
      values++;
      if (++depth > deepest) return "depth";
    } else if (byte === 0x5d || byte === 0x7d) depth--;
    if (values > mostValues) return "values";
  }
  return null;
}

/** The place of the fault, if the browser's error names it; the rest of that error is not for people. */
function whereOf(error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  const position = /position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return ` (at character ${position})`;
  const line = /line (\d+) column (\d+)/.exec(message);
  if (line) return ` (at line ${line[1]}, column ${line[2]})`;
  if (/end of|unterminated/i.test(message)) return " (it ends too early)";
  const token = /token '(.)'/u.exec(message)?.[1];
  return token === undefined ? "" : ` (a misplaced ${JSON.stringify(token)})`;
}

/** What the readers of text share: how they hand on rows, the limits of a row, and JSON text to a row. */

import type { DataRecord, FileKind } from "./record.ts";

/** A record, and the characters of the file that it takes, which decide how many fit in a batch. */
export interface Sized {
  readonly record: DataRecord;
  readonly size: number;
}

/** Takes a record and its size. */
export type Emit = (record: DataRecord, size: number) => void;

/** Takes a file's text in pieces of any size; the same records come out whatever the pieces are. */
export interface RowParser {
  /** As far as is known yet; certain once a record came out. */
  readonly kind: FileKind;
  push(text: string): void;
  /** To be called once, after the last piece. */
  end(): void;
}

export interface RowLimits {
  /** Characters that one row may have. */
  readonly rowLength: number;
}

/** Levels of lists and objects within each other; past a few hundred, code that walks a row overflows its stack. */
export const maxDepth = 256;

/** The beginning of a text, short enough for a message. */
export function shortened(text: string, most = 60): string {
  return text.length > most ? `${wellFormed(text.slice(0, most))}…` : text;
}

/** The same in quotes; escapes may make it longer than it was. */
export function quote(source: string, most = 40): string {
  const written = JSON.stringify(wellFormed(shortened(source, most)));
  return written.length > most + 24 ? `${written.slice(0, most + 20)}…"` : written;
}

/** A file's name as messages show it. */
export const nameShown = (name: string) => shortened(name, 80);

export function tooLong(beginning: string, limits: RowLimits): string {
  return `the row is longer than ${sizeOf(limits.rowLength)}, the most that one row may have; it begins ${quote(beginning)}`;
}

/** `64 MiB` */
export function sizeOf(bytes: number): string {
  if (bytes >= 1 << 20) return `${Math.round(bytes / (1 << 20))} MiB`;
  return bytes >= 1 << 10 ? `${Math.round(bytes / (1 << 10))} KiB` : `${bytes} bytes`;
}

/** The row that a JSON text is, or why it is none. Lone surrogates become U+FFFD: they have no UTF-8 form, so no token. */
export function jsonRow(source: string, line: number): DataRecord {
  const parsed = parseJson(source);
  if ("why" in parsed) return { line, problem: `${parsed.why}; the row begins ${quote(source)}` };
  const { value } = parsed;
  // Text that was decoded from UTF-8 has none but those that are written as escapes.
  return { line, value: /\\u[dD][89a-fA-F]/.test(source) ? withoutLoneSurrogates(value) : value };
}

export const tooDeep = `lists and objects are nested more than ${maxDepth} levels deep`;

/** JSON of bounded depth, or why it is none: what walks or writes it later cannot overflow its stack. */
export function parseJson(source: string): { readonly value: unknown } | { readonly why: string } {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    // Some browsers parse by recursion, and then a deep text is no error of syntax.
    if (!(error instanceof SyntaxError)) return { why: tooDeep };
    return { why: `broken JSON: ${shortened(messageOf(error), 120)}` };
  }
  return isTooDeep(value) ? { why: tooDeep } : { value };
}

export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** An error's message on one line: those of JSON.parse quote the text with its line ends. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ");
}

/** Whether lists and objects are nested deeper than code can walk them. */
export function isTooDeep(value: unknown): boolean {
  return deeperThan(value, maxDepth);
}

function deeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((item) => deeperThan(item, levels - 1));
  return Object.values(value).some((item) => deeperThan(item, levels - 1));
}

function withoutLoneSurrogates(value: unknown): unknown {
  if (typeof value === "string") return wellFormed(value);
  if (Array.isArray(value)) return value.map(withoutLoneSurrogates);
  if (typeof value !== "object" || value === null) return value;
  // fromEntries defines properties: a key named __proto__ stays a plain key.
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [wellFormed(key), withoutLoneSurrogates(item)]));
}

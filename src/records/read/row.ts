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

/** The beginning of a text in quotes, short enough for a message. */
export function quote(source: string): string {
  return JSON.stringify(wellFormed(source.length > 40 ? `${source.slice(0, 40)}…` : source));
}

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
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    return { line, problem: `broken JSON: ${messageOf(error)}; the row begins ${quote(source)}` };
  }
  if (deeperThan(value, maxDepth)) {
    return {
      line,
      problem: `lists and objects lie more than ${maxDepth} deep in each other; the row begins ${quote(source)}`,
    };
  }
  // Text that was decoded from UTF-8 has none but those that are written as escapes.
  return { line, value: /\\u[dD][89a-fA-F]/.test(source) ? withoutLoneSurrogates(value) : value };
}

export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** An error's message on one line: those of JSON.parse quote the text with its line ends. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ");
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

/** Shared by all readers: how they emit rows, the limits of a row, and JSON text to a row. */

import { parseJson, wellFormed } from "./parseJson.ts";
import type { DataRecord, FileKind } from "./record.ts";

/** A record and its size in characters, which limits a batch. */
export interface Sized {
  readonly record: DataRecord;
  readonly size: number;
}

export type Emit = (record: DataRecord, size: number) => void;

/** Parses a file's text in pieces; the records do not depend on how the text is cut. */
export interface RowParser {
  /** May change until the first record is emitted. */
  readonly kind: FileKind;
  push(text: string): void;
  /** Call it once, after the last piece. */
  end(): void;
}

export interface RowLimits {
  /** Most characters of a row. */
  readonly rowLength: number;
}

/** The beginning of a text on one line, for a message. */
export function shortened(text: string, most = 60): string {
  const shown = text.length > most ? `${wellFormed(text.slice(0, most))}…` : text;
  return shown.replace(/\p{Cc}+/gu, " ");
}

/** The beginning of a text as a JSON string, for a message; quotes and escapes add at most 24 characters. */
export function quote(source: string, most = 40): string {
  const written = JSON.stringify(wellFormed(source.length > most ? `${source.slice(0, most)}…` : source));
  return written.length > most + 24 ? `${written.slice(0, most + 20)}…"` : written;
}

/** A file's name for messages. */
export const nameShown = (name: string) => shortened(name, 80);

export function tooLong(beginning: string, limits: RowLimits): string {
  return `the row is longer than ${sizeOf(limits.rowLength)}, the limit of a row; it begins ${quote(beginning)}`;
}

/** `64 MiB` */
export function sizeOf(bytes: number): string {
  if (bytes >= 1 << 20) return `${Math.round(bytes / (1 << 20))} MiB`;
  return bytes >= 1 << 10 ? `${Math.round(bytes / (1 << 10))} KiB` : `${bytes} bytes`;
}

/** Most characters of a parser's reason: "broken JSON: " and 120 more. */
const longestReason = 133;

/** The row of a JSON text, or its problem. */
export function jsonRow(source: string, line: number): DataRecord {
  const parsed = parseJson(source);
  return "why" in parsed
    ? { line, problem: `${shortened(parsed.why, longestReason)}; the row begins ${quote(source)}` }
    : { line, value: parsed.value };
}

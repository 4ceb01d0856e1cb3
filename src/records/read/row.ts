/** Shared by all readers: how they emit rows, the limits of a row, and JSON text to a row. */

import type { Value } from "../value.ts";
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

/** Most levels of nested lists and objects: deeper ones could overflow the stack of code that walks a row. */
export const maxDepth = 256;

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

/** The row of a JSON text, or its problem. Lone surrogates become U+FFFD: they have no UTF-8 form, so no token. */
export function jsonRow(source: string, line: number): DataRecord {
  const parsed = parseJson(source);
  if ("why" in parsed) return { line, problem: `${parsed.why}; the row begins ${quote(source)}` };
  const { value } = parsed;
  // Decoded UTF-8 has no lone surrogates, except as escapes.
  return { line, value: /\\u[dD][89a-fA-F]/.test(source) ? withoutLoneSurrogates(value) : value };
}

export const tooDeep = `lists and objects are nested more than ${maxDepth} levels deep`;

/** Parses JSON of bounded depth, which recursive code can walk; or returns the reason why it cannot. */
export function parseJson(source: string): { readonly value: Value } | { readonly why: string } {
  let value: Value;
  try {
    value = JSON.parse(source);
  } catch (error) {
    // In browsers that parse recursively, a deep text overflows the stack: no SyntaxError.
    if (!(error instanceof SyntaxError)) return { why: tooDeep };
    return { why: `broken JSON: ${shortened(messageOf(error), 120)}` };
  }
  return isTooDeep(value) ? { why: tooDeep } : { value };
}

export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** An error's message on one line, because JSON.parse quotes text with line breaks. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ");
}

/** Whether lists and objects are nested deeper than `maxDepth`. */
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

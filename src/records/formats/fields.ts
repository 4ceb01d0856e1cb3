/** Reads the values of a row, and says of each that does not fit what is wrong with it: `messages.2.content is empty`. */

import { parseJson, quote, shortened } from "../read/row.ts";
import type { ColumnRole, Mapping } from "./mapping.ts";

/** A row that gives no example; the message is its problem, in words for the user. */
export class Unusable extends Error {
  override readonly name = "Unusable";
}

export type Row = Readonly<Record<string, unknown>>;

/** A value with the way to it. `undefined` where there is none. */
export interface Field {
  readonly path: string;
  readonly value: unknown;
}

export function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A row seen through a mapping: by roles, whatever its columns are called. */
export interface RowFields {
  /** Whether the mapping names a column for it. */
  mapped(role: ColumnRole): boolean;
  /** null where the mapping names no column, or the row has nothing (or null) in it. */
  optional(role: ColumnRole): Field | null;
  /** Throws `Unusable` where the mapping names no column or the row lacks it; `null` is a value here. */
  required(role: ColumnRole): Field;
}

export function fieldsOf(row: Row, { columns }: Mapping): RowFields {
  const at = (column: string): Field => ({
    path: shortened(column),
    value: Object.hasOwn(row, column) ? row[column] : undefined,
  });
  return {
    mapped: (role) => columns[role] !== undefined,
    optional(role) {
      const column = columns[role];
      const field = column === undefined ? null : at(column);
      return field?.value == null ? null : field;
    },
    required(role) {
      const column = columns[role];
      const lead = role === "response" ? "no response: " : "";
      if (column === undefined) throw new Unusable(`${lead}no column is chosen as ${role}; ${listFields(row)}`);
      const field = at(column);
      if (field.value === undefined) throw new Unusable(`${lead}${field.path} is missing; ${listFields(row)}`);
      return field;
    },
  };
}

/** `its fields are "a", "b"`, the first eight. */
export function listFields(row: Row): string {
  const names = Object.keys(row);
  const shown = names.slice(0, 8).map((name) => quote(name, 20));
  const more = names.length > 8 ? ` and ${names.length - 8} more` : "";
  return names.length === 0 ? "it has no fields" : `its fields are ${shown.join(", ")}${more}`;
}

export function fail({ path }: Field, what: string): never {
  throw new Unusable(`${path} ${what}`);
}

/** A member of an object, under its own path. */
export function member({ path, value }: Field, key: string): Field {
  return { path: `${path}.${key}`, value: isRow(value) && Object.hasOwn(value, key) ? value[key] : undefined };
}

/** The first of several spellings that holds something; null where none does. */
export function firstMember(field: Field, keys: readonly string[]): Field | null {
  return keys.map((key) => member(field, key)).find(({ value }) => value != null) ?? null;
}

/** A text as it stands, white space included; a lone surrogate has no UTF-8 form, so no token, and becomes U+FFFD. */
export function text(field: Field): string {
  if (field.value === undefined) fail(field, "is missing");
  if (typeof field.value !== "string") fail(field, `is ${nameOf(field.value)}, not text`);
  return field.value.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** A text with something in it besides white space. */
export function written(field: Field): string {
  const value = text(field);
  if (value.trim() === "") fail(field, "is empty");
  return value;
}

/** A list, or JSON of one in a text, as tables hold it. */
export function list(field: Field): Field[] {
  const value = fromJson(field.value);
  if (Array.isArray(value)) return value.map((item, index) => ({ path: `${field.path}.${index}`, value: item }));
  if (field.value === undefined) fail(field, "is missing");
  const looksLikeOne = typeof value === "string" && /^\s*[[{]/.test(value);
  return fail(
    field,
    `is ${nameOf(value)}, not a list${looksLikeOne ? `: it looks like one, but ${whyNoJson(value)}` : ""}`,
  );
}

/** What a text holds if it is JSON of a list or an object, of bounded depth; else the value itself. */
export function fromJson(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  const parsed = parseJson(value);
  return "value" in parsed ? parsed.value : value;
}

/** What keeps a text from being read as JSON. */
export function whyNoJson(text: string): string {
  const parsed = parseJson(text);
  return "why" in parsed && !parsed.why.startsWith("broken") ? parsed.why : "is not JSON; write the column as JSON";
}

/** Weights are summed in float32: beyond these a loss is infinite, or divided by 0. */
const leastWeight = 1e-6;
const mostWeight = 1e6;

/** A loss weight: 0, or from 0.000001 to 1,000,000. */
export function weight(field: Field): number {
  const { value } = field;
  if (typeof value !== "number") fail(field, `is ${nameOf(value)}, not a number`);
  if (!Number.isFinite(value)) fail(field, "is not finite");
  if (value < 0) fail(field, "is negative");
  if (value !== 0 && !(value >= leastWeight && value <= mostWeight))
    fail(field, `is ${value}; a weight is 0, or from 0.000001 to 1,000,000`);
  return value;
}

/**
 * The split that a row names. Whatever is held out, a test split included, is "validation": it is never learnt.
 * null for words that name none.
 */
export function splitOf(value: unknown): "train" | "validation" | null {
  if (typeof value !== "string") return null;
  if (/^\s*train/i.test(value)) return "train";
  return /^\s*(val|dev|eval|test|held|hold)/i.test(value) ? "validation" : null;
}

/** `null`, `a list`, `an object`, `a number`, for messages. */
export function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (value === undefined) return "nothing";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

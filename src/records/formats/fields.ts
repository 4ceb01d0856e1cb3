/** Reads the values of a row by path and type; problems name the path: `messages.2.content is empty`. */

import { parseJson, wellFormed } from "../read/parseJson.ts";
import { quote, shortened } from "../read/row.ts";
import {
  asNumber,
  ExactNumber,
  entriesOf,
  isNotFinite,
  isObject,
  memberOf,
  type OrderedObject,
  type PlainObject,
} from "../value.ts";
import type { ColumnRole, Mapping } from "./mapping.ts";

/** A row without a usable example; the message is its problem for the user. */
export class Unusable extends Error {
  override readonly name = "Unusable";
}

export type Row = PlainObject | OrderedObject;

/** A value and its path in the row; `undefined` where the row has none. */
export interface Field {
  readonly path: string;
  readonly value: unknown;
}

export const isRow = (value: unknown): value is Row => isObject(value);

/** Whether an optional field has no value: null, NaN and the infinities, which programs write for a missing value. */
export const isAbsent = (value: unknown): boolean => value == null || isNotFinite(value);

/** The values of a row by role. */
export interface RowFields {
  /** Whether the mapping has a column for the role. */
  mapped(role: ColumnRole): boolean;
  /** null where the mapping has no column, or `isAbsent` its value; a weight must be a number, and only null is none. */
  optional(role: ColumnRole): Field | null;
  /** Throws `Unusable` where the mapping has no column or the row lacks it; `null` counts as a value. */
  required(role: ColumnRole): Field;
}

export function fieldsOf(row: Row, { columns }: Mapping): RowFields {
  const at = (column: string): Field => ({
    path: shortened(column),
    value: memberOf(row, column),
  });
  return {
    mapped: (role) => columns[role] !== undefined,
    optional(role) {
      const column = columns[role];
      const field = column === undefined ? null : at(column);
      const isNone = role === "weight" ? field?.value == null : isAbsent(field?.value);
      return isNone ? null : field;
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

/** `its fields are "a", "b"`: at most the first eight. */
export function listFields(row: Row): string {
  const names = entriesOf(row).map(([name]) => name);
  const shown = names.slice(0, 8).map((name) => quote(name, 16));
  const more = names.length > 8 ? ` and ${names.length - 8} more` : "";
  return names.length === 0 ? "it has no fields" : `its fields are ${shown.join(", ")}${more}`;
}

export function fail({ path }: Field, what: string): never {
  throw new Unusable(`${path} ${what}`);
}

/** A member of an object, with its path. */
export function member({ path, value }: Field, key: string): Field {
  return { path: `${path}.${key}`, value: isRow(value) ? memberOf(value, key) : undefined };
}

/** The first of these members with a value; null where none has one. */
export function firstMember(field: Field, keys: readonly string[]): Field | null {
  if (!isRow(field.value)) return null;
  for (const key of keys) {
    const value = memberOf(field.value, key);
    if (!isAbsent(value)) return { path: `${field.path}.${key}`, value };
  }
  return null;
}

/** The unchanged text, except that lone surrogates become U+FFFD. A number or a truth value is its text in the file. */
export function text(field: Field): string {
  if (field.value === undefined) fail(field, "is missing");
  return textOf(field.value) ?? fail(field, `is ${nameOf(field.value)}, not text`);
}

/** The text of a text field: 0.50 is "0.50", true is "true"; null for other values, NaN and the infinities among them. */
export function textOf(value: unknown): string | null {
  if (typeof value === "string") return wellFormed(value);
  if (typeof value === "boolean") return String(value);
  if (asNumber(value) === null || isNotFinite(value)) return null;
  return value instanceof ExactNumber ? value.text : String(value);
}

/** The text of an optional field; "" where it has none. */
export function optionalText(field: Field): string {
  return isAbsent(field.value) ? "" : text(field);
}

/** A text that is more than white space. */
export function nonBlankText(field: Field): string {
  const value = text(field);
  if (value.trim() === "") fail(field, "is empty");
  return value;
}

/** A list, or JSON text of one, because tables have only text. */
export function list(field: Field): Field[] {
  const value = fromJson(field.value);
  if (Array.isArray(value)) return value.map((item, index) => ({ path: `${field.path}.${index}`, value: item }));
  if (field.value === undefined) fail(field, "is missing");
  const startsAsJson = typeof value === "string" && /^\s*[[{]/.test(value);
  return fail(
    field,
    `is ${nameOf(value)}, not a list${startsAsJson ? `: it starts like JSON, but ${whyNoJson(value)}` : ""}`,
  );
}

/** Parses a text that is JSON of a list or an object of bounded depth; returns other values unchanged. */
export function fromJson(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  const parsed = parseJson(value);
  return "value" in parsed ? parsed.value : value;
}

/** The reason why a text cannot be read as JSON. */
export function whyNoJson(text: string): string {
  const parsed = parseJson(text);
  return "why" in parsed && !parsed.why.startsWith("broken") ? parsed.why : "is not JSON; write the column as JSON";
}

/** Weights are summed in float32: beyond these bounds a loss becomes infinite or is divided by 0. */
const leastWeight = 1e-6;
const mostWeight = 1e6;

/** A loss weight: 0, or from 0.000001 to 1,000,000. */
export function weight(field: Field): number {
  const value = asNumber(field.value);
  if (value === null) return fail(field, `is ${nameOf(field.value)}, not a number`);
  if (!Number.isFinite(value)) fail(field, "is not a finite number");
  if (value < 0) fail(field, "is negative");
  if (value !== 0 && !(value >= leastWeight && value <= mostWeight))
    fail(field, `is ${value}; a weight is 0, or from 0.000001 to 1,000,000`);
  return value;
}

/** The split of a row; null for other words. Every held-out split, also a test split, counts as "validation". */
export function splitOf(value: unknown): "train" | "validation" | null {
  if (typeof value !== "string") return null;
  if (/^\s*train/i.test(value)) return "train";
  return /^\s*(val|dev|eval|test|held|hold)/i.test(value) ? "validation" : null;
}

/** `null`, `a list`, `an object`, `a number`, `NaN`, for messages. */
export function nameOf(value: unknown): string {
  if (isNotFinite(value)) return String(asNumber(value));
  if (value instanceof ExactNumber) return "a number";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (value === undefined) return "nothing";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

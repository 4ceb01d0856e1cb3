/** The values of a row exactly as its file writes them: numbers with their text, keys in their order. */

/**
 * A number that a JavaScript number cannot represent as the file writes it: a large integer, `12.0`, `0.10`, `1e-7`, `NaN`
 * or `-Infinity`. Every other number of a row is a JavaScript number; one without a fraction is then an integer in Python.
 */
export class ExactNumber {
  /** As the file writes it. */
  constructor(readonly text: string) {}
}

/** The value of a number's text: a JavaScript number where it prints the same text, and Python reads the same kind from it. */
export function numberOf(text: string): number | ExactNumber {
  const number = Number(text);
  const isInteger = /^-?\d+$/.test(text);
  // Python's json reads a float from 1e3, and JavaScript rounds integers beyond 2^53.
  const isSame = isInteger ? Number.isSafeInteger(number) : /^-?\d+\.\d+$/.test(text);
  return isSame && String(number) === text ? number : new ExactNumber(text);
}

/** The nearest JavaScript number of either form of number; null for other values. */
export function asNumber(value: unknown): number | null {
  if (value instanceof ExactNumber) return Number(value.text);
  return typeof value === "number" ? value : null;
}

/** Whether a value is NaN or infinite, in either form of number. Python reads 1e400 as infinite. */
export function isNotFinite(value: unknown): boolean {
  if (value instanceof ExactNumber) return !/^-?\d+$/.test(value.text) && !Number.isFinite(Number(value.text));
  return typeof value === "number" && !Number.isFinite(value);
}

/** An object whose keys JavaScript would reorder, because they look like integers. */
export type OrderedObject = ReadonlyMap<string, Value>;

export type PlainObject = { readonly [key: string]: Value };

/** A JSON value. All objects are plain, except those with keys like "2", which are maps. */
export type Value = null | boolean | number | string | ExactNumber | readonly Value[] | PlainObject | OrderedObject;

export const isList = (value: unknown): value is readonly Value[] => Array.isArray(value);

/** Whether the value is an object of JSON, in either form. */
export function isObject(value: unknown): value is PlainObject | OrderedObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}

/** The members of an object in the order of the file. */
export function entriesOf(value: PlainObject | OrderedObject): readonly (readonly [string, Value])[] {
  return value instanceof Map ? [...value] : Object.entries(value as PlainObject);
}

/** A member of an object; undefined where it has none. */
export function memberOf(value: PlainObject | OrderedObject, key: string): Value | undefined {
  if (value instanceof Map) return value.get(key);
  return Object.hasOwn(value, key) ? (value as PlainObject)[key] : undefined;
}

/** An object of these members: a map where a plain object would change their order. */
export function objectOf(entries: readonly (readonly [string, Value])[]): PlainObject | OrderedObject {
  return entries.some(([key]) => isIndex(key)) ? new Map(entries) : Object.fromEntries(entries);
}

/** The value without members that are null, at any depth; null stays in lists. Arrow and Parquet fill in null. */
export function withoutNulls(value: Value): Value {
  // Most values have none, and a copy costs more.
  return hasNull(value) ? copyWithoutNulls(value) : value;
}

/** Whether an object within the value has a member that is null. */
function hasNull(value: Value): boolean {
  if (typeof value !== "object" || value === null || value instanceof ExactNumber) return false;
  if (isList(value)) return value.some(hasNull);
  for (const item of value instanceof Map ? value.values() : Object.values(value)) {
    if (item == null || hasNull(item)) return true;
  }
  return false;
}

function copyWithoutNulls(value: Value): Value {
  if (isList(value)) return value.map(copyWithoutNulls);
  if (!isObject(value)) return value;
  const entries = entriesOf(value).filter(([, member]) => member != null);
  return objectOf(entries.map(([key, member]): [string, Value] => [key, copyWithoutNulls(member)]));
}

/** Keys that JavaScript moves to the front of an object. */
export function isIndex(key: string): boolean {
  const first = key.charCodeAt(0);
  return first >= 0x30 && first <= 0x39 && index.test(key);
}
const index = /^(?:0|[1-9]\d*)$/;

/** The values of a row exactly as its file writes them: numbers with their text, keys in their order. */

/**
 * A number that a JavaScript number cannot represent as the file writes it: a large integer, `12.0`, `0.10`, `1e-7`, `NaN`
 * or `-Infinity`. Every other number of a row is a JavaScript number; one without a fraction is then an integer in Python.
 */
export class ExactNumber {
  /** As the file writes it. */
  constructor(readonly text: string) {}
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
  return entries.some(([key]) => isIndex.test(key)) ? new Map(entries) : Object.fromEntries(entries);
}

/** Keys that JavaScript moves to the front of an object. */
const isIndex = /^(?:0|[1-9]\d*)$/;

/** What the filters of Jinja share: their form, and how they read the members of items. */

import { itemOf } from "./access.ts";
import type { Args } from "./args.ts";
import type { Limits } from "./budget.ts";
import { fault } from "./fault.ts";
import { exceeded } from "./limits.ts";
import { isText, plain } from "./text.ts";
import { compared, type Given, isTrue, numberOf, typeOf, Undefined, type Value } from "./values.ts";

/** What a filter may use of the interpreter. */
export interface Tools {
  readonly limits: Limits;
  filter(name: string, value: Value, given: Given): Value;
  test(name: string, value: Value, given: Given): boolean;
}

export interface Filter {
  readonly parameters: readonly string[] | "any";
  readonly call: (value: Value, args: Args, tools: Tools, given: Given) => Value;
}

export const noGiven: Given = { positional: [], named: new Map() };

/** Reads `a.b.0` of an item, as the argument `attribute` of several filters. */
export function getter(attribute: Value | undefined, tools: Tools, initial?: Value): (item: Value) => Value {
  if (attribute == null) return (item) => item;
  const { limits } = tools;
  const number = numberOf(attribute);
  if (!isText(attribute) && typeof number !== "bigint")
    throw fault(`an attribute is a name or an index, not ${typeOf(attribute)}`);
  const parts: Value[] = isText(attribute)
    ? plain(attribute)
        .split(".")
        .map((part) => (/^\d+$/.test(part) ? BigInt(part) : part))
    : [number];
  if (isText(attribute) && plain(attribute).length > longestPath)
    throw exceeded(`reads a member by a name of ${plain(attribute).length} characters, more than ${longestPath}`);
  return (item) => {
    let value = item;
    for (const part of parts) {
      limits.count(1);
      value = itemOf(value, part, limits);
      if (initial !== undefined && initial !== null && value instanceof Undefined) value = initial;
    }
    return value;
  };
}

/** Characters of a member's name, which is read for each item of a list. */
const longestPath = 1000;

/** Texts compare without regard to case, unless the argument wants it. */
export const folding = (sensitive: boolean, limits: Limits) => (value: Value) => {
  if (sensitive || !isText(value)) return value;
  limits.work(plain(value).length);
  return plain(value).toLowerCase();
};

export const flag = (args: Args, name: string, initial = false): boolean => {
  const value = args.given(name);
  return value === undefined ? initial : isTrue(value);
};

/** A stable sort by key, as Python's `sorted`. */
export function sortedBy(
  items: readonly Value[],
  key: (item: Value) => Value,
  reverse: boolean,
  limits: Limits,
): Value[] {
  limits.allowItems(items.length);
  const keyed = items.map((item) => ({ item, key: key(item) }));
  keyed.sort((a, b) => (reverse ? -1 : 1) * compared(a.key, b.key, "<", limits));
  return keyed.map(({ item }) => item);
}

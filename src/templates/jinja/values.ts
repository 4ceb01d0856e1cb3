/** The values of a template: Python's types with Python's truth, equality, order and hash. */

import type { Limits } from "./budget.ts";
import { fault } from "./fault.ts";
import { isText, plain, type Str } from "./text.ts";

/** A name, member or item that is not there. Printing it writes nothing; nearly all other use of it is a fault. */
export class Undefined {
  /** `what`: its name for messages. */
  constructor(readonly what: string) {}
}

export class Tuple {
  /** `names`: of a named tuple, as `groupby` gives it. */
  constructor(
    readonly items: readonly Value[],
    readonly names: readonly string[] = [],
  ) {}
}

/** Python's dict: keys of any hashable type, in order of insertion. */
export class Dict {
  private readonly members = new Map<string, { readonly key: Value; readonly value: Value }>();

  /** A later entry with an equal key replaces the value, not the place. */
  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.put(key, value);
  }

  get size(): number {
    return this.members.size;
  }

  /** For building only: values that a template has seen do not change. */
  put(key: Value, value: Value): void {
    const hash = hashOf(key);
    this.members.set(hash, { key: this.members.get(hash)?.key ?? key, value });
  }

  get(key: Value): Value | undefined {
    return this.members.get(hashOf(key))?.value;
  }

  has(key: Value): boolean {
    return this.members.has(hashOf(key));
  }

  keys(): Value[] {
    return [...this.members.values()].map(({ key }) => key);
  }

  values(): Value[] {
    return [...this.members.values()].map(({ value }) => value);
  }

  entries(): [Value, Value][] {
    return [...this.members.values()].map(({ key, value }) => [key, value]);
  }
}

/** `dict.keys()`, `.values()` or `.items()`: it has a length, but no index. */
export class View {
  constructor(
    readonly kind: "keys" | "values" | "items",
    readonly dict: Dict,
  ) {}

  items(): readonly Value[] {
    if (this.kind === "keys") return this.dict.keys();
    if (this.kind === "values") return this.dict.values();
    return this.dict.entries().map((entry) => new Tuple(entry));
  }
}

export class Span {
  /** Python's range; `step` is not 0. */
  constructor(
    readonly start: bigint,
    readonly stop: bigint,
    readonly step: bigint,
  ) {}

  get length(): number {
    const { start, stop, step } = this;
    const distance = step > 0n ? stop - start : start - stop;
    const stride = step > 0n ? step : -step;
    return distance <= 0n ? 0 : Number((distance + stride - 1n) / stride);
  }

  items(): bigint[] {
    return Array.from({ length: this.length }, (_, i) => this.start + BigInt(i) * this.step);
  }
}

/** An iterator, as `map`, `select` and `reverse` return: always true, without a length, and empty after its first use. */
export class Lazy {
  private rest: Iterator<Value>;

  constructor(source: Iterable<Value>) {
    this.rest = source[Symbol.iterator]();
  }

  next(): IteratorResult<Value> {
    return this.rest.next();
  }

  /** All remaining items. */
  take(): Value[] {
    const items: Value[] = [];
    for (let next = this.rest.next(); !next.done; next = this.rest.next()) items.push(next.value);
    return items;
  }
}

/** `namespace()`: the only value that a template can change. */
export class Namespace {
  readonly members: Map<string, Value>;

  constructor(entries: Iterable<readonly [string, Value]>) {
    this.members = new Map(entries);
  }
}

export interface Given {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/** A macro, a global function or a method. */
export class Callable {
  constructor(
    readonly name: string,
    readonly call: (given: Given) => Value,
  ) {}
}

/** A value with members and without items: `loop`, a cycler, a joiner. */
export class Host {
  constructor(
    /** For messages. */
    readonly kind: string,
    readonly member: (name: string) => Value | undefined,
    readonly call: ((given: Given) => Value) | null = null,
  ) {}
}

/** Integers are bigint, floats are number. */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | Str
  | readonly Value[]
  | Tuple
  | Dict
  | View
  | Span
  | Lazy
  | Namespace
  | Callable
  | Host
  | Undefined;

export const isList = (value: Value): value is readonly Value[] => Array.isArray(value);

/** Python's name of the type, for messages. */
export function typeOf(value: Value): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float";
  if (isText(value)) return "str";
  if (isList(value)) return "list";
  if (value instanceof Undefined) return "undefined";
  if (value instanceof Tuple) return "tuple";
  if (value instanceof Dict) return "dict";
  if (value instanceof View) return `dict_${value.kind}`;
  if (value instanceof Span) return "range";
  if (value instanceof Lazy) return "generator";
  if (value instanceof Namespace) return "namespace";
  if (value instanceof Callable) return "function";
  return value.kind;
}

/** A use of an undefined value. */
export const undefinedFault = ({ what }: Undefined) => fault(`${what} is undefined`);

export function isTrue(value: Value): boolean {
  if (value === null || value === false || value === 0n || value === 0) return false;
  if (isText(value)) return plain(value) !== "";
  if (isList(value)) return value.length > 0;
  if (value instanceof Tuple) return value.items.length > 0;
  if (value instanceof Dict) return value.size > 0;
  if (value instanceof View) return value.dict.size > 0;
  if (value instanceof Span) return value.length > 0;
  return !(value instanceof Undefined);
}

/** The length, null where the type has none. A text has the length of its code points. */
export function lengthOf(value: Value): number | null {
  if (isText(value)) return codePoints(plain(value));
  if (isList(value)) return value.length;
  if (value instanceof Tuple) return value.items.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof View) return value.dict.size;
  if (value instanceof Span) return value.length;
  if (value instanceof Undefined) return 0;
  return null;
}

const surrogate = /[\ud800-\udbff]/;

export const hasPairs = (text: string) => surrogate.test(text);

export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

export function codePoints(text: string): number {
  if (!hasPairs(text)) return text.length;
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** A number as Python's arithmetic sees it: True is 1. Null for other values. */
export function numberOf(value: Value): bigint | number | null {
  if (typeof value === "boolean") return value ? 1n : 0n;
  return typeof value === "bigint" || typeof value === "number" ? value : null;
}

/** A text that is equal for equal keys: 1, 1.0 and True are one key. Faults for values without a hash. */
function hashOf(key: Value): string {
  if (isText(key)) return `s${plain(key)}`;
  if (key === null) return "none";
  const number = numberOf(key);
  if (typeof number === "bigint") return `n${number}`;
  if (typeof number === "number") return Number.isInteger(number) ? `n${BigInt(number)}` : `n${number}`;
  if (key instanceof Tuple) return `t${JSON.stringify(key.items.map(hashOf))}`;
  throw fault(`a value of the type ${typeOf(key)} is no key of a dict`);
}

/** Python's `==`. `limits` counts the compared members. */
export function equal(a: Value, b: Value, limits: Limits): boolean {
  limits.count(1);
  if (isText(a)) {
    if (!isText(b)) return false;
    const [first, second] = [plain(a), plain(b)];
    if (first.length === second.length) limits.work(first.length);
    return first === second;
  }
  const number = numberOf(a);
  if (number !== null) {
    const other = numberOf(b);
    return other !== null && sameNumber(number, other);
  }
  if (isList(a)) return isList(b) && allEqual(a, b, limits);
  if (a instanceof Tuple) return b instanceof Tuple && allEqual(a.items, b.items, limits);
  if (a instanceof Dict) {
    if (!(b instanceof Dict) || a.size !== b.size) return false;
    return a.entries().every(([key, value]) => {
      const other = b.get(key);
      return other !== undefined && equal(value, other, limits);
    });
  }
  if (a instanceof Span) return b instanceof Span && allEqual(a.items(), b.items(), limits);
  if (a instanceof Undefined) return b instanceof Undefined;
  return a === b;
}

/** Whether an integer and a float, or two of a kind, are the same number. */
const sameNumber = (a: bigint | number, b: bigint | number) => a <= b && a >= b;

const allEqual = (a: readonly Value[], b: readonly Value[], limits: Limits) =>
  limits.nested(() => a.length === b.length && a.every((item, i) => equal(item, b[i] ?? null, limits)));

/** Python's `<`, `<=`, `>`, `>=`: negative, 0 or positive. NaN where one is NaN. Faults for types without an order. */
export function compared(a: Value, b: Value, operator: string, limits: Limits): number {
  limits.count(1);
  if (a instanceof Undefined) throw undefinedFault(a);
  if (b instanceof Undefined) throw undefinedFault(b);
  const [x, y] = [numberOf(a), numberOf(b)];
  if (x !== null && y !== null) return x < y ? -1 : x > y ? 1 : sameNumber(x, y) ? 0 : Number.NaN;
  if (isText(a) && isText(b)) {
    const [first, second] = [plain(a), plain(b)];
    limits.work(Math.min(first.length, second.length));
    return compareTexts(first, second);
  }
  const lists = isList(a) && isList(b) ? [a, b] : a instanceof Tuple && b instanceof Tuple ? [a.items, b.items] : null;
  const [first, second] = lists ?? [];
  if (first && second) {
    return limits.nested(() => {
      for (let i = 0; i < Math.min(first.length, second.length); i++) {
        const [left = null, right = null] = [first[i], second[i]];
        if (!equal(left, right, limits)) return compared(left, right, operator, limits);
      }
      return first.length - second.length;
    });
  }
  throw fault(`"${operator}" cannot compare ${typeOf(a)} and ${typeOf(b)}`);
}

/** By code points, as Python does; JavaScript's order differs for surrogate pairs. */
export function compareTexts(a: string, b: string): number {
  if (!hasPairs(a) && !hasPairs(b)) return a < b ? -1 : a > b ? 1 : 0;
  const [first, second] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < Math.min(first.length, second.length); i++) {
    const difference = (first[i]?.codePointAt(0) ?? 0) - (second[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return first.length - second.length;
}

/** Members, items, slices and iteration of values, as Jinja reads them from Python's types. */

import { Args, withoutNames } from "./args.ts";
import type { Limits } from "./budget.ts";
import { fault } from "./fault.ts";
import { cutPoints } from "./print.ts";
import { formatMethod, stringMethods } from "./strings.ts";
import { concatAll, cut, isText, plain, type Str } from "./text.ts";
import {
  Callable,
  codePoints,
  Dict,
  equal,
  Host,
  isList,
  Lazy,
  Namespace,
  numberOf,
  Span,
  Tuple,
  typeOf,
  Undefined,
  undefinedFault,
  type Value,
  View,
} from "./values.ts";

/** Methods that change a list or a dict; transformers' sandbox refuses them too. */
const changing: ReadonlySet<string> = new Set([
  ...["append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update"],
]);

const refused = (type: string, name: string) =>
  new Callable(name, () => {
    throw fault(`"${name}" would change a ${type}, which no template may do`);
  });

/** The characters of a text, each with its place. */
export function characters(value: Str): Str[] {
  let at = 0;
  return Array.from(plain(value), (character) => {
    const start = at;
    at += character.length;
    return cut(value, start, at);
  });
}

/** The members of a value that Python can iterate; faults for other values. */
export function itemsOf(value: Value, limits: Limits): readonly Value[] {
  if (isList(value)) return value;
  if (value instanceof Tuple) return value.items;
  if (isText(value)) {
    limits.allowItems(plain(value).length);
    return characters(value);
  }
  if (value instanceof Dict) return value.keys();
  if (value instanceof View) return value.items();
  if (value instanceof Span) {
    limits.allowItems(value.length);
    return value.items();
  }
  if (value instanceof Lazy) {
    const items: Value[] = [];
    for (let next = value.next(); !next.done; next = value.next()) {
      items.push(next.value);
      limits.allowItems(1);
    }
    limits.allowItems(items.length);
    return items;
  }
  if (value instanceof Undefined) return [];
  throw fault(`a loop iterates over a value of the type ${typeOf(value)}`);
}

/** `value.name`: a method or a member, then an item; undefined where there is neither. */
export function attributeOf(value: Value, name: string, limits: Limits): Value {
  if (value instanceof Undefined) throw undefinedFault(value);
  if (!name.startsWith("_")) {
    const own = memberOf(value, name, limits);
    if (own !== undefined) return own;
  }
  const item = value instanceof Dict ? value.get(name) : undefined;
  return item === undefined ? new Undefined(`"${name.slice(0, 60)}"`) : item;
}

/** `value[key]`: an item, then for a text the member of this name. */
export function itemOf(value: Value, key: Value, limits: Limits): Value {
  if (value instanceof Undefined) throw undefinedFault(value);
  const item = value instanceof Dict ? (hashable(key) ? value.get(key) : undefined) : elementOf(value, key);
  if (item !== undefined) return item;
  if (isText(key)) {
    const name = plain(key);
    const own = name.startsWith("_") ? undefined : memberOf(value, name, limits);
    return own === undefined ? new Undefined(`"${name.slice(0, 60)}"`) : own;
  }
  return new Undefined(
    key instanceof Undefined ? key.what : `the item ${typeOf(key) === "int" ? String(key) : typeOf(key)}`,
  );
}

const hashable = (key: Value): boolean =>
  isText(key) || key === null || numberOf(key) !== null || (key instanceof Tuple && key.items.every(hashable));

function elementOf(value: Value, key: Value): Value | undefined {
  const index = numberOf(key);
  if (typeof index !== "bigint") return undefined;
  const at = Number(index);
  const from = <T>(length: number, read: (i: number) => T): T | undefined => {
    const i = at < 0 ? length + at : at;
    return i >= 0 && i < length ? read(i) : undefined;
  };
  if (isList(value)) return from(value.length, (i) => value[i]);
  if (value instanceof Tuple) return from(value.items.length, (i) => value.items[i]);
  if (isText(value)) return from(codePoints(plain(value)), (i) => cutPoints(value, i, i + 1));
  if (value instanceof Span) return from(value.length, (i) => value.start + BigInt(i) * value.step);
  return undefined;
}

function memberOf(value: Value, name: string, limits: Limits): Value | undefined {
  if (isText(value)) return textMethod(value, name, limits);
  if (isList(value) || value instanceof Tuple) {
    const items = isList(value) ? value : value.items;
    if (isList(value) && (changing.has(name) || name === "copy")) {
      return name === "copy" ? new Callable(name, () => [...value]) : refused("list", name);
    }
    if (!isList(value) && value.names.includes(name)) return value.items[value.names.indexOf(name)];
    if (name === "count") {
      return new Callable(name, (given) => {
        const wanted = new Args(name, withoutNames(name, given), ["value"]).value("value");
        return BigInt(items.filter((item) => equal(item, wanted, limits)).length);
      });
    }
    if (name === "index") {
      return new Callable(name, (given) => {
        const wanted = new Args(name, withoutNames(name, given), ["value"]).value("value");
        const at = items.findIndex((item) => equal(item, wanted, limits));
        if (at === -1) throw fault("the value to find is not in the list");
        return BigInt(at);
      });
    }
    return undefined;
  }
  if (value instanceof Dict) return dictMethod(value, name);
  if (value instanceof Namespace) return value.members.get(name);
  if (value instanceof Host) return value.member(name);
  if (value instanceof Callable && name === "name") return value.name;
  if (typeof value === "number" && name === "is_integer") return new Callable(name, () => Number.isInteger(value));
  return undefined;
}

function dictMethod(dict: Dict, name: string): Value | undefined {
  if (name === "items" || name === "keys" || name === "values") {
    return new Callable(name, (given) => {
      new Args(name, given, []);
      return new View(name, dict);
    });
  }
  if (name === "get") {
    return new Callable(name, (given) => {
      const args = new Args(name, withoutNames(name, given), ["key", "default"]);
      return args.or("default", null, dict.get(args.value("key")));
    });
  }
  if (name === "copy") return new Callable(name, () => new Dict(dict.entries()));
  return changing.has(name) ? refused("dict", name) : undefined;
}

/** Methods of Python's str whose arguments may have names. */
const takeNames: ReadonlySet<string> = new Set(["expandtabs", "rsplit", "split", "splitlines"]);

function textMethod(text: Str, name: string, limits: Limits): Value | undefined {
  const method = Object.hasOwn(stringMethods, name) ? stringMethods[name] : undefined;
  if (method) {
    return new Callable(name, (given) => {
      if (typeof text !== "string" && text.markup) throw fault(`"${name}" of an escaped text is not supported`);
      limits.work(plain(text).length);
      const allowed = takeNames.has(name) ? given : withoutNames(name, given);
      const result = method.call(text, new Args(name, allowed, method.parameters), limits);
      if (isText(result)) limits.allowText(plain(result).length);
      else if (isList(result)) limits.allowItems(result.length);
      return result;
    });
  }
  if (name === "format")
    return new Callable(name, ({ positional, named }) => formatMethod(text, positional, named, limits));
  if (["encode", "format_map", "maketrans", "translate"].includes(name)) {
    return new Callable(name, () => {
      throw fault(`the method "${name}" of a text is not supported`);
    });
  }
  return undefined;
}

/** `value[start:stop:step]`; each bound is an integer or None. */
export function sliceOf(value: Value, bounds: readonly Value[], limits: Limits): Value {
  if (value instanceof Undefined) throw undefinedFault(value);
  const [first = null, second = null, third = null] = bounds.map((bound) => {
    if (bound === null) return null;
    if (bound instanceof Undefined) throw undefinedFault(bound);
    const number = numberOf(bound);
    if (typeof number !== "bigint") throw fault(`a slice needs integers, not ${typeOf(bound)}`);
    return Number(number);
  });
  const step = third ?? 1;
  if (step === 0) throw fault("a slice's step is 0");
  const rangeOf = (length: number): readonly [number, number] => {
    const limit = (bound: number) =>
      bound < 0 ? Math.max(step < 0 ? -1 : 0, length + bound) : Math.min(bound, step < 0 ? length - 1 : length);
    const start = first === null ? (step < 0 ? length - 1 : 0) : limit(first);
    const stop = second === null ? (step < 0 ? -1 : length) : limit(second);
    return [start, stop];
  };
  const picked = (length: number): number[] => {
    limits.work(length);
    const [start, stop] = rangeOf(length);
    const found: number[] = [];
    for (let i = start; step < 0 ? i > stop : i < stop; i += step) found.push(i);
    return found;
  };
  const of = <T>(items: readonly T[]) => picked(items.length).flatMap((i) => items.slice(i, i + 1));
  if (isList(value)) return of(value);
  if (value instanceof Tuple) return new Tuple(of(value.items));
  if (isText(value)) {
    const length = codePoints(plain(value));
    limits.work(plain(value).length);
    if (step === 1) {
      const [from = 0, to = length] = [first, second].map((bound) =>
        bound === null ? undefined : bound < 0 ? Math.max(0, length + bound) : Math.min(bound, length),
      );
      return cutPoints(value, from, Math.max(from, to));
    }
    limits.allowItems(length);
    const all = characters(value);
    return concatAll(picked(length).flatMap((i) => all[i] ?? []));
  }
  if (value instanceof Span) {
    const [start, stop] = rangeOf(value.length).map((i) => value.start + BigInt(i) * value.step);
    return new Span(start ?? 0n, stop ?? 0n, value.step * BigInt(step));
  }
  throw fault(`a value of the type ${typeOf(value)} has no slices`);
}

/** `part in whole`. */
export function contains(whole: Value, part: Value, limits: Limits): boolean {
  if (isText(whole)) {
    if (!isText(part))
      throw part instanceof Undefined ? undefinedFault(part) : fault(`"in" looks for a ${typeOf(part)} in a text`);
    const [text, wanted] = [plain(whole), plain(part)];
    limits.work(text.length + (text.length * wanted.length) / 256);
    return text.includes(wanted);
  }
  if (whole instanceof Dict) return whole.has(part);
  if (whole instanceof View && whole.kind === "keys") return whole.dict.has(part);
  const isIterable =
    isList(whole) ||
    whole instanceof Tuple ||
    whole instanceof View ||
    whole instanceof Span ||
    whole instanceof Lazy ||
    whole instanceof Undefined;
  if (!isIterable) throw fault(`"in" cannot search a value of the type ${typeOf(whole)}`);
  return itemsOf(whole, limits).some((item) => equal(item, part, limits));
}

/** The filters of Jinja 3 on lists and dicts. */

import { attributeOf, characters, itemsOf } from "./access.ts";
import { Args } from "./args.ts";
import type { Limits } from "./budget.ts";
import { fault } from "./fault.ts";
import { type Filter, flag, folding, getter, sortedBy, type Tools } from "./filter.ts";
import { cutPoints, strOf } from "./print.ts";
import { joinTexts } from "./strings.ts";
import { concatAll, isText, plain } from "./text.ts";
import {
  codePoints,
  compared,
  Dict,
  equal,
  type Given,
  isList,
  isTrue,
  Lazy,
  lengthOf,
  Span,
  Tuple,
  typeOf,
  Undefined,
  type Value,
  View,
} from "./values.ts";

/** The function that `map` applies: an attribute, or a filter by its name. */
function mapping(given: Given, tools: Tools): (item: Value) => Value {
  const [first, ...rest] = given.positional;
  if (first === undefined) {
    const args = new Args("map", given, ["attribute", "default"]);
    return getter(args.value("attribute"), tools, args.given("default"));
  }
  if (!isText(first)) throw fault(`"map" needs the name of a filter, not ${typeOf(first)}`);
  const applied = { positional: rest, named: given.named };
  return (item) => tools.filter(plain(first), item, applied);
}

function selecting(ofMember: boolean, wanted: boolean): Filter {
  return {
    parameters: "any",
    call(value, _, tools, { positional, named }) {
      const rest = [...positional];
      const read = ofMember ? getter(rest.shift() ?? missing("attribute"), tools) : (item: Value) => item;
      const name = rest.shift();
      if (name !== undefined && !isText(name)) throw fault(`a test's name is a text, not ${typeOf(name)}`);
      const applied = { positional: rest, named };
      const passes = (item: Value) =>
        name === undefined ? isTrue(read(item)) : tools.test(plain(name), read(item), applied);
      return new Lazy(
        (function* () {
          if (!isTrue(value)) return;
          for (const item of itemsOf(value, tools.limits)) if (passes(item) === wanted) yield item;
        })(),
      );
    },
  };
}

const missing = (name: string): never => {
  throw fault(`the argument "${name}" is missing`);
};

/** Items in groups of `size`, the last filled up. */
function* batches(items: readonly Value[], size: number, fill: Value): Generator<Value> {
  for (let i = 0; i < items.length; i += size) {
    const group = items.slice(i, i + size);
    while (fill !== null && group.length < size) group.push(fill);
    yield group;
  }
}

function* slices(items: readonly Value[], count: number, fill: Value): Generator<Value> {
  const size = Math.floor(items.length / count);
  const larger = items.length % count;
  let at = 0;
  for (let i = 0; i < count; i++) {
    const group = items.slice(at, at + size + (i < larger ? 1 : 0));
    at += group.length;
    if (fill !== null && i >= larger) group.push(fill);
    yield group;
  }
}

function* uniqueItems(value: Value, key: (item: Value) => Value, limits: Limits): Generator<Value> {
  const seen = new Dict();
  for (const item of itemsOf(value, limits)) {
    const wanted = key(item);
    limits.work(isText(wanted) ? plain(wanted).length : 1);
    if (seen.has(wanted)) continue;
    seen.put(wanted, true);
    yield item;
  }
}

/** The least or the greatest item; the first of equal ones. */
const extreme = (greatest: boolean): Filter => ({
  parameters: ["case_sensitive", "attribute"],
  call(value, args, tools) {
    const items = itemsOf(value, tools.limits);
    const read = getter(args.given("attribute"), tools);
    const fold = folding(flag(args, "case_sensitive"), tools.limits);
    const [first, ...rest] = items;
    if (first === undefined) return new Undefined("the extreme of an empty list");
    let best = first;
    for (const item of rest) {
      const order = compared(fold(read(item)), fold(read(best)), "<", tools.limits);
      if (greatest ? order > 0 : order < 0) best = item;
    }
    return best;
  },
});

const lengthFilter: Filter = {
  parameters: [],
  call(value) {
    const length = lengthOf(value);
    if (length === null) throw fault(`a value of the type ${typeOf(value)} has no length`);
    return BigInt(length);
  },
};

const defaultFilter: Filter = {
  parameters: ["default_value", "boolean"],
  call(value, args) {
    const replaces = value instanceof Undefined || (flag(args, "boolean") && !isTrue(value));
    return replaces ? args.or("default_value", "") : value;
  },
};

/** By name; `default` and `attr` stand here too, because they apply to any value. */
export const listFilters: Readonly<Record<string, Filter>> = {
  attr: {
    parameters: ["name"],
    call(value, args, { limits }) {
      const name = plain(args.text("name"));
      // Unlike `value.name`, this reads no items of a dict.
      return value instanceof Dict && !["items", "keys", "values", "get", "copy"].includes(name)
        ? new Undefined(`"${name}"`)
        : attributeOf(value, name, limits);
    },
  },
  batch: {
    parameters: ["linecount", "fill_with"],
    call(value, args, { limits }) {
      const size = args.int("linecount");
      if (size < 1) throw fault('"linecount" must be 1 or more');
      limits.allowItems(size);
      return new Lazy(batches(itemsOf(value, limits), size, args.given("fill_with") ?? null));
    },
  },
  count: lengthFilter,
  d: defaultFilter,
  default: defaultFilter,
  dictsort: {
    parameters: ["case_sensitive", "by", "reverse"],
    call(value, args, { limits }) {
      if (!(value instanceof Dict)) throw fault(`"dictsort" needs a dict, not ${typeOf(value)}`);
      const by = plain(args.text("by", "key"));
      if (by !== "key" && by !== "value") throw fault('"by" must be "key" or "value"');
      const fold = folding(flag(args, "case_sensitive"), limits);
      const entries = value.entries().map((entry) => new Tuple(entry));
      const key = (item: Value) => fold((item instanceof Tuple ? item.items[by === "key" ? 0 : 1] : undefined) ?? null);
      return sortedBy(entries, key, flag(args, "reverse"), limits);
    },
  },
  first: {
    parameters: [],
    call(value, _, { limits }) {
      if (value instanceof Lazy) {
        const next = value.next();
        return next.done ? new Undefined("the first item of an empty list") : next.value;
      }
      if (isText(value))
        return plain(value) === "" ? new Undefined("the first item of an empty text") : cutPoints(value, 0, 1);
      const [first] = itemsOf(value, limits);
      return first === undefined ? new Undefined("the first item of an empty list") : first;
    },
  },
  groupby: {
    parameters: ["attribute", "default", "case_sensitive"],
    call(value, args, tools) {
      const { limits } = tools;
      const read = getter(args.value("attribute"), tools, args.given("default"));
      const fold = folding(flag(args, "case_sensitive"), limits);
      const groups: { key: Value; shown: Value; items: Value[] }[] = [];
      for (const item of sortedBy(itemsOf(value, limits), (one) => fold(read(one)), false, limits)) {
        const key = fold(read(item));
        const last = groups.at(-1);
        if (last && equal(last.key, key, limits)) last.items.push(item);
        else groups.push({ key, shown: read(item), items: [item] });
      }
      return groups.map(({ shown, items }) => new Tuple([shown, items], ["grouper", "list"]));
    },
  },
  items: {
    parameters: [],
    call(value) {
      if (value instanceof Undefined) return new Lazy([]);
      if (!(value instanceof Dict)) throw fault(`"items" needs a dict, not ${typeOf(value)}`);
      return new Lazy(value.entries().map((entry) => new Tuple(entry)));
    },
  },
  join: {
    parameters: ["d", "attribute"],
    call(value, args, tools) {
      const { limits } = tools;
      const separator = strOf(args.or("d", ""), limits);
      const read = getter(args.given("attribute"), tools);
      return joinTexts(
        separator,
        itemsOf(value, limits).map((item) => strOf(read(item), limits)),
        limits,
      );
    },
  },
  last: {
    parameters: [],
    call(value, _, { limits }) {
      if (value instanceof Lazy) throw fault("a generator has no last item: apply list first");
      if (isText(value)) {
        const size = codePoints(plain(value));
        return size === 0 ? new Undefined("the last item of an empty text") : cutPoints(value, size - 1, size);
      }
      const last = itemsOf(value, limits).at(-1);
      return last === undefined ? new Undefined("the last item of an empty list") : last;
    },
  },
  length: lengthFilter,
  list: {
    parameters: [],
    call(value, _, { limits }) {
      const items = itemsOf(value, limits);
      limits.allowItems(items.length);
      return [...items];
    },
  },
  map: {
    parameters: "any",
    call(value, _, tools, given) {
      return new Lazy(
        (function* () {
          if (!isTrue(value)) return;
          const apply = mapping(given, tools);
          for (const item of itemsOf(value, tools.limits)) yield apply(item);
        })(),
      );
    },
  },
  max: extreme(true),
  min: extreme(false),
  reject: selecting(false, false),
  rejectattr: selecting(true, false),
  reverse: {
    parameters: [],
    call(value, _, { limits }) {
      if (isText(value)) {
        limits.allowItems(plain(value).length);
        return concatAll(characters(value).reverse());
      }
      const items = [...itemsOf(value, limits)].reverse();
      // Python's `reversed` gives an iterator; what has no order gets a list.
      return isList(value) ||
        value instanceof Tuple ||
        value instanceof Dict ||
        value instanceof View ||
        value instanceof Span
        ? new Lazy(items)
        : items;
    },
  },
  select: selecting(false, true),
  selectattr: selecting(true, true),
  slice: {
    parameters: ["slices", "fill_with"],
    call(value, args, { limits }) {
      const count = args.int("slices");
      if (count < 1) throw fault('"slices" must be 1 or more');
      limits.allowItems(count);
      return new Lazy(slices(itemsOf(value, limits), count, args.given("fill_with") ?? null));
    },
  },
  sort: {
    parameters: ["reverse", "case_sensitive", "attribute"],
    call(value, args, tools) {
      const attribute = args.given("attribute");
      const readers =
        isText(attribute) && plain(attribute).includes(",")
          ? plain(attribute)
              .split(",")
              .map((part) => getter(part, tools))
          : [getter(attribute, tools)];
      const fold = folding(flag(args, "case_sensitive"), tools.limits);
      // A list, as in Jinja: equal keys are never compared by order, whatever their type.
      const key = (item: Value): Value => readers.map((read) => fold(read(item)));
      return sortedBy(itemsOf(value, tools.limits), key, flag(args, "reverse"), tools.limits);
    },
  },
  unique: {
    parameters: ["case_sensitive", "attribute"],
    call(value, args, tools) {
      const read = getter(args.given("attribute"), tools);
      const fold = folding(flag(args, "case_sensitive"), tools.limits);
      return new Lazy(uniqueItems(value, (item) => fold(read(item)), tools.limits));
    },
  },
};

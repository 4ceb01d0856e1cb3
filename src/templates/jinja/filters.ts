/** The filters of Jinja 3, without those that draw at random or write HTML attributes. */

import { attributeOf, characters, itemOf, itemsOf } from "./access.ts";
import { Args } from "./args.ts";
import { type Limits, unlimited } from "./budget.ts";
import { fault } from "./fault.ts";
import { formatPercent } from "./format.ts";
import { exceeded } from "./limits.ts";
import { arithmetic, escaped, marked } from "./operators.ts";
import { cutPoints, jsonOf, strOf } from "./print.ts";
import { capitalize, joinTexts, lines, replaced, stringMethods, strip } from "./strings.ts";
import { concat, cut, derived, isText, mapped, plain, type Str, TextBuilder } from "./text.ts";
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
  numberOf,
  Span,
  Tuple,
  typeOf,
  Undefined,
  undefinedFault,
  type Value,
  View,
} from "./values.ts";

/** What a filter may use of the interpreter. */
export interface Tools {
  readonly limits: Limits;
  filter(name: string, value: Value, given: Given): Value;
  test(name: string, value: Value, given: Given): boolean;
}

interface Filter {
  readonly parameters: readonly string[] | "any";
  readonly call: (value: Value, args: Args, tools: Tools, given: Given) => Value;
}

const noGiven: Given = { positional: [], named: new Map() };

/** Reads `a.b.0` of an item, as the argument `attribute` of several filters. */
function getter(attribute: Value | undefined, tools: Tools, initial?: Value): (item: Value) => Value {
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
const folding = (sensitive: boolean, limits: Limits) => (value: Value) => {
  if (sensitive || !isText(value)) return value;
  limits.work(plain(value).length);
  return plain(value).toLowerCase();
};

const flag = (args: Args, name: string, initial = false): boolean => {
  const value = args.given(name);
  return value === undefined ? initial : isTrue(value);
};

/** A stable sort by key, as Python's `sorted`. */
function sortedBy(items: readonly Value[], key: (item: Value) => Value, reverse: boolean, limits: Limits): Value[] {
  limits.allowItems(items.length);
  const keyed = items.map((item) => ({ item, key: key(item) }));
  keyed.sort((a, b) => (reverse ? -1 : 1) * compared(a.key, b.key, "<", limits));
  return keyed.map(({ item }) => item);
}

/** A text of any value, as `soft_str`. */
const onText = (parameters: readonly string[], call: (text: Str, args: Args, limits: Limits) => Value): Filter => ({
  parameters,
  call: (value, args, { limits }) => {
    const text = strOf(value, limits);
    limits.work(plain(text).length);
    return call(text, args, limits);
  },
});

const asMethod = (name: string) => {
  const method = stringMethods[name];
  if (!method) throw new Error(`There is no method ${name}.`);
  return onText([], method.call);
};

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

function refuseOtherDigits(text: string): void {
  if (/(?![0-9])\p{Nd}/u.test(text))
    throw fault("a number is written with other digits than 0 to 9, which is not supported");
}

const numeral = /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?$/i;

/** Python's `float(text)`; null where it is no number. */
function parseFloatText(text: string): number | null {
  refuseOtherDigits(text);
  const written = plain(strip(text, null, "both"));
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(written);
  if (special)
    return (
      (special[1] === "-" ? -1 : 1) * (special[2]?.toLowerCase() === "nan" ? Number.NaN : Number.POSITIVE_INFINITY)
    );
  return numeral.test(written) ? Number(written.replaceAll("_", "")) : null;
}

/** Python's `int(text, base)`; null where it is no integer. */
function parseIntText(text: string, base: number): bigint | null {
  refuseOtherDigits(text);
  const written = plain(strip(text, null, "both")).toLowerCase();
  const match = /^([+-]?)(0[xob])?_?([\da-z]+(?:_[\da-z]+)*)$/.exec(written);
  if (!match) return null;
  const [, sign, prefix, digits = ""] = match;
  const own = prefix === "0x" ? 16 : prefix === "0o" ? 8 : prefix === "0b" ? 2 : null;
  const radix = own !== null && (base === 0 || base === own) ? own : base;
  if (own !== null && radix !== own) return null;
  if (radix < 2 || radix > 36 || digits.length > 4300) return null;
  let value = 0n;
  for (const digit of digits.replaceAll("_", "")) {
    const amount = Number.parseInt(digit, 36);
    if (!(amount < radix)) return null;
    value = value * BigInt(radix) + BigInt(amount);
  }
  return sign === "-" ? -value : value;
}

function toInt(value: Value, args: Args): Value {
  const initial = args.or("default", 0n);
  const number = numberOf(value);
  if (typeof number === "bigint") return number;
  if (typeof number === "number") return Number.isFinite(number) ? BigInt(Math.trunc(number)) : initial;
  if (!isText(value)) {
    if (value instanceof Undefined) throw undefinedFault(value);
    return initial;
  }
  const whole = parseIntText(plain(value), args.int("base", 10));
  if (whole !== null) return whole;
  const float = parseFloatText(plain(value));
  return float !== null && Number.isFinite(float) ? BigInt(Math.trunc(float)) : initial;
}

/** Python's `round`: to the nearest, halves to even, by the exact value. */
function roundedFloat(value: number, digits: number): number {
  if (!Number.isFinite(value)) return value;
  if (digits > 22) return value;
  const text = plain(formatPercent(`%.${Math.max(0, digits)}f`, Math.abs(value), unlimited));
  if (digits >= 0) return (value < 0 || Object.is(value, -0) ? -1 : 1) * Number(text);
  const unit = 10 ** -digits;
  const quotient = Math.abs(value) / unit;
  const floor = Math.floor(quotient);
  const up = quotient - floor > 0.5 || (quotient - floor === 0.5 && floor % 2 === 1);
  return Math.sign(value) * (floor + (up ? 1 : 0)) * unit;
}

function toJson(value: Value, args: Args, limits: Limits): Value {
  const indent = args.given("indent") ?? null;
  const width = numberOf(indent);
  if (typeof width === "bigint" && width > 64n) throw exceeded(`indents JSON by ${width} spaces, more than 64`);
  const written = isText(indent)
    ? plain(indent)
    : typeof width === "bigint"
      ? " ".repeat(Math.max(0, Number(width)))
      : null;
  if (written !== null && written.length > 64)
    throw exceeded(`indents JSON by ${written.length} characters, more than 64`);
  if (indent !== null && written === null) throw fault(`"indent" is ${typeOf(indent)}, not an int or a str`);
  const separators = args.given("separators") ?? null;
  const pair = separators === null ? null : itemsOf(separators, limits);
  const [between = indent === null ? ", " : ",", colon = ": "] = pair ?? [];
  if ((pair && pair.length !== 2) || !isText(between) || !isText(colon)) throw fault('"separators" must be two texts');
  const options = {
    indent: written,
    between,
    colon,
    sorted: flag(args, "sort_keys"),
    ascii: flag(args, "ensure_ascii"),
  };
  const text = jsonOf(value, options, limits);
  limits.allowText(plain(text).length);
  return text;
}

function indented(text: Str, args: Args, limits: Limits): Value {
  const given = args.given("width") ?? 4n;
  const width = numberOf(given);
  if (!isText(given) && typeof width !== "bigint") throw fault(`"width" is ${typeOf(given)}, not an int or a str`);
  const size = isText(given) ? plain(given).length : Math.max(0, Number(width));
  const count = plain(text).split("\n").length;
  limits.allowText(plain(text).length + size * count);
  const indention: Str = isText(given) ? given : " ".repeat(size);
  const parts = lines(concat(text, "\n"));
  const blank = flag(args, "blank");
  const builder = new TextBuilder();
  parts.forEach((line, i) => {
    if (i > 0) builder.add("\n");
    if (i === 0 ? flag(args, "first") : blank || plain(line) !== "") builder.add(indention);
    builder.add(line);
  });
  return builder.build();
}

function truncated(text: Str, args: Args): Value {
  const length = args.int("length", 255);
  const end = args.text("end", "...");
  const leeway = args.optionalInt("leeway") ?? 5;
  const [size, tail] = [codePoints(plain(text)), codePoints(plain(end))];
  if (length < tail) throw fault(`"length" is ${length}, less than the ${tail} characters of "end"`);
  if (leeway < 0) throw fault('"leeway" is negative');
  if (size <= length + leeway) return text;
  const head = cutPoints(text, 0, length - tail);
  if (flag(args, "killwords")) return concat(head, end);
  const space = plain(head).lastIndexOf(" ");
  return concat(space === -1 ? head : cut(head, 0, space), end);
}

function titled(text: string): string {
  return text
    .split(/([-\s({[<]+)/)
    .map((item) => {
      const [first = "", ...rest] = item;
      return first.toUpperCase() + rest.join("").toLowerCase();
    })
    .join("");
}

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

const escapeFilter: Filter = { parameters: [], call: (value, _, { limits }) => escaped(strOf(value, limits)) };

const filters: Readonly<Record<string, Filter>> = {
  abs: {
    parameters: [],
    call(value) {
      const number = numberOf(value);
      if (number === null)
        throw value instanceof Undefined
          ? undefinedFault(value)
          : fault(`a value of the type ${typeOf(value)} has no absolute value`);
      return number < 0 ? -number : typeof number === "number" ? Math.abs(number) : number;
    },
  },
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
  capitalize: onText([], (text) => mapped(capitalize(plain(text)), text)),
  center: {
    parameters: ["width"],
    call: (value, args, tools) =>
      stringMethods.center?.call(
        strOf(value, tools.limits),
        new Args("center", { positional: [BigInt(args.int("width", 80))], named: new Map() }, ["width", "fill"]),
        tools.limits,
      ) ?? "",
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
  e: escapeFilter,
  escape: escapeFilter,
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
  float: {
    parameters: ["default"],
    call(value, args) {
      const number = numberOf(value);
      if (number !== null) return Number(number);
      if (value instanceof Undefined) throw undefinedFault(value);
      const float = isText(value) ? parseFloatText(plain(value)) : null;
      return float === null ? args.or("default", 0) : float;
    },
  },
  forceescape: { parameters: [], call: (value, _, { limits }) => escaped(plain(strOf(value, limits))) },
  format: {
    parameters: "any",
    call(value, _, { limits }, { positional, named }) {
      if (positional.length > 0 && named.size > 0)
        throw fault('"format" takes arguments with names or without, not both');
      const applied = named.size > 0 ? new Dict(named) : new Tuple(positional);
      return formatPercent(strOf(value, limits), applied, limits);
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
  indent: {
    parameters: ["width", "first", "blank"],
    call(value, args, { limits }) {
      if (!isText(value))
        throw value instanceof Undefined ? undefinedFault(value) : fault(`"indent" needs a text, not ${typeOf(value)}`);
      return indented(value, args, limits);
    },
  },
  int: { parameters: ["default", "base"], call: (value, args) => toInt(value, args) },
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
  lower: asMethod("lower"),
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
  replace: {
    parameters: ["old", "new", "count"],
    call(value, args, { limits }) {
      const text = strOf(value, limits);
      const [before, after] = [strOf(args.value("old"), limits), strOf(args.value("new"), limits)];
      return replaced(text, before, after, args.optionalInt("count") ?? -1, limits);
    },
  },
  reverse: {
    parameters: [],
    call(value, _, { limits }) {
      if (isText(value)) {
        limits.allowItems(plain(value).length);
        return concat(...characters(value).reverse());
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
  round: {
    parameters: ["precision", "method"],
    call(value, args) {
      const number = numberOf(value);
      const method = plain(args.text("method", "common"));
      const precision = args.int("precision", 0);
      if (number === null)
        throw value instanceof Undefined
          ? undefinedFault(value)
          : fault(`"round" needs a number, not ${typeOf(value)}`);
      if (method === "common") {
        if (typeof number === "number") return roundedFloat(number, precision);
        if (precision >= 0) return number;
        const unit = 10n ** BigInt(Math.min(400, -precision));
        const [floor, rest] = [
          number / unit - (number < 0n && number % unit !== 0n ? 1n : 0n),
          ((number % unit) + unit) % unit,
        ];
        return (floor + (rest * 2n > unit || (rest * 2n === unit && floor % 2n !== 0n) ? 1n : 0n)) * unit;
      }
      if (method !== "ceil" && method !== "floor") throw fault('"method" must be "common", "ceil" or "floor"');
      const scale = 10 ** precision;
      return (Math[method](Number(number) * scale) + 0) / scale;
    },
  },
  safe: { parameters: [], call: (value, _, { limits }) => marked(strOf(value, limits)) },
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
  string: { parameters: [], call: (value, _, { limits }) => strOf(value, limits) },
  sum: {
    parameters: ["attribute", "start"],
    call(value, args, tools) {
      const read = getter(args.given("attribute"), tools);
      return itemsOf(value, tools.limits).reduce(
        (sum: Value, item) => arithmetic(sum, "+", read(item), tools.limits),
        args.or("start", 0n),
      );
    },
  },
  title: onText([], (text) => mapped(titled(plain(text)), text)),
  tojson: {
    parameters: ["ensure_ascii", "indent", "separators", "sort_keys"],
    call: (value, args, { limits }) => toJson(value, args, limits),
  },
  trim: onText(["chars"], (text, args) => strip(text, args.optionalText("chars"), "both")),
  truncate: {
    parameters: ["length", "killwords", "end", "leeway"],
    call(value, args) {
      if (isText(value)) return truncated(value, args);
      // Jinja returns any short value as it is.
      const length = value instanceof Undefined ? null : lengthOf(value);
      if (length !== null && length <= args.int("length", 255) + (args.optionalInt("leeway") ?? 5)) return value;
      if (value instanceof Undefined) return value;
      throw fault(`"truncate" needs a text, not ${typeOf(value)}`);
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
  upper: asMethod("upper"),
  urlencode: {
    parameters: [],
    call(value, _, { limits }) {
      if (!isText(value)) throw fault(`"urlencode" of a value of the type ${typeOf(value)} is not supported`);
      limits.allowText(3 * plain(value).length);
      const encoded = encodeURIComponent(plain(value)).replace(
        /[!'()*]/g,
        (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
      );
      return derived(encoded.replaceAll("%2F", "/"), [value]);
    },
  },
  wordcount: onText([], (text) => BigInt((plain(text).match(/[\p{L}\p{N}\p{M}_]+/gu) ?? []).length)),
};

/** Filters of Jinja that Hone does not have. */
const others: ReadonlySet<string> = new Set([
  "filesizeformat",
  "pprint",
  "random",
  "striptags",
  "urlize",
  "wordwrap",
  "xmlattr",
]);

export const isFilter = (name: string): boolean => Object.hasOwn(filters, name);

/** Applies a filter. Faults for an unknown one. */
export function applyFilter(name: string, value: Value, given: Given, tools: Tools): Value {
  const filter = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (!filter) {
    const shown = name.slice(0, 40);
    throw fault(others.has(name) ? `the filter "${shown}" is not supported` : `the filter "${shown}" is not known`);
  }
  tools.limits.count(1);
  const args = filter.parameters === "any" ? new Args(name, noGiven, []) : new Args(name, given, filter.parameters);
  const result = filter.call(value, args, tools, given);
  if (isText(result)) tools.limits.allowText(plain(result).length);
  return result;
}

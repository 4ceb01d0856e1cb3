/** The methods of Python's `str`, on texts that know their origin. Offsets of Python are code points. */

import type { Args } from "./args.ts";
import type { Limits } from "./budget.ts";
import { fault } from "./fault.ts";
import { formatBraces } from "./format.ts";
import { capitalize, isCased, isLower, isUpper, swapcase, title } from "./letterCase.ts";
import { cutPoints, unitOf } from "./print.ts";
import { isSpace } from "./source.ts";
import { lines, splitFromRight, splitSpace, splitSpaceFromRight, strip } from "./splitting.ts";
import { concat, cut, derived, isText, mapped, plain, replaceIn, type Str, splitAt, TextBuilder } from "./text.ts";
import { codePoints, isAscii, isList, Lazy, Span, Tuple, typeOf, type Value, View } from "./values.ts";

interface Method {
  readonly parameters: readonly string[];
  readonly call: (text: Str, args: Args, limits: Limits) => Value;
}

/** Whether the text is not empty and each of its characters passes. */
const all = (pattern: RegExp) => (text: Str) => {
  const written = plain(text);
  return written !== "" && Array.from(written).every((character) => pattern.test(character));
};

/** Padding of a text to a width in code points. */
function padded(value: Str, width: number, fill: Str, side: "left" | "right" | "both", limits: Limits): Str {
  if (codePoints(plain(fill)) !== 1) throw fault("the character to fill with must be one character");
  const missing = Math.max(0, width - codePoints(plain(value)));
  limits.allowText(plain(value).length + missing);
  // Python puts the odd character of `center` to the left where the width is odd.
  const before = side === "left" ? missing : side === "right" ? 0 : Math.floor(missing / 2) + (missing & width & 1);
  const repeat = (count: number) => derived(plain(fill).repeat(count), [fill]);
  return concat(repeat(before), value, repeat(missing - before));
}

/** The code-point range of `start` and `end` as Python's slices read them. */
function bounds(text: string, args: Args): [number, number] {
  const length = codePoints(text);
  const place = (name: string, initial: number) => {
    const given = args.optionalInt(name) ?? initial;
    return given < 0 ? Math.max(0, length + given) : given;
  };
  return [place("start", 0), Math.min(length, place("end", length))];
}

function find(value: Str, args: Args, last: boolean): number {
  const text = plain(value);
  const part = plain(args.text("sub"));
  const [start, end] = bounds(text, args);
  if (start > codePoints(text)) return -1;
  const [from, to] = [unitOf(text, start), unitOf(text, end)];
  const within = text.slice(from, Math.max(from, to));
  const at = last ? within.lastIndexOf(part) : within.indexOf(part);
  return at === -1 ? -1 : start + codePoints(within.slice(0, at));
}

const index = (last: boolean) => (text: Str, args: Args) => {
  const at = find(text, args, last);
  if (at === -1) throw fault("the text to find is not there");
  return BigInt(at);
};

function affix(value: Str, args: Args, ends: boolean): boolean {
  const given = args.value("affix");
  const candidates = given instanceof Tuple ? given.items : [given];
  const text = plain(value);
  const [start, end] = bounds(text, args);
  const within = start > end ? null : text.slice(unitOf(text, start), unitOf(text, end));
  return candidates.some((candidate) => {
    if (!isText(candidate)) throw fault(`"${ends ? "endswith" : "startswith"}" needs a str, not ${typeOf(candidate)}`);
    return within !== null && (ends ? within.endsWith(plain(candidate)) : within.startsWith(plain(candidate)));
  });
}

function partition(value: Str, args: Args, last: boolean): Value {
  const separator = args.text("separator");
  const text = plain(value);
  const written = plain(separator);
  if (written === "") throw fault("the separator is empty");
  const at = last ? text.lastIndexOf(written) : text.indexOf(written);
  if (at === -1) return new Tuple(last ? ["", "", value] : [value, "", ""]);
  return new Tuple([
    cut(value, 0, at),
    cut(value, at, at + written.length),
    cut(value, at + written.length, text.length),
  ]);
}

function joined(separator: Str, value: Value, limits: Limits): Str {
  const items =
    value instanceof View || value instanceof Span
      ? value.items()
      : value instanceof Tuple
        ? value.items
        : value instanceof Lazy
          ? value.take()
          : value;
  if (!isList(items as Value)) {
    if (isText(items as Value)) return joinTexts(separator, Array.from(plain(items as Str)), limits);
    throw fault(`"join" needs a list of texts, not ${typeOf(value)}`);
  }
  return joinTexts(
    separator,
    (items as readonly Value[]).map((item) => {
      if (!isText(item)) throw fault(`"join" needs texts, and a member is ${typeOf(item)}`);
      return item;
    }),
    limits,
  );
}

export function joinTexts(separator: Str, items: readonly Str[], limits: Limits): Str {
  const builder = new TextBuilder();
  items.forEach((item, i) => {
    if (i > 0) builder.add(separator);
    builder.add(item);
    limits.checkText(builder.length);
  });
  limits.work(builder.length);
  return builder.build();
}

/** `text.replace(before, after, count)`; a negative count replaces all. */
export function replaced(value: Str, before: Str, after: Str, count: number, limits: Limits): Str {
  const [text, wanted] = [plain(value), plain(before)];
  limits.work(text.length + (text.length * wanted.length) / 16);
  const most = count < 0 ? Number.POSITIVE_INFINITY : count;
  const times = Math.min(most, wanted === "" ? text.length + 1 : text.split(wanted).length - 1);
  limits.allowText(text.length + times * Math.max(0, plain(after).length - wanted.length));
  return replaceIn(value, wanted, after, most);
}

const mapText = (convert: (text: string) => string) => (text: Str) => mapped(convert(plain(text)), text);

const none: readonly string[] = [];
const oneSet = ["chars"];
const inside = ["sub", "start", "end"];
const affixed = ["affix", "start", "end"];

function splitting(fromRight: boolean): Method {
  return {
    parameters: ["sep", "maxsplit"],
    call(text, args, limits) {
      const separator = args.optionalText("sep");
      const most = args.int("maxsplit", -1);
      const times = most < 0 ? Number.POSITIVE_INFINITY : most;
      limits.work(plain(text).length);
      if (separator === null) return fromRight ? splitSpaceFromRight(text, times) : splitSpace(text, times);
      const written = plain(separator);
      if (written === "") throw fault("the separator is empty");
      limits.work((plain(text).length * written.length) / 256);
      limits.allowItems(Math.min(times, plain(text).length / written.length));
      return fromRight ? splitFromRight(text, written, times) : splitAt(text, written, times);
    },
  };
}

const stripping = (side: "both" | "left" | "right"): Method => ({
  parameters: oneSet,
  call: (text, args) => strip(text, args.optionalText("chars"), side),
});

const padding = (side: "left" | "right" | "both"): Method => ({
  parameters: ["width", "fill"],
  call: (text, args, limits) => padded(text, args.int("width"), args.text("fill", " "), side, limits),
});

const simple = (call: Method["call"]): Method => ({ parameters: none, call });

export const stringMethods: Readonly<Record<string, Method>> = {
  capitalize: simple(mapText(capitalize)),
  casefold: simple(mapText((text) => text.toLowerCase().replaceAll("ß", "ss").replaceAll("ς", "σ"))),
  center: padding("both"),
  count: {
    parameters: inside,
    call(text, args) {
      const part = plain(args.text("sub"));
      const [start, end] = bounds(plain(text), args);
      const within = plain(cutPoints(text, start, Math.max(start, end)));
      return BigInt(part === "" ? codePoints(within) + 1 : within.split(part).length - 1);
    },
  },
  endswith: { parameters: affixed, call: (text, args) => affix(text, args, true) },
  expandtabs: {
    parameters: ["tabsize"],
    call(text, args, limits) {
      const size = args.int("tabsize", 8);
      const builder = new TextBuilder();
      let column = 0;
      let from = 0;
      const written = plain(text);
      for (const match of written.matchAll(/[\t\n\r]/g)) {
        column += codePoints(written.slice(from, match.index));
        builder.add(cut(text, from, match.index));
        from = match.index + 1;
        if (match[0] === "\t") {
          const spaces = size <= 0 ? 0 : size - (column % size);
          limits.allowText(builder.length + spaces);
          builder.add(" ".repeat(spaces));
          column += spaces;
        } else {
          builder.add(cut(text, match.index, from));
          column = 0;
        }
      }
      builder.add(cut(text, from, written.length));
      return builder.build();
    },
  },
  find: { parameters: inside, call: (text, args) => BigInt(find(text, args, false)) },
  index: { parameters: inside, call: index(false) },
  isalnum: simple(all(/^[\p{L}\p{N}]$/u)),
  isalpha: simple(all(/^\p{L}$/u)),
  isascii: simple((text) => isAscii(plain(text))),
  isdecimal: simple(all(/^\p{Nd}$/u)),
  isdigit: simple(
    all(
      /^[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792]$/u,
    ),
  ),
  isidentifier: simple((text) => /^[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*$/u.test(plain(text))),
  islower: simple(isLower),
  isnumeric: simple(all(/^\p{N}$/u)),
  isprintable: simple((text) =>
    Array.from(plain(text)).every((character) => character === " " || /^[^\p{C}\p{Z}]$/u.test(character)),
  ),
  isspace: simple((text) => plain(text) !== "" && Array.from(plain(text)).every(isSpace)),
  istitle: simple((text) => {
    const written = plain(text);
    return Array.from(written).some(isCased) && title(written) === written;
  }),
  isupper: simple(isUpper),
  join: { parameters: ["iterable"], call: (text, args, limits) => joined(text, args.value("iterable"), limits) },
  ljust: padding("right"),
  lower: simple(mapText((text) => text.toLowerCase())),
  lstrip: stripping("left"),
  partition: { parameters: ["separator"], call: (text, args) => partition(text, args, false) },
  removeprefix: {
    parameters: ["prefix"],
    call(text, args) {
      const prefix = plain(args.text("prefix"));
      return plain(text).startsWith(prefix) ? cut(text, prefix.length, plain(text).length) : text;
    },
  },
  removesuffix: {
    parameters: ["suffix"],
    call(text, args) {
      const suffix = plain(args.text("suffix"));
      return suffix !== "" && plain(text).endsWith(suffix) ? cut(text, 0, plain(text).length - suffix.length) : text;
    },
  },
  replace: {
    parameters: ["old", "new", "count"],
    call: (text, args, limits) => replaced(text, args.text("old"), args.text("new"), args.int("count", -1), limits),
  },
  rfind: { parameters: inside, call: (text, args) => BigInt(find(text, args, true)) },
  rindex: { parameters: inside, call: index(true) },
  rjust: padding("left"),
  rpartition: { parameters: ["separator"], call: (text, args) => partition(text, args, true) },
  rsplit: splitting(true),
  rstrip: stripping("right"),
  split: splitting(false),
  splitlines: {
    parameters: ["keepends"],
    call(text, args, limits) {
      limits.work(plain(text).length);
      const ends = args.given("keepends");
      return lines(text, ends !== undefined && ends !== false && ends !== 0n);
    },
  },
  startswith: { parameters: affixed, call: (text, args) => affix(text, args, false) },
  strip: stripping("both"),
  swapcase: simple(mapText(swapcase)),
  title: simple(mapText(title)),
  upper: simple(mapText((text) => text.toUpperCase())),
  zfill: {
    parameters: ["width"],
    call(text, args, limits) {
      const sign = /^[+-]/.exec(plain(text))?.[0] ?? "";
      const rest = cut(text, sign.length, plain(text).length);
      const width = args.int("width") - sign.length;
      return concat(cut(text, 0, sign.length), padded(rest, width, "0", "left", limits));
    },
  },
};

/** `"…".format(…)`, which needs all arguments by name and position. */
export const formatMethod = (
  text: Str,
  positional: readonly Value[],
  named: ReadonlyMap<string, Value>,
  limits: Limits,
): Str => formatBraces(text, positional, named, limits);

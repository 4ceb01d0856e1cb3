/** The filters of Jinja 3 on texts; most of them take any value, and write it first. */

import { itemsOf } from "./access.ts";
import { Args } from "./args.ts";
import type { Limits } from "./budget.ts";
import { fault } from "./fault.ts";
import { type Filter, flag } from "./filter.ts";
import { formatPercent } from "./format.ts";
import { capitalize } from "./letterCase.ts";
import { exceeded } from "./limits.ts";
import { escaped, marked } from "./operators.ts";
import { cutPoints, jsonOf, strOf } from "./print.ts";
import { lines, strip } from "./splitting.ts";
import { replaced, stringMethods } from "./strings.ts";
import { concat, cut, derived, isText, mapped, plain, type Str, TextBuilder } from "./text.ts";
import {
  codePoints,
  Dict,
  lengthOf,
  numberOf,
  Tuple,
  typeOf,
  Undefined,
  undefinedFault,
  type Value,
} from "./values.ts";

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

const escapeFilter: Filter = { parameters: [], call: (value, _, { limits }) => escaped(strOf(value, limits)) };

export const textFilters: Readonly<Record<string, Filter>> = {
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
  e: escapeFilter,
  escape: escapeFilter,
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
  indent: {
    parameters: ["width", "first", "blank"],
    call(value, args, { limits }) {
      if (!isText(value))
        throw value instanceof Undefined ? undefinedFault(value) : fault(`"indent" needs a text, not ${typeOf(value)}`);
      return indented(value, args, limits);
    },
  },
  lower: asMethod("lower"),
  replace: {
    parameters: ["old", "new", "count"],
    call(value, args, { limits }) {
      const text = strOf(value, limits);
      const [before, after] = [strOf(args.value("old"), limits), strOf(args.value("new"), limits)];
      return replaced(text, before, after, args.optionalInt("count") ?? -1, limits);
    },
  },
  safe: { parameters: [], call: (value, _, { limits }) => marked(strOf(value, limits)) },
  string: { parameters: [], call: (value, _, { limits }) => strOf(value, limits) },
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

/** Python's two kinds of formatting: `"%s" % value` and `"{}".format(value)`, with their common directives. */

import type { Limits } from "./budget.ts";
import { fault } from "./fault.ts";
import { cutPoints, floatText, reprOf, strOf } from "./print.ts";
import { concat, isText, plain, type Str, TextBuilder } from "./text.ts";
import {
  codePoints,
  Dict,
  isAscii,
  isList,
  numberOf,
  Tuple,
  typeOf,
  Undefined,
  undefinedFault,
  type Value,
} from "./values.ts";

/** `text % value`. */
export function formatPercent(text: Str, value: Value, limits: Limits): Str {
  const source = plain(text);
  const values = value instanceof Tuple ? value.items : [value];
  const builder = new TextBuilder();
  const pattern = /%(?:\(([^()]{0,200})\))?([-+ #0]*)(\*|\d*)(?:\.(\*|\d*))?[hlL]?([\s\S]?)/g;
  let from = 0;
  let used = 0;
  let named = false;
  for (const match of source.matchAll(pattern)) {
    const [whole, key, flags = "", width = "", precision, kind = ""] = match;
    builder.add(source.slice(from, match.index));
    from = match.index + whole.length;
    if (kind === "%") {
      builder.add("%");
      continue;
    }
    if (width === "*" || precision === "*") throw fault('"*" as a width is not supported in a format');
    let one: Value | undefined;
    if (key !== undefined) {
      if (!(value instanceof Dict)) throw fault("a format with names needs a dict");
      named = true;
      one = value.get(key);
      if (one === undefined) throw fault(`the format's name "${key.slice(0, 40)}" is not in the dict`);
    } else {
      one = values[used++];
      if (one === undefined) throw fault("the format has more places than values");
    }
    builder.add(aligned(directive(one, kind, flags, precision, limits), Number(width || 0), flags, limits));
    limits.allowText(builder.length);
  }
  builder.add(source.slice(from));
  // Python checks a tuple and a single value, but nothing that has items.
  const checked = !named && !(value instanceof Dict) && !isList(value) && !(value instanceof Undefined);
  if (checked && used < values.length) throw fault("the format has fewer places than values");
  return builder.build();
}

function directive(value: Value, kind: string, flags: string, precision: string | undefined, limits: Limits): Str {
  if (kind === "s" || kind === "r" || kind === "a") {
    const text = kind === "s" ? strOf(value, limits) : reprOf(value, limits);
    if (kind === "a" && !isAscii(plain(text))) throw fault('"%a" is not supported for this text');
    return precision === undefined ? text : cutPoints(text, 0, Number(precision || 0));
  }
  const number = numberOf(value);
  if (value instanceof Undefined) throw undefinedFault(value);
  if (kind === "c") throw fault('"%c" is not supported in a format');
  if (number === null) throw fault(`"%${kind}" needs a number, not ${typeOf(value)}`);
  return signed(
    numberText(number, kind, precision === undefined ? null : Number(precision || 0), flags.includes("#"), limits),
    flags,
  );
}

function numberText(
  number: bigint | number,
  kind: string,
  precision: number | null,
  alternate: boolean,
  limits: Limits,
): string {
  if (precision !== null && precision > 100) throw fault("a format has more than 100 digits after the point");
  limits.count(1);
  switch (kind) {
    case "d":
    case "i":
    case "u": {
      if (typeof number === "number" && !Number.isFinite(number)) throw fault("an infinite number is no integer");
      const whole = typeof number === "bigint" ? number : BigInt(Math.trunc(number));
      const digits = String(whole < 0n ? -whole : whole).padStart(precision ?? 0, "0");
      return (whole < 0n ? "-" : "") + digits;
    }
    case "x":
    case "X":
    case "o":
    case "b": {
      if (typeof number !== "bigint") throw fault(`"${kind}" needs an int, not float`);
      const [base, prefix] = kind === "o" ? [8, "0o"] : kind === "b" ? [2, "0b"] : [16, `0${kind}`];
      const digits = (number < 0n ? -number : number).toString(base);
      return (number < 0n ? "-" : "") + (alternate ? prefix : "") + (kind === "X" ? digits.toUpperCase() : digits);
    }
    case "f":
    case "F":
    case "e":
    case "E":
    case "g":
    case "G": {
      const text = floatFormat(Number(number), kind.toLowerCase(), precision ?? 6, alternate);
      return kind === kind.toUpperCase() ? text.toUpperCase() : text;
    }
    default:
      throw fault(`the format "${kind}" is not supported`);
  }
}

function floatFormat(value: number, kind: string, precision: number, alternate: boolean): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const negative = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  if (kind === "f") return negative + fixed(size, precision);
  if (kind === "e") return negative + exponential(size, precision);
  const digits = precision === 0 ? 1 : precision;
  const exponent = size === 0 ? 0 : Number(size.toExponential(digits - 1).split("e")[1]);
  const text = exponent < -4 || exponent >= digits ? exponential(size, digits - 1) : fixed(size, digits - 1 - exponent);
  if (alternate || !text.includes(".")) return negative + text;
  const [mantissa = "", power] = text.split("e");
  return negative + mantissa.replace(/\.?0+$/, "") + (power === undefined ? "" : `e${power}`);
}

/** `toFixed` rounds the exact value half up and Python half to even, which differ for exact halves alone. */
function fixed(size: number, precision: number): string {
  if (size >= 1e21) return BigInt(size).toString() + (precision > 0 ? `.${"0".repeat(precision)}` : "");
  const text = size.toFixed(precision);
  const more = size.toFixed(Math.min(100, precision + 30));
  const tail = more.slice(more.length - (more.length - (text.length + (precision === 0 ? 1 : 0))));
  if (!/^50*$/.test(tail) || Number(more) !== size) return text;
  const down = more.slice(0, more.length - tail.length).replace(/\.$/, "");
  const last = Number(down.at(-1));
  return last % 2 === 0 ? down : text;
}

function exponential(size: number, precision: number): string {
  const [digits = "", power = "0"] = size.toExponential(precision).split("e");
  const exponent = Number(power);
  return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

const signed = (text: string, flags: string) =>
  text.startsWith("-") ? text : flags.includes("+") ? `+${text}` : flags.includes(" ") ? ` ${text}` : text;

function aligned(text: Str, width: number, flags: string, limits: Limits): Str {
  const missing = width - codePoints(plain(text));
  if (missing <= 0) return text;
  limits.allowText(width);
  if (flags.includes("-")) return concat(text, " ".repeat(missing));
  const written = plain(text);
  if (flags.includes("0") && /^[-+ ]?(?:\d|0x)/.test(written)) {
    const sign = /^[-+ ]/.exec(written)?.[0] ?? "";
    return sign + "0".repeat(missing) + written.slice(sign.length);
  }
  return concat(" ".repeat(missing), text);
}

/** `text.format(…)`. Members of values, as in `{a.b}`, are not supported. */
export function formatBraces(
  text: Str,
  positional: readonly Value[],
  named: ReadonlyMap<string, Value>,
  limits: Limits,
): Str {
  const source = plain(text);
  const builder = new TextBuilder();
  let next = 0;
  let from = 0;
  for (const match of source.matchAll(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g)) {
    builder.add(source.slice(from, match.index));
    from = match.index + match[0].length;
    const [whole, field] = match;
    if (whole === "{{" || whole === "}}") {
      builder.add(whole.charAt(0));
      continue;
    }
    if (field === undefined) throw fault(`a single "${whole}" stands in a format`);
    const [, name = "", conversion, spec = ""] = /^([^!:]*)(?:!([^:]*))?(?::([\s\S]*))?$/.exec(field) ?? [];
    if (/[.[]/.test(name)) throw fault("members of values are not supported in a format");
    const value = name === "" ? positional[next++] : /^\d+$/.test(name) ? positional[Number(name)] : named.get(name);
    if (value === undefined) throw fault(`the format has no value for "{${name.slice(0, 40)}}"`);
    if (conversion !== undefined && conversion !== "r" && conversion !== "s")
      throw fault(`"!${conversion}" is not supported in a format`);
    builder.add(
      formatOne(
        conversion === "r" ? reprOf(value, limits) : conversion === "s" ? strOf(value, limits) : value,
        spec,
        limits,
      ),
    );
    limits.allowText(builder.length);
  }
  builder.add(source.slice(from));
  return builder.build();
}

function formatOne(value: Value, spec: string, limits: Limits): Str {
  if (spec === "") return strOf(value, limits);
  const match = /^(?:([\s\S])?([<>=^]))?([-+ ]?)(#?)(0?)(\d*)([,_]?)(?:\.(\d+))?([a-zA-Z%]?)$/u.exec(spec);
  if (!match) throw fault(`the format "${spec.slice(0, 40)}" is not supported`);
  const [, given, direction, sign = "", alternate, zero, width = "", grouping, precision, kind = ""] = match;
  const number = typeof value === "string" || typeof value === "object" ? null : numberOf(value);
  let body: Str;
  if (number === null) {
    if (!isText(value)) throw fault(`a value of the type ${typeOf(value)} takes no format but {}`);
    if ((kind !== "" && kind !== "s") || sign || grouping)
      throw fault(`the format "${spec}" does not fit a value of the type ${typeOf(value)}`);
    const written = strOf(value, limits);
    body = precision === undefined ? written : cutPoints(written, 0, Number(precision));
  } else {
    let written: string;
    if (kind === "%")
      written = `${floatFormat(Number(number) * 100, "f", precision === undefined ? 6 : Number(precision), false)}%`;
    else if (kind === "" && typeof number === "bigint") written = String(number);
    else if (kind === "" && precision === undefined) written = floatText(Number(number));
    else if (kind === "") throw fault(`the format "${spec}" is not supported`);
    else if (typeof number === "number" && !/[eEfFgG]/.test(kind))
      throw fault(`the format "${spec}" does not fit a float`);
    else
      written = numberText(
        number,
        kind === "n" ? "d" : kind,
        precision === undefined ? null : Number(precision),
        alternate === "#",
        limits,
      );
    if (grouping) written = written.replace(/\d+/, (digits) => digits.replace(/\B(?=(\d{3})+$)/g, grouping));
    body = signed(written, sign);
  }
  const missing = Number(width || 0) - codePoints(plain(body));
  if (missing <= 0) return body;
  limits.allowText(Number(width));
  const fill = given ?? (zero ? "0" : " ");
  const side = direction ?? (zero ? "=" : number === null ? "<" : ">");
  const repeat = (count: number) => fill.repeat(count);
  if (side === "<") return concat(body, repeat(missing));
  if (side === ">") return concat(repeat(missing), body);
  if (side === "^") return concat(repeat(Math.floor(missing / 2)), body, repeat(Math.ceil(missing / 2)));
  if (number === null) throw fault('"=" in a format needs a number');
  const sized = plain(body);
  const lead = /^[-+ ]/.exec(sized)?.[0] ?? "";
  return lead + repeat(missing) + sized.slice(lead.length);
}

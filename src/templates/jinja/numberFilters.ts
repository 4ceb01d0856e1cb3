/** The filters of Jinja 3 that read or round numbers, as Python does. */

import { itemsOf } from "./access.ts";
import type { Args } from "./args.ts";
import { unlimited } from "./budget.ts";
import { fault } from "./fault.ts";
import { type Filter, getter } from "./filter.ts";
import { formatPercent } from "./format.ts";
import { arithmetic } from "./operators.ts";
import { strip } from "./splitting.ts";
import { isText, plain } from "./text.ts";
import { numberOf, typeOf, Undefined, undefinedFault, type Value } from "./values.ts";

function refuseOtherDigits(text: string): void {
  if (/(?![0-9])\p{Nd}/u.test(text))
    throw fault("a number is written with other digits than 0 to 9, which is not supported");
}

/** Characters of a number that `float` reads. */
const longestNumeral = 1000;

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
  // The pattern takes quadratic time on a long text of digits.
  if (written.length > longestNumeral) {
    if (/^[\d_.eE+-]*$/.test(written)) throw fault(`a number is written with more than ${longestNumeral} characters`);
    return null;
  }
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

export const numberFilters: Readonly<Record<string, Filter>> = {
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
  int: { parameters: ["default", "base"], call: (value, args) => toInt(value, args) },
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
};

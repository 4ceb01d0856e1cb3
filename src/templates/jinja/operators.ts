/** Python's arithmetic. */

import type { Limits } from "./budget.ts";
import { fault } from "./fault.ts";
import { formatPercent } from "./format.ts";
import { limits as bounds } from "./limits.ts";
import { strOf } from "./print.ts";
import { concatAll, isText, plain, replaceIn, type Str, Text } from "./text.ts";
import { isList, numberOf, Tuple, typeOf, Undefined, undefinedFault, type Value } from "./values.ts";

export function arithmetic(left: Value, operator: string, right: Value, limits: Limits): Value {
  if (left instanceof Undefined) throw undefinedFault(left);
  if (operator === "%" && isText(left)) return formatPercent(left, right, limits);
  if (right instanceof Undefined) throw undefinedFault(right);
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== null && b !== null) return calculated(a, operator, b, limits);
  if (operator === "+") {
    if (isText(left) && isText(right)) return joinedTexts([left, right], limits);
    if (isList(left) && isList(right)) {
      limits.allowItems(left.length + right.length);
      return [...left, ...right];
    }
    if (left instanceof Tuple && right instanceof Tuple) {
      limits.allowItems(left.items.length + right.items.length);
      return new Tuple([...left.items, ...right.items]);
    }
  }
  if (operator === "*") {
    const [repeated, times] = typeof b === "bigint" ? [left, b] : [right, a];
    if (typeof times === "bigint") {
      const count = times < 0n ? 0 : times > BigInt(bounds.text) * 64n ? Number.MAX_SAFE_INTEGER : Number(times);
      if (isText(repeated)) {
        limits.allowText(plain(repeated).length * count);
        if (typeof repeated === "string") return repeated.repeat(count);
        return concatAll(Array.from({ length: count }, () => repeated));
      }
      const items = isList(repeated) ? repeated : repeated instanceof Tuple ? repeated.items : null;
      if (items) {
        limits.allowItems(items.length * count);
        const all = Array.from({ length: count }, () => items).flat();
        return isList(repeated) ? all : new Tuple(all);
      }
    }
  }
  throw fault(`"${operator}" cannot join ${typeOf(left)} and ${typeOf(right)}`);
}

/** Most bits of an integer: Python has no limit, but a template needs none above. */
const mostBits = 100_000;

/** At least as many as the integer's bits, up to three more. */
const size = (value: bigint) => value.toString(16).length * 4;

function calculated(a: bigint | number, operator: string, b: bigint | number, limits: Limits): Value {
  if (typeof a === "bigint" && typeof b === "bigint") {
    if (a > smallest || a < -smallest || b > smallest || b < -smallest) limits.work(size(a) + size(b));
    switch (operator) {
      case "+":
        return a + b;
      case "-":
        return a - b;
      case "*":
        if (size(a) + size(b) > mostBits) throw fault(`an integer has more than ${mostBits.toLocaleString("en")} bits`);
        return a * b;
      case "//":
      case "%": {
        if (b === 0n) throw fault("a number is divided by 0");
        const rest = a % b;
        const isLess = rest !== 0n && rest < 0n !== b < 0n;
        if (operator === "%") return isLess ? rest + b : rest;
        return a / b - (isLess ? 1n : 0n);
      }
      case "/":
        if (b === 0n) throw fault("a number is divided by 0");
        return ratio(a, b);
      case "**":
        if (b < 0n) {
          return power(Number(a), Number(b));
        }
        if (b > BigInt(mostBits) && a !== 0n && a !== 1n && a !== -1n)
          throw fault(`a power is more than ${mostBits.toLocaleString("en")}`);
        if (a > 1n || a < -1n) {
          if (size(a) * Number(b) > mostBits)
            throw fault(`an integer has more than ${mostBits.toLocaleString("en")} bits`);
          return a ** b;
        }
        return a === -1n && b % 2n === 1n ? -1n : b === 0n ? 1n : a === -1n ? 1n : a;
      default:
    }
  }
  const [x, y] = [floatOf(a), floatOf(b)];
  switch (operator) {
    case "+":
      return x + y;
    case "-":
      return x - y;
    case "*":
      return x * y;
    case "/":
      if (y === 0) throw fault("a number is divided by 0");
      return x / y;
    case "//":
      if (y === 0) throw fault("a number is divided by 0");
      return floored(x, y);
    case "%": {
      if (y === 0) throw fault("a number is divided by 0");
      const rest = x % y;
      if (rest === 0) return y < 0 ? -0 : 0;
      return rest < 0 !== y < 0 ? rest + y : rest;
    }
    default:
      return power(x, y);
  }
}

function floatOf(value: bigint | number): number {
  const float = Number(value);
  if (typeof value === "bigint" && !Number.isFinite(float)) throw fault("an integer is too large for a float");
  return float;
}

/** The float nearest to a / b; both integers may be larger than a float's 53 bits. */
function ratio(a: bigint, b: bigint): number {
  if (a === 0n) return b < 0n ? -0 : 0;
  const [top, bottom] = [a < 0n ? -a : a, b < 0n ? -b : b];
  // A quotient of 60 bits or more, whose last bit also stands for the remainder, rounds once.
  const shift = Math.max(0, 64 + size(bottom) - size(top));
  const shifted = top << BigInt(shift);
  const quotient = (shifted / bottom) | (shifted % bottom === 0n ? 0n : 1n);
  const value = floatOf(quotient) / 2 ** Math.min(shift, 1000) / 2 ** Math.max(0, shift - 1000);
  return a < 0n === b < 0n ? value : -value;
}

/** Python's `//` for floats: the quotient of what the remainder leaves, so that no rounding comes first. */
function floored(x: number, y: number): number {
  const rest = x % y;
  let quotient = (x - rest) / y;
  if (rest !== 0 && rest < 0 !== y < 0) quotient -= 1;
  if (quotient === 0) return Object.is(x / y, -0) || x / y < 0 ? -0 : 0;
  const whole = Math.floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

/** JavaScript's power differs from Python's in the last digit, except where it is exact. */
function power(base: number, exponent: number): number {
  if (base === 0 && exponent < 0) throw fault("0 has no negative power");
  if (exponent === 0) return 1;
  if (exponent === 1) return base;
  if (exponent === -1) return 1 / base;
  if (exponent === 2) return base * base;
  if (exponent === 0.5 && base >= 0) return Math.sqrt(base);
  const size = Math.abs(exponent);
  // Powers of ten up to 10 ** 22 and of small integers are exact, and so is one division by them correctly rounded.
  if (Number.isInteger(base) && Number.isInteger(exponent) && size <= 1023) {
    const whole = BigInt(base) ** BigInt(size);
    const value = Number(whole);
    if (exponent > 0) return value;
    if (Number.isSafeInteger(value)) return 1 / value;
  }
  throw fault("this power of a float is not supported");
}

const smallest = 2n ** 64n;

/** `a ~ b ~ c`: the texts of the values, one after the other. */
export function tilde(values: readonly Value[], limits: Limits): Str {
  const texts = values.map((value) => strOf(value, limits));
  limits.allowText(texts.reduce((sum, text) => sum + plain(text).length, 0));
  return concatAll(texts);
}

const isMarkup = (text: Str): boolean => text instanceof Text && text.markup;

/** Joins texts; beside an escaped one, the others are escaped first. */
function joinedTexts(texts: readonly Str[], limits: Limits): Str {
  const total = texts.reduce((sum, text) => sum + plain(text).length, 0);
  limits.allowText(total);
  if (!texts.some(isMarkup)) return concatAll(texts);
  return marked(concatAll(texts.map((text) => (isMarkup(text) ? text : escaped(text)))));
}

/** The text as Markup. */
export const marked = (text: Str): Text =>
  text instanceof Text ? new Text(text.text, text.runs, text.generations, true) : new Text(text, [], [], true);

const entities = [
  ["&", "&amp;"],
  [">", "&gt;"],
  ["<", "&lt;"],
  ["'", "&#39;"],
  ['"', "&#34;"],
] as const;

/** markupsafe's `escape`; a text that is escaped already stays. */
export function escaped(text: Str): Str {
  if (isMarkup(text)) return text;
  return marked(entities.reduce((result: Str, [character, entity]) => replaceIn(result, character, entity), text));
}

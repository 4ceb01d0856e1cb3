/**
 * Parses JSON without loss: numbers keep their text, objects their order. JSON.parse reads most texts, because it is several
 * times faster; the exact parser reads those of which JSON.parse would lose something.
 */

import { ExactNumber, isIndex, numberOf, type Value } from "../value.ts";
import { maxDepth, type Parsed, parseExactly, stringEnd, tooDeep } from "./exactJson.ts";

/**
 * Parses JSON of bounded depth, which recursive code can walk; or returns the reason why it cannot. Reads NaN, Infinity and
 * -Infinity too. Of equal keys the last value counts, at the place of the first. Lone surrogates become U+FFFD: they have no
 * UTF-8 form, so no token.
 */
export function parseJson(source: string, deepest = maxDepth): Parsed {
  const parsed = parse(source, deepest);
  if ("why" in parsed) return parsed;
  // Decoded UTF-8 has no lone surrogates, except as escapes.
  return /\\u[dD][89a-fA-F]/.test(source) ? { value: withoutLoneSurrogates(parsed.value) } : parsed;
}

function parse(source: string, deepest: number): Parsed {
  let value: Value;
  try {
    value = JSON.parse(source);
  } catch (error) {
    // JSON.parse does not know NaN; in browsers that parse recursively, a deep text overflows its stack.
    if (!(error instanceof SyntaxError) || /NaN|Infinity/.test(source)) return parseExactly(source, deepest);
    // Stored rows have this reason, and their hash must stay the same.
    return { why: `broken JSON: ${error.message.replace(/\s+/g, " ")}` };
  }
  return corrected(source, value, deepest);
}

/** The value of a text that JSON.parse read as `value`: the same, or what the exact parser reads where something was lost. */
export function corrected(source: string, value: Value, deepest: number): Parsed {
  const found = survey(value, deepest);
  if (found & deeper) return { why: tooDeep };
  const isExact = !(found & indexed) && (!(found & numeric) || hasPlainNumbers(source));
  return isExact ? { value } : parseExactly(source, deepest, true);
}

/** Whether JSON.parse may have lost something of this value: numbers, or the order of keys. */
export function mayLose(value: unknown, deepest: number): boolean {
  return survey(value, deepest) !== 0;
}

/** What `survey` finds, as bits. */
const numeric = 1;
/** An object with keys like "2", which JavaScript reorders. */
const indexed = 2;
const deeper = 4;

function survey(value: unknown, levels: number): number {
  if (typeof value === "number") return numeric;
  if (typeof value !== "object" || value === null) return 0;
  if (levels === 0) return deeper;
  let found = 0;
  if (Array.isArray(value)) {
    for (const item of value) {
      // Most values are texts, and a call for each takes longer.
      if (typeof item === "string") continue;
      found |= survey(item, levels - 1);
      if (found & deeper) return found;
    }
    return found;
  }
  const keys = Object.keys(value);
  // JavaScript moves such keys to the front.
  if (keys.length > 0 && isIndex(keys[0] ?? "")) found = indexed;
  for (const item of Object.values(value)) {
    if (typeof item === "string") continue;
    found |= survey(item, levels - 1);
    if (found & deeper) return found;
  }
  return found;
}

/** Whether JavaScript's numbers are those of a text that is JSON. */
function hasPlainNumbers(source: string): boolean {
  for (let at = 0; at < source.length; ) {
    const quote = source.indexOf('"', at);
    const end = quote === -1 ? source.length : quote;
    // Between two strings is at least a comma or a colon.
    if (end - at > 1) {
      const texts = source.slice(at, end).match(suspect) ?? [];
      if (texts.some((text) => numberOf(text) instanceof ExactNumber)) return false;
    }
    at = quote === -1 ? end : stringEnd(source, quote);
  }
  return true;
}

/** Numbers that JavaScript may print otherwise. */
const suspect = /-?\d{16}[\d.eE+-]*|-?\d+[.eE][\d.eE+-]*|-0/g;

/** Whether lists and objects are nested deeper than `maxDepth`. */
export function isTooDeep(value: unknown): boolean {
  return deeperThan(value, maxDepth);
}

function deeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null || value instanceof ExactNumber) return false;
  if (levels === 0) return true;
  const items = Array.isArray(value) ? value : value instanceof Map ? [...value.values()] : Object.values(value);
  return items.some((item) => deeperThan(item, levels - 1));
}

export function wellFormed(text: string): string {
  // Most texts have no surrogate at all, and this test is several times faster.
  return /[\uD800-\uDFFF]/.test(text) ? text.replace(/\p{Surrogate}/gu, "\uFFFD") : text;
}

function withoutLoneSurrogates(value: Value): Value {
  if (typeof value === "string") return wellFormed(value);
  if (typeof value !== "object" || value === null || value instanceof ExactNumber) return value;
  if (Array.isArray(value)) return value.map(withoutLoneSurrogates);
  const members: Iterable<[string, Value]> = value instanceof Map ? value : Object.entries(value);
  const entries = Array.from(members, ([key, item]): [string, Value] => [wellFormed(key), withoutLoneSurrogates(item)]);
  // fromEntries defines properties: a key named __proto__ stays a plain key.
  return value instanceof Map ? new Map(entries) : Object.fromEntries(entries);
}

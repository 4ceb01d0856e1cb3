/** A parser of JSON as Python's json reads it: numbers keep their text, objects the order of their keys. */

import { ExactNumber, isIndex, numberOf, type Value } from "../value.ts";

/** Most levels of nested lists and objects: deeper ones could overflow the stack of code that walks a row. */
export const maxDepth = 256;

export const tooDeep = `lists and objects are nested more than ${maxDepth} levels deep`;

export type Parsed = { readonly value: Value } | { readonly why: string };

/** The end of the sentence `expected …`. */
class Unexpected extends Error {
  override readonly name = "Unexpected";
}

/** An object while it is read. A map replaces the plain object at the first key that looks like an integer. */
type Members = Map<string, Value> | { [key: string]: Value };
type Open = { readonly list: Value[] } | { members: Members; key: string };

const openObject = 0x7b;
const closeObject = 0x7d;
const openList = 0x5b;
const closeList = 0x5d;
const quote = 0x22;
const backslashCode = 0x5c;
const comma = 0x2c;
const colon = 0x3a;

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const word = /-?[A-Za-z]+/y;
const words: ReadonlyMap<string, Value> = new Map<string, Value>([
  ["true", true],
  ["false", false],
  ["null", null],
  ...["NaN", "Infinity", "-Infinity"].map((text): [string, Value] => [text, new ExactNumber(text)]),
]);

/**
 * Parses JSON text with at most `deepest` levels, without recursion; or returns the reason why it cannot. `isJson`: JSON.parse
 * reads the text, so that its strings need no check.
 */
export function parseExactly(source: string, deepest: number, isJson = false): Parsed {
  try {
    return createReader(source, isJson).read(deepest);
  } catch (error) {
    if (error instanceof Unexpected) return { why: `broken JSON: expected ${error.message}` };
    throw error;
  }
}

/** The place after the closing quote of the string at `start`; beyond the text where it has none. */
export function stringEnd(source: string, start: number): number {
  for (let end = source.indexOf('"', start + 1); end !== -1; end = source.indexOf('"', end + 1)) {
    let escapes = end;
    while (source.charCodeAt(escapes - 1) === backslashCode) escapes--;
    if ((end - escapes) % 2 === 0) return end + 1;
  }
  return source.length + 1;
}

function createReader(source: string, isJson: boolean) {
  let at = 0;
  /** The first backslash from `at`, found once for all strings before it. */
  let backslash = source.indexOf("\\");

  const space = () => {
    for (; at < source.length; at++) {
      const code = source.charCodeAt(at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    }
  };

  const fail = (expected: string, from = at): never => {
    const [shown = ""] = /^[^\s\p{Cc},:[\]{}"]{1,12}|^./su.exec(source.slice(from, from + 24)) ?? [];
    const found = from < source.length ? `found ${JSON.stringify(shown)}` : "where the text ends";
    throw new Unexpected(`${expected} at character ${from + 1}, ${found}`);
  };

  const readString = (): string => {
    const start = at;
    if (backslash !== -1 && backslash < start) backslash = source.indexOf("\\", start);
    at = stringEnd(source, start);
    if (at > source.length) fail("the end of a string", source.length);
    for (let i = start + 1; !isJson && i < at; i++) {
      if (source.charCodeAt(i) < 0x20) fail("no line break or control character in a string", i);
    }
    if (backslash === -1 || backslash > at) return source.slice(start + 1, at - 1);
    try {
      return JSON.parse(source.slice(start, at));
    } catch {
      return fail("a string with escapes of JSON", start);
    }
  };

  const readScalar = (): Value => {
    if (source.charCodeAt(at) === quote) return readString();
    number.lastIndex = at;
    if (number.test(source)) {
      const digits = source.slice(at, number.lastIndex);
      at = number.lastIndex;
      return numberOf(digits);
    }
    word.lastIndex = at;
    const [letters = ""] = word.exec(source) ?? [];
    const value = words.get(letters);
    if (value === undefined) return fail("a value");
    at += letters.length;
    return value;
  };

  const readKey = (): string => {
    space();
    if (source.charCodeAt(at) !== quote) fail("a name in double quotes");
    const key = readString();
    space();
    if (source.charCodeAt(at) !== colon) fail(":");
    at++;
    return key;
  };

  return {
    read(deepest: number): Parsed {
      const open: Open[] = [];
      for (;;) {
        space();
        const code = source.charCodeAt(at);
        let value: Value;
        if (code === openList || code === openObject) {
          if (open.length === deepest) return { why: tooDeep };
          at++;
          space();
          const isEmpty = source.charCodeAt(at) === (code === openList ? closeList : closeObject);
          if (!isEmpty) {
            open.push(code === openList ? { list: [] } : { members: {}, key: readKey() });
            continue;
          }
          at++;
          value = code === openList ? [] : {};
        } else value = readScalar();

        for (;;) {
          const top = open.at(-1);
          space();
          if (!top) {
            if (at < source.length) fail("nothing after the value");
            return { value };
          }
          const end = source.charCodeAt(at);
          const isList = "list" in top;
          if (isList) top.list.push(value);
          else top.members = withMember(top.members, top.key, value);
          if (end === comma) {
            at++;
            if (!isList) top.key = readKey();
            break;
          }
          if (end !== (isList ? closeList : closeObject)) fail(isList ? ", or ]" : ", or }");
          at++;
          open.pop();
          value = isList ? top.list : top.members;
        }
      }
    },
  };
}

function withMember(members: Members, key: string, value: Value): Members {
  if (!(members instanceof Map) && isIndex(key)) return new Map([...Object.entries(members), [key, value]]);
  if (members instanceof Map) members.set(key, value);
  // An assignment would change the prototype.
  else if (key === "__proto__")
    Object.defineProperty(members, key, { value, enumerable: true, configurable: true, writable: true });
  else members[key] = value;
  return members;
}

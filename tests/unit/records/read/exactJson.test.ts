/**
 * JSON is read without loss. Oracles: Python's json, whose values of these texts `tests/golden/json/make.py` wrote; and for
 * random values the text that the test wrote itself.
 */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseExactly } from "../../../../src/records/read/exactJson.ts";
import { parseJson } from "../../../../src/records/read/parseJson.ts";
import { asNumber, ExactNumber, entriesOf, isList, isObject, numberOf } from "../../../../src/records/value.ts";
import { writeJson } from "../../../../src/records/writeJson.ts";
import { cases } from "../../../support/long.ts";

interface Golden {
  readonly text: string;
  readonly value: unknown;
  readonly refused?: true;
}
const golden = readFileSync(new URL("../../../golden/json/golden.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line): Golden => JSON.parse(line));

/** The value as `make.py` describes it: an integer by its digits, a float by its number. */
function described(value: unknown): unknown {
  const number = asNumber(value);
  if (number !== null) {
    const text = value instanceof ExactNumber ? value.text : String(value);
    return /^-?\d+$/.test(text) ? { int: BigInt(text).toString() } : { float: number };
  }
  if (isList(value)) return { list: value.map(described) };
  return isObject(value) ? { members: entriesOf(value).map(([key, own]) => [key, described(own)]) } : value;
}

/** Python's description, with floats as numbers. */
const pythons = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (key, own) =>
    key === "float" ? Number(String(own).replace("inf", "Infinity").replace("nan", "NaN")) : own,
  );

describe("Python's json", () => {
  test("reads every text as the exact parser and the usual one do, and refuses the same texts", () => {
    expect(golden.length).toBeGreaterThan(400);
    for (const { text, value, refused } of golden) {
      for (const parsed of [parseExactly(text, 256), parseJson(text)]) {
        if (refused) expect(parsed, text).toEqual({ why: expect.stringMatching(/^broken JSON: .{1,120}$/) });
        else expect("value" in parsed ? described(parsed.value) : parsed, text).toStrictEqual(pythons(value));
      }
    }
  });
});

/** A JSON text without white space, and the same text with some. */
const written = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(
      fc.constantFrom("0", "-1", "12.0", "0.10", "1e-7", "1E5", "-0.0", "1.5", "NaN", "-Infinity", "true", "null"),
      fc.bigInt().map(String),
      fc.double().map((number) => (Object.is(number, -0) ? "-0.0" : String(number))),
      fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text)),
    ),
    fc.array(tie("any"), { maxLength: 4 }).map((items) => `[${items}]`),
    fc
      .uniqueArray(fc.tuple(fc.oneof(fc.nat(12).map(String), fc.string(), fc.constant("__proto__")), tie("any")), {
        selector: ([key]) => key,
        maxLength: 4,
      })
      .map((members) => `{${members.map(([key, own]) => `${JSON.stringify(key)}:${own}`)}}`),
  ),
})).any;

const readValue = (text: string, deepest?: number) => {
  const parsed = parseJson(text, deepest);
  if ("why" in parsed) throw new Error(parsed.why);
  return parsed.value;
};

test("any text is the text of its value", () => {
  fc.assert(
    fc.property(written, (text) => {
      expect(writeJson(readValue(text))).toBe(text);
    }),
    { seed: 151, numRuns: cases(8000) },
  );
});

test("indented text is read as the same value, and is the indented text of its value", () => {
  fc.assert(
    fc.property(written, fc.constantFrom(1, 2), (text, indent) => {
      const indented = writeJson(readValue(text), indent);
      expect(writeJson(readValue(indented))).toBe(text);
      expect(writeJson(readValue(indented), indent)).toBe(indented);
    }),
    { seed: 152, numRuns: cases(4000) },
  );
});

test("a value without odd numbers and keys is written like JSON.stringify writes it, and read as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
      // JSON.stringify writes 1e21 and 1e-7 as floats; integers beyond 2^53 and keys like "2" have another form here.
      const text = JSON.stringify(value, null, indent);
      expect(writeJson(JSON.parse(text), indent)).toBe(text);
      if (!/\de|\d{16}|"\d+":/.test(text)) expect(readValue(text)).toEqual(JSON.parse(text));
      const mixed = [value, new ExactNumber("1.0")];
      expect(writeJson(mixed, indent)).toBe(JSON.stringify([value, 7], null, indent).replace(/7(?=\n?\]$)/, "1.0"));
    }),
    { seed: 153, numRuns: cases(4000) },
  );
});

describe("numbers", () => {
  const exact = [
    "12.0",
    "0.10",
    "1e-7",
    "1E5",
    "1e21",
    "9007199254740993",
    "18446744073709551615",
    "-0.0",
    "-0",
    "0.50",
  ];
  const odd = ["NaN", "Infinity", "-Infinity", "1e400", "0.1000000000000000055511151231257827", "100.00", "5e-324"];
  test.each([...exact, ...odd])("%s keeps its text", (text) => {
    expect(numberOf(text)).toStrictEqual(new ExactNumber(text));
    expect(writeJson(readValue(`{"a":[${text},"b"]}`))).toBe(`{"a":[${text},"b"]}`);
  });
  test.each(["0", "7", "-7", "1.5", "0.1", "-2.25", "9007199254740991", "-9007199254740991", "0.0001"])(
    "%s is a JavaScript number",
    (text) => {
      expect(readValue(`[${text}]`)).toStrictEqual([Number(text)]);
    },
  );
  test("numbers within strings are no numbers, whatever stands around them", () => {
    for (const inner of ["1.0", ": 1.0,", "[1e5]", '\\": 1.0', "\\\\", 'a\\\\\\", 1.0']) {
      const text = `{"n":7,"${inner}":"${inner}"}`;
      expect(readValue(text)).toStrictEqual(JSON.parse(text));
    }
  });
});

describe("objects", () => {
  const keysOf = (text: string) => {
    const value = readValue(text);
    return isObject(value) ? entriesOf(value).map(([key]) => key) : null;
  };
  const rows: [string, string[]][] = [
    ['{"2":"b","1":"a"}', ["2", "1"]],
    ['{"b":0,"10":1,"9":2,"a":3}', ["b", "10", "9", "a"]],
    ['{"a":1,"b":2,"a":3}', ["a", "b"]],
    ['{"2":1,"1":2,"2":3}', ["2", "1"]],
    ['{"x":1.0,"__proto__":{"y":1},"0":2}', ["x", "__proto__", "0"]],
    ['{"01":1,"1":2}', ["01", "1"]],
    ['{"4294967296":1,"4294967295":2,"7":3}', ["4294967296", "4294967295", "7"]],
    ['{"-1":1,"1.5":2,"a":3}', ["-1", "1.5", "a"]],
    ['{"":1,"0":2}', ["", "0"]],
    ['{"constructor":1.0,"toString":2}', ["constructor", "toString"]],
  ];
  test.each(rows)("%s keeps the order of its keys", (text, keys) => {
    expect(keysOf(text)).toEqual(keys);
  });
  test("a key named __proto__ changes no prototype", () => {
    for (const text of ['{"__proto__":{"admin":1.0}}', '{"__proto__":{"admin":1.0},"2":1,"1":0}']) {
      const value = readValue(text);
      expect(writeJson(value)).toBe(text);
      expect(value).not.toHaveProperty("admin");
    }
    expect("admin" in {}).toBe(false);
  });
});

test("lone surrogates become U+FFFD in keys and texts of every kind of object; pairs stay", () => {
  const text = '{"2":"\\ud800a","1":{"\\udc00k":["\\ud83d\\ude00",1.0]},"b":"\\uD83D"}';
  expect(writeJson(readValue(text))).toBe('{"2":"\uFFFDa","1":{"\uFFFDk":["😀",1.0]},"b":"\uFFFD"}');
});

describe("depth", () => {
  const nested = (levels: number, leaf: string) => `${'{"a":['.repeat(levels / 2)}${leaf}${"]}".repeat(levels / 2)}`;
  test.each(["1", "1.0", "NaN"])("256 levels around %s are read, 257 are not", (leaf) => {
    expect(writeJson(readValue(nested(256, leaf)))).toBe(nested(256, leaf));
    expect(parseJson(`[${nested(256, leaf)}]`)).toEqual({ why: expect.stringMatching(/nested more than 256 levels/) });
  });
  test("a stored row may have 2000 levels, and 200,000 of them overflow nothing", () => {
    expect(writeJson(readValue(nested(2000, "1.0"), 2000))).toBe(nested(2000, "1.0"));
    for (const leaf of ["1.0", "NaN", "x", ""]) {
      expect(parseJson(nested(200_000, leaf))).toEqual({ why: expect.stringMatching(/nested more|broken JSON/) });
    }
  });
});

describe("the exact parser's reason names the place", () => {
  const rows: [string, string][] = [
    ['{"a": 1 "b": 2}', 'expected , or } at character 9, found "\\""'],
    ["{'a': 1}", "expected a name in double quotes at character 2, found \"'a'\""],
    ['{"a": None}', 'expected a value at character 7, found "None"'],
    ["[1, 2", "expected , or ] at character 6, where the text ends"],
    ['{"a" 1}', 'expected : at character 6, found "1"'],
    ['{"a": "b', "expected the end of a string at character 9, where the text ends"],
    ['{"a": "b\tc"}', 'expected no line break or control character in a string at character 9, found "\\t"'],
    ['["\\x"]', 'expected a string with escapes of JSON at character 2, found "\\""'],
    ["[1] 2", 'expected nothing after the value at character 5, found "2"'],
    ["[01]", 'expected , or ] at character 3, found "1"'],
    ["[1,]", 'expected a value at character 4, found "]"'],
    ["", "expected a value at character 1, where the text ends"],
    ["[NaN, Nan]", 'expected a value at character 7, found "Nan"'],
  ];
  test.each(rows)("%s", (text, why) => {
    expect(parseExactly(text, 256)).toEqual({ why: `broken JSON: ${why}` });
  });
});

/**
 * Graders. Oracles: rows written by hand, the platform's own RegExp for patterns (on random patterns and texts), and properties
 * that follow from what a grader says of itself.
 */

import fc from "fast-check";
import * as v from "valibot";
import { expect, test } from "vitest";
import { graderProblem, isRight, lastNumber, normalised } from "../../../src/run/grading/grade.ts";
import { type Grader, GraderSchema, graderKinds, graderOf } from "../../../src/run/grading/grader.ts";
import { compilePattern } from "../../../src/run/grading/pattern.ts";

type Row = readonly [answer: string, expected: string, right: boolean];

const rows: Readonly<Record<string, { readonly grader: Grader; readonly rows: readonly Row[] }>> = {
  exact: {
    grader: { kind: "exact" },
    rows: [
      [" Paris. ", "Paris.", true],
      ["New\n\tYork", "New York", true],
      ["paris.", "Paris.", false],
      ["Paris", "Paris.", false],
      ["", "", true],
      ["\u00a0Paris.\u3000", "Paris.", true],
      ["Paris.\u200b", "Paris.", false],
      ["é", "e\u0301", false],
      ["Paris. Paris.", "Paris.", false],
      ["\u0000", "\u0000", true],
    ],
  },
  normalised: {
    grader: { kind: "normalised" },
    rows: [
      ["PARIS!", "Paris.", true],
      ["The Eiffel-Tower", "eiffel tower", true],
      ["é", "e\u0301", true],
      ["ﬁne", "fine", true],
      ["it’s", "its", true],
      ["**42**", "42", true],
      ["a", "b", false],
      ["C++", "C", false],
      ["Paris, France", "Paris", false],
      ["東京。", "東京", true],
      ["theatre", "atre", false],
      ["Ａ１", "a1", true],
    ],
  },
  contains: {
    grader: { kind: "contains" },
    rows: [
      ["The capital is Paris, of course.", "Paris", true],
      ["parisian", "Paris", false],
      ["It is the New  York!", "new york", true],
      ["York New", "New York", false],
      ["", "Paris", false],
      ["paris", "PARIS", true],
      ["42.", "42", true],
      ["142", "42", false],
      ["not Paris", "Paris", true],
      ["P a r i s", "Paris", false],
    ],
  },
  number: {
    grader: { kind: "number", tolerance: 0.01 },
    rows: [
      ["It is 1,234.50.", "1234.5", true],
      ["3 + 4 = 7", "7", true],
      ["7 comes from 3 + 4", "7", false],
      ["-5", "5", false],
      ["−5", "-5", true],
      ["10-5", "5", true],
      ["1e3", "1000", true],
      ["H2O", "2", false],
      [".5", "0.5", true],
      ["0.509", "0.5", true],
      ["0.52", "0.5", false],
      ["seven", "7", false],
      ["1e999", "1", false],
      ["so it is...5", "5", true],
      ["$12,000", "12000", true],
    ],
  },
  pattern: {
    grader: { kind: "pattern", pattern: null },
    rows: [
      ["It is 42.", "\\b4\\d\\b", true],
      ["It is 142.", "\\b4\\d\\b", false],
      ["Paris", "(?i)paris", true],
      ["Paris", "paris", false],
      ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "^(a+)+$", false],
      ["x".repeat(5000), "^(x|x|x)*y$", false],
      ["", "^$", true],
      ["a\nb", "^a.b$", false],
      ["a\nb", "^a[^]b$", true],
      ["😀", "^.$", true],
      ["Straße", "\\p{L}{6}", true],
    ],
  },
  extracted: {
    grader: { kind: "pattern", pattern: "answer: *(.+?) *(?:\\.|$)" },
    rows: [
      ["The answer: Paris.", "paris", true],
      ["The answer:Paris", "Paris", true],
      ["Paris", "Paris", false],
      ["answer: answer: x.", "answer x", true],
      ["answer: 4 2", "42", false],
      ["answer: .", ".", true],
      ["Answer: Paris.", "Paris", false],
      ["answer: Rome. answer: Paris.", "Paris", false],
      ["answer:    Paris   .", "Paris", true],
      ["answer: **Paris**.", "Paris", true],
    ],
  },
  json: {
    grader: { kind: "json" },
    rows: [
      ['{"b": 2, "a": [1, null]}', '{"a":[1,null],"b":2}', true],
      ["1.0", "1", true],
      ['"1"', "1", false],
      ["[1, 2]", "[2, 1]", false],
      ["```json\n{}\n```", "{}", true],
      ["{}", "[]", false],
      ["{'a': 1}", '{"a":1}', false],
      ['{"a": 1} indeed', '{"a":1}', false],
      ['{"__proto__": 1}', "{}", false],
      ["[".repeat(50_000) + "]".repeat(50_000), "[]", false],
      ["", "null", false],
      ["null", "null", true],
      ['{"a":1,"b":1}', '{"a":1,"c":1}', false],
    ],
  },
  choice: {
    grader: { kind: "choice", per: "total" },
    rows: [
      ["Paris", "Paris", true],
      ["paris", "Paris", false],
    ],
  },
};

for (const [name, { grader, rows: cases }] of Object.entries(rows)) {
  test.each(cases)(`${name}: %j for %j`, (answer, expected, right) => {
    expect(isRight(grader, answer, { expected })).toBe(right);
  });
}

test("every kind has usual settings that its schema accepts", () => {
  for (const kind of graderKinds) expect(v.parse(GraderSchema, graderOf(kind))).toEqual(graderOf(kind));
  expect(v.safeParse(GraderSchema, { kind: "number", tolerance: -1 }).success).toBe(false);
  expect(v.safeParse(GraderSchema, { kind: "vibes" }).success).toBe(false);
});

const judged = (kind: (typeof graderKinds)[number]) =>
  fc.record({ grader: fc.constant(graderOf(kind)), text: fc.string({ unit: "grapheme" }) });

test("an answer that is the expected one is right, wherever the question can be judged", () => {
  const kinds = ["exact", "normalised", "contains", "number", "json"] as const;
  fc.assert(
    fc.property(fc.oneof(...kinds.map(judged)), ({ grader, text }) => {
      if (graderProblem(grader, { expected: text }) === null)
        expect(isRight(grader, text, { expected: text })).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test("normalising twice changes nothing, and case and outer marks do not count", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(normalised(normalised(text))).toBe(normalised(text));
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z ]{1,20}$/), (text) => {
      expect(normalised(` «${text.toUpperCase()}!» `)).toBe(normalised(text));
    }),
  );
});

test("the last number of a written number is that number", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(lastNumber(`before 3, it is ${value}`)).toBe(Object.is(value, -0) ? 0 : value);
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.integer(), (value) => {
      expect(lastNumber(`= ${value.toLocaleString("en")}.`)).toBe(value);
    }),
  );
});

test("JSON: equal values in any order of members are right", () => {
  const shuffled = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(shuffled)
      : typeof value === "object" && value !== null
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([key, inner]) => [key, shuffled(inner)]),
          )
        : value;
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const expected = JSON.stringify(value);
      expect(isRight({ kind: "json" }, JSON.stringify(shuffled(JSON.parse(expected)), null, 2), { expected })).toBe(
        true,
      );
    }),
    { numRuns: 500 },
  );
});

/** Random patterns of the supported kind over few letters, where matches are frequent. */
const randomPattern = (repeatsEmpty: boolean) => {
  const maybeEmpty = (atom: string) =>
    /[\^$]|\\b/.test(atom.replaceAll("[^a]", "")) || new RegExp(`^(?:${atom})$`, "u").test("");
  return fc.letrec<{ pattern: string; atom: string }>((tie) => ({
    atom: fc.oneof(
      { maxDepth: 2 },
      fc.constantFrom("a", "b", "c", ".", "[ab]", "[^a]", "\\w", "\\W", "\\b", "^", "$", "\\.", "-"),
      tie("pattern").map((inner) => `(?:${inner})`),
    ),
    pattern: fc
      .array(
        fc
          .tuple(tie("atom"), fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{1,2}", "{2,}", "*?", "+?", "??"))
          .map(([atom, sign]) =>
            /^(?:\^|\$|\\b)$/.test(atom) || (!repeatsEmpty && maybeEmpty(atom)) ? atom : atom + sign,
          ),
        { minLength: 1, maxLength: 4 },
      )
      .chain((parts) =>
        fc
          .boolean()
          .map((either) => (either && parts.length > 1 ? `${parts[0]}|${parts.slice(1).join("")}` : parts.join(""))),
      ),
  })).pattern;
};

const smallText = fc.stringMatching(/^[abc.\- ]{0,6}$/);
const caseMark = fc.constantFrom("", "(?i)");

test("patterns match what RegExp matches, with the same first group", () => {
  let matched = 0;
  const part = randomPattern(false);
  fc.assert(
    fc.property(part, part, smallText, caseMark, (left, right, text, mark) => {
      const source = `(?:${left})(${right})`;
      const native = new RegExp(source, mark === "" ? "u" : "iu").exec(text);
      const found = compilePattern(mark + source).match(text);
      const wanted = native && [native[0], native[1] ?? null];
      expect(found && [found.text, found.group], `${source} in "${text}"`).toEqual(wanted);
      if (native) matched++;
    }),
    { numRuns: 4000, seed: 20 },
  );
  expect(matched).toBeGreaterThan(500);
});

test("patterns whose repeated parts may be empty match where RegExp matches", () => {
  fc.assert(
    fc.property(randomPattern(true), smallText, (source, text) => {
      expect(compilePattern(source).match(text) !== null, `${source} in "${text}"`).toBe(
        new RegExp(source, "u").test(text),
      );
    }),
    // RegExp itself can take minutes for a random pattern, so the draws are fixed.
    { numRuns: 1500, seed: 20 },
  );
});

test("patterns without bounds end: nested repetitions on a long answer", () => {
  const answer = `${"a".repeat(20_000)}!`;
  for (const source of ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*)*x$", "^(?:a?){50}a{50}$"]) {
    expect(compilePattern(source).match(answer), source).toBeNull();
  }
});

test.each([
  ["(", "is no regular expression"],
  ["[a", "is no regular expression"],
  ["a**", "is no regular expression"],
  ["\\", "is no regular expression"],
  ["x{3,1}", "is no regular expression"],
  ["\\p{Nonsense}", "is no regular expression"],
  ["(a)\\1", "has a back-reference"],
  ["(?<x>a)\\k<x>", "has a back-reference"],
  ["(?=a)b", "has a lookahead or lookbehind"],
  ["(?<!a)b", "has a lookahead or lookbehind"],
  ["(a{500}){500}", "has more than 2000 steps"],
  [`${"(".repeat(150)}a${")".repeat(150)}`, "has more than 100 groups within each other"],
  ["a".repeat(3000), "is too large"],
])("the pattern %s is refused", (source, why) => {
  expect(graderProblem({ kind: "pattern", pattern: source }, { expected: "x" })).toContain(why);
  expect(() => compilePattern(source)).toThrow("The pattern ");
});

test.each([
  [{ kind: "number", tolerance: 0 }, { expected: "seven" }, 'The expected answer "seven" has no number.'],
  [{ kind: "json" }, { expected: "{" }, 'The expected answer "{" is no JSON.'],
  [{ kind: "normalised" }, { expected: "!?" }, "has no letter or digit"],
  [{ kind: "contains" }, { expected: "the" }, "has no letter or digit"],
  [{ kind: "pattern", pattern: null }, { expected: "(" }, "is no regular expression"],
  [{ kind: "choice", per: "total" }, { expected: "a" }, 'has no "choices"'],
  [{ kind: "choice", per: "total" }, { expected: "a", choices: ["b", "c"] }, "is none of the choices"],
  [{ kind: "choice", per: "total" }, { expected: "a", choices: ["a", "a"] }, "Two choices are the same"],
  [{ kind: "choice", per: "total" }, { expected: "a", choices: ["a", ""] }, "A choice is empty"],
] as const satisfies readonly (readonly [Grader, { expected: string; choices?: readonly string[] }, string])[])(
  "a question that %j cannot judge is named",
  (grader, question, why) => {
    expect(graderProblem(grader, question)).toContain(why);
  },
);

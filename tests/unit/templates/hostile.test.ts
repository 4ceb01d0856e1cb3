/** Templates that would take more than linear work or overflow the stack: each is rendered, or refused with its place. */

import { describe, expect, test } from "vitest";
import type { Value } from "../../../src/records/value.ts";
import { createClock } from "../../../src/templates/clock.ts";
import { run } from "../../../src/templates/jinja/interpret.ts";
import { compile } from "../../../src/templates/jinja/parse.ts";
import { TemplateError } from "../../../src/templates/template.ts";
import { asPython } from "../../../src/templates/variables.ts";
import { cpuTime } from "../../support/cpuTime.ts";

const now = new Date(2026, 4, 3);
const longestWait = 10_000;

/** The rendering or the error; fails where it takes more than ten seconds. */
function outcome(source: string, variables: Record<string, Value> = {}, inputLength = 0): string | TemplateError {
  const began = cpuTime();
  try {
    const clock = createClock();
    const given = Object.entries(variables).map(
      ([name, value]) => [name, asPython(value, { message: null, field: name })] as const,
    );
    const input = { variables: new Map(given), messages: new Map(), length: inputLength, now };
    return run(compile(source, clock), input, clock).text;
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  } finally {
    expect(cpuTime() - began).toBeLessThan(longestWait);
  }
}

function refusal(source: string, variables: Record<string, Value> = {}, inputLength = 0): TemplateError {
  const found = outcome(source, variables, inputLength);
  if (typeof found === "string") throw new Error(`It was rendered, as ${found.length} characters.`);
  expect(found.place).not.toBeNull();
  expect(found.message.length).toBeLessThanOrEqual(300);
  expect(found.message).not.toMatch(/Maximum call stack|Value\b|undefined \(|is not a function$/);
  return found;
}

const many = 3000;

describe("chains of 3,000 links are rendered", () => {
  const rows: [string, string, string][] = [
    ["texts joined", `{{ 'a'${" ~ 'b'".repeat(many)} }}`, `a${"b".repeat(many)}`],
    ["sums", `{{ 1${" + 1".repeat(many)} }}`, String(many + 1)],
    ["products", `{{ 1${" * 1".repeat(many)} }}`, "1"],
    ["filters", `{{ ' a '${" | trim".repeat(many)} }}`, "a"],
    ["members", `{% set n = namespace() %}{% set n.b = n %}{{ 'x' if n${".b".repeat(many)} else 'y' }}`, "x"],
    ["members that are missing", `{{ {}.b${"|default('q')".repeat(many)} }}`, "q"],
    ["negations", `{{ ${"not ".repeat(many)}true }}`, "True"],
    ["signs", `{{ ${"- ".repeat(many)}1 }}`, "1"],
    ["and", `{{ true${" and true".repeat(many)} }}`, "True"],
    ["or", `{{ false${" or false".repeat(many)} }}`, "False"],
    ["comparisons", `{{ 1${" == 1".repeat(many)} }}`, "True"],
    ["choices", `{{ ${"1 if false else ".repeat(many)}2 }}`, "2"],
    ["elif", `{% if false %}a${"{% elif false %}b".repeat(many)}{% else %}c{% endif %}`, "c"],
    ["ifs one after the other", "{% if true %}a{% endif %}".repeat(many), "a".repeat(many)],
    [
      "a chain in a macro",
      `{% macro m() %}{{ 'a'${" ~ 'b'".repeat(many)} }}{% endmacro %}{{ m() }}`,
      `a${"b".repeat(many)}`,
    ],
    ["a long list", `{{ [${"1, ".repeat(many)}] | length }}`, String(many)],
    [
      "a long object",
      `{{ {${Array.from({ length: many }, (_, i) => `'k${i}': ${i}`).join(", ")}} | length }}`,
      String(many),
    ],
    ["strings side by side", `{{ ${"'a' ".repeat(many)} }}`, "a".repeat(many)],
  ];
  test.each(rows)("%s", (_, source, expected) => {
    expect(outcome(source)).toBe(expected);
  });
});

describe("what is nested too deeply, or too long a chain, is refused at its place", () => {
  const deep = 50_000;
  const rows: [string, string, RegExp][] = [
    ["brackets", `{{ ${"(".repeat(deep)}1${")".repeat(deep)} }}`, /brackets and blocks/],
    ["lists", `{{ ${"[".repeat(deep)}1${"]".repeat(deep)} }}`, /brackets and blocks/],
    ["objects", `{{ ${"{'a': ".repeat(deep)}1${"}".repeat(deep)} }}`, /brackets and blocks/],
    ["members by index", `{{ ${"a[".repeat(deep)}1${"]".repeat(deep)} }}`, /brackets and blocks/],
    ["calls", `{{ ${"a(".repeat(deep)}1${")".repeat(deep)} }}`, /brackets and blocks/],
    ["calls of calls", `{{ a${"()".repeat(deep)} }}`, /more than 3500 links/],
    ["ifs", `${"{% if a %}".repeat(9000)}${"{% endif %}".repeat(9000)}`, /brackets and blocks/],
    ["ifs in else", `${"{% if a %}x{% else %}".repeat(9000)}${"{% endif %}".repeat(9000)}`, /brackets and blocks/],
    ["loops", `${"{% for i in a %}".repeat(9000)}${"{% endfor %}".repeat(9000)}`, /brackets and blocks/],
    ["macros", `${"{% macro m() %}".repeat(9000)}${"{% endmacro %}".repeat(9000)}`, /brackets and blocks/],
    ["blocks that are set", `${"{% set a %}".repeat(9000)}${"{% endset %}".repeat(9000)}`, /brackets and blocks/],
    ["texts joined", `{{ 'a'${" ~ 'b'".repeat(deep)} }}`, /more than 3500 links/],
    ["filters", `{{ a${" | trim".repeat(deep)} }}`, /more than 3500 links/],
    ["negations", `{{ ${"not ".repeat(deep)}true }}`, /more than 3500 links/],
    ["signs", `{{ ${"-".repeat(deep)}a }}`, /more than 3500 links/],
    ["choices", `{{ ${"1 if a else ".repeat(20_000)}2 }}`, /more than 3500 links/],
    ["elif", `{% if a %}${"{% elif b %}".repeat(20_000)}{% endif %}`, /more than 3500 links/],
    [
      "calls of what a call gave",
      `{% macro m() %}{% endmacro %}{{ m${"()".repeat(1000)} }}`,
      /more than 300 levels|not a function/,
    ],
  ];
  test.each(rows)("%s", (_, source, message) => {
    expect(refusal(source).message).toMatch(message);
  });
});

test("values with the deepest nesting of a row are written", () => {
  let deep: Value = 1;
  for (let i = 0; i < 256; i++) deep = i % 2 ? [deep] : { a: deep };
  const json = outcome("{{ t | tojson }}", { t: deep }, 5000);
  expect(JSON.parse(String(json))).toEqual(deep);
});

/** A list of a thousand items that are the same text of a megabyte, and lists of many texts. */
const megabyte = "x".repeat(1_000_000);
const doubled = (first: string, times: number) =>
  `{% set n = namespace(v=${first}) %}{% for i in range(${times}) %}{% set n.v = n.v + n.v %}{% endfor %}`;

describe("one step of the library counts by the size of its operands", () => {
  const rows: [string, string][] = [
    ["sort of equal long texts", `${doubled("[t]", 16)}{{ n.v | sort | length }}`],
    ["sort by a member", `${doubled("[{'a': t}]", 16)}{{ n.v | sort(attribute='a') | length }}`],
    ["unique", `${doubled("[t ~ 'a']", 16)}{{ n.v | unique | length }}`],
    ["tests of long members", `${doubled("[{'a': t}]", 16)}{{ n.v | selectattr('a', 'lower') | list | length }}`],
    ["rejection by tests", `${doubled("[{'a': t}]", 16)}{{ n.v | rejectattr('a', 'upper') | list | length }}`],
    [
      "a member by a long name",
      `${doubled("[{'a': 1}]", 16)}{{ n.v | map(attribute='${"a.".repeat(50_000)}') | list }}`,
    ],
    ["membership in a list of long texts", `${doubled("[t ~ 'a']", 16)}{{ (t ~ 'b') in n.v }}`],
    [
      "a list of many upper-case texts",
      `${"{% set a = t.upper() %}".repeat(1)}{% for i in range(9000) %}{% set a = [a, t.upper()] %}{% endfor %}`,
    ],
    ["slices of a long text", "{% for i in range(9000) %}{% set a = t[1:] %}{% endfor %}"],
    ["splits of a long text", "{% for i in range(9000) %}{% set a = t.split('x') %}{% endfor %}"],
    ["a search for a long text", "{% for i in range(9000) %}{% set a = t.replace(t[:5000] ~ 'y', '') %}{% endfor %}"],
    [
      "a long text in a text",
      "{% for i in range(9000) %}{% set a = (t[:500000] ~ 'y' ~ t[:500000]) in t %}{% endfor %}",
    ],
    ["ranges", "{% for i in range(9000) %}{% set a = range(100000) | list %}{% endfor %}"],
    [
      "a list of ranges",
      "{% set n = namespace(v=[]) %}{% for i in range(9000) %}{% set n.v = [n.v, range(100000) | list] %}{% endfor %}",
    ],
    [
      "lists grown one by one",
      "{% set n = namespace(v=[]) %}{% for i in range(90000) %}{% set n.v = n.v + [i] %}{% endfor %}",
    ],
    ["wide JSON", `{{ range(90000) | list | tojson(separators=(t, t)) }}`],
    ["JSON with long keys", `${doubled("[{t: 1}]", 16)}{{ n.v | tojson }}`],
    ["deep JSON, indented", `${doubled("[[[[[[[[[[[[1]]]]]]]]]]]]", 15)}{{ n.v | tojson(indent=64) }}`],
    ["indented by a block", `{% filter indent(1000000) %}{% for i in range(9000) %}a\nb{% endfor %}{% endfilter %}`],
    ["replaced by a block", `{% filter replace('x', t) %}{{ t }}{% endfilter %}`],
    [
      "lists joined by a tilde",
      `${doubled("[1]", 3)}{% for i in range(40) %}{% set n.v = [n.v, n.v] %}{% endfor %}{{ n.v ~ n.v }}`,
    ],
    ["objects sorted", `${doubled("[1]", 1)}{% for i in range(90000) %}{% set a = o | dictsort %}{% endfor %}`],
    [
      "macros declared in a loop",
      `{% for i in range(90000) %}{% macro m() %}${"{{ a }}".repeat(20_000)}{% endmacro %}{% endfor %}`,
    ],
    [
      "namespaces made of lists",
      `${doubled("[['a', 1]]", 16)}{% for i in range(90000) %}{% set m = namespace(n.v) %}{% endfor %}`,
    ],
  ];
  test.each(rows)("%s", (_, source) => {
    const o = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${i}`, i]));
    const { message } = refusal(source, { t: megabyte, o });
    expect(message).toMatch(/^The template was stopped because it (takes|makes|writes|reads|indents|requests)/);
  });
});

describe("a text of the row costs by its length", () => {
  const rows: [string, string, string | RegExp][] = [
    ["open names of a format", "{{ ('%(' * 100000) % 1 }}", /cannot be rendered/],
    ["open fields of a format", "{{ ('{a' * 100000).format(1) }}", /cannot be rendered/],
    ["a million digits", "{{ ('1' * 900000) | float }}", /more than 1000 characters/],
    ["a million digits and a letter", "{{ ('1' * 900000 ~ 'x') | float }}", "0.0"],
    ["a million digits as an integer", "{{ ('1' * 900000) | int(7) }}", /more than 1000 characters|^7$/],
    ["digits and lines", "{{ ('1_' * 400000) | int(7) }}", /^7$|more than 1000/],
    ["as many spans as characters", "{{ t[:3000] | list | join | list | join | list | length }}", "3000"],
    ["spans of two origins", "{% for c in t[:3000] %}{{ c ~ u[:1] }}{% endfor %}", /^(xy){3000}$/],
    [
      "pairs of units among characters",
      "{% for c in ('😀' * 200 ~ t[:200]) %}{{ c }}{% endfor %}",
      /^(😀){200}x{200}$/,
    ],
    ["a long list of characters", "{{ t[:20000] | list | join | length }}", "20000"],
    ["a long list reversed", "{{ (t[:20000] ~ '😀') | reverse | length }}", "20001"],
    ["every second character", "{{ (t[:20000] ~ '😀')[::2] | length }}", "10001"],
    ["a long list of numbers", "{{ range(20000) | list | tojson | length }}", "128890"],
    ["a long list written", "{{ [range(20000) | list] | string | length }}", "128892"],
    ["a wide place", "{{ '%1000000000d' % 1 }}", /^The template was stopped/],
    ["a wide field", "{{ '{:>1000000000}'.format(1) }}", /^The template was stopped/],
    ["a centred text", "{{ 'a'.center(1000000000) }}", /^The template was stopped/],
    ["zeros", "{{ 'a'.zfill(1000000000) }}", /^The template was stopped/],
    ["tabs", "{{ 'a\t'.expandtabs(1000000000) }}", /^The template was stopped/],
    ["a repeated text", "{{ 'a' * 10 ** 12 }}", /^The template was stopped/],
    ["a huge power", "{{ 10 ** (10 ** 10) }}", /more than 100,000/],
  ];
  test.each(rows)("%s", (_, source, expected) => {
    const found = outcome(source, { t: megabyte, u: "y" }, 0);
    const text = typeof found === "string" ? found : found.message;
    if (typeof expected === "string") expect(text).toBe(expected);
    else expect(text).toMatch(expected);
  });
});

test("a macro's arguments without names are found, in chains too", () => {
  expect(
    outcome("{% macro m(a) %}{{ a }}{{ varargs | length }}{{ kwargs.k }}{% endmacro %}{{ m(1, 2, 3, k=4) }}"),
  ).toBe("124");
  const chain = `{% macro m() %}{{ varargs | length${" + 1".repeat(1000)} }}{% endmacro %}{{ m(1) }}`;
  expect(outcome(chain)).toBe("1001");
  expect(outcome("{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}a{% endcall %}")).toBe("[a]");
});

describe("messages are ours", () => {
  const rows: [string, RegExp][] = [
    ["{{ 'a' | nothing }}", /the filter "nothing" is not known/],
    ["{{ [1] | nothing(2) }}", /the filter "nothing" is not known/],
    ["{{ 'a' | xmlattr }}", /the filter "xmlattr" is not supported/],
    ["{{ 1 is prime }}", /the test "prime" is not known/],
    ["{{ a.b() }}", /"a" is undefined/],
    ["{{ a + 1 }}", /"a" is undefined/],
    ["{{ none + 1 }}", /"\+" cannot join None and int/],
    ["{% for i in 5 %}{% endfor %}", /a loop iterates over a value of the type int/],
    ["{% for a, b in [1] %}{% endfor %}", /cannot be unpacked into several names/],
    ["{% set a.b = 1 %}", /"a" is no namespace/],
    [`{{ ${"a".repeat(5000)}() }}`, /is called, but it is undefined/],
    ["{{ 'a' | indent([]) }}", /"width" is list/],
    ["{{ raise_exception('no '* 1) }}", /^no $/],
    [`{{ raise_exception('${"long ".repeat(5000)}') }}`, /^long long .*…$/],
    [`{% ${"x".repeat(9000)} %}`, /is not a known statement/],
    [`{{ 'a' ${"x".repeat(9000)} }}`, /is expected/],
    ["{{ [1, 'a'] | sort }}", /"<" cannot compare/],
  ];
  test.each(rows.map(([source, message]) => [source.slice(0, 40), source, message] as const))(
    "%s",
    (_, source, message) => {
      expect(refusal(source).message).toMatch(message);
    },
  );
});

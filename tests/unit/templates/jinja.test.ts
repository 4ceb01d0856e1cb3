/** Jinja without trust. Oracle: Python's Jinja with transformers' settings, frozen in tests/golden/jinja. */

import { describe, expect, test } from "vitest";
import { createClock } from "../../../src/templates/clock.ts";
import { type Input, run } from "../../../src/templates/jinja/interpret.ts";
import { compile as compileWith } from "../../../src/templates/jinja/parse.ts";
import { Dict, type Value } from "../../../src/templates/jinja/values.ts";
import { TemplateError } from "../../../src/templates/template.ts";
import { asPython } from "../../../src/templates/variables.ts";
import goldens from "../../golden/jinja/expressions.json";
import { failure } from "./support.ts";

const now = new Date(2026, 4, 3, 16, 5, 9);
const compile = (source: string) => compileWith(source, createClock());
const inputOf = (variables: Record<string, Value>, length = 0, date = now): Input => ({
  variables: new Map(Object.entries(variables)),
  messages: new Map(),
  length,
  now: date,
});
const render = (source: string, variables: Record<string, Value> = {}, length = 0) =>
  run(compile(source), inputOf(variables, length), createClock()).text;

describe("expressions and statements are rendered as Python's Jinja does", () => {
  const origin = { message: null, field: "x" };
  const variables = Object.fromEntries(
    Object.entries(goldens.variables).map(([name, value]) => [name, asPython(value, origin)]),
  );
  const fixed = new Date(2024, 6, 26);
  const outcome = (source: string): string | null => {
    try {
      const clock = createClock();
      return run(compileWith(source, clock), inputOf(variables, 1000, fixed), clock).text;
    } catch (error) {
      if (error instanceof TemplateError) return null;
      throw error;
    }
  };
  // What is not supported is refused; nothing else may differ, and nothing is rendered that Python refuses.
  const refusedByHone = /urlencode|\.format\(|has no slices|__class__|truncate|<.* object|\*\*|\| reverse|\[.*:.*\]/;

  test("all frozen cases", () => {
    const wrong: string[] = [];
    let refused = 0;
    for (const [source, expected] of goldens.cases as [string, string | null][]) {
      const found = outcome(source);
      if (found === expected) continue;
      if (found === null && refusedByHone.test(source)) refused++;
      else wrong.push(`${source}: ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`);
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeLessThan(60);
  });
});

test("line breaks of every kind are one", () => {
  expect(render("a\r\nb\rc\n{% if true %}\r\nd{% endif %}\r\n")).toBe("a\nb\nc\nd");
  expect(render("x\n  {%+ if true %}y{% endif +%}\nz")).toBe("x\n  y\nz");
  expect(render("{{ 'a\r\nb' }}")).toBe("a\nb");
});

describe("a mistake is named with its line and column", () => {
  const rows: [string, RegExp, number, number][] = [
    ["{{ a", /"\{\{" is never closed/, 1, 1],
    ["x\n {% if a\n{{ b }}", /"\{%" is never closed/, 2, 2],
    ["a\n{# note", /comment.*never closed/, 2, 1],
    ["{{ a }}\n{{ 'b }}", /string.*never closed/, 2, 4],
    ["{{ a ? b }}", /"\?" has no meaning/, 1, 6],
    ["\n{% if a %}\n{% for x in y %}{% endfor %}", /"if".*never closed: "endif"/, 2, 1],
    ["{% if a %}\n{% endfor %}", /"endfor".*"if" in line 1.*"endif" is missing/, 2, 1],
    ["{% endif %}", /closes nothing/, 1, 1],
    ["{% else %}", /outside of any "if"/, 1, 1],
    ["\n\n  {% include 'x' %}", /"include" is not a known statement/, 3, 3],
    ["{% %}", /must begin with its name/, 1, 1],
    ["{% generation %}{% generation %}{% endgeneration %}{% endgeneration %}", /inside another/, 1, 17],
    ["{% generation x %}{% endgeneration %}", /"%\}" is expected after "generation"/, 1, 15],
    ["{{ a b }}", /"\}\}" is expected, and "b" stands here/, 1, 6],
    ["{% if a b %}{% endif %}", /"%\}" is expected, and "b"/, 1, 9],
    ["{{ a + }}", /"\}\}" is not expected here/, 1, 8],
    ["{{ (a }}", /"\}" stands here, but "\)" is missing/, 1, 7],
    ["{{ a | 3 }}", /name of a filter is expected, and "3"/, 1, 8],
    ["{% for in x %}{% endfor %}", /A name is expected, and "in"/, 1, 8],
    ["text\n{{ 'a' | nothing }}", /the filter "nothing" is not known/, 2, 10],
    ["{% if true %}\n  {{ 1 + missing }}{% endif %}", /"missing" is undefined/, 2, 8],
    ["{% set a = 1 %}\n{{ a.b.c() }}", /"b" is undefined/, 2, 8],
    ["{% for m in [1, 2] %}\n{{ raise_exception('No ' ~ m) }}{% endfor %}", /^No 1$/, 2, 4],
    ["{{ 'a' 'b' }}\n{{ 5 | first | upper }}", /type int/, 2, 8],
    ["{% macro m(x) %}\n{{ x.y.z() }}{% endmacro %}{{ m(1) }}", /"y" is undefined/, 2, 8],
    ["{% break %}", /outside of any "for"/, 1, 4],
  ];
  test.each(rows)("%j", (source, message, line, column) => {
    const { message: said, place } = failure(() => render(source));
    expect(said).toMatch(message);
    expect(place).toEqual({ line, column });
  });

  test("a tree that is too deep", () => {
    const { message } = failure(() => compile(`{{ ${"(".repeat(50_000)}1${")".repeat(50_000)} }}`));
    expect(message).toMatch(/More than 100 brackets and blocks are nested/);
  });

  test("a source that is too long", () => {
    expect(failure(() => compile("x".repeat(500_001))).message).toMatch(/500001 characters/);
  });
});

describe("an endless template is stopped, and the exceeded limit is named", () => {
  const doubled = "{% set ns = namespace(v='aaaa') %}{% for i in range(60) %}{% set ns.v = ns.v + ns.v %}{% endfor %}";
  const rows: [string, string, RegExp][] = [
    [
      "nested loops",
      "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}",
      /500,000 steps|more than 5 seconds/,
    ],
    [
      "a loop that writes",
      "{% for i in range(90000) %}{% for j in range(9000) %}x{% endfor %}{% endfor %}",
      /500,000 steps|more than 5 seconds/,
    ],
    ["a huge range", "{% for i in range(10 ** 12) %}{% endfor %}", /range of 1000000000000 numbers/],
    ["a macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", /calls itself.*300 levels/],
    ["a text that doubles", doubled, /text of more than 1,000,000 characters/],
    ["a list that doubles", doubled.replace("'aaaa'", "[1]"), /list of more than 100,000 items/],
    [
      "lists in lists",
      "{% set ns = namespace(v=[1]) %}{% for i in range(60) %}{% set ns.v = [ns.v, ns.v] %}{% endfor %}{{ ns.v | tojson }}",
      /text of more than|500,000 steps/,
    ],
    [
      "lists in lists, written",
      "{% set ns = namespace(v=[1]) %}{% for i in range(60) %}{% set ns.v = [ns.v, ns.v] %}{% endfor %}{{ ns.v }}",
      /text of more than|500,000 steps/,
    ],
    ["a wide indent", "{{ 'a\\nb' | indent(10 ** 8) }}", /text of more than/],
    ["a wide indent by its name", "{{ 'a\\nb' | indent(**{'width': 10 ** 8}) }}", /text of more than/],
    ["indented JSON", "{{ [[1]] | tojson(indent=10 ** 8) }}", /indents JSON by 100000000/],
    [
      "a long separator",
      "{% set s = range(5000) | join('x') %}{{ range(5000) | join(s) }}",
      /text of more than|500,000 steps/,
    ],
    [
      "a replacement",
      "{% set s = range(5000) | join('x') %}{{ s.replace('x', s) }}",
      /text of more than|500,000 steps/,
    ],
    [
      "a replacement by a filter",
      "{% set s = range(5000) | join('x') %}{{ s | replace('', s) }}",
      /text of more than|500,000 steps/,
    ],
    [
      "a method in a variable",
      "{% set s = range(5000) | join('x') %}{% set f = s['replace'] %}{{ f('x', s) }}",
      /text of more than|500,000 steps/,
    ],
  ];
  test.each(rows)("%s", (_, source, message) => {
    const { message: said } = failure(() => render(source));
    expect(said).toMatch(/^The template was stopped/);
    expect(said).toMatch(message);
  });

  test("a namespace has no text, so one that contains itself has none either", () => {
    expect(failure(() => render("{% set ns = namespace() %}{% set ns.v = [ns] %}{{ ns.v | tojson }}")).message).toMatch(
      /cannot write a value of the type namespace/,
    );
    expect(failure(() => render("{{ range(0, 10, 0) }}")).message).toMatch(/step of 0/);
  });

  test("the limits grow with the input", () => {
    const text = "word ".repeat(400_000);
    expect(render("{{ t }}{{ t | replace('w', 'v') }}", { t: text }, text.length)).toHaveLength(2 * text.length);
    expect(failure(() => render("{{ t }}{{ t }}", { t: text })).message).toMatch(/text of more than/);
  });

  test("ordinary chat templates stay within them", () => {
    expect(render("{% for i in range(5) %}{% if i == 3 %}{% break %}{% endif %}{{ i }},{% endfor %}")).toBe("0,1,2,");
    expect(render("{% for i in range(5) %}{% if i % 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}")).toBe("024");
    expect(render("{{ 'a-b'.replace('-', '+') }}{{ ['x', 'y'] | join('/') }}{{ 'p\\nq' | indent(2) }}")).toBe(
      "a+bx/yp\n  q",
    );
    expect(render("{{ {'a': [1, none]} | tojson(indent=2) }}")).toBe('{\n  "a": [\n    1,\n    null\n  ]\n}');
    expect(render("{{ range(3, 0, -1) | list | tojson }}{{ range(2) | join }}")).toBe("[3, 2, 1]01");
  });
});

test("dates are English in every locale of the machine", () => {
  expect(render("{{ strftime_now('%A %a %d %B %b %Y %y %m %H:%M:%S %I %p 100%% %Q') }}")).toBe(
    "Sunday Sun 03 May May 2026 26 05 16:05:09 04 PM 100% %Q",
  );
});

describe("a part of a text keeps its origin", () => {
  const origin = { message: 3, field: "content" };
  const runs = (source: string, text = "Hello, World") => {
    const clock = createClock();
    const variables = { t: asPython(text, origin), d: new Dict([["k", asPython("v", origin)]]) };
    const output = run(compileWith(source, clock), inputOf(variables, 100), clock);
    return output.runs.map(({ start, end, origin: { message } }) => [output.text.slice(start, end), message]);
  };
  const rows: [string, string[]][] = [
    ["{{ 'a' + t + 'b' }}", ["Hello, World"]],
    ["{{ 'a' ~ t[7:] ~ 'b' }}", ["World"]],
    ["{{ t.split(', ')[1] }}|{{ t.split(', ') | join('|') }}", ["World", "Hello", "World"]],
    ["{{ t | upper }}", ["HELLO, WORLD"]],
    ["{{ t.replace('o', '0') }}", ["Hell", ", W", "rld"]],
    ["{{ '<' + (t | trim('Hd')) + '>' }}", ["ello, Worl"]],
    ["{{ t | tojson }}", ["Hello, World"]],
    ["{{ [t] }}{{ {'k': t} | tojson }}", ["Hello, World", "Hello, World"]],
    ["{{ '%s!' % t }}", ["Hello, World"]],
    ["{{ '{}!'.format(t) }}", ["Hello, World"]],
    ["{% for c in t[:2] %}{{ c }}{% endfor %}", ["H", "e"]],
    ["{% set a %}<{{ t }}>{% endset %}{{ a }}", ["Hello, World"]],
    ["{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(t) }}", ["Hello, World"]],
    ["{% set ns = namespace(x='') %}{% set ns.x = ns.x + t %}{{ ns.x }}", ["Hello, World"]],
    ["{{ d }}{{ d.k }}{{ d | length }}", ["v", "v"]],
    ["{{ t | length }}{{ t == 'a' }}{{ 'b' if t else 'c' }}", []],
    ["{{ t | indent(2, true) }}", ["Hello, World"]],
    ["{{ t | urlencode }}", ["Hello%2C%20World"]],
    ["{{ t | title | lower | capitalize }}", ["Hello, world"]],
    ["{{ t[::-1] }}", Array.from("dlroW ,olleH")],
  ];
  test.each(rows)("%s", (source, expected) => {
    expect(runs(source)).toEqual(expected.map((text) => [text, 3]));
  });

  test("escapes of JSON and of Python move the span, and stay in it", () => {
    expect(runs("{{ t | tojson }}", 'a"b\nc')).toEqual([['a\\"b\\nc', 3]]);
    expect(runs("{{ [t] }}", "it's\n")).toEqual([["it's\\n", 3]]);
  });
});

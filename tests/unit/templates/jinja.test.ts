/** Jinja without trust: places of mistakes, limits, and the same tokens as the library's own lexer, which is the oracle. */

import { parse, tokenize } from "@huggingface/jinja";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createClock } from "../../../src/templates/clock.ts";
import { createGlobals } from "../../../src/templates/jinja/globals.ts";
import { run } from "../../../src/templates/jinja/interpret.ts";
import { lex } from "../../../src/templates/jinja/lex.ts";
import { compile as compileWith } from "../../../src/templates/jinja/parse.ts";
import { cases } from "../../support/long.ts";
import { failure, golden } from "./support.ts";

const now = new Date(2026, 4, 3, 16, 5, 9);
const globals = createGlobals({}, now);
const compile = (source: string) => compileWith(source, createClock());
const render = (source: string, variables: Record<string, unknown> = {}) =>
  run(compile(source), globals, variables, 0, createClock());

describe("the lexer has the tokens of the library's lexer", () => {
  const bare = (source: string) => lex(source).map(({ type, value }) => [type, value]);
  const library = (source: string) =>
    tokenize(source, { trim_blocks: true, lstrip_blocks: true })
      .filter(({ type }) => type !== "Comment")
      .map(({ type, value }) => [type, value]);

  test.each(["llama3", "qwen", "gemma", "mistral", "phi3", "chatml", "unspannable"])("for %s", (name) => {
    expect(bare(golden(name))).toEqual(library(golden(name)));
  });

  test("for any mixture of tags and white space", () => {
    const piece = fc.constantFrom(
      "{% if a %}",
      "{%- if a -%}",
      "{% endif -%}",
      "{%- endif %}",
      "{{ a }}",
      "{{- a.b[0] -}}",
      "{{ {'k': {'l': -1}} }}",
      "{{ 1 - 2 * -3.5 // 4 % 2 ** 2 }}",
      "{{ a is not none and 'x\\n\\'' in \"y\" }}",
      "{{ l.0.1 if a <= b != c else [1, 2][:-1] | join(', ') ~ +1 }}",
      "{#- c -#}",
      "{# c #}",
      "\n",
      "\n\n",
      "  ",
      "\t",
      "x",
      " y {z} %",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const source = pieces.join("");
        expect(bare(source)).toEqual(library(source));
      }),
      { numRuns: cases(2000), seed: 31 },
    );
  });

  test("each token stands at its offset", () => {
    const source = golden("qwen");
    for (const { type, value, offset } of lex(source)) {
      if (type === "StringLiteral") expect(`'"`).toContain(source[offset]);
      else if (type !== "Text") expect(source.slice(offset, offset + 3)).toContain(value.slice(0, 2));
    }
  });

  test("line breaks of every kind are one", () => {
    expect(render("a\r\nb\rc\n{% if true %}\r\nd{% endif %}\r\n")).toBe("a\nb\nc\nd");
    expect(render("x\n  {%+ if true %}y{% endif +%}\nz")).toBe("x\n  y\nz");
  });
});

describe("a mistake is named with its line and column", () => {
  const rows: [string, RegExp, number, number][] = [
    ["{{ a", /"\{\{" is never closed/, 1, 1],
    ["x\n {% if a\n{{ b }}", /"\{%" is never closed/, 2, 2],
    ["a\n{# note", /comment.*never closed/, 2, 1],
    ["{{ a }}\n{{ 'b }}", /string.*never closed/, 2, 4],
    ["{{ a ? b }}", /character "\?"/, 1, 6],
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
    ["{{ (a }}", /"\)" is expected, and "\}\}"/, 1, 7],
    ["{{ a | 3 }}", /filter, and "3" stands here/, 1, 8],
    ["{% for in x %}{% endfor %}", /in/, 1, 11],
    ["text\n{{ 'a' | nothing }}", /the filter "nothing" is not known for a value of the kind text/, 2, 4],
    ["{% if true %}\n  {{ 1 + missing }}{% endif %}", /has an undefined operand/, 2, 6],
    ["{% set a = 1 %}\n{{ a.b.c() }}", /not a function/, 2, 4],
    ["{% for m in [1, 2] %}\n{{ raise_exception('No ' ~ m) }}{% endfor %}", /^No 1$/, 2, 4],
    ["{{ 'a' 'b' }}\n{{ x | first | upper }}", /filter "first"/, 2, 4],
    ["{% macro m(x) %}\n{{ x.y.z() }}{% endmacro %}{{ m(1) }}", /not a function/, 2, 4],
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
    ["a range without end", "{{ range(0, 10, -0.0 + 10 ** -300) }}", /range of/],
    ["a macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", /calls itself.*300 levels/],
    ["a text that doubles", doubled, /text of more than 1,000,000 characters/],
    ["a list that doubles", doubled.replace("'aaaa'", "[1]"), /list of more than 100,000 items/],
    [
      "lists in lists",
      "{% set ns = namespace(v=[1]) %}{% for i in range(60) %}{% set ns.v = [ns.v, ns.v] %}{% endfor %}{{ ns.v | tojson }}",
      /text of more than/,
    ],
    [
      "lists in lists, written",
      "{% set ns = namespace(v=[1]) %}{% for i in range(60) %}{% set ns.v = [ns.v, ns.v] %}{% endfor %}{{ ns.v }}",
      /text of more than/,
    ],
    [
      "lists in lists, compared",
      "{% set ns = namespace(v=[1]) %}{% for i in range(60) %}{% set ns.v = [ns.v, ns.v] %}{% endfor %}{{ ns.v == 'a' }}",
      /text of more than/,
    ],
    [
      "a namespace that contains itself",
      "{% set ns = namespace() %}{% set ns.v = [ns] %}{{ ns.v | tojson }}",
      /text of more than/,
    ],
    ["a wide indent", "{{ 'a\\nb' | indent(10 ** 8) }}", /text of more than/],
    ["a wide indent by its name", "{{ 'a\\nb' | indent(**{'width': 10 ** 8}) }}", /text of more than/],
    ["indented JSON", "{{ [[1]] | tojson(indent=10 ** 8) }}", /indents JSON by 100000000/],
    ["a long separator", "{% set s = range(5000) | join('x') %}{{ range(5000) | join(s) }}", /text of more than/],
    ["a replacement", "{% set s = range(5000) | join('x') %}{{ s.replace('x', s) }}", /text of more than/],
    ["a replacement by a filter", "{% set s = range(5000) | join('x') %}{{ s | replace('', s) }}", /text of more than/],
    [
      "a method in a variable",
      "{% set s = range(5000) | join('x') %}{% set f = s['replace'] %}{{ f('x', s) }}",
      /text of more than/,
    ],
  ];
  test.each(rows)("%s", (_, source, message) => {
    const { message: said } = failure(() => render(source));
    expect(said).toMatch(/^The template was stopped/);
    expect(said).toMatch(message);
  });

  test("the limits grow with the input", () => {
    const text = "word ".repeat(400_000);
    expect(
      run(compile("{{ t }}{{ t | replace('w', 'v') }}"), globals, { t: text }, text.length, createClock()),
    ).toHaveLength(2 * text.length);
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

test("the library parses the lexer's tokens: renderings equal those of its own Template", async () => {
  const { Template } = await import("@huggingface/jinja");
  const messages = [
    { role: "user", content: "hi" },
    { role: "assistant", content: "yo" },
  ];
  const variables = { messages, bos_token: "<s>", eos_token: "</s>", add_generation_prompt: true };
  for (const name of ["gemma", "mistral", "phi3", "chatml", "unspannable", "llama3-generation", "chatml-generation"]) {
    const marked = { "{% generation %}": "", "{% endgeneration %}": "" };
    expect(render(golden(name), { ...variables, ...marked })).toBe(new Template(golden(name)).render(variables));
  }
  expect(parse(lex("{{ a }}")).body).toHaveLength(1);
});

import { expect, test } from "vitest";
import { createClock } from "../../src/templates/clock.ts";
import { createGlobals } from "../../src/templates/jinja/globals.ts";
import { run } from "../../src/templates/jinja/interpret.ts";
import { compile } from "../../src/templates/jinja/parse.ts";

const render = (source: string) => {
  const clock = createClock();
  try { return run(compile(source, clock), createGlobals({}, new Date()), {}, 0, clock); } catch (error) { return String(error); }
};
test("chains", () => {
  const n = 3400;
  const out = {
    not: render(`{{ ${"not ".repeat(n)}true }}`),
    sign: render(`{{ ${"- ".repeat(n)}1 }}`),
    choice: render(`{{ ${"1 if false else ".repeat(n)}2 }}`),
    elif: render(`{% if false %}a${"{% elif false %}b".repeat(n)}{% else %}c{% endif %}`),
    tilde: render(`{{ 'a'${" ~ 'b'".repeat(n)} }}`).length,
    filters: render(`{{ 'a'${" | trim".repeat(n)} }}`),
    kw: render(`{% macro m() %}{{ varargs | length${" + 1".repeat(n)} }}{% endmacro %}{{ m(1) }}`),
    paren: render(`{{ ${"(".repeat(99)}1${")".repeat(99)} }}`),
    list: render(`{{ ${"[".repeat(99)}1${"]".repeat(99)} | length }}`),
  };
  console.log(JSON.stringify(out));
  expect(out.tilde).toBe(n + 1);
});

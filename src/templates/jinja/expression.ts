/** Parses the expressions of Jinja 3, by recursive descent with bounded depth. */

import type { Reader } from "./reader.ts";
import { shownToken } from "./source.ts";
import type { Arguments, Expression, Link, Operation } from "./syntax.ts";

interface Form {
  /** Whether commas make a tuple. */
  readonly tuple?: boolean;
  /** Whether `a if b else c` is read; not where an `if` follows the expression. */
  readonly choice?: boolean;
}

/** An expression; with `tuple`, commas make a tuple. */
export function parseExpression(reader: Reader, { tuple = false, choice = true }: Form = {}): Expression {
  return tuple ? readTuple(reader, choice, false) : choice ? readChoice(reader) : readOr(reader);
}

function readTuple(reader: Reader, choice: boolean, bracketed: boolean): Expression {
  const { offset } = reader.current;
  const items: Expression[] = [];
  let isTuple = false;
  const ends = () => {
    const { type } = reader.current;
    return type === "endblock" || type === "endprint" || type === "end" || reader.is(")") || reader.isName("in");
  };
  for (;;) {
    if (items.length > 0) {
      if (!reader.skip(",")) break;
      isTuple = true;
    }
    if (ends()) break;
    items.push(parseExpression(reader, { choice }));
  }
  const [only] = items;
  if (only && !isTuple) return only;
  if (items.length === 0 && !bracketed) return reader.fail(`${shownToken(reader.current.value)} is not expected here.`);
  return { kind: "tuple", offset, items };
}

function readChoice(reader: Reader): Expression {
  const first = readOr(reader);
  if (!reader.isName("if")) return first;
  const { offset } = first;
  const branches: { test: Expression; value: Expression }[] = [];
  let value = first;
  // After an `else`, `b if c` belongs to the same chain; `a if b if c` wraps what stands before it.
  while (reader.skipName("if")) {
    reader.chain(branches.length, offset);
    branches.push({ test: readOr(reader), value });
    if (!reader.skipName("else")) {
      const chosen: Expression = { kind: "choice", offset, branches: branches.splice(0), otherwise: null };
      if (!reader.isName("if")) return chosen;
      value = chosen;
      continue;
    }
    value = readOr(reader);
    if (!reader.isName("if")) return { kind: "choice", offset, branches, otherwise: value };
  }
  return value;
}

function readLogic(reader: Reader, kind: "and" | "or", read: (reader: Reader) => Expression): Expression {
  const first = read(reader);
  if (!reader.isName(kind)) return first;
  const items = [first];
  while (reader.skipName(kind)) {
    reader.chain(items.length, first.offset);
    items.push(read(reader));
  }
  return { kind, offset: first.offset, items };
}

const readOr = (reader: Reader) => readLogic(reader, "or", readAnd);
const readAnd = (reader: Reader) => readLogic(reader, "and", readNot);

function readNot(reader: Reader): Expression {
  const { offset } = reader.current;
  let times = 0;
  while (reader.skipName("not")) reader.chain(++times, offset);
  const operand = readComparison(reader);
  return times === 0 ? operand : { kind: "not", offset, times, operand };
}

const comparisons: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">="]);

function readComparison(reader: Reader): Expression {
  const first = readSum(reader);
  const rest: Operation[] = [];
  for (;;) {
    const { type, value, offset } = reader.current;
    let operator: string | null = null;
    if (type === "op" && comparisons.has(value)) operator = value;
    else if (reader.isName("in")) operator = "in";
    else if (reader.isName("not") && reader.following?.type === "name" && reader.following.value === "in") {
      reader.next();
      operator = "not in";
    }
    if (operator === null) break;
    reader.next();
    reader.chain(rest.length, offset);
    rest.push({ operator, offset, operand: readSum(reader) });
  }
  return rest.length === 0 ? first : { kind: "comparison", offset: first.offset, first, rest };
}

function readArithmetic(
  reader: Reader,
  operators: readonly string[],
  read: (reader: Reader) => Expression,
): Expression {
  const first = read(reader);
  const rest: Operation[] = [];
  while (reader.current.type === "op" && operators.includes(reader.current.value)) {
    const { value: operator, offset } = reader.next();
    reader.chain(rest.length, offset);
    rest.push({ operator, offset, operand: read(reader) });
  }
  return rest.length === 0 ? first : { kind: "arithmetic", offset: first.offset, first, rest };
}

const readSum = (reader: Reader) => readArithmetic(reader, ["+", "-"], readJoined);

function readJoined(reader: Reader): Expression {
  const first = readProduct(reader);
  if (!reader.is("~")) return first;
  const items = [first];
  while (reader.skip("~")) {
    reader.chain(items.length, first.offset);
    items.push(readProduct(reader));
  }
  return { kind: "joined", offset: first.offset, items };
}

const readProduct = (reader: Reader) => readArithmetic(reader, ["*", "/", "//", "%"], readPower);
const readPower = (reader: Reader) => readArithmetic(reader, ["**"], readSigned);

function readSigned(reader: Reader): Expression {
  const { offset } = reader.current;
  const signs: string[] = [];
  while (reader.is("-") || reader.is("+")) {
    signs.unshift(reader.next().value);
    reader.chain(signs.length, offset);
  }
  if (signs.length === 0) return readChain(reader);
  // A sign binds closer than a filter: `-1 | abs` is `(-1) | abs`.
  const base = withLinks(reader, readPrimary(reader), readMembers);
  return withLinks(reader, { kind: "signed", offset, signs, operand: base }, (links) =>
    readFiltersAndTests(reader, links),
  );
}

const readChain = (reader: Reader) =>
  withLinks(reader, readPrimary(reader), (links, _, base) => {
    readMembers(links, reader, base);
    readFiltersAndTests(reader, links);
  });

function withLinks(
  reader: Reader,
  base: Expression,
  read: (links: Link[], reader: Reader, base: Expression) => void,
): Expression {
  const links: Link[] = [];
  read(links, reader, base);
  reader.chain(links.length, base.offset);
  return links.length === 0 ? base : { kind: "chain", offset: base.offset, base, links };
}

function readMembers(links: Link[], reader: Reader, base: Expression): void {
  for (;;) {
    const { offset } = reader.current;
    reader.chain(links.length, offset);
    if (reader.skip(".")) {
      const { type, value } = reader.current;
      if (type === "name") links.push({ kind: "attribute", offset: reader.current.offset, name: value });
      else if (type === "int")
        links.push({ kind: "item", offset, index: { kind: "constant", offset, value: readInt(value) } });
      else reader.expected("A name or a number");
      reader.next();
    } else if (reader.is("[")) {
      reader.next();
      links.push(reader.deepen(offset, () => readSubscript(reader, offset)));
      reader.expect("]");
    } else if (reader.is("("))
      links.push({ kind: "call", offset: (links.at(-1) ?? base).offset, args: readArguments(reader) });
    else return;
  }
}

function readSubscript(reader: Reader, offset: number): Link {
  const items: (Expression | readonly (Expression | null)[])[] = [];
  for (;;) {
    if (items.length > 0) {
      if (!reader.skip(",")) break;
      if (reader.is("]")) {
        reader.fail("A tuple in square brackets is not supported.");
      }
    }
    items.push(readBounds(reader));
    if (!reader.is(",")) break;
  }
  const [first] = items;
  if (items.length !== 1 || first === undefined) {
    const all = items.flatMap((item) => ("kind" in item ? [item] : []));
    if (all.length !== items.length || all.length === 0)
      reader.fail("A slice cannot stand beside another index.", offset);
    return { kind: "item", offset, index: { kind: "tuple", offset, items: all } };
  }
  return "kind" in first ? { kind: "item", offset, index: first } : { kind: "slice", offset, bounds: first };
}

/** One index, or the bounds of a slice, of which each may be absent. */
function readBounds(reader: Reader): Expression | readonly (Expression | null)[] {
  const bounds: (Expression | null)[] = [];
  const missing = () => reader.is(":") || reader.is("]") || reader.is(",");
  if (!missing()) {
    const index = readChoice(reader);
    if (!reader.is(":")) return index;
    bounds.push(index);
  } else if (!reader.is(":")) return reader.fail(`${shownToken(reader.current.value)} is not expected here.`);
  else bounds.push(null);
  while (bounds.length < 3 && reader.skip(":")) bounds.push(missing() ? null : readChoice(reader));
  return bounds;
}

function readFiltersAndTests(reader: Reader, links: Link[]): void {
  for (;;) {
    const { offset } = reader.current;
    reader.chain(links.length, offset);
    if (reader.skip("|")) links.push(readFilter(reader));
    else if (reader.skipName("is")) links.push(readTest(reader, offset));
    else if (reader.is("(")) links.push({ kind: "call", offset, args: readArguments(reader) });
    else return;
  }
}

function readDotted(reader: Reader, what: string): string {
  if (reader.current.type !== "name") reader.expected(`The name of a ${what}`);
  let name = reader.next().value;
  while (reader.is(".") && reader.following?.type === "name") {
    reader.next();
    name += `.${reader.next().value}`;
  }
  return name;
}

const noArguments: Arguments = { positional: [], named: [] };

function readFilter(reader: Reader): Link {
  const { offset } = reader.current;
  const name = readDotted(reader, "filter");
  return { kind: "filter", offset, name, args: reader.is("(") ? readArguments(reader) : noArguments, negated: false };
}

/** Filters of a block: `upper | trim`; `first`: whether one must stand there, without "|" before it. */
export function parseFilters(reader: Reader, first: boolean): Link[] {
  const filters: Link[] = first ? [readFilter(reader)] : [];
  while (reader.skip("|")) filters.push(readFilter(reader));
  return filters;
}

function readTest(reader: Reader, offset: number): Link {
  const negated = reader.skipName("not");
  const name = readDotted(reader, "test");
  const { type, value } = reader.current;
  let args = noArguments;
  const begins = type === "string" || type === "int" || type === "float" || reader.is("[") || reader.is("{");
  if (reader.is("(")) args = readArguments(reader);
  else if (begins || (type === "name" && !["else", "or", "and"].includes(value))) {
    // As in Jinja, any other word is the test's argument, "if" and "in" too.
    if (value === "is" && type === "name") reader.fail('A second "is" needs brackets around the first test.');
    args = { positional: [{ value: withLinks(reader, readPrimary(reader), readMembers), spread: false }], named: [] };
  }
  return { kind: "test", offset, name, args, negated };
}

function readArguments(reader: Reader): Arguments {
  const { offset } = reader.current;
  return reader.deepen(offset, () => {
    const positional: { value: Expression; spread: boolean }[] = [];
    const named: { name: string | null; value: Expression }[] = [];
    reader.expect("(");
    let first = true;
    while (!reader.is(")")) {
      if (!first) {
        reader.expect(",");
        if (reader.is(")")) break;
      }
      first = false;
      const { type, value } = reader.current;
      if (reader.skip("**")) named.push({ name: null, value: readChoice(reader) });
      else if (reader.skip("*")) positional.push({ value: readChoice(reader), spread: true });
      else if (type === "name" && reader.following?.type === "op" && reader.following.value === "=") {
        reader.next();
        reader.next();
        named.push({ name: value, value: readChoice(reader) });
      } else {
        if (named.length > 0) reader.fail("An argument without a name stands after one with a name.");
        positional.push({ value: readChoice(reader), spread: false });
      }
    }
    reader.expect(")");
    return { positional, named };
  });
}

/** Words that are values, and so no names. */
export const constants: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
]);

const readInt = (text: string) => BigInt(text.replaceAll("_", ""));

function readPrimary(reader: Reader): Expression {
  const { type, value, offset } = reader.current;
  switch (type) {
    case "name": {
      reader.next();
      const constant = constants.get(value);
      return constant === undefined
        ? { kind: "name", offset, name: value }
        : { kind: "constant", offset, value: constant };
    }
    case "string": {
      const texts: string[] = [];
      while (reader.current.type === "string") texts.push(reader.next().value);
      return { kind: "constant", offset, value: texts.join("") };
    }
    case "int":
      reader.next();
      return { kind: "constant", offset, value: readInt(value) };
    case "float":
      reader.next();
      return { kind: "constant", offset, value: Number(value.replaceAll("_", "")) };
    case "op":
      if (value === "(" || value === "[" || value === "{")
        return reader.deepen(offset, () => readBracketed(reader, value, offset));
      break;
    default:
  }
  return reader.fail(
    type === "end" ? "The template ends within an expression." : `${shownToken(value)} is not expected here.`,
  );
}

function readBracketed(reader: Reader, bracket: string, offset: number): Expression {
  reader.next();
  if (bracket === "(") {
    const inner = readTuple(reader, true, true);
    reader.expect(")");
    return inner;
  }
  if (bracket === "[") {
    const items: Expression[] = [];
    while (!reader.is("]")) {
      if (items.length > 0) reader.expect(",");
      if (reader.is("]")) break;
      items.push(readChoice(reader));
    }
    reader.expect("]");
    return { kind: "list", offset, items };
  }
  const entries: [Expression, Expression][] = [];
  while (!reader.is("}")) {
    if (entries.length > 0) reader.expect(",");
    if (reader.is("}")) break;
    const key = readChoice(reader);
    reader.expect(":");
    entries.push([key, readChoice(reader)]);
  }
  reader.expect("}");
  return { kind: "dict", offset, entries };
}

/** The tests of Jinja 3: `value is name`. */

import { contains } from "./access.ts";
import type { Limits } from "./budget.ts";
import { fault } from "./fault.ts";
import { isFilter } from "./filters.ts";
import { isLower, isUpper } from "./letterCase.ts";
import { arithmetic } from "./operators.ts";
import { strOf } from "./print.ts";
import { isText, plain, Text } from "./text.ts";
import {
  Callable,
  compared,
  Dict,
  equal,
  type Given,
  Host,
  isList,
  Lazy,
  Namespace,
  numberOf,
  Span,
  Tuple,
  Undefined,
  type Value,
  View,
} from "./values.ts";

type Test = (value: Value, args: readonly Value[], limits: Limits) => boolean;

const order =
  (operator: string, passes: (difference: number) => boolean): Test =>
  (value, [other = missing()], limits) =>
    passes(compared(value, other, operator, limits));

const missing = (): never => {
  throw fault("a test needs an argument");
};

const remainder = (value: Value, by: Value, limits: Limits) => {
  const rest = arithmetic(value, "%", by, limits);
  if (isText(rest)) throw fault("a text is neither odd nor even");
  return rest;
};

const isSame = (a: Value, b: Value): boolean => {
  if (a instanceof Text || b instanceof Text) return isText(a) && isText(b) && plain(a) === plain(b);
  return a === b;
};

const isSequence = (value: Value) =>
  isText(value) ||
  isList(value) ||
  value instanceof Tuple ||
  value instanceof Dict ||
  value instanceof Span ||
  value instanceof Undefined;

const equalTo: Test = (value, [other = missing()], limits) => equal(value, other, limits);
const unequalTo: Test = (value, args, limits) => !equalTo(value, args, limits);
const greater = order(">", (difference) => difference > 0);
const greaterOrEqual = order(">=", (difference) => difference >= 0);
const less = order("<", (difference) => difference < 0);
const lessOrEqual = order("<=", (difference) => difference <= 0);

const tests: Readonly<Record<string, Test>> = {
  boolean: (value) => typeof value === "boolean",
  callable: (value) =>
    value instanceof Callable || value instanceof Undefined || (value instanceof Host && value.call !== null),
  defined: (value) => !(value instanceof Undefined),
  divisibleby: (value, [by = missing()], limits) => equal(remainder(value, by, limits), 0n, limits),
  escaped: (value) => value instanceof Text && value.markup,
  even: (value, _, limits) => equal(remainder(value, 2n, limits), 0n, limits),
  false: (value) => value === false,
  filter: (value) => isText(value) && isFilter(plain(value)),
  float: (value) => typeof value === "number",
  in: (value, [whole = missing()], limits) => contains(whole, value, limits),
  integer: (value) => typeof value === "bigint",
  iterable: (value) => isSequence(value) || value instanceof View || value instanceof Lazy,
  lower: (value, _, limits) => isLower(strOf(value, limits)),
  mapping: (value) => value instanceof Dict,
  none: (value) => value === null,
  number: (value) => numberOf(value) !== null,
  odd: (value, _, limits) => equal(remainder(value, 2n, limits), 1n, limits),
  sameas: (value, [other = missing()]) => isSame(value, other),
  sequence: isSequence,
  string: (value) => isText(value),
  test: (value) => isText(value) && Object.hasOwn(tests, plain(value)),
  true: (value) => value === true,
  undefined: (value) => value instanceof Undefined,
  upper: (value, _, limits) => isUpper(strOf(value, limits)),
  "==": equalTo,
  eq: equalTo,
  equalto: equalTo,
  "!=": unequalTo,
  ne: unequalTo,
  ">": greater,
  gt: greater,
  greaterthan: greater,
  ">=": greaterOrEqual,
  ge: greaterOrEqual,
  "<": less,
  lt: less,
  lessthan: less,
  "<=": lessOrEqual,
  le: lessOrEqual,
};

/** Applies a test. Faults for an unknown one. */
export function applyTest(name: string, value: Value, { positional, named }: Given, limits: Limits): boolean {
  const test = Object.hasOwn(tests, name) ? tests[name] : undefined;
  if (!test) throw fault(`the test "${name.slice(0, 40)}" is not known`);
  if (named.size > 0) throw fault(`the test "${name}" has no arguments with names`);
  const count = test.length > 1 && !["lower", "upper", "odd", "even"].includes(name) ? 1 : 0;
  if (positional.length > count) throw fault(`the test "${name}" takes ${count} arguments, not ${positional.length}`);
  if (value instanceof Namespace && name === "sameas") return positional[0] === value;
  limits.count(1);
  if (isText(value)) limits.work(plain(value).length);
  return test(value, positional, limits);
}

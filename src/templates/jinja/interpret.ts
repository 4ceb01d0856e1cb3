/** Runs an untrusted template: counts its steps, texts, lists and nesting, and adds the place to each error. */

import { Environment, Interpreter } from "@huggingface/jinja";
import { type Clock, OutOfTime } from "../clock.ts";
import { TemplateError } from "../template.ts";
import { Budget, sizePerStep } from "./budget.ts";
import { placeAt } from "./lex.ts";
import { exceeded, limits } from "./limits.ts";
import {
  type Binary,
  type Choice,
  type Condition,
  composite,
  countOf,
  type Filter,
  isBinary,
  isChoice,
  isCondition,
  isFilter,
  isFilterBlock,
  isMacro,
  isMember,
  isTest,
  isUnary,
  leftOf,
  type Macro,
  type Member,
  membersOf,
  textOf,
} from "./nodes.ts";
import { isStackOverflow, type Node, type Program, type Value } from "./parse.ts";
import { inPlainWords } from "./words.ts";

/**
 * The program's output. `inputLength`: characters of the texts in `variables`. Throws TemplateError, with line and column
 * where they are known, for a fault in the template, a raised exception (its message) and an exceeded limit (its name);
 * `OutOfTime` when the time is over.
 */
export function run(
  program: Program,
  globals: Environment,
  variables: Readonly<Record<string, unknown>>,
  inputLength: number,
  clock: Clock,
): string {
  // A short rendering has too few steps for a check of the clock, and a conversation may need thousands of renderings.
  clock.check();
  const environment = new Environment(globals);
  for (const [name, value] of Object.entries(variables)) environment.set(name, value);
  const { value } = new LimitedInterpreter(environment, program, inputLength, clock).run(program.root);
  return typeof value === "string" ? value : "";
}

/** Replaces an operand in the tree by its value, so that the value can be measured before it is used. */
class Known {
  readonly type = "Known";
  constructor(readonly value: Value) {}
}

/** A loop creates a scope for each item before its first round, which costs as much as these steps. */
const stepsPerItem = 10;

/** Characters of a member's name, which the library reads again for each item of a list. */
const longestPath = 1000;

const literals: ReadonlySet<string> = new Set(["StringLiteral", "IntegerLiteral", "FloatLiteral"]);

/** Filters whose arguments decide how much they write or read. */
const measured: ReadonlySet<string> = new Set([
  ...["tojson", "join", "string", "indent", "replace"],
  ...["map", "sort", "dictsort", "unique"],
]);

/** Filters that cost the same for any list. */
const constant: ReadonlySet<string> = new Set(["first", "last", "length", "safe", "default"]);

/** Filters that test a member of each item, by names in the template. */
const selecting: ReadonlySet<string> = new Set(["selectattr", "rejectattr"]);

/** The library's methods of texts and objects, by the value that now contains a guarded one. */
const methods = new WeakMap<object, Extract<Value["value"], (...args: never[]) => unknown>>();

class LimitedInterpreter extends Interpreter {
  private readonly program: Program;
  private readonly budget: Budget;
  private depth = 0;
  /** The last `break` or `continue`, which the library throws as an error. */
  private control: unknown = null;

  constructor(environment: Environment, program: Program, inputLength: number, clock: Clock) {
    super(environment);
    this.program = program;
    this.budget = new Budget(inputLength, clock);
  }

  /** Evaluates chains of left operands in a loop: with thousands of links, recursion would overflow the stack. */
  override evaluate(node: Node | undefined, environment: Environment): Value {
    if (node === undefined) return super.evaluate(node, environment);
    if (node instanceof Known) return node.value;
    this.depth++;
    try {
      const links: Node[] = [];
      let first = node;
      for (let left = leftOf(first); left !== undefined; left = leftOf(first)) {
        links.push(first);
        first = left;
      }
      let value = first instanceof Known ? first.value : this.link(first, environment, undefined);
      for (let link = links.pop(); link !== undefined; link = links.pop()) value = this.link(link, environment, value);
      return value;
    } finally {
      this.depth--;
    }
  }

  /** Evaluates one node; `left` is the value of its left operand, where it has one. */
  private link(node: Node, environment: Environment, left: Value | undefined): Value {
    try {
      this.budget.count(1);
      if (this.depth > limits.nesting) throw this.nested();
      const value =
        left === undefined ? this.guarded(node, environment) : this.withLeft(node, environment, left, new Known(left));
      if (typeof value.value === "string") this.budget.allowText(value.value.length);
      else if (Array.isArray(value.value)) this.budget.allowItems(value.value.length);
      if (this.program.iterated.has(node)) this.budget.count(stepsPerItem * membersOf(value).length);
      if (composite(value) && this.program.printed.has(node)) this.budget.measure(value);
      return value;
    } catch (error) {
      throw this.placed(error, node);
    }
  }

  private guarded(node: Node, environment: Environment): Value {
    if (node.type === "Break" || node.type === "Continue") {
      try {
        return super.evaluate(node, environment);
      } catch (error) {
        this.control = error;
        throw error;
      }
    }
    if (literals.has(node.type)) {
      // A literal's value never changes, so all renderings share it.
      const known = this.program.values.get(node);
      if (known) return known;
      const value = super.evaluate(node, environment);
      this.program.values.set(node, value);
      return value;
    }
    if (isCondition(node) || isChoice(node)) return this.choose(node, environment);
    if (isFilterBlock(node)) {
      const text = this.write(node.body, environment);
      const applied = { type: "FilterExpression", operand: new Known(text), filter: node.filter };
      return this.filter(applied, environment, text);
    }
    if (isMacro(node)) return this.declare(node, environment);
    const value = super.evaluate(node, environment);
    if (node.type === "CallExpression") this.budget.work(sizePerStep * 8 + 16 * countOf(value));
    return value;
  }

  private withLeft(node: Node, environment: Environment, left: Value, known: Known): Value {
    if (isBinary(node)) return this.binary(node, environment, left, known);
    if (isMember(node)) return this.member(node, environment, left, known);
    if (isFilter(node)) return this.filter(node, environment, left);
    if (isTest(node)) {
      this.budget.work(textOf(left).length);
      const joined = { type: node.type, operand: known, negate: node.negate, test: node.test };
      return super.evaluate(joined, environment);
    }
    if (!isUnary(node)) return super.evaluate(node, environment);
    const joined = { type: node.type, operator: node.operator, argument: known };
    return super.evaluate(joined, environment);
  }

  /**
   * The library searches a macro's whole body for `kwargs` and `varargs`, by recursion, each time it runs the
   * statement.
   */
  private declare(node: Macro, environment: Environment): Value {
    if (this.program.readsExtraArguments) {
      this.budget.work(sizePerStep * (this.program.sizes.get(node) ?? 0));
      return super.evaluate(node, environment);
    }
    // The search skips nodes that are not of the library's own classes.
    const hidden = { ...node, body: [{ type: "Program", body: node.body }] };
    return super.evaluate(hidden, environment);
  }

  /** Follows chains of `elif`, and of `a if b else c`, in a loop. */
  private choose(node: Condition | Choice, environment: Environment): Value {
    const isTrue = (test: Node) => this.evaluate(test, environment).__bool__().value;
    for (let current: Condition | Choice = node; ; this.budget.count(1)) {
      if (isCondition(current)) {
        if (isTrue(current.test)) return this.write(current.body, environment);
        const [only, ...others]: Node[] = current.alternate;
        if (!only || others.length > 0 || !isCondition(only)) return this.write(current.alternate, environment);
        current = only;
      } else {
        if (isTrue(current.condition)) return this.evaluate(current.trueExpr, environment);
        const otherwise: Node = current.falseExpr;
        if (!isChoice(otherwise)) return this.evaluate(otherwise, environment);
        current = otherwise;
      }
    }
  }

  /** The output of a block. */
  private write(body: Node[], environment: Environment): Value {
    const block = { type: "Program", body };
    return super.evaluate(block, environment);
  }

  private binary({ type, operator, right: node }: Binary, environment: Environment, left: Value, known: Known): Value {
    const name = operator.value;
    if (name === "and" || name === "or") {
      const joined = { type, operator, left: known, right: node };
      return super.evaluate(joined, environment);
    }
    const right = this.evaluate(node, environment);
    // The library turns a list into text before it compares or joins it with a text.
    if (composite(left) !== composite(right) || name === "~") {
      for (const operand of [left, right]) if (composite(operand)) this.budget.measure(operand);
    }
    const [a, b] = [textOf(left).length, textOf(right).length];
    if (name === "==" || name === "!=") this.budget.work(a === b ? a : 0);
    else if (name === "+") this.budget.work(countOf(left) + countOf(right));
    else if (name.endsWith("in")) this.budget.work(a + b + (a * b) / 256 + 8 * countOf(right));
    const joined = { type, operator, left: known, right: new Known(right) };
    return super.evaluate(joined, environment);
  }

  private member({ type, property, computed }: Member, environment: Environment, object: Value, known: Known): Value {
    const own = object.value instanceof Map ? object.value : null;
    let key: Node = property;
    let name = String(Reflect.get(property, "value"));
    if (property.type === "SliceExpression") this.budget.work(6 * textOf(object).length + countOf(object));
    else if (computed) {
      const value = this.evaluate(property, environment);
      name = String(value.value);
      key = new Known(value);
    } else {
      const value = own?.get(name);
      if (value) return value;
    }
    const joined = { type, object: known, property: key, computed };
    const value = super.evaluate(joined, environment);
    // Methods of texts and objects, not functions stored in them. A literal's method was guarded by an earlier rendering.
    if (typeof value.value === "function" && !own?.has(name) && (own || typeof object.value === "string")) {
      const method = methods.get(value) ?? value.value;
      methods.set(value, method);
      value.value = (args, scope) => {
        this.allowMethod(name, object, args);
        return method(args, scope);
      };
    }
    return value;
  }

  private allowMethod(name: string, object: Value, args: readonly Value[]): void {
    const text = textOf(object);
    this.budget.work(text.length + 8 * countOf(object));
    for (const arg of args) this.budget.work(textOf(arg).length + 8 * countOf(arg));
    if (name === "replace") this.budget.allowReplacement(text, args);
    if (name === "split") {
      const separator = textOf(args[0]);
      this.budget.work((text.length * separator.length) / 256);
      this.budget.allowItems(
        separator === "" ? (text.length + 1) / 2 : text.split(separator, this.budget.mostItems + 1).length,
      );
    }
    if (name === "dictsort") this.budget.sort(object);
  }

  private filter({ type, filter }: Filter, environment: Environment, operand: Value): Value {
    const name = filter.value ?? filter.callee?.value ?? "";
    const text = textOf(operand);
    this.budget.work(sizePerStep + text.length + (constant.has(name) ? 0 : 4 * countOf(operand)));
    if (composite(operand) && measured.has(name) && name !== "tojson") this.budget.measure(operand);
    if (selecting.has(name)) {
      const written = filter.args?.map((arg) => String(Reflect.get(arg, "value"))) ?? [];
      this.budget.work((countOf(operand) * written.join("").length) / 4);
      // These two tests read the whole text.
      if (written.includes("lower") || written.includes("upper")) this.budget.measure(operand);
    }
    if (name === "sort" || name === "dictsort") this.budget.sort(operand);
    if (!measured.has(name)) {
      const joined = { type, operand: new Known(operand), filter };
      return super.evaluate(joined, environment);
    }
    const values: Value[] = [];
    const args = filter.args?.map((arg) => {
      const inner: unknown = Reflect.get(arg, arg.type === "KeywordArgumentExpression" ? "value" : "argument");
      const isNode = (child: unknown): child is Node => typeof child === "object" && child !== null && "type" in child;
      const value = this.evaluate(isNode(inner) ? inner : arg, environment);
      values.push(value);
      const known = new Known(value);
      return isNode(inner) ? { type: arg.type, key: Reflect.get(arg, "key"), value: known, argument: known } : known;
    });
    const members = values.flatMap((value) => (composite(value) ? membersOf(value) : [value]));
    const greatest = members.reduce((most, { value }) => (typeof value === "number" ? Math.max(most, value) : most), 0);
    const longest = members.reduce((most, value) => Math.max(most, textOf(value).length), 0);
    const pieces = Array.isArray(operand.value) ? operand.value.length : text.length;
    if (name === "indent") this.budget.allowText(text.length + greatest * text.split("\n").length);
    if (name === "tojson" && greatest > 64) throw exceeded(`indents JSON by ${greatest} spaces, more than 64`);
    if (name === "tojson" && composite(operand)) this.budget.measure(operand, greatest, longest);
    if (name === "join") this.budget.allowText(longest * pieces);
    if (name === "replace") this.budget.allowReplacement(text, members);
    if ((name === "map" || name === "sort") && longest > longestPath)
      throw exceeded(`reads a member by a name of ${longest} characters, more than ${longestPath}`);
    const joined = { type, operand: new Known(operand), filter: args ? { ...filter, args } : filter };
    return super.evaluate(joined, environment);
  }

  private nested(place: TemplateError["place"] = null): TemplateError {
    const { message } = exceeded(`calls itself, or is nested, more than ${limits.nesting} levels deep`);
    return new TemplateError(message, place);
  }

  /** The error with the place of the innermost node that has one. */
  private placed(error: unknown, node: Node): unknown {
    if (error === this.control && this.depth > 1) return error;
    if (error instanceof TemplateError && error.place !== null) return error;
    const offset = this.program.offsets.get(node);
    const place = offset === undefined ? null : placeAt(this.program.source, offset);
    if (error instanceof OutOfTime) return place === null ? error : new OutOfTime(place);
    if (error instanceof TemplateError)
      return place === null ? error : new TemplateError(error.message, place, { cause: error });
    if (isStackOverflow(error)) return this.nested(place);
    if (error instanceof RangeError && /string length|allocation size|out of memory/i.test(error.message)) {
      return exceeded(`writes a text of more than ${this.budget.longest.toLocaleString("en")} characters`);
    }
    if (place === null && this.depth > 1) return error;
    const message = error === this.control ? '"break" or "continue" is outside of any "for"' : inPlainWords(error);
    return new TemplateError(`The template cannot be rendered: ${message}.`, place, { cause: error });
  }
}

/** Runs a template that nobody has read: every step, text, list and nesting is counted, and errors know their place. */

import { Environment, Interpreter } from "@huggingface/jinja";
import { TemplateError } from "../template.ts";
import { placeAt } from "./lex.ts";
import { isStackOverflow, type Node, type Program, type Value } from "./parse.ts";

/** Above what any chat template needs; steps, texts and lists may grow with what a template is given. */
const limits = {
  steps: 500_000,
  nesting: 300,
  seconds: 5,
  text: 1_000_000,
  items: 100_000,
} as const;

/** What every rendering of a template sees; made once, for a row has only its messages to itself. */
export function createGlobals(variables: Readonly<Record<string, unknown>>, now: Date): Environment {
  const environment = new Environment();
  const globals = {
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
    range: (...bounds: unknown[]) => range(bounds),
    raise_exception: (message: unknown) => {
      throw new TemplateError(typeof message === "string" ? message : "The template raised an exception.");
    },
    strftime_now: (format: unknown) => strftime(now, String(format)),
    ...variables,
  };
  for (const [name, value] of Object.entries(globals)) environment.set(name, value);
  return environment;
}

/**
 * The text that the program writes. `given` is the number of characters that it is given. Throws TemplateError with line
 * and column, where one is known, for a fault in the template, for `raise_exception` with its message, and when a limit is
 * exceeded, naming it.
 */
export function run(
  program: Program,
  globals: Environment,
  variables: Readonly<Record<string, unknown>>,
  given: number,
): string {
  const environment = new Environment(globals);
  for (const [name, value] of Object.entries(variables)) environment.set(name, value);
  const { value } = new LimitedInterpreter(environment, program, given).run(program.root);
  return typeof value === "string" ? value : "";
}

/** Python's range, with a list of bounded length. */
function range(bounds: readonly unknown[]): number[] {
  const [first = 0, second, step = 1] = bounds.filter((bound) => typeof bound === "number");
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  if (step === 0) throw new Error("range() takes no step of zero");
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= limits.items)) {
    throw exceeded(`asks for a range of ${length} numbers, and ${limits.items} are allowed`);
  }
  return Array.from({ length }, (_, i) => start + i * step);
}

interface Binary extends Node {
  readonly operator: { readonly value: string };
  readonly left: Node;
  readonly right: Node;
}
interface Member extends Node {
  readonly object: Node;
  readonly property: Node;
  readonly computed: boolean;
}
interface Filter extends Node {
  readonly operand: Node;
  readonly filter: Node & {
    readonly value?: string;
    readonly callee?: Node & { value?: string };
    readonly args?: Node[];
  };
}
const isBinary = (node: Node): node is Binary => node.type === "BinaryExpression";
const isMember = (node: Node): node is Member => node.type === "MemberExpression";
const isFilter = (node: Node): node is Filter => node.type === "FilterExpression";

/** Stands in the tree for an operand that has been evaluated, so that it could be measured before it is used. */
class Known {
  readonly type = "Known";
  constructor(readonly value: Value) {}
}

/** A loop makes a scope for each item before its first round, which costs as much as some steps. */
const stepsPerItem = 10;

/** How often the clock is looked at. */
const stepsBetweenLooks = 64;

const literals: ReadonlySet<string> = new Set(["StringLiteral", "IntegerLiteral", "FloatLiteral"]);

/** Filters that can write much more than they are given. */
const growing: ReadonlySet<string> = new Set(["tojson", "join", "string", "indent", "replace"]);

/** Methods of texts as the library made them, before they were guarded. */
const methods = new WeakMap<object, Extract<Value["value"], (...args: never[]) => unknown>>();

const composite = (value: Value): boolean => Array.isArray(value.value) || value.value instanceof Map;
const textOf = (value: Value | undefined): string => (typeof value?.value === "string" ? value.value : "");

class LimitedInterpreter extends Interpreter {
  private readonly program: Program;
  private readonly longest: number;
  private readonly mostItems: number;
  private readonly mostSteps: number;
  private readonly deadline = performance.now() + limits.seconds * 1000;
  private steps = 0;
  private nextLook: number = stepsBetweenLooks;
  private depth = 0;
  /** `break` and `continue`, which the library throws. */
  private control: unknown = null;

  constructor(environment: Environment, program: Program, given: number) {
    super(environment);
    this.program = program;
    this.longest = limits.text + 8 * given;
    this.mostItems = limits.items + given;
    this.mostSteps = limits.steps + given;
  }

  override evaluate(node: Node | undefined, environment: Environment): Value {
    if (node === undefined) return super.evaluate(node, environment);
    if (node instanceof Known) return node.value;
    this.depth++;
    try {
      this.count(1);
      if (this.depth > limits.nesting) throw this.nested();
      const value = this.guarded(node, environment) ?? super.evaluate(undefined, environment);
      if (typeof value.value === "string") this.allowText(value.value.length);
      else if (Array.isArray(value.value)) this.allowItems(value.value.length);
      if (this.program.iterated.has(node)) this.count(stepsPerItem * membersOf(value).length);
      if (composite(value) && this.program.printed.has(node)) this.measure(value);
      return value;
    } catch (error) {
      throw this.placed(error, node);
    } finally {
      this.depth--;
    }
  }

  private guarded(node: Node, environment: Environment): Value | undefined {
    if (node.type === "Break" || node.type === "Continue") {
      try {
        return super.evaluate(node, environment);
      } catch (error) {
        this.control = error;
        throw error;
      }
    }
    if (literals.has(node.type)) {
      // Values of literals never change: one serves every rendering.
      const known = this.program.values.get(node);
      if (known) return known;
      const value = super.evaluate(node, environment);
      this.program.values.set(node, value);
      return value;
    }
    if (isBinary(node)) return this.binary(node, environment);
    if (isMember(node)) return this.member(node, environment);
    if (isFilter(node)) return this.filter(node, environment);
    return super.evaluate(node, environment);
  }

  private binary(node: Binary, environment: Environment): Value {
    const operator = node.operator.value;
    if (operator === "and" || operator === "or") return super.evaluate(node, environment);
    const left = this.evaluate(node.left, environment);
    const right = this.evaluate(node.right, environment);
    // Comparing or joining a list with a text turns it into text first.
    if (composite(left) !== composite(right)) this.measure(composite(left) ? left : right);
    const known = { type: node.type, operator: node.operator, left: new Known(left), right: new Known(right) };
    return super.evaluate(known, environment);
  }

  private member(node: Member, environment: Environment): Value {
    const object = this.evaluate(node.object, environment);
    const { type, property, computed } = node;
    if (!computed && object.value instanceof Map) {
      const value = object.value.get(String(Reflect.get(property, "value")));
      if (value) return value;
    }
    const known = { type, object: new Known(object), property, computed };
    const value = super.evaluate(known, environment);
    // The text's own `replace`; none of its other methods makes it longer. A literal keeps its methods between renderings.
    if (typeof value.value === "function" && typeof object.value === "string") {
      const [text, method] = [object.value, methods.get(value) ?? value.value];
      methods.set(value, method);
      value.value = (args, scope) => {
        this.allowReplacement(text, args);
        return method(args, scope);
      };
    }
    return value;
  }

  private filter(node: Filter, environment: Environment): Value {
    const { type, filter } = node;
    const operand = this.evaluate(node.operand, environment);
    const name = filter.value ?? filter.callee?.value ?? "";
    if (!growing.has(name)) {
      const known = { type, operand: new Known(operand), filter };
      return super.evaluate(known, environment);
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
    if (composite(operand)) this.measure(operand);
    const members = values.flatMap((value) => (composite(value) ? membersOf(value) : [value]));
    const greatest = Math.max(0, ...members.map(({ value }) => (typeof value === "number" ? value : 0)));
    const text = textOf(operand);
    const pieces = Array.isArray(operand.value) ? operand.value.length : text.length;
    if (name === "indent") this.allowText(text.length + greatest * text.split("\n").length);
    if (name === "tojson" && greatest > 64) throw exceeded(`indents JSON by ${greatest}, and 64 are allowed`);
    if (name === "join") this.allowText(Math.max(0, ...members.map((value) => textOf(value).length)) * pieces);
    if (name === "replace") this.allowReplacement(text, members);
    const known = { type, operand: new Known(operand), filter: args ? { ...filter, args } : filter };
    return super.evaluate(known, environment);
  }

  private count(steps: number): void {
    this.steps += steps;
    if (this.steps > this.mostSteps) throw exceeded(`takes more than ${this.mostSteps.toLocaleString("en")} steps`);
    if (this.steps < this.nextLook) return;
    this.nextLook = this.steps + stepsBetweenLooks;
    if (performance.now() > this.deadline) throw exceeded(`takes longer than ${limits.seconds} seconds`);
  }

  private allowText(length: number): void {
    if (length > this.longest) {
      throw exceeded(`writes a text of more than ${this.longest.toLocaleString("en")} characters`);
    }
  }

  private allowItems(count: number): void {
    if (count > this.mostItems)
      throw exceeded(`makes a list of more than ${this.mostItems.toLocaleString("en")} items`);
  }

  private allowReplacement(text: string, args: readonly Value[]): void {
    const [before, after] = args.map(textOf);
    if (before === undefined || after === undefined || after.length <= before.length) return;
    const times = before === "" ? text.length + 1 : text.split(before).length - 1;
    this.allowText(text.length + times * (after.length - before.length));
  }

  /** Walks what would be written as text: a few lists that hold each other twice are a text without end. */
  private measure(value: Value): void {
    let length = 0;
    const left = [value];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      length += 2 + textOf(next).length;
      this.allowText(length);
      left.push(...membersOf(next));
    }
  }

  private nested(): TemplateError {
    return exceeded(`calls itself, or is nested, more than ${limits.nesting} levels deep`);
  }

  /** The error with the place of the innermost node that has one. */
  private placed(error: unknown, node: Node): unknown {
    if (error === this.control && this.depth > 1) return error;
    const offset = this.program.offsets.get(node);
    const place = offset === undefined ? null : placeAt(this.program.source, offset);
    if (error instanceof TemplateError) {
      return error.place !== null || place === null ? error : new TemplateError(error.message, place, { cause: error });
    }
    if (isStackOverflow(error)) return this.nested();
    if (error instanceof RangeError && /string length|allocation size|out of memory/i.test(error.message)) {
      return exceeded(`writes a text of more than ${this.longest.toLocaleString("en")} characters`);
    }
    if (place === null && this.depth > 1) return error;
    const said = error instanceof Error ? error.message : String(error);
    const message = error === this.control ? '"break" or "continue" stands outside of any "for"' : said;
    return new TemplateError(`The template cannot be rendered: ${message}.`, place, { cause: error });
  }
}

const membersOf = ({ value }: Value): readonly Value[] =>
  Array.isArray(value) ? value : value instanceof Map ? [...value.values()] : [];

const exceeded = (what: string) =>
  new TemplateError(`The template was stopped, for it ${what}. Repair it, or choose another one.`);

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** Python's strftime in English, as servers have it; what it does not know stays as it is written. */
function strftime(date: Date, format: string): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const [day, month] = [days[date.getDay()] ?? "", months[date.getMonth()] ?? ""];
  const known: Readonly<Record<string, string>> = {
    Y: String(date.getFullYear()),
    y: two(date.getFullYear() % 100),
    m: two(date.getMonth() + 1),
    d: two(date.getDate()),
    H: two(date.getHours()),
    I: two(date.getHours() % 12 || 12),
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    p: date.getHours() < 12 ? "AM" : "PM",
    A: day,
    a: day.slice(0, 3),
    B: month,
    b: month.slice(0, 3),
    "%": "%",
  };
  return format.replace(/%(.)/g, (whole, letter) => known[letter] ?? whole);
}

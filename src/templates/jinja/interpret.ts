/** Runs an untrusted template with Jinja's semantics. Its output says which characters come from which field of the row. */

import type { Clock } from "../clock.ts";
import { OutOfTime } from "../clock.ts";
import { TemplateError } from "../template.ts";
import { itemsOf } from "./access.ts";
import { Budget } from "./budget.ts";
import { Evaluator } from "./evaluate.ts";
import { Fault, fault } from "./fault.ts";
import { createGlobals } from "./globals.ts";
import { exceeded, limits } from "./limits.ts";
import { loopVariable } from "./loop.ts";
import type { Program } from "./parse.ts";
import { strOf } from "./print.ts";
import { orElse, Scope } from "./scope.ts";
import { placeAt } from "./source.ts";
import type { Expression, Link, MacroBody, Statement, Target } from "./syntax.ts";
import { type Range, type Run, type Str, Text, TextBuilder } from "./text.ts";
import { Callable, Dict, isTrue, Namespace, numberOf, Tuple, typeOf, Undefined, type Value } from "./values.ts";

/** A span of the output that was written while a loop's item, or a variable set in a loop, was this message. */
export interface Turn extends Range {
  readonly message: number;
}

export interface Output {
  readonly text: string;
  /** Characters of the row, in order. */
  readonly runs: readonly Run[];
  /** In order; a message may have several. */
  readonly turns: readonly Turn[];
  /** What the generation tags enclose. */
  readonly generations: readonly Range[];
}

export interface Input {
  readonly variables: ReadonlyMap<string, Value>;
  /** The messages among the variables, by their dict. */
  readonly messages: ReadonlyMap<Value, number>;
  /** Characters of the texts in `variables`; the limits grow with them. */
  readonly length: number;
  /** The date that `strftime_now` formats. */
  readonly now: Date;
}

/**
 * The program's output. Throws TemplateError, with line and column where they are known, for a fault in the template, a raised
 * exception (its message) and an exceeded limit (its name); `OutOfTime` when the time is over.
 */
export function run(program: Program, input: Input, clock: Clock): Output {
  // A short rendering has too few steps for a check of the clock, and a conversation may need many renderings.
  clock.check();
  const interpreter = new Interpreter(program, input, clock);
  return interpreter.run();
}

/** How a list of statements ended. */
type Ending = "end" | "break" | "continue";

interface Frame {
  readonly scope: Scope;
  readonly out: TextBuilder;
  /** Whether it is within a loop, so that a variable that is set to a message begins its turn. */
  readonly inLoop: boolean;
}

class Interpreter extends Evaluator {
  private readonly output = new TextBuilder();
  private readonly turns: { start: number; end: number; message: number }[] = [];
  /** The message whose turn is being written. */
  private message: number | null = null;

  constructor(
    private readonly program: Program,
    private readonly input: Input,
    clock: Clock,
  ) {
    super(new Budget(input.length, clock));
  }

  run(): Output {
    try {
      const context = new Scope(null);
      for (const [name, value] of createGlobals(this.input.now, this.budget)) context.set(name, value);
      for (const [name, value] of this.input.variables) context.set(name, value);
      this.block(this.program.body, { scope: new Scope(context), out: this.output, inLoop: false });
    } catch (error) {
      throw this.placed(error);
    }
    const built = this.output.build();
    const whole = built instanceof Text ? built : new Text(built, []);
    return { text: whole.text, runs: whole.runs, turns: this.turns, generations: whole.generations };
  }

  private placed(error: unknown): unknown {
    if (error instanceof TemplateError && error.place !== null) return error;
    const place = placeAt(this.program.source, this.at);
    if (error instanceof OutOfTime) return new OutOfTime(place);
    if (error instanceof TemplateError) return new TemplateError(error.message, place, { cause: error });
    if (error instanceof Fault)
      return new TemplateError(`The template cannot be rendered: ${error.message}.`, place, { cause: error });
    if (error instanceof Error && /call stack|too much recursion/i.test(error.message)) {
      const { message } = exceeded(`calls itself, or is nested, more than ${limits.nesting} levels deep`);
      return new TemplateError(message, place, { cause: error });
    }
    if (error instanceof RangeError) {
      const { message } = exceeded(`writes a text of more than ${this.budget.longest.toLocaleString("en")} characters`);
      return new TemplateError(message, place, { cause: error });
    }
    return error;
  }

  private emit(value: Str, out: TextBuilder): void {
    const start = out.length;
    out.add(value);
    const end = out.length;
    this.budget.allowText(end - start);
    if (end > this.budget.longest) this.budget.allowText(end);
    if (out !== this.output || this.message === null || start === end) return;
    const last = this.turns.at(-1);
    if (last && last.message === this.message && last.end === start) last.end = end;
    else this.turns.push({ start, end, message: this.message });
  }

  private block(body: readonly Statement[], frame: Frame): Ending {
    for (const statement of body) {
      this.at = statement.offset;
      this.budget.count(1);
      const ending = this.statement(statement, frame);
      if (ending !== "end") return ending;
    }
    return "end";
  }

  private statement(statement: Statement, frame: Frame): Ending {
    const { scope, out } = frame;
    switch (statement.kind) {
      case "data":
        this.emit(statement.text, out);
        return "end";
      case "print": {
        const value = this.evaluate(statement.value, scope);
        this.at = statement.value.offset;
        this.emit(strOf(value, this.budget), out);
        return "end";
      }
      case "if":
        for (const { test, body } of statement.branches)
          if (isTrue(this.evaluate(test, scope))) return this.block(body, frame);
        return this.block(statement.otherwise, frame);
      case "for":
        return this.loop(statement, frame, 0, () => this.evaluate(statement.iterable, scope));
      case "set":
        this.assign(statement.target, this.evaluate(statement.value, scope), frame);
        return "end";
      case "set block": {
        const text = this.captured(statement.body, frame);
        this.assign(statement.target, this.filtered(text, statement.filters, scope), frame);
        return "end";
      }
      case "filter block": {
        const text = this.captured(statement.body, frame);
        this.emit(strOf(this.filtered(text, statement.filters, scope), this.budget), out);
        return "end";
      }
      case "with": {
        const inner = new Scope(scope);
        for (const { target, value } of statement.assigned) this.unpack(target, this.evaluate(value, scope), inner);
        return this.block(statement.body, { ...frame, scope: inner });
      }
      case "macro":
        scope.set(statement.macro.name, this.macro(statement.macro, scope));
        return "end";
      case "call block": {
        const caller = this.macro(statement.macro, scope);
        this.emit(strOf(this.callWith(statement.call, caller, scope), this.budget), out);
        return "end";
      }
      case "generation": {
        const start = out.length;
        this.block(statement.body, { ...frame, scope: new Scope(scope) });
        out.addGeneration({ start, end: out.length });
        return "end";
      }
      case "break":
      case "continue":
        return statement.kind;
    }
  }

  /** The output of a body in a scope of its own. */
  private captured(body: readonly Statement[], { scope }: Frame): Str {
    const out = new TextBuilder();
    this.block(body, { scope: new Scope(scope), out, inLoop: false });
    return out.build();
  }

  private filtered(text: Str, filters: readonly Link[], scope: Scope): Value {
    return filters.reduce((value: Value, link) => this.link(value, link, scope), text);
  }

  private loop(
    statement: Extract<Statement, { kind: "for" }>,
    frame: Frame,
    depth: number,
    iterate: () => Value,
  ): Ending {
    const { scope, out } = frame;
    const { target, test, body } = statement;
    const value = iterate();
    this.at = statement.iterable.offset;
    let items = itemsOf(value, this.budget);
    this.budget.work(8 * items.length);
    if (test !== null) {
      items = items.filter((item) => {
        const inner = new Scope(scope);
        this.unpack(target, item, inner);
        return isTrue(this.evaluate(test, inner));
      });
    }
    const recurse = (inner: Value): Value =>
      this.budget.nested(() => {
        const written = new TextBuilder();
        this.loop(statement, { ...frame, out: written }, depth + 1, () => inner);
        return written.build();
      });
    const message = this.message;
    const changes = { last: null as readonly Value[] | null };
    // Jinja also runs "else" where "continue" or "break" ends every iteration early.
    let hasCompleted = false;
    for (let index = 0; index < items.length; index++) {
      this.budget.count(stepsPerItem);
      const inner = new Scope(scope);
      inner.set(
        "loop",
        loopVariable({ items, index, depth, changes }, statement.recursive ? recurse : null, this.budget),
      );
      this.at = statement.offset;
      const item = items[index] ?? null;
      this.unpack(target, item, inner);
      this.message = this.input.messages.get(item) ?? message;
      const ending = this.block(body, { scope: inner, out, inLoop: true });
      this.message = message;
      if (ending === "break") break;
      if (ending === "end") hasCompleted = true;
    }
    if (!hasCompleted) return this.block(statement.otherwise, { ...frame, scope: new Scope(scope) });
    return "end";
  }

  private assign(target: Target, value: Value, frame: Frame): void {
    this.unpack(target, value, frame.scope);
    if (!frame.inLoop || target.kind !== "name") return;
    const message = this.input.messages.get(value);
    if (message !== undefined) this.message = message;
  }

  private unpack(target: Target, value: Value, scope: Scope): void {
    if (target.kind === "name") {
      scope.set(target.name, value);
      return;
    }
    this.at = target.offset;
    if (target.kind === "member") {
      const owner = scope.get(target.name);
      if (!(owner instanceof Namespace))
        throw fault(`"${target.name}" is no namespace, so no value can be assigned to its member`);
      owner.members.set(target.member, value);
      return;
    }
    const scalar = value === null || numberOf(value) !== null;
    if (scalar) throw fault(`a value of the type ${typeOf(value)} cannot be unpacked into several names`);
    const items = itemsOf(value, this.budget);
    if (items.length !== target.targets.length) {
      throw fault(`${items.length} values cannot be unpacked into ${target.targets.length} names`);
    }
    target.targets.forEach((one, i) => {
      this.unpack(one, items[i] ?? null, scope);
    });
  }

  private macro(macro: MacroBody, scope: Scope): Callable {
    const { name, parameters, body, reads } = macro;
    return new Callable(name, ({ positional, named }) =>
      this.budget.nested(() => {
        const at = this.at;
        const inner = new Scope(scope);
        const rest = new Map(named);
        parameters.forEach((parameter, i) => {
          const given = i < positional.length ? positional[i] : rest.get(parameter.name);
          if (positional[i] !== undefined && rest.has(parameter.name))
            throw fault(`the macro "${name}" gets the argument "${parameter.name}" twice`);
          rest.delete(parameter.name);
          inner.set(
            parameter.name,
            orElse(given, () =>
              parameter.initial
                ? this.evaluate(parameter.initial, inner)
                : new Undefined(`the argument "${parameter.name}"`),
            ),
          );
        });
        const caller = rest.get("caller");
        rest.delete("caller");
        if (reads.caller) inner.set("caller", caller ?? new Undefined('"caller"'));
        else if (caller !== undefined)
          throw fault(`the macro "${name}" does not use "caller", so it cannot be called with a block`);
        if (reads.kwargs) inner.set("kwargs", new Dict(rest));
        else if (rest.size > 0) throw fault(`the macro "${name}" has no argument "${[...rest.keys()][0]}"`);
        const more = positional.slice(parameters.length);
        if (reads.varargs) inner.set("varargs", new Tuple(more));
        else if (more.length > 0)
          throw fault(`the macro "${name}" takes at most ${parameters.length} arguments, not ${positional.length}`);
        const out = new TextBuilder();
        this.block(body, { scope: inner, out, inLoop: false });
        this.at = at;
        return out.build();
      }),
    );
  }

  /** Evaluates a call of `{% call %}`, with its block as the argument "caller". */
  private callWith(call: Expression, caller: Callable, scope: Scope): Value {
    if (call.kind !== "chain") return this.evaluate(call, scope);
    const last = call.links.at(-1);
    const before: Expression = { ...call, links: call.links.slice(0, -1) };
    const called = this.evaluate(before, scope);
    if (last?.kind !== "call") return called;
    const { positional, named } = this.arguments(last.args, scope);
    this.at = last.offset;
    return this.call(called, { positional, named: new Map([...named, ["caller", caller]]) });
  }
}

/** Each round of a loop makes a scope, which costs as much as these steps. */
const stepsPerItem = 5;

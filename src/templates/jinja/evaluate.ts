/** Evaluates the expressions of a template. */

import { attributeOf, contains, itemOf, itemsOf, sliceOf } from "./access.ts";
import type { Budget } from "./budget.ts";
import { fault } from "./fault.ts";
import type { Tools } from "./filter.ts";
import { applyFilter } from "./filters.ts";
import { arithmetic, tilde } from "./operators.ts";
import { orElse, type Scope } from "./scope.ts";
import type { Arguments, Expression, Link } from "./syntax.ts";
import { applyTest } from "./tests.ts";
import { isText, plain } from "./text.ts";
import {
  Callable,
  compared,
  Dict,
  equal,
  type Given,
  Host,
  isList,
  isTrue,
  numberOf,
  Tuple,
  typeOf,
  Undefined,
  undefinedFault,
  type Value,
} from "./values.ts";

export class Evaluator {
  /** Offset in the source of the last evaluated part. */
  protected at = 0;
  protected readonly tools: Tools;

  constructor(protected readonly budget: Budget) {
    this.tools = {
      limits: budget,
      filter: (name, value, given) => applyFilter(name, value, given, this.tools),
      test: (name, value, given) => applyTest(name, value, given, budget),
    };
  }

  protected evaluate(node: Expression, scope: Scope): Value {
    this.budget.count(1);
    this.at = node.offset;
    switch (node.kind) {
      case "constant":
        return node.value;
      case "name":
        return orElse(scope.get(node.name), () => new Undefined(`"${node.name.slice(0, 60)}"`));
      case "list":
        this.budget.allowItems(node.items.length);
        return node.items.map((item) => this.evaluate(item, scope));
      case "tuple":
        return new Tuple(node.items.map((item) => this.evaluate(item, scope)));
      case "dict":
        return new Dict(node.entries.map(([key, value]) => [this.evaluate(key, scope), this.evaluate(value, scope)]));
      case "signed": {
        const value = this.evaluate(node.operand, scope);
        this.at = node.offset;
        if (value instanceof Undefined) throw undefinedFault(value);
        let number = numberOf(value);
        if (number === null) throw fault(`a value of the type ${typeOf(value)} has no sign`);
        for (const sign of node.signs) if (sign === "-") number = -number;
        return number;
      }
      case "not": {
        const value = isTrue(this.evaluate(node.operand, scope));
        this.budget.count(node.times);
        return node.times % 2 === 1 ? !value : value;
      }
      case "arithmetic":
        return node.rest.reduce(
          (left, { operator, operand, offset }) => {
            const right = this.evaluate(operand, scope);
            this.at = offset;
            return arithmetic(left, operator, right, this.budget);
          },
          this.evaluate(node.first, scope),
        );
      case "comparison": {
        let left = this.evaluate(node.first, scope);
        for (const { operator, operand, offset } of node.rest) {
          const right = this.evaluate(operand, scope);
          this.at = offset;
          if (!this.compare(left, operator, right)) return false;
          left = right;
        }
        return true;
      }
      case "joined":
        return tilde(
          node.items.map((item) => this.evaluate(item, scope)),
          this.budget,
        );
      case "and":
      case "or": {
        let value: Value = null;
        for (const item of node.items) {
          value = this.evaluate(item, scope);
          if (isTrue(value) === (node.kind === "or")) return value;
        }
        return value;
      }
      case "choice":
        for (const { test, value } of node.branches)
          if (isTrue(this.evaluate(test, scope))) return this.evaluate(value, scope);
        return node.otherwise === null
          ? new Undefined('the value of an "if" without "else"')
          : this.evaluate(node.otherwise, scope);
      case "chain":
        return node.links.reduce((value, link) => this.link(value, link, scope), this.evaluate(node.base, scope));
    }
  }

  private compare(left: Value, operator: string, right: Value): boolean {
    switch (operator) {
      case "==":
        return equal(left, right, this.budget);
      case "!=":
        return !equal(left, right, this.budget);
      case "in":
        return contains(right, left, this.budget);
      case "not in":
        return !contains(right, left, this.budget);
      default: {
        const difference = compared(left, right, operator, this.budget);
        if (operator === "<") return difference < 0;
        if (operator === "<=") return difference <= 0;
        return operator === ">" ? difference > 0 : difference >= 0;
      }
    }
  }

  protected link(value: Value, link: Link, scope: Scope): Value {
    this.budget.count(1);
    this.at = link.offset;
    switch (link.kind) {
      case "attribute":
        return attributeOf(value, link.name, this.budget);
      case "item": {
        const key = this.evaluate(link.index, scope);
        this.at = link.offset;
        return itemOf(value, key, this.budget);
      }
      case "slice": {
        const bounds = link.bounds.map((bound) => (bound === null ? null : this.evaluate(bound, scope)));
        this.at = link.offset;
        const part = sliceOf(value, bounds, this.budget);
        if (isList(part)) this.budget.allowItems(part.length);
        return part;
      }
      case "call": {
        const given = this.arguments(link.args, scope);
        this.at = link.offset;
        return this.call(value, given);
      }
      case "filter": {
        const given = this.arguments(link.args, scope);
        this.at = link.offset;
        return applyFilter(link.name, value, given, this.tools);
      }
      case "test": {
        const given = this.arguments(link.args, scope);
        this.at = link.offset;
        return applyTest(link.name, value, given, this.budget) !== link.negated;
      }
    }
  }

  protected call(value: Value, given: Given): Value {
    this.budget.count(8);
    if (value instanceof Callable) return value.call(given);
    if (value instanceof Host && value.call) return value.call(given);
    if (value instanceof Undefined) throw fault(`${value.what} is called, but it is undefined`);
    throw fault(`a value of the type ${typeOf(value)} is called, but it is not a function`);
  }

  protected arguments({ positional, named }: Arguments, scope: Scope): Given {
    if (positional.length === 0 && named.length === 0) return noArguments;
    const values = positional.flatMap(({ value, spread }): readonly Value[] => {
      const evaluated = this.evaluate(value, scope);
      return spread ? itemsOf(evaluated, this.budget) : [evaluated];
    });
    const names = new Map<string, Value>();
    for (const { name, value } of named) {
      const evaluated = this.evaluate(value, scope);
      if (name !== null) names.set(name, evaluated);
      else if (evaluated instanceof Dict) {
        for (const [key, member] of evaluated.entries()) {
          if (!isText(key)) throw fault("the name of an argument is a text");
          names.set(plain(key), member);
        }
      } else throw fault(`"**" needs a dict, not ${typeOf(evaluated)}`);
    }
    return { positional: values, named: names };
  }
}

const noArguments: Given = { positional: [], named: new Map() };

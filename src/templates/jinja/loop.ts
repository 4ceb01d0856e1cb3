/** The variable `loop` within a loop. */

import type { Limits } from "./budget.ts";
import { fault } from "./fault.ts";
import { Callable, equal, Host, Undefined, type Value } from "./values.ts";

export interface Round {
  readonly items: readonly Value[];
  /** Of the present item, from 0. */
  readonly index: number;
  /** Of recursion, from 0. */
  readonly depth: number;
  /** The last arguments of `loop.changed`, shared by all rounds. */
  readonly changes: { last: readonly Value[] | null };
}

/** `recurse`: what `loop(items)` writes; null in a loop that is not recursive. */
export function loopVariable(
  { items, index, depth, changes }: Round,
  recurse: ((items: Value) => Value) | null,
  limits: Limits,
): Host {
  const count = items.length;
  const member = (name: string): Value | undefined => {
    switch (name) {
      case "index":
        return BigInt(index + 1);
      case "index0":
        return BigInt(index);
      case "revindex":
        return BigInt(count - index);
      case "revindex0":
        return BigInt(count - index - 1);
      case "first":
        return index === 0;
      case "last":
        return index === count - 1;
      case "length":
        return BigInt(count);
      case "depth":
        return BigInt(depth + 1);
      case "depth0":
        return BigInt(depth);
      case "previtem":
        return index === 0 ? new Undefined("the item before the first") : items[index - 1];
      case "nextitem":
        return index === count - 1 ? new Undefined("the item after the last") : items[index + 1];
      case "cycle":
        return new Callable(name, ({ positional }) => {
          if (positional.length === 0) throw fault('"cycle" needs at least one value');
          return positional[index % positional.length] ?? null;
        });
      case "changed":
        return new Callable(name, ({ positional }) => {
          const { last } = changes;
          changes.last = positional;
          return last === null || !equal(last, positional, limits);
        });
      default:
        return undefined;
    }
  };
  if (recurse === null) return new Host("loop", member);
  return new Host("loop", member, ({ positional: [value] }) => {
    if (value === undefined) throw fault("a recursive loop needs the items to go through");
    return recurse(value);
  });
}

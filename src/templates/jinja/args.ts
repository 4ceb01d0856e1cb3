/** The arguments of a call, by the names of the function's parameters. */

import { fault } from "./fault.ts";
import { isText, type Str } from "./text.ts";
import { type Given, numberOf, typeOf, Undefined, undefinedFault, type Value } from "./values.ts";

/** The arguments of a method of Python that takes them by position alone. Faults for a name. */
export function withoutNames(what: string, given: Given): Given {
  const [name] = given.named.keys();
  if (name !== undefined) throw fault(`"${what}" takes no argument by its name, and "${name}" is one`);
  return given;
}

export class Args {
  private readonly values = new Map<string, Value>();

  /** `what`: the function's name. Faults for too many arguments and unknown names. */
  constructor(
    private readonly what: string,
    given: Given,
    names: readonly string[],
  ) {
    given.positional.forEach((value, i) => {
      const name = names[i];
      if (name === undefined)
        throw fault(`"${what}" takes at most ${names.length} arguments, not ${given.positional.length}`);
      this.values.set(name, value);
    });
    for (const [name, value] of given.named) {
      if (!names.includes(name)) throw fault(`"${what}" has no argument "${name}"`);
      if (this.values.has(name)) throw fault(`"${what}" gets the argument "${name}" twice`);
      this.values.set(name, value);
    }
  }

  /** Undefined where the call has no such argument. */
  given(name: string): Value | undefined {
    return this.values.get(name);
  }

  value(name: string): Value {
    const value = this.values.get(name);
    if (value === undefined) throw fault(`"${this.what}" needs the argument "${name}"`);
    return value;
  }

  /** `found`, where it is a value; else the argument; else `initial`. None is a value. */
  or(name: string, initial: Value, found?: Value): Value {
    if (found !== undefined) return found;
    const given = this.values.get(name);
    return given === undefined ? initial : given;
  }

  text(name: string, initial?: Str): Str {
    const value = this.values.get(name) ?? initial;
    if (value === undefined) return this.wrong(name, this.value(name), "a str");
    return isText(value) ? value : this.wrong(name, value, "a str");
  }

  /** A text, or null where the argument is missing or None. */
  optionalText(name: string): Str | null {
    return this.values.get(name) == null ? null : this.text(name);
  }

  int(name: string, initial?: number): number {
    const value = this.values.get(name);
    if (value === undefined && initial !== undefined) return initial;
    const number = numberOf(this.value(name));
    if (typeof number !== "bigint") return this.wrong(name, this.value(name), "an int");
    return Number(BigInt.asIntN(53, number) === number ? number : number > 0n ? 2n ** 52n : -(2n ** 52n));
  }

  /** An integer, or null where the argument is missing or None. */
  optionalInt(name: string): number | null {
    return this.values.get(name) == null ? null : this.int(name);
  }

  private wrong(name: string, value: Value, wanted: string): never {
    if (value instanceof Undefined) throw undefinedFault(value);
    throw fault(`the argument "${name}" of "${this.what}" is ${typeOf(value)}, not ${wanted}`);
  }
}

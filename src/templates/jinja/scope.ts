/** The names that a template sees: each scope continues in the one around it. */

import type { Value } from "./values.ts";

/** Names of one scope; lookups continue in the enclosing one. */
export class Scope {
  private readonly names = new Map<string, Value>();

  constructor(private readonly outer: Scope | null) {}

  set(name: string, value: Value): void {
    this.names.set(name, value);
  }

  get(name: string): Value | undefined {
    for (let scope: Scope | null = this; scope !== null; scope = scope.outer) {
      const value = scope.names.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }
}

/** The value, where there is one: None is one. */
export const orElse = (value: Value | undefined, other: () => Value): Value => (value === undefined ? other() : value);

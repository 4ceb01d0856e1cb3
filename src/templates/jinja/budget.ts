/** What one rendering has used of its limits: steps, time, the length of texts and lists. */

import type { Clock } from "../clock.ts";
import { exceeded, limits } from "./limits.ts";
import { composite, countOf, membersOf, textOf } from "./nodes.ts";
import type { Value } from "./parse.ts";

/** The library takes this many characters or members of a list through one of its operations in the time of a step. */
export const sizePerStep = 64;

/** How often the clock is looked at. */
const stepsBetweenLooks = 64;

/** Every method throws TemplateError, naming the limit, where it is exceeded. */
export class Budget {
  /** Characters that a text may have, and members that a list may have. */
  readonly longest: number;
  readonly mostItems: number;
  private readonly mostSteps: number;
  private readonly clock: Clock;
  private steps = 0;
  private nextLook: number = stepsBetweenLooks;

  /** `given` is the number of characters that the template is given. */
  constructor(given: number, clock: Clock) {
    this.clock = clock;
    this.longest = limits.text + 8 * given;
    this.mostItems = limits.items + given;
    this.mostSteps = limits.steps + given;
  }

  /** Accounts for a comparison sort of the members, each of which may compare long texts. */
  sort(value: Value): void {
    const rounds = Math.ceil(Math.log2(countOf(value) + 1));
    this.work(rounds * (8 * countOf(value) + this.measure(value)));
  }

  count(steps: number): void {
    this.steps += steps;
    if (this.steps > this.mostSteps) throw exceeded(`takes more than ${this.mostSteps.toLocaleString("en")} steps`);
    if (this.steps < this.nextLook) return;
    this.nextLook = this.steps + stepsBetweenLooks;
    this.clock.check();
  }

  /** Counts what the library does in one go with so many characters or members. */
  work(size: number): void {
    this.count(Math.floor(size / sizePerStep));
  }

  allowText(length: number): void {
    if (length > this.longest) {
      throw exceeded(`writes a text of more than ${this.longest.toLocaleString("en")} characters`);
    }
  }

  allowItems(count: number): void {
    if (count > this.mostItems)
      throw exceeded(`makes a list of more than ${this.mostItems.toLocaleString("en")} items`);
  }

  allowReplacement(text: string, args: readonly Value[]): void {
    const [before, after] = args.map(textOf);
    if (before === undefined || after === undefined) return;
    // The library searches by a regular expression: at each place it may read as much as is sought.
    this.work((text.length * before.length) / 16);
    if (after.length <= before.length) return;
    const times = before === "" ? text.length + 1 : text.split(before).length - 1;
    this.allowText(text.length + times * (after.length - before.length));
  }

  /**
   * The length of what would be written as text: a few lists that hold each other twice are a text without end. JSON may
   * have `indent` spaces per level, and separators of `between` characters.
   */
  measure(value: Value, indent = 0, between = 0): number {
    let length = textOf(value).length;
    const left = [{ value, depth: 1 }];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const { depth } = next;
      const members = countOf(next.value);
      length += 2 + members * (2 + between + indent * depth);
      this.allowText(length);
      this.work(16 * members);
      if (next.value.value instanceof Map) for (const key of next.value.value.keys()) length += between + key.length;
      for (const member of membersOf(next.value)) {
        length += textOf(member).length;
        if (composite(member)) left.push({ value: member, depth: depth + 1 });
      }
      this.allowText(length);
    }
    return length;
  }
}

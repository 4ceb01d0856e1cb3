/** Counts what one rendering uses of its limits: steps, time, lengths of texts and lists. */

import type { Clock } from "../clock.ts";
import { exceeded, limits } from "./limits.ts";
import { composite, countOf, membersOf, textOf } from "./nodes.ts";
import type { Value } from "./parse.ts";

/** Characters, or members of a list, that one operation of the library processes in the time of a step. */
export const sizePerStep = 64;

/** Steps between two checks of the clock. */
const stepsBetweenChecks = 64;

/** Every method throws a TemplateError that names the limit where one is exceeded. */
export class Budget {
  /** Most characters of a text. */
  readonly longest: number;
  /** Most members of a list. */
  readonly mostItems: number;
  private readonly mostSteps: number;
  private readonly clock: Clock;
  private steps = 0;
  private nextCheck: number = stepsBetweenChecks;

  /** `inputLength`: characters of the texts that the template receives. */
  constructor(inputLength: number, clock: Clock) {
    this.clock = clock;
    this.longest = limits.text + 8 * inputLength;
    this.mostItems = limits.items + inputLength;
    this.mostSteps = limits.steps + inputLength;
  }

  /** Accounts for a comparison sort of the members, each of which may compare long texts. */
  sort(value: Value): void {
    const rounds = Math.ceil(Math.log2(countOf(value) + 1));
    this.work(rounds * (8 * countOf(value) + this.measure(value)));
  }

  count(steps: number): void {
    this.steps += steps;
    if (this.steps > this.mostSteps) throw exceeded(`takes more than ${this.mostSteps.toLocaleString("en")} steps`);
    if (this.steps < this.nextCheck) return;
    this.nextCheck = this.steps + stepsBetweenChecks;
    this.clock.check();
  }

  /** Counts one operation of the library over `size` characters or members. */
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
    // The library searches by a regular expression, which may compare the whole of `before` at each position.
    this.work((text.length * before.length) / 16);
    if (after.length <= before.length) return;
    const times = before === "" ? text.length + 1 : text.split(before).length - 1;
    this.allowText(text.length + times * (after.length - before.length));
  }

  /**
   * The length of a value as text, counted before it is written: a few lists that contain each other twice make a huge
   * text. JSON has up to `indent` spaces per level, and separators of up to `between` characters.
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

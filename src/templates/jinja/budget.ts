/** Counts the steps, texts and lists of one rendering, and stops it at a limit. */

import type { Clock } from "../clock.ts";
import { exceeded, limits } from "./limits.ts";

const stepsBetweenChecks = 2000;

/** Characters or members that one step of counting stands for. */
const sizePerStep = 64;

/** What the functions of a template need of the budget. */
export type Limits = Pick<Budget, "count" | "work" | "checkText" | "allowText" | "allowItems" | "nested">;

/** For values of bounded depth and size, which need no count. */
export const unlimited: Limits = {
  count: () => undefined,
  work: () => undefined,
  checkText: () => undefined,
  allowText: () => undefined,
  allowItems: () => undefined,
  nested: (act) => act(),
};

export class Budget {
  /** Most characters of a text. */
  readonly longest: number;
  /** Most members of a list. */
  readonly mostItems: number;
  private readonly mostSteps: number;
  private steps = 0;
  private nextCheck = stepsBetweenChecks;
  private depth = 0;

  /** `inputLength`: characters of the texts that the template receives. */
  constructor(
    inputLength: number,
    private readonly clock: Clock,
  ) {
    this.longest = limits.text + 8 * inputLength;
    this.mostItems = limits.items + inputLength;
    this.mostSteps = limits.steps + inputLength;
  }

  count(steps: number): void {
    this.steps += steps;
    if (this.steps > this.mostSteps) throw exceeded(`takes more than ${this.mostSteps.toLocaleString("en")} steps`);
    if (this.steps < this.nextCheck) return;
    this.nextCheck = this.steps + stepsBetweenChecks;
    this.clock.check();
  }

  /** Counts one operation over `size` characters or members. */
  work(size: number): void {
    if (size >= sizePerStep) this.count(Math.floor(size / sizePerStep));
  }

  /** Refuses a text that is too long, and counts nothing: for the checks while a text grows. */
  checkText(length: number): void {
    if (length > this.longest)
      throw exceeded(`writes a text of more than ${this.longest.toLocaleString("en")} characters`);
  }

  allowText(length: number): void {
    this.checkText(length);
    this.work(length);
  }

  allowItems(count: number): void {
    if (count > this.mostItems)
      throw exceeded(`makes a list of more than ${this.mostItems.toLocaleString("en")} items`);
    this.work(8 * count);
  }

  /** Runs `act` one level deeper. */
  nested<T>(act: () => T): T {
    if (++this.depth > limits.nesting)
      throw exceeded(`calls itself, or is nested, more than ${limits.nesting} levels deep`);
    try {
      return act();
    } finally {
      this.depth--;
    }
  }
}

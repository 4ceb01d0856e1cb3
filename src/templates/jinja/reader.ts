/** Reads tokens in order for the parser, and counts nesting. */

import type { Clock } from "../clock.ts";
import { TemplateError } from "../template.ts";
import type { Token } from "./lex.ts";
import { placeAt, shownToken } from "./source.ts";

/** Nested brackets and blocks. Python's own parser allows 200 brackets, and 20 loops. */
const mostNested = 100;

/** Links of one chain: operators, filters, members, tests, calls and signs of an expression; branches of one "if". */
const mostLinks = 3500;

export class Reader {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly source: string,
    private readonly tokens: readonly Token[],
    private readonly clock: Clock,
  ) {}

  get current(): Token {
    return this.tokens[this.at] ?? { type: "end", value: "", offset: this.source.length };
  }

  get following(): Token | undefined {
    return this.tokens[this.at + 1];
  }

  next(): Token {
    const token = this.current;
    if (this.at < this.tokens.length - 1) this.at++;
    if (this.at % 1000 === 0) this.clock.check();
    return token;
  }

  fail(message: string, offset = this.current.offset): never {
    throw new TemplateError(message, placeAt(this.source, offset));
  }

  is(operator: string): boolean {
    return this.current.type === "op" && this.current.value === operator;
  }

  isName(name: string): boolean {
    return this.current.type === "name" && this.current.value === name;
  }

  skip(operator: string): boolean {
    const found = this.is(operator);
    if (found) this.next();
    return found;
  }

  skipName(name: string): boolean {
    const found = this.isName(name);
    if (found) this.next();
    return found;
  }

  expect(operator: string): void {
    if (!this.skip(operator)) this.expected(`"${operator}"`);
  }

  expectName(name: string): void {
    if (!this.skipName(name)) this.expected(`"${name}"`);
  }

  /** `shown`: the token as messages show it; `after`: the word before it. */
  expectType(type: Token["type"], shown: string, after?: string): void {
    if (this.current.type === type) this.next();
    else if (after && /^(?:else|generation|break|continue|end.*)$/.test(after))
      this.fail(`${shown} is expected after "${after}".`);
    else this.expected(shown);
  }

  expected(what: string): never {
    const { type, value } = this.current;
    return this.fail(
      type === "end"
        ? `${what} is expected, and the template ends here.`
        : `${what} is expected, and ${shownToken(value)} stands here.`,
    );
  }

  /** Runs `read` one level deeper. */
  deepen<T>(offset: number, read: () => T): T {
    if (++this.depth > mostNested)
      this.fail(
        `More than ${mostNested} brackets and blocks are nested here. Repair the template, or choose another one.`,
        offset,
      );
    try {
      return read();
    } finally {
      this.depth--;
    }
  }

  /** Refuses a chain that is too long. */
  chain(length: number, offset: number): void {
    if (length > mostLinks)
      this.fail(`A chain has more than ${mostLinks} links here. Repair the template, or choose another one.`, offset);
  }
}

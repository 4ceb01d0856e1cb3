/** Checks that each block of a template is closed by its own end. */

import { TemplateError } from "../template.ts";
import { placeAt, shownToken, type Token } from "./lex.ts";

const blocks: ReadonlySet<string> = new Set(["if", "for", "macro", "call", "filter", "generation"]);
const others: ReadonlySet<string> = new Set(["set", "break", "continue"]);

/** Throws TemplateError with the places of a block that is not closed, or that is closed by another one's end. */
export function checkBlocks(source: string, tokens: readonly Token[]): void {
  const open: { readonly name: string; readonly offset: number }[] = [];
  const line = (offset: number) => placeAt(source, offset).line;
  /** Open generation tags. */
  let generations = 0;
  tokens.forEach(({ type, offset }, i) => {
    if (type !== "OpenStatement") return;
    const name = tokens[i + 1]?.type === "Identifier" ? (tokens[i + 1]?.value ?? "") : "";
    const fail = (message: string): never => {
      throw new TemplateError(message, placeAt(source, offset));
    };
    const last = open.at(-1);
    if (name === "else" || name === "elif") {
      if (last?.name !== "if" && !(last?.name === "for" && name === "else")) fail(`"${name}" is outside of any "if".`);
    } else if (name.startsWith("end")) {
      if (!last) fail(`"${name}" closes nothing: no block is open here.`);
      else if (`end${last.name}` !== name) {
        fail(
          `"${name}" comes before the end of the "${last.name}" in line ${line(last.offset)}: "end${last.name}" is missing.`,
        );
      }
      if (name === "endgeneration") generations--;
      open.pop();
    } else if (blocks.has(name) || (name === "set" && !assigns(tokens, i))) {
      if (name === "generation" && generations++ > 0) fail('"generation" is inside another "generation".');
      open.push({ name, offset });
    } else if (!others.has(name)) {
      fail(
        name === ""
          ? "A statement must begin with its name, and there is none here."
          : `${shownToken(name)} is not a known statement.`,
      );
    }
    const close = tokens[i + 2];
    if (/^(?:else|generation|break|continue|end.*)$/.test(name) && close?.type !== "CloseStatement") {
      throw new TemplateError(`"%}" is expected after "${name}".`, placeAt(source, close?.offset ?? offset));
    }
  });
  const last = open.at(-1);
  if (last) {
    throw new TemplateError(
      `The "${last.name}" that begins here is never closed: "end${last.name}" is missing.`,
      placeAt(source, last.offset),
    );
  }
}

/** Whether the statement at token `i` contains an `=`; a "set" without one begins a block. */
export function assigns(tokens: readonly Token[], i: number): boolean {
  for (let k = i; k < tokens.length && tokens[k]?.type !== "CloseStatement"; k++) {
    if (tokens[k]?.type === "Equals") return true;
  }
  return false;
}

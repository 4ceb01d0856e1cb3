/** Blocks of a template: each is closed by its own end. */

import { TemplateError } from "../template.ts";
import { placeAt, shownToken, type Token } from "./lex.ts";

const blocks: ReadonlySet<string> = new Set(["if", "for", "macro", "call", "filter", "generation"]);
const others: ReadonlySet<string> = new Set(["set", "break", "continue"]);

/** Throws where a block is not closed, or closed by another one's end, with both places. */
export function checkBlocks(source: string, tokens: readonly Token[]): void {
  const open: { readonly name: string; readonly offset: number }[] = [];
  const line = (offset: number) => placeAt(source, offset).line;
  /** Generation tags that are open. */
  let generations = 0;
  tokens.forEach(({ type, offset }, i) => {
    if (type !== "OpenStatement") return;
    const name = tokens[i + 1]?.type === "Identifier" ? (tokens[i + 1]?.value ?? "") : "";
    const fail = (message: string): never => {
      throw new TemplateError(message, placeAt(source, offset));
    };
    const last = open.at(-1);
    if (name === "else" || name === "elif") {
      if (last?.name !== "if" && !(last?.name === "for" && name === "else"))
        fail(`"${name}" stands outside of any "if".`);
    } else if (name.startsWith("end")) {
      if (!last) fail(`"${name}" closes nothing: no block is open here.`);
      else if (`end${last.name}` !== name) {
        fail(
          `"${name}" stands where the "${last.name}" of line ${line(last.offset)} is still open: "end${last.name}" is missing.`,
        );
      }
      if (name === "endgeneration") generations--;
      open.pop();
    } else if (blocks.has(name) || (name === "set" && !assigns(tokens, i))) {
      if (name === "generation" && generations++ > 0) fail('"generation" stands inside of another one.');
      open.push({ name, offset });
    } else if (!others.has(name)) {
      fail(
        name === ""
          ? "A statement begins with its name, and there is none."
          : `${shownToken(name)} is not a statement that is known here.`,
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

/** Whether the statement that opens at token `i` holds an `=`; else it is the beginning of a block. */
export function assigns(tokens: readonly Token[], i: number): boolean {
  for (let k = i; k < tokens.length && tokens[k]?.type !== "CloseStatement"; k++) {
    if (tokens[k]?.type === "Equals") return true;
  }
  return false;
}

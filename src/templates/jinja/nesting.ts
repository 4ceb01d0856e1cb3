/** Checks nesting and the length of chains before the parser, which is recursive, reads them. */

import { TemplateError } from "../template.ts";
import { assigns } from "./blocks.ts";
import { placeAt, type Token } from "./lex.ts";

/** Nested brackets and blocks. Python's own parser allows 200 brackets, and 20 loops. */
const mostNested = 100;

/** Links of one chain: operators, filters, members, tests, calls and signs of an expression; branches of one "if". */
const mostLinks = 3500;

const opening: ReadonlySet<string> = new Set(["OpenParen", "OpenSquareBracket", "OpenCurlyBracket"]);
const closing: ReadonlySet<string> = new Set(["CloseParen", "CloseSquareBracket", "CloseCurlyBracket"]);
const operators: ReadonlySet<string> = new Set([
  ...["Pipe", "Dot", "UnaryOperator", "AdditiveBinaryOperator", "MultiplicativeBinaryOperator"],
  ...["ExponentiationBinaryOperator", "ComparisonBinaryOperator"],
]);
const words: ReadonlySet<string> = new Set(["and", "or", "not", "in", "is", "else"]);
const blocks: ReadonlySet<string> = new Set(["if", "for", "macro", "call", "filter", "generation"]);

/** Throws TemplateError with the place where the template is nested too deeply, or a chain is too long. */
export function checkNesting(source: string, tokens: readonly Token[]): void {
  /** Links of each open expression, the innermost last; then branches of each open block. */
  let links = [0];
  const branches: number[] = [];
  let previous: Token | undefined;
  const refuse = (what: string, { offset }: Token) => {
    throw new TemplateError(`${what}. Repair the template, or choose another one.`, placeAt(source, offset));
  };
  const deepen = (token: Token) => {
    if (links.length - 1 + branches.length > mostNested)
      refuse(`More than ${mostNested} brackets and blocks are nested here`, token);
  };
  const lengthen = (chain: number[], token: Token) => {
    const length = (chain.at(-1) ?? 0) + 1;
    chain[Math.max(0, chain.length - 1)] = length;
    if (length > mostLinks) refuse(`A chain has more than ${mostLinks} links here`, token);
  };
  tokens.forEach((token, i) => {
    const { type, value } = token;
    if (type === "OpenStatement" || type === "OpenExpression") {
      links = [0];
      const name = type === "OpenStatement" ? (tokens[i + 1]?.value ?? "") : "";
      if (name === "elif") lengthen(branches, token);
      else if (name.startsWith("end")) branches.pop();
      else if (blocks.has(name) || (name === "set" && !assigns(tokens, i))) {
        branches.push(0);
        deepen(token);
      }
    } else if (opening.has(type)) {
      // After a closing bracket this one is a link of its own: `f()()` or `a[0][1]`.
      if (previous && closing.has(previous.type)) lengthen(links, token);
      links.push(0);
      deepen(token);
    } else if (closing.has(type) && links.length > 1) links.pop();
    else if (type === "Comma") links[links.length - 1] = 0;
    else if (operators.has(type) || (type === "Identifier" && words.has(value))) lengthen(links, token);
    previous = token;
  });
}

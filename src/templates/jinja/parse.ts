/** Parses Jinja source into a syntax tree with the places of its nodes; the door to the parser of @huggingface/jinja. */

import { type Interpreter, parse } from "@huggingface/jinja";
import type { Clock } from "../clock.ts";
import { TemplateError } from "../template.ts";
import { checkBlocks } from "./blocks.ts";
import { lex, placeAt, shownToken, type Token } from "./lex.ts";
import { checkNesting } from "./nesting.ts";
import { type Places, placeNodes } from "./places.ts";

export type Node = NonNullable<Parameters<Interpreter["evaluate"]>[0]>;
export type Value = ReturnType<Interpreter["evaluate"]>;

/** Names of the two variables that replace generation tags; they are no valid names, so no template uses them. */
export const generationBegins = "{% generation %}";
export const generationEnds = "{% endgeneration %}";

export interface Program extends Places {
  readonly source: string;
  readonly root: Parameters<Interpreter["run"]>[0];
  /** Values of the literals that have been evaluated. */
  readonly values: WeakMap<object, Value>;
  readonly hasGenerationTags: boolean;
  /** Whether the source reads `kwargs` or `varargs`, a macro's undeclared arguments. */
  readonly readsExtraArguments: boolean;
  /** The text of every token, names and literals included. */
  readonly texts: readonly string[];
}

/** Characters of a source; the longest known chat templates have about 20,000. */
const longestSource = 500_000;

/** Throws TemplateError, with line and column, where the source is not Jinja; `OutOfTime` when the time is over. */
export function compile(source: string, clock: Clock): Program {
  if (source.length > longestSource) {
    throw new TemplateError(
      `The template has ${source.length} characters, more than the ${longestSource} allowed. Choose a built-in one.`,
    );
  }
  const lexed = lex(source, clock);
  checkBlocks(source, lexed);
  checkNesting(source, lexed);
  const tokens = replaceGenerationTags(lexed);
  clock.check();
  const root = parseTokens(source, tokens);
  clock.check();
  return {
    source,
    root,
    ...placeNodes(root, tokens),
    values: new WeakMap(),
    hasGenerationTags: tokens.some((token) => token.value === generationBegins),
    readsExtraArguments: tokens.some(({ type, value }) => type === "Identifier" && /^(?:kwargs|varargs)$/.test(value)),
    texts: tokens.map((token) => token.value),
  };
}

/** Replaces each generation tag, which the parser does not know, by the output of a variable. */
function replaceGenerationTags(tokens: readonly Token[]): Token[] {
  const replaced: Token[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const [token, name] = [tokens[i], tokens[i + 1]?.value];
    if (token?.type === "OpenStatement" && (name === "generation" || name === "endgeneration")) {
      const value = name === "generation" ? generationBegins : generationEnds;
      const { offset } = token;
      replaced.push({ type: "OpenExpression", value: "{{", offset });
      replaced.push({ type: "Identifier", value, offset });
      replaced.push({ type: "CloseExpression", value: "}}", offset });
      i += 2;
    } else if (token) replaced.push(token);
  }
  return replaced;
}

const shownTypes: Readonly<Record<string, string>> = {
  CloseStatement: '"%}"',
  CloseExpression: '"}}"',
  CloseParen: '")"',
  OpenParen: '"("',
  CloseSquareBracket: '"]"',
  CloseCurlyBracket: '"}"',
  Colon: '":"',
};

function parseTokens(source: string, tokens: Token[]): Program["root"] {
  try {
    return parse(tokens);
  } catch (error) {
    throw refusal(source, tokens, error);
  }
}

/** Parses again to find the last token that the parser read: the fault is there. */
function refusal(source: string, tokens: Token[], first: unknown): TemplateError {
  let last = 0;
  const watched = new Proxy(tokens, {
    get(target, key) {
      if (typeof key === "string" && /^\d+$/.test(key)) last = Number(key);
      return Reflect.get(target, key);
    },
  });
  try {
    parse(watched);
  } catch {
    // The same error as `first`.
  }
  const said = first instanceof Error ? first.message : String(first);
  const token = tokens[Math.min(last, tokens.length - 1)];
  const place = token ? placeAt(source, token.offset) : null;
  if (isStackOverflow(first)) return new TemplateError("The template is nested too deeply.", place, { cause: first });
  const found = shownToken(token?.value ?? "");
  const expected = /!== (\w+)\.$/.exec(said)?.[1];
  const message =
    expected !== undefined
      ? `${shownTypes[expected] ?? expected} is expected, and ${found} stands here.`
      : /^Unexpected token/.test(said) || !(first instanceof SyntaxError)
        ? `${found} is not expected here.`
        : `${said.slice(0, 120).replace(/\.$/, "")}, and ${found} stands here.`;
  return new TemplateError(message, place, { cause: first });
}

/** Each browser words this error in its own way. */
export function isStackOverflow(error: unknown): boolean {
  return error instanceof Error && /call stack|too much recursion/i.test(error.message);
}

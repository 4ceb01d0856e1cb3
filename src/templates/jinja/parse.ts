/** Jinja source to a syntax tree whose nodes know their place; the door to the parser of @huggingface/jinja. */

import { type Interpreter, parse } from "@huggingface/jinja";
import { TemplateError } from "../template.ts";
import { lex, placeAt, type Token } from "./lex.ts";

export type Node = NonNullable<Parameters<Interpreter["evaluate"]>[0]>;
export type Value = ReturnType<Interpreter["evaluate"]>;

/** Names of the two variables that stand in place of generation tags; no template can write them. */
export const generationBegins = "{% generation %}";
export const generationEnds = "{% endgeneration %}";

export interface Program {
  readonly source: string;
  readonly root: Parameters<Interpreter["run"]>[0];
  /** Where a node begins in the source. */
  readonly offsets: WeakMap<object, number>;
  /** Nodes whose value is written out as text. */
  readonly printed: WeakSet<object>;
  /** What literals stand for, once they have been evaluated. */
  readonly values: WeakMap<object, Value>;
  /** Nodes whose value a loop goes through. */
  readonly iterated: WeakSet<object>;
  readonly hasGenerationTags: boolean;
  /** Every text and name that the source holds. */
  readonly texts: readonly string[];
}

/** More is no chat template, and would only serve to keep the page busy. */
const longestSource = 500_000;

/** Throws TemplateError, with line and column, where the source is no Jinja. */
export function compile(source: string): Program {
  if (source.length > longestSource) {
    throw new TemplateError(
      `The template has ${source.length} characters, more than the ${longestSource} allowed. Choose a built-in one.`,
    );
  }
  const lexed = lex(source);
  checkBlocks(source, lexed);
  const tokens = replaceGenerationTags(lexed);
  const root = parseTokens(source, tokens);
  return {
    source,
    root,
    ...placeNodes(root, tokens),
    values: new WeakMap(),
    hasGenerationTags: tokens.some((token) => token.value === generationBegins),
    texts: tokens.map((token) => token.value),
  };
}

/** Each generation tag becomes the output of a variable of ours; the parser would not know it. */
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

const blocks: ReadonlySet<string> = new Set(["if", "for", "macro", "call", "filter", "generation"]);
const others: ReadonlySet<string> = new Set(["set", "break", "continue"]);

/** Throws where a block is not closed, or closed by another one's end, with both places. */
function checkBlocks(source: string, tokens: readonly Token[]): void {
  const open: { readonly name: string; readonly offset: number }[] = [];
  const line = (offset: number) => placeAt(source, offset).line;
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
      open.pop();
    } else if (blocks.has(name) || (name === "set" && !assigns(tokens, i))) {
      if (name === "generation" && open.some((block) => block.name === name))
        fail('"generation" stands inside of another one.');
      open.push({ name, offset });
    } else if (!others.has(name)) {
      fail(
        name === ""
          ? "A statement begins with its name, and there is none."
          : `"${name}" is not a statement that is known here.`,
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
function assigns(tokens: readonly Token[], i: number): boolean {
  for (let k = i; k < tokens.length && tokens[k]?.type !== "CloseStatement"; k++) {
    if (tokens[k]?.type === "Equals") return true;
  }
  return false;
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
  // The parser reads one token after the other; the last one that it read is where it gave up.
  let last = 0;
  const watched = new Proxy(tokens, {
    get(target, key) {
      if (typeof key === "string" && /^\d+$/.test(key)) last = Number(key);
      return Reflect.get(target, key);
    },
  });
  try {
    return parse(watched);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const token = tokens[Math.min(last, tokens.length - 1)];
    const place = token ? placeAt(source, token.offset) : null;
    if (isStackOverflow(error)) throw new TemplateError("The template is nested too deeply.", place, { cause: error });
    const found = JSON.stringify(token?.value ?? "");
    const expected = /!== (\w+)\.$/.exec(said)?.[1];
    const message =
      expected !== undefined
        ? `${shownTypes[expected] ?? expected} is expected, and ${found} stands here.`
        : /^Unexpected token/.test(said) || !(error instanceof SyntaxError)
          ? `${found} is not expected here.`
          : `${said.replace(/\.$/, "")}, and ${found} stands here.`;
    throw new TemplateError(message, place, { cause: error });
  }
}

/** Browsers differ in how they name it. */
export function isStackOverflow(error: unknown): boolean {
  return error instanceof Error && /call stack|too much recursion/i.test(error.message);
}

/** A node's children in the order of the source. */
const childFields: Readonly<Record<string, readonly string[]>> = {
  Program: ["body"],
  If: ["test", "body", "alternate"],
  For: ["loopvar", "iterable", "body", "defaultBlock"],
  Set: ["assignee", "value", "body"],
  Macro: ["name", "args", "body"],
  CallStatement: ["callerArgs", "call", "body"],
  FilterStatement: ["filter", "body"],
  MemberExpression: ["object", "property"],
  CallExpression: ["callee", "args"],
  ArrayLiteral: ["value"],
  TupleLiteral: ["value"],
  ObjectLiteral: ["value"],
  BinaryExpression: ["left", "right"],
  FilterExpression: ["operand", "filter"],
  TestExpression: ["operand", "test"],
  UnaryExpression: ["argument"],
  SelectExpression: ["lhs", "test"],
  Ternary: ["trueExpr", "condition", "falseExpr"],
  SliceExpression: ["start", "stop", "step"],
  KeywordArgumentExpression: ["key", "value"],
  SpreadExpression: ["argument"],
  KeywordSpreadExpression: ["argument"],
};
const printedFields: ReadonlySet<string> = new Set(["body", "alternate", "defaultBlock"]);

/**
 * The tree's leaves are names, literals and texts, in the order of the source: each is the next token of its kind. A node
 * begins where its first leaf does.
 */
function placeNodes(root: Node, tokens: readonly Token[]): Pick<Program, "offsets" | "printed" | "iterated"> {
  const offsets = new WeakMap<object, number>();
  const printed = new WeakSet<object>();
  const iterated = new WeakSet<object>();
  let next = 0;
  const take = (fits: (token: Token) => boolean): number | undefined => {
    let i = next;
    while (i < tokens.length) {
      const token = tokens[i++];
      if (!token || !fits(token)) continue;
      next = i;
      return token.offset;
    }
    return undefined;
  };
  const leaf = (node: object, type: string): number | undefined => {
    const value: unknown = Reflect.get(node, "value");
    if (type === "Identifier") return take((token) => token.type === "Identifier" && token.value === value);
    if (type === "Break" || type === "Continue") return take((token) => token.value === type.toLowerCase());
    if (type === "IntegerLiteral" || type === "FloatLiteral") return take((token) => token.type === "NumericLiteral");
    if (type !== "StringLiteral") return undefined;
    const offset = take((token) => token.type === "Text" || token.type === "StringLiteral");
    // Strings side by side are one literal.
    while (tokens[next]?.type === "StringLiteral" && tokens[next - 1]?.type === "StringLiteral") next++;
    return offset;
  };
  const visit = (value: unknown, isPrinted: boolean): number | undefined => {
    if (Array.isArray(value) || value instanceof Map) {
      const members: readonly unknown[] = Array.isArray(value) ? value : [...value].flat();
      return members.map((member) => visit(member, isPrinted)).find((offset) => offset !== undefined);
    }
    if (typeof value !== "object" || value === null) return undefined;
    const type = String(Reflect.get(value, "type"));
    if (isPrinted) printed.add(value);
    if (type === "For") {
      // `for x in list if test` goes through the list.
      const iterable: unknown = Reflect.get(value, "iterable");
      const list: unknown = typeof iterable === "object" && iterable && "lhs" in iterable ? iterable.lhs : iterable;
      if (typeof list === "object" && list !== null) iterated.add(list);
    }
    const fields = childFields[type];
    const offset = fields
      ? fields
          .map((field) => visit(Reflect.get(value, field), printedFields.has(field)))
          .find((first) => first !== undefined)
      : leaf(value, type);
    if (offset !== undefined) offsets.set(value, offset);
    return offset;
  };
  visit(root, false);
  return { offsets, printed, iterated };
}

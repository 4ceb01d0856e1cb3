/**
 * Splits Jinja source into tokens with offsets. The library's lexer has no offsets, drops generation tags, and takes
 * quadratic time on white space. The rules are Jinja's with trim_blocks and lstrip_blocks, as transformers sets them.
 */

import type { tokenize } from "@huggingface/jinja";
import type { Clock } from "../clock.ts";
import { TemplateError } from "../template.ts";

type LibraryToken = ReturnType<typeof tokenize>[number];

export interface Token extends LibraryToken {
  /** Index in the source of its first character. */
  readonly offset: number;
}

/** Line and column, from 1, of an offset. */
export function placeAt(source: string, offset: number): { readonly line: number; readonly column: number } {
  const before = source.slice(0, offset);
  const lines = before.split(/\r\n?|\n/);
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

/** A token in quotes, as messages show it. */
export const shownToken = (text: string) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

const operators: readonly (readonly [string, LibraryToken["type"]])[] = [
  ["**", "ExponentiationBinaryOperator"],
  ["//", "MultiplicativeBinaryOperator"],
  ["<=", "ComparisonBinaryOperator"],
  [">=", "ComparisonBinaryOperator"],
  ["==", "ComparisonBinaryOperator"],
  ["!=", "ComparisonBinaryOperator"],
  ["(", "OpenParen"],
  [")", "CloseParen"],
  ["[", "OpenSquareBracket"],
  ["]", "CloseSquareBracket"],
  ["{", "OpenCurlyBracket"],
  ["}", "CloseCurlyBracket"],
  [",", "Comma"],
  [".", "Dot"],
  [":", "Colon"],
  ["|", "Pipe"],
  ["<", "ComparisonBinaryOperator"],
  [">", "ComparisonBinaryOperator"],
  ["+", "AdditiveBinaryOperator"],
  ["-", "AdditiveBinaryOperator"],
  ["~", "AdditiveBinaryOperator"],
  ["*", "MultiplicativeBinaryOperator"],
  ["/", "MultiplicativeBinaryOperator"],
  ["%", "MultiplicativeBinaryOperator"],
  ["=", "Equals"],
];

/** After one of these a sign is a binary operator; after any other token it belongs to the number that follows. */
const operandEnds: ReadonlySet<string> = new Set([
  "Identifier",
  "NumericLiteral",
  "StringLiteral",
  "CloseParen",
  "CloseSquareBracket",
]);

const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  v: "\v",
  "'": "'",
  '"': '"',
  "\\": "\\",
};

/** The value of a text between quotes; an escape that Python does not know stays unchanged. */
function readEscapes(text: string): string {
  return text.replace(/\\(?:x([\da-f]{2})|u([\da-f]{4})|([\s\S]))/gi, (whole, byte, unit, letter) =>
    letter === undefined ? String.fromCharCode(Number.parseInt(byte ?? unit, 16)) : (escapes[letter] ?? whole),
  );
}

/**
 * Throws TemplateError with the place of a tag, comment or string that is never closed, or of a stray character;
 * `OutOfTime` when the time is over.
 */
export function lex(source: string, clock?: Clock): Token[] {
  const tokens: Token[] = [];
  // Jinja ignores one line break at the end of the source.
  const end = source.replace(/\r?\n$/, "").length;
  let at = 0;
  const fail = (message: string, offset: number): never => {
    throw new TemplateError(message, placeAt(source, offset));
  };
  const push = (type: Token["type"], value: string, offset: number) => tokens.push({ type, value, offset });

  /** Adds the text up to `until`. `{%-` and `-%}` remove all white space; a tag alone on its line removes that line's. */
  const pushText = (until: number, closed: string, opens: string) => {
    const raw = source.slice(at, until);
    let text = raw;
    if (opens === "-") text = text.trimEnd();
    else if (opens === "line" && (at === 0 || /[\r\n]/.test(raw))) text = text.replace(/(^|[\r\n])[ \t]+$/, "$1");
    if (closed === "-") text = text.trimStart();
    else if (closed === "line") text = text.replace(/^(?:\r\n|\r|\n)/, "");
    if (text !== "") push("Text", text.replace(/\r\n?/g, "\n"), at);
  };

  /** Adds the tokens of a tag; returns the white-space control at its end. */
  const lexTag = (opened: number, kind: "%" | "{"): string => {
    const close = kind === "%" ? "%}" : "}}";
    let braces = 0;
    const unclosed = () => fail(`"{${kind}" is never closed: "${close}" is missing.`, opened);
    for (;;) {
      while (at < end && /\s/.test(source[at] ?? "")) at++;
      if (at >= end) return unclosed();
      const character = source[at] ?? "";
      const sign = character === "-" || (character === "+" && kind === "%") ? character : "";
      if (source.startsWith(close, at + sign.length) && (kind === "%" || braces === 0)) {
        push(kind === "%" ? "CloseStatement" : "CloseExpression", close, at);
        at += sign.length + 2;
        if (sign === "-") return "-";
        return kind === "%" && sign === "" ? "line" : "";
      }
      if (source.startsWith("{%", at) || source.startsWith("{{", at)) unclosed();
      const from = at;
      if (character === '"' || character === "'") {
        at++;
        while (at < end && source[at] !== character) at += source[at] === "\\" ? 2 : 1;
        if (at >= end) fail("The string that begins here is never closed.", from);
        push("StringLiteral", readEscapes(source.slice(from + 1, at)), from);
        at++;
        continue;
      }
      const signed = (character === "-" || character === "+") && !operandEnds.has(tokens.at(-1)?.type ?? "");
      const number = /^[-+]?\d+(?:\.\d+)?/.exec(source.slice(at, at + 40))?.[0];
      if (number !== undefined && (signed || /\d/.test(character))) {
        // `list.0.1` has two indexes, not the number 0.1.
        const whole = tokens.at(-1)?.type === "Dot" ? number.replace(/\..*/, "") : number;
        push("NumericLiteral", whole, from);
        at += whole.length;
        continue;
      }
      if (signed) {
        push("UnaryOperator", character, from);
        at++;
        continue;
      }
      const operator = operators.find(([text]) => source.startsWith(text, at));
      if (operator) {
        if (operator[0] === "{") braces++;
        if (operator[0] === "}") braces--;
        push(operator[1], operator[0], from);
        at += operator[0].length;
        continue;
      }
      while (at < end && /\w/.test(source[at] ?? "")) at++;
      if (at === from) fail(`The character ${JSON.stringify(character)} has no meaning here.`, from);
      push("Identifier", source.slice(from, at), from);
    }
  };

  let closed = "";
  const tag = /\{[%{#]/g;
  while (at < end) {
    clock?.check();
    tag.lastIndex = at;
    const opened = tag.exec(source)?.index ?? end;
    if (opened >= end) {
      pushText(end, closed, "");
      break;
    }
    const kind = source[opened + 1];
    const sign = source[opened + 2] === "-" || (source[opened + 2] === "+" && kind === "%") ? source[opened + 2] : "";
    pushText(opened, closed, sign === "-" ? "-" : kind !== "{" && sign === "" ? "line" : "");
    if (kind === "#") {
      const close = source.indexOf("#}", opened + 2);
      if (close === -1) fail('The comment that begins here is never closed: "#}" is missing.', opened);
      closed = source[close - 1] === "-" ? "-" : "line";
      at = close + 2;
      continue;
    }
    at = opened + 2 + (sign?.length ?? 0);
    push(kind === "%" ? "OpenStatement" : "OpenExpression", `{${kind}`, opened);
    closed = lexTag(opened, kind === "%" ? "%" : "{");
  }
  return tokens;
}

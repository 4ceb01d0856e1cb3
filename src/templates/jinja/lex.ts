/** Splits Jinja source into tokens, with Jinja's rules for trim_blocks and lstrip_blocks, as transformers sets them. */

import type { Clock } from "../clock.ts";
import { TemplateError } from "../template.ts";
import { isSpace, placeAt, shownToken, spaceAfter, spaceBefore } from "./source.ts";

export interface Token {
  readonly type:
    | "data"
    | "block"
    | "endblock"
    | "print"
    | "endprint"
    | "name"
    | "string"
    | "int"
    | "float"
    | "op"
    | "end";
  /** The decoded text of a string, and the source of any other token. */
  readonly value: string;
  /** Index in the source of its first character. */
  readonly offset: number;
}

const operators = [
  ...["**", "//", "<=", ">=", "==", "!=", "(", ")", "[", "]", "{", "}"],
  ...[",", ".", ":", "|", "<", ">", "+", "-", "~", "*", "/", "%", "=", ";"],
];

const opens: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

const name = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy;
const float = /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy;
const int = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;

const letters: Readonly<Record<string, string>> = {
  ...{ n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", a: "\x07" },
  ...{ "'": "'", '"': '"', "\\": "\\", "\n": "" },
};

/** The tokens with "end" last. Throws TemplateError with line and column where the source is not Jinja. */
export function lex(source: string, clock: Clock): readonly Token[] {
  return new Lexer(source, clock).run();
}

class Lexer {
  private readonly tokens: Token[] = [];
  private at = 0;
  /** Whether the text at `at` begins a line, after a line break that a tag removed, or at the start. */
  private lineBegins = true;

  constructor(
    private readonly source: string,
    private readonly clock: Clock,
  ) {}

  run(): readonly Token[] {
    const { source } = this;
    // Jinja drops one line break at the end of a template.
    const end = source.endsWith("\r\n") ? source.length - 2 : source.length - (/[\r\n]$/.test(source) ? 1 : 0);
    const begins = /\{[%{#]/g;
    while (this.at < end) {
      this.clock.check();
      begins.lastIndex = this.at;
      const found = begins.exec(source);
      const open = found && found.index < end ? found.index : end;
      const kind = open < end ? source.charAt(open + 1) : "";
      const raw = kind === "%" ? this.rawAt(open) : null;
      const sign = open < end ? source.charAt(open + 2) : "";
      this.data(open, kind === "" ? "" : sign, kind === "{");
      this.at = open;
      if (kind === "") break;
      if (raw !== null) this.raw(open, raw, end);
      else if (kind === "#") this.comment(open, end);
      else this.tag(open, kind, sign, end);
    }
    this.push("end", "", source.length);
    return this.tokens;
  }

  private push(type: Token["type"], value: string, offset: number): void {
    this.tokens.push({ type, value, offset });
  }

  private fail(message: string, offset: number): never {
    throw new TemplateError(message, placeAt(this.source, offset));
  }

  /** Adds the text from `at` to a tag; a sign of the tag, or its place at the start of a line, removes white space. */
  private data(until: number, sign: string, isPrint: boolean, offset = this.at): void {
    let text = lineBreaks(this.source.slice(this.at, until));
    if (sign === "-") text = text.slice(0, spaceAfter(text));
    else if (sign !== "+" && sign !== "" && !isPrint) {
      const line = text.lastIndexOf("\n") + 1;
      if ((line > 0 || this.lineBegins) && spaceBefore(text.slice(line)) === text.length - line)
        text = text.slice(0, line);
    }
    if (text !== "") this.push("data", text, offset);
  }

  /** Ends a tag at `from`, where `}` and its partner stand: `-` removes white space after it, a block one line break. */
  private close(from: number, sign: string, trims: boolean): void {
    const { source } = this;
    this.at = from + 2;
    if (sign === "-") {
      while (this.at < source.length && isSpace(source.charAt(this.at))) this.at++;
    } else if (sign !== "+" && trims) {
      if (source.startsWith("\r\n", this.at)) this.at += 2;
      else if (source[this.at] === "\n" || source[this.at] === "\r") this.at++;
    }
    this.lineBegins = source[this.at - 1] === "\n" || source[this.at - 1] === "\r";
  }

  private comment(open: number, end: number): void {
    const close = this.source.indexOf("#}", open + 2);
    if (close === -1 || close >= end) this.fail('The comment that begins here is never closed: "#}" is missing.', open);
    const sign = close > open + 2 ? this.source.charAt(close - 1) : "";
    this.close(close, sign === "-" || sign === "+" ? sign : "", true);
  }

  /** The end of a `{% raw %}` tag at `open`; null for other tags. */
  private rawAt(open: number): number | null {
    const pattern = /\{%[-+]?\s*raw\s*(?:-%\}\s*|%\})/y;
    pattern.lastIndex = open;
    return pattern.test(this.source) ? pattern.lastIndex : null;
  }

  private raw(open: number, begin: number, end: number): void {
    const ends = /\{%([-+]?)\s*endraw\s*([-+]?)%\}/g;
    ends.lastIndex = begin;
    const found = ends.exec(this.source);
    if (!found || found.index >= end)
      this.fail('The "raw" that begins here is never closed: "endraw" is missing.', open);
    this.at = begin;
    this.lineBegins = this.source[begin - 1] === "\n";
    this.data(found.index, found[1] || "%", false, begin);
    this.close(ends.lastIndex - 2, found[2] ?? "", true);
  }

  private tag(open: number, kind: string, sign: string, end: number): void {
    const { source } = this;
    const isBlock = kind === "%";
    const mark = isBlock ? "{%" : "{{";
    const finish = isBlock ? "%}" : "}}";
    this.push(isBlock ? "block" : "print", mark, open);
    let at = open + 2 + (sign === "-" || sign === "+" ? 1 : 0);
    const brackets: { readonly close: string; readonly offset: number }[] = [];
    for (;;) {
      while (at < end && isSpace(source.charAt(at))) at++;
      if (at >= end) this.fail(`"${mark}" is never closed.`, open);
      if (brackets.length === 0) {
        const signed = (source[at] === "-" || (isBlock && source[at] === "+")) && source.startsWith(finish, at + 1);
        if (signed || source.startsWith(finish, at)) {
          this.push(isBlock ? "endblock" : "endprint", finish, at);
          this.close(at + (signed ? 1 : 0), signed ? source.charAt(at) : "", isBlock);
          return;
        }
      }
      at = this.token(at, end, brackets);
    }
  }

  /** Adds one token of an expression and returns its end. */
  private token(at: number, end: number, brackets: { readonly close: string; readonly offset: number }[]): number {
    const { source } = this;
    const character = source.charAt(at);
    const matches = (pattern: RegExp): string | null => {
      pattern.lastIndex = at;
      return pattern.exec(source)?.[0] ?? null;
    };
    if (/\d/.test(character)) {
      // After a dot, digits are an index: `a.0.1` has no float.
      const decimal = source[at - 1] === "." ? null : matches(float);
      const number = decimal ?? matches(int);
      if (number === null) this.fail(`${shownToken(character)} begins no number of Jinja.`, at);
      this.push(decimal === null ? "int" : "float", number, at);
      return at + number.length;
    }
    const word = matches(name);
    if (word !== null) {
      this.push("name", word, at);
      return at + word.length;
    }
    if (character === "'" || character === '"') return this.string(at, character, end);
    const operator = operators.find((candidate) => source.startsWith(candidate, at));
    if (operator === undefined)
      this.fail(
        `The character ${shownToken(String.fromCodePoint(source.codePointAt(at) ?? 0))} has no meaning here.`,
        at,
      );
    const close = opens[operator];
    if (close !== undefined) brackets.push({ close, offset: at });
    else if (operator === ")" || operator === "]" || operator === "}") {
      const last = brackets.pop();
      if (last?.close !== operator) {
        const wanted = last ? `, but ${shownToken(last.close)} is missing first` : ", and no bracket is open";
        this.fail(`${shownToken(operator)} stands here${wanted}.`, at);
      }
    }
    this.push("op", operator, at);
    return at + operator.length;
  }

  private string(open: number, quote: string, end: number): number {
    const { source } = this;
    let at = open + 1;
    while (at < end && source[at] !== quote) at += source[at] === "\\" ? 2 : 1;
    if (at >= end) this.fail(`The string that begins here is never closed: ${quote} is missing.`, open);
    this.push("string", this.decoded(lineBreaks(source.slice(open + 1, at)), open), open);
    return at + 1;
  }

  /** Python's escapes; an unknown one stays as it is. */
  private decoded(text: string, offset: number): string {
    if (!text.includes("\\")) return text;
    return text.replace(
      /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|(N\{)|([\s\S]))/g,
      (whole: string, x, u, upper, octal, named, letter: string | undefined) => {
        if (named)
          this.fail("Names of characters, \\N{…}, are not supported in a string: write \\u and four digits.", offset);
        const digits = x ?? u ?? upper;
        if (digits) {
          const code = Number.parseInt(digits, 16);
          if (code > 0x10ffff) this.fail(`${shownToken(whole)} is no character.`, offset);
          return String.fromCodePoint(code);
        }
        if (octal) return String.fromCodePoint(Number.parseInt(octal, 8));
        return letters[letter ?? ""] ?? whole;
      },
    );
  }
}

/** Jinja reads every kind of line break as "\n", within strings too. */
const lineBreaks = (text: string) => (text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text);

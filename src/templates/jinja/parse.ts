/** Parses Jinja source, with the grammar of Jinja 3 and transformers' `generation` block. */

import type { Clock } from "../clock.ts";
import { TemplateError } from "../template.ts";
import { parseExpression, parseFilters } from "./expression.ts";
import { lex } from "./lex.ts";
import { Reader } from "./reader.ts";
import { placeAt, shownToken } from "./source.ts";
import type { Expression, MacroBody, Parameter, Statement } from "./syntax.ts";
import { parseNames, parseTarget } from "./target.ts";

export interface Program {
  readonly source: string;
  readonly body: readonly Statement[];
  readonly hasGenerationTags: boolean;
  /** Every attribute and every string of the source: the fields that a template may read are among them. */
  readonly words: ReadonlySet<string>;
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
  const tokens = lex(source, clock);
  clock.check();
  const parser = new Parser(source, new Reader(source, tokens, clock));
  const body = parser.template();
  const words = new Set(
    tokens.flatMap(({ type, value }, i) =>
      type === "string" || (type === "name" && tokens[i - 1]?.value === ".") ? [value] : [],
    ),
  );
  return { source, body, hasGenerationTags: parser.hasGenerationTags, words };
}

const closers: ReadonlySet<string> = new Set(["else", "elif"]);
const unsupported: ReadonlySet<string> = new Set(["extends", "include", "import", "from", "block", "autoescape", "do"]);

class Parser {
  hasGenerationTags = false;
  /** Open blocks, the innermost last; a macro hides the loops around it. */
  private readonly open: { readonly name: string; readonly offset: number }[] = [];

  constructor(
    private readonly source: string,
    private readonly reader: Reader,
  ) {}

  template(): Statement[] {
    return this.statements([]);
  }

  private fail(message: string, offset: number): never {
    throw new TemplateError(message, placeAt(this.source, offset));
  }

  /** Statements up to one of the tags `until`, which stays unread after its "{%"; without any, up to the end. */
  private statements(until: readonly string[]): Statement[] {
    const { reader } = this;
    const found: Statement[] = [];
    for (;;) {
      const { type, value, offset } = reader.next();
      if (type === "data") found.push({ kind: "data", offset, text: value });
      else if (type === "print") {
        found.push({ kind: "print", offset, value: parseExpression(reader, { tuple: true }) });
        reader.expectType("endprint", '"}}"');
      } else if (type === "block") {
        const name = reader.current.type === "name" ? reader.current.value : "";
        if (until.includes(name)) return found;
        found.push(this.statement(name, offset));
      } else {
        const last = this.open.at(-1);
        if (!last) return found;
        this.fail(`The "${last.name}" that begins here is never closed: "end${last.name}" is missing.`, last.offset);
      }
    }
  }

  /** The body of a block up to its end tag, or up to one of `also`; returns the tag's name, which is read. */
  private body(until: readonly string[]): { readonly body: Statement[]; readonly end: string } {
    const body = this.statements(until);
    return { body, end: this.reader.next().value };
  }

  private endTag(after: string): void {
    this.reader.expectType("endblock", '"%}"', after);
  }

  private block<T>(name: string, offset: number, read: () => T): T {
    this.open.push({ name, offset });
    try {
      return this.reader.deepen(offset, read);
    } finally {
      this.open.pop();
    }
  }

  private statement(name: string, offset: number): Statement {
    const { reader } = this;
    if (name === "") this.fail("A statement must begin with its name, and there is none here.", offset);
    if (closers.has(name)) this.misplaced(name, offset);
    if (name.startsWith("end")) this.misplaced(name, offset);
    reader.next();
    switch (name) {
      case "if":
        return this.block("if", offset, () => this.readIf(offset));
      case "for":
        return this.block("for", offset, () => this.readFor(offset));
      case "set":
        return this.readSet(offset);
      case "macro":
        return this.block("macro", offset, () => {
          const macroName = parseNames(reader);
          const parameters = this.parameters();
          this.endTag(`macro ${macroName}`);
          const { body } = this.body(["endmacro"]);
          this.endTag("endmacro");
          return { kind: "macro", offset, macro: macroOf(macroName, parameters, body) };
        });
      case "call":
        return this.block("call", offset, () => {
          const parameters = reader.is("(") ? this.parameters() : [];
          const call = parseExpression(reader);
          this.endTag("call");
          const { body } = this.body(["endcall"]);
          this.endTag("endcall");
          const last = call.kind === "chain" ? call.links.at(-1) : undefined;
          if (last?.kind !== "call") this.fail('"call" needs the call of a macro.', offset);
          return { kind: "call block", offset, call, macro: macroOf("caller", parameters, body) };
        });
      case "filter":
        return this.block("filter", offset, () => {
          const filters = parseFilters(reader, true);
          this.endTag("filter");
          const { body } = this.body(["endfilter"]);
          this.endTag("endfilter");
          return { kind: "filter block", offset, filters, body };
        });
      case "with":
        return this.block("with", offset, () => {
          const assigned = [];
          while (reader.current.type !== "endblock") {
            if (assigned.length > 0) reader.expect(",");
            const target = parseTarget(reader, false);
            reader.expect("=");
            assigned.push({ target, value: parseExpression(reader) });
          }
          this.endTag("with");
          const { body } = this.body(["endwith"]);
          this.endTag("endwith");
          return { kind: "with", offset, assigned, body };
        });
      case "generation":
        this.hasGenerationTags = true;
        if (this.open.some((block) => block.name === "generation"))
          this.fail('"generation" is inside another "generation".', offset);
        return this.block("generation", offset, () => {
          this.endTag("generation");
          const { body } = this.body(["endgeneration"]);
          this.endTag("endgeneration");
          return { kind: "generation", offset, body };
        });
      case "print": {
        const value = parseExpression(reader, { tuple: true });
        this.endTag("print");
        return { kind: "print", offset, value };
      }
      case "break":
      case "continue": {
        const inLoop = this.open
          .slice(this.open.findLastIndex((block) => scopes.has(block.name)) + 1)
          .some((block) => block.name === "for");
        if (!inLoop) this.fail('"break" or "continue" is outside of any "for".', offset + 3);
        this.endTag(name);
        return { kind: name, offset };
      }
      default:
        this.fail(
          unsupported.has(name)
            ? `"${name}" is not a known statement: Hone renders a template alone, without other files and pages.`
            : `${shownToken(name)} is not a known statement.`,
          offset,
        );
    }
  }

  private misplaced(name: string, offset: number): never {
    const last = this.open.at(-1);
    if (closers.has(name)) this.fail(`"${name}" is outside of any "if".`, offset);
    if (!last) this.fail(`"${name}" closes nothing: no block is open here.`, offset);
    const { line } = placeAt(this.source, last.offset);
    return this.fail(
      `"${shownToken(name).slice(1, -1)}" comes before the end of the "${last.name}" in line ${line}: "end${last.name}" is missing.`,
      offset,
    );
  }

  private readIf(offset: number): Statement {
    const { reader } = this;
    const branches: { test: Expression; body: Statement[] }[] = [];
    for (let name = "if"; name !== "else" && name !== "endif"; ) {
      reader.chain(branches.length, offset);
      const test = parseExpression(reader, { tuple: true, choice: false });
      this.endTag(name);
      const { body, end } = this.body(["elif", "else", "endif"]);
      branches.push({ test, body });
      if (end === "endif") {
        this.endTag(end);
        return { kind: "if", offset, branches, otherwise: [] };
      }
      name = end;
    }
    this.endTag("else");
    const { body: otherwise } = this.body(["endif"]);
    this.endTag("endif");
    return { kind: "if", offset, branches, otherwise };
  }

  private readFor(offset: number): Statement {
    const { reader } = this;
    const target = parseTarget(reader, false);
    reader.expectName("in");
    const iterable = parseExpression(reader, { tuple: true, choice: false });
    const test = reader.skipName("if") ? parseExpression(reader) : null;
    const recursive = reader.skipName("recursive");
    this.endTag("for");
    const { body, end } = this.body(["else", "endfor"]);
    this.endTag(end);
    let otherwise: Statement[] = [];
    if (end === "else") {
      otherwise = this.body(["endfor"]).body;
      this.endTag("endfor");
    }
    return { kind: "for", offset, target, iterable, test, recursive, body, otherwise };
  }

  private readSet(offset: number): Statement {
    const { reader } = this;
    const target = parseTarget(reader, true);
    if (reader.skip("=")) {
      const value = parseExpression(reader, { tuple: true });
      this.endTag("set");
      return { kind: "set", offset, target, value };
    }
    return this.block("set", offset, () => {
      const filters = parseFilters(reader, false);
      this.endTag("set");
      const { body } = this.body(["endset"]);
      this.endTag("endset");
      return { kind: "set block", offset, target, filters, body };
    });
  }

  private parameters(): Parameter[] {
    const { reader } = this;
    const found: Parameter[] = [];
    reader.expect("(");
    while (!reader.is(")")) {
      if (found.length > 0) reader.expect(",");
      const { offset } = reader.current;
      const name = parseNames(reader);
      const initial = reader.skip("=") ? parseExpression(reader) : null;
      if (initial === null && found.at(-1)?.initial)
        this.fail(`The parameter "${name}" needs a default, like the one before it.`, offset);
      found.push({ name, initial });
    }
    reader.expect(")");
    return found;
  }
}

/** Blocks that Jinja compiles to functions, so that no `break` leaves them. */
const scopes: ReadonlySet<string> = new Set(["macro", "call", "generation"]);

function macroOf(name: string, parameters: readonly Parameter[], body: readonly Statement[]): MacroBody {
  const names = new Set<string>();
  collectNames(body, names);
  for (const { initial } of parameters) collectNames(initial, names);
  const reads = (word: string) => names.has(word) && !parameters.some((parameter) => parameter.name === word);
  return {
    name,
    parameters,
    body,
    reads: { varargs: reads("varargs"), kwargs: reads("kwargs"), caller: names.has("caller") },
  };
}

/** Every name that is read in a part of the tree. */
function collectNames(part: unknown, names: Set<string>): void {
  const left: unknown[] = [part];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (typeof next !== "object" || next === null) continue;
    if ("kind" in next && next.kind === "name" && "name" in next && typeof next.name === "string") names.add(next.name);
    left.push(...Object.values(next).filter((value) => typeof value === "object" && value !== null));
  }
}

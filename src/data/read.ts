/** From the text of a file to examples: JSON arrays and JSON Lines of Alpaca rows and of `messages`. */

import * as v from "valibot";
import type { Example, Message, RowProblem } from "./example.ts";
import { roles } from "./example.ts";

export interface ReadResult {
  /** What was found, for people: "Alpaca rows", "chat messages", or both. */
  readonly format: string;
  readonly examples: readonly Example[];
  /** Every row that cannot be used, in the order of the file. */
  readonly problems: readonly RowProblem[];
}

/** One JSON text of the file and the line on which it begins. */
interface RawRow {
  readonly text: string;
  readonly line: number;
}

const remedy =
  'Choose a JSON or JSON Lines file whose rows are {"instruction", "input", "output"} or {"messages": [{"role", "content"}]}';

/** How files of other kinds look, read as UTF-8 text (bytes that are no UTF-8 have become U+FFFD). */
const otherKinds: readonly { readonly kind: string; readonly is: (beginning: string) => boolean }[] = [
  { kind: "a PNG image", is: (b) => b.startsWith("\uFFFDPNG") },
  { kind: "a JPEG image", is: (b) => b.startsWith("\uFFFD\uFFFD\uFFFD") },
  { kind: "a PDF document", is: (b) => b.startsWith("%PDF-") },
  { kind: "a zip archive or an Office document", is: (b) => b.startsWith("PK\u0003\u0004") },
  { kind: "a gzip archive", is: (b) => b.startsWith("\u001F\uFFFD") },
  { kind: "a Parquet table", is: (b) => b.startsWith("PAR1") },
  { kind: "a GGUF model", is: (b) => b.startsWith("GGUF") },
  { kind: "a safetensors model", is: (b) => b.includes("\0") && b.includes('"data_offsets"') },
  { kind: "a web page", is: (b) => /^\s*<(!doctype|html|\?xml|head|body)/i.test(b) },
  { kind: "UTF-16 text (save it as UTF-8)", is: (b) => b.startsWith("\uFFFD\uFFFD") || b[1] === "\0" || b[0] === "\0" },
  { kind: "a binary file", is: (b) => b.includes("\0") },
];

/**
 * Reads rows, Alpaca or `messages`, told apart row by row; an array and JSON Lines are told apart by content.
 * A lone surrogate in a text becomes U+FFFD, for it has no UTF-8 form and so no token.
 * Throws one sentence naming file, place and remedy when not a single row can be used.
 */
export function readExamples(name: string, text: string): ReadResult {
  const body = text.startsWith("\uFEFF") ? text.slice(1) : text;
  if (body.trim() === "") throw new Error(`${name} is empty. ${remedy}.`);
  const other = otherKinds.find(({ is }) => is(body.slice(0, 4096)));
  if (other) throw new Error(`${name} is not a file of rows: it looks like ${other.kind}. ${remedy}.`);
  if (!/^\s*[[{]/.test(body)) {
    throw new Error(
      `${name}, line ${firstLine(body)}: a JSON file begins with [ or {, this one with ${quote(body.trim())}. ${remedy}.`,
    );
  }

  const problems: RowProblem[] = [];
  const { rows, trouble } = /^\s*\[/.test(body) ? arrayRows(body) : { rows: lineRows(body), trouble: [] };
  const examples: Example[] = [];
  const formats = new Set<string>();
  rows.forEach(({ text: source, line }, row) => {
    const outcome = readRow(source);
    if (typeof outcome === "string") {
      problems.push({ line, message: outcome });
    } else {
      formats.add(outcome.format);
      examples.push({ messages: outcome.messages, row, line });
    }
  });
  problems.push(...trouble);

  if (examples.length === 0) {
    if (problems.length === 0) throw new Error(`${name} holds no row. ${remedy}.`);
    const shown = problems.slice(0, 3).map((problem) => `line ${problem.line}: ${problem.message}`);
    const more = problems.length > shown.length ? ` (and ${problems.length - shown.length} more)` : "";
    throw new Error(`${name}: no row can be used. ${shown.join("; ")}${more}. ${remedy}.`);
  }
  return { format: [...formats].sort().join(" and "), examples, problems };
}

/** JSON Lines, or one object that spans the whole file. */
function lineRows(body: string): RawRow[] {
  const rows = body
    .split("\n")
    .map((line, index) => ({ text: line.trim(), line: index + 1 }))
    .filter((row) => row.text !== "");
  const first = rows[0];
  if (first && rows.length > 1 && !isJson(first.text) && isJson(body)) return [{ text: body, line: first.line }];
  return rows;
}

/**
 * The elements of the array, each as its own text, so that a broken one costs only itself. JSON allows no line break
 * inside a string: one that is open at the end of its line lost its quote, and is closed there.
 */
function arrayRows(body: string): { rows: RawRow[]; trouble: RowProblem[] } {
  const rows: RawRow[] = [];
  const open = body.indexOf("[");
  let line = firstLine(body);
  let depth = 0;
  let inString = false;
  let start = open + 1;
  let startLine: number | null = null;
  const close = (end: number) => {
    const text = body.slice(start, end).trim();
    if (startLine !== null) rows.push({ text, line: startLine });
    start = end + 1;
    startLine = null;
  };
  for (let i = open + 1; i < body.length; i++) {
    const character = body[i];
    if (character === "\n") {
      line++;
      inString = false;
    } else if (inString) {
      if (character === "\\") i += body[i + 1] === "\n" ? 0 : 1;
      else if (character === '"') inString = false;
    } else {
      if (startLine === null && character !== "," && character !== "]" && character?.trim()) startLine = line;
      if (character === '"') inString = true;
      else if (character === "{" || character === "[") depth++;
      else if (depth > 0 && (character === "}" || character === "]")) depth--;
      else if (depth === 0 && character === ",") close(i);
      else if (depth === 0 && character === "]") {
        close(i);
        const rest = body.slice(i + 1);
        if (rest.trim() === "") return { rows, trouble: [] };
        const message = `${quote(rest.trim())} follows the end of the array`;
        return { rows, trouble: [{ line: line + firstLine(rest) - 1, message }] };
      }
    }
  }
  close(body.length);
  return { rows, trouble: [{ line, message: "the array is never closed with ]: the file may be cut off" }] };
}

/** What a row holds, or why it cannot be used. */
function readRow(source: string): { format: string; messages: Message[] } | string {
  let row: unknown;
  try {
    row = JSON.parse(source);
  } catch (error) {
    return `broken JSON: ${error instanceof Error ? error.message : error}; the row begins ${quote(source)}`;
  }
  if (typeof row !== "object" || row === null || Array.isArray(row))
    return `a row is an object, this is ${nameOf(row)}`;
  if ("messages" in row) return readChat(row);
  if ("instruction" in row || "output" in row) return readAlpaca(row);
  const fields = Object.keys(row).slice(0, 8).map(quote).join(", ");
  return `neither "instruction" and "output" nor "messages"; its fields are ${fields || "none"}`;
}

/** A text, with lone surrogates replaced. */
const text = v.pipe(
  v.string((issue) => `is ${nameOf(issue.input)}, not text`),
  v.transform((value) => value.replace(/\p{Surrogate}/gu, "\uFFFD")),
);
const written = v.pipe(
  text,
  v.check((value) => value.trim() !== "", "is empty"),
);

const Alpaca = v.object({
  instruction: v.optional(v.nullable(text), ""),
  input: v.optional(v.nullable(text), ""),
  output: written,
  system: v.optional(v.nullable(text), ""),
  history: v.optional(v.nullable(v.array(v.strictTuple([written, written], "is not a pair [user, assistant]"))), []),
});

const Chat = v.object({
  messages: v.pipe(
    v.array(
      v.object({
        role: v.picklist(roles, (issue) => `is ${issue.received}, which is none of ${roles.join(", ")}`),
        content: written,
        weight: v.optional(
          v.nullable(
            v.pipe(
              v.number((issue) => `is ${nameOf(issue.input)}, not a number`),
              v.finite("is not finite"),
              v.minValue(0, "is negative"),
            ),
          ),
        ),
      }),
      (issue) => `is ${nameOf(issue.input)}, not a list`,
    ),
    v.check((messages) => messages.at(-1)?.role === "assistant", "has no response at its end"),
    v.check(
      (messages) => !messages.some((m, i) => i > 0 && m.role === "system"),
      "has a system message after the first",
    ),
  ),
});

/** `instruction` and `input` joined by a line break are the prompt. */
function readAlpaca(row: object) {
  const parsed = v.safeParse(Alpaca, row);
  if (!parsed.success) return describe(parsed.issues);
  const { instruction, input, output, system, history } = parsed.output;
  const prompt = [instruction, input].filter((part) => part).join("\n");
  if (prompt.trim() === "") return "instruction and input are both empty";
  const messages: Message[] = [];
  if (system?.trim()) messages.push({ role: "system", content: system });
  for (const [question, answer] of history ?? []) {
    messages.push({ role: "user", content: question }, { role: "assistant", content: answer });
  }
  messages.push({ role: "user", content: prompt }, { role: "assistant", content: output });
  return { format: "Alpaca rows", messages };
}

function readChat(row: object) {
  const parsed = v.safeParse(Chat, row);
  if (!parsed.success) return describe(parsed.issues);
  const messages = parsed.output.messages.map(
    ({ role, content, weight }): Message => (weight == null ? { role, content } : { role, content, weight }),
  );
  return { format: "chat messages", messages };
}

/** `messages.2.content is empty`, or that a field is missing. */
function describe(issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  const issue = issues[0];
  const path = v.getDotPath(issue) ?? "the row";
  const missing = issue.kind === "schema" && issue.input === undefined;
  if (missing) return path === "output" ? "no response: output is missing" : `${path} is missing`;
  if (issue.message === "is empty" && path === "output") return "no response: output is empty";
  return `${path} ${issue.message}`;
}

function isJson(source: string): boolean {
  try {
    JSON.parse(source);
    return true;
  } catch {
    return false;
  }
}

/** Line of the first character that is not white space. */
function firstLine(body: string): number {
  return body.slice(0, body.length - body.trimStart().length).split("\n").length;
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** The beginning of a text in quotes, short enough for a message. */
function quote(source: string): string {
  return JSON.stringify(source.length > 40 ? `${source.slice(0, 40)}…` : source);
}

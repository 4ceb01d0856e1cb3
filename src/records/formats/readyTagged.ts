/** Reads texts whose turns begin with a header that names the role, in one pass over headers and ends. */

import type { Message, Role } from "../example.ts";
import { type Form, forms } from "./readyForms.ts";
import {
  afterBos,
  afterLead,
  bosTexts,
  createPieces,
  endOf,
  eosTexts,
  finalEos,
  oneOf,
  type ReadyText,
} from "./readyPieces.ts";

/** A form with its patterns. */
interface Fitted extends Form {
  /** A header at a position; its first group is the role's name. */
  readonly header: RegExp;
  /** The next header or end. */
  readonly lexer: RegExp;
  /** White space and tokens that may stand between an end and the next header. */
  readonly gap: RegExp;
  /** Tokens right after an end that the answer also ends with. */
  readonly moreEnds: RegExp;
}

const fitted: readonly Fitted[] = forms.map((form) => {
  const { begin, close, ends, ownLine } = form;
  const roleNames = oneOf(Object.keys(form.names).sort((a, b) => b.length - a.length));
  const header = `${ownLine ? "(?<![^\\n])" : ""}${oneOf([begin])}[ \\t]{0,4}(${roleNames})[ \\t]{0,4}(?:${close})`;
  const others = (texts: readonly string[]) => texts.filter((text) => !ends.includes(text));
  const between = [...new Set(others([...bosTexts, ...eosTexts]))];
  return {
    ...form,
    header: new RegExp(header, "y"),
    lexer: new RegExp(`${header}|${oneOf(ends)}`, "g"),
    gap: new RegExp(`\\s*(?:${oneOf(between)}\\s*){0,3}`, "y"),
    moreEnds: new RegExp(`(?:${oneOf(others(eosTexts))}){0,2}`, "y"),
  };
});

/** A turn by positions in the text. */
interface Turn {
  readonly role: Role | "input";
  readonly header: number;
  /** The end of the header without its break. */
  readonly opened: number;
  /** Where the turn's text ends, where its end marker ends, and where the next turn may begin. */
  readonly ends: number;
  readonly marked: number;
  readonly next: number;
}

/** Reads a text by the first form that fits all of it; null where none does. Linear in the text's length. */
export function readTagged(text: string): ReadyText | null {
  for (const form of fitted) {
    const found = firstHeader(form, text);
    const turns = found && turnsOf(form, text, found.first);
    const read = turns && build(form, text, found.start, turns);
    if (read) return read;
  }
  return null;
}

/** Longest system text without a header, in characters. */
const longestPreamble = 4000;
const standardPreamble =
  /^Below is an instruction that describes a task(?:, paired with an input that provides further context)?\. Write a response that appropriately completes the request\.$/;

/** Where the lead and the first header begin; null where the text does not begin with one. */
function firstHeader(form: Fitted, text: string): { readonly start: number; readonly first: number } | null {
  const header = afterLead(text);
  if (endOf(form.header, text, header) !== null) return { start: header, first: header };
  if (!form.preamble) return null;
  const start = afterBos(text);
  form.lexer.lastIndex = start;
  const first = form.lexer.exec(text.slice(0, start + longestPreamble));
  if (first?.[1] === undefined) return null;
  const { body, gap } = splitBreaks(text.slice(start, first.index), 2);
  // A document about the form introduces it with a colon, under headings or in a block of code.
  return /\n\r?\n/.test(gap) && !/^\s*#{1,6} |```/m.test(body) && !/:\s*$/.test(body)
    ? { start, first: first.index }
    : null;
}

/** Cuts the line breaks at the end of a text off, at most this many. */
function splitBreaks(text: string, most: number): { readonly body: string; readonly gap: string } {
  let end = text.length;
  for (let i = 0; i < most && text[end - 1] === "\n"; i++) end -= text[end - 2] === "\r" ? 2 : 1;
  return { body: text.slice(0, end), gap: text.slice(end) };
}

function turnsOf(form: Fitted, text: string, first: number): Turn[] | null {
  const { lexer, header, gap, moreEnds, begin, between } = form;
  const turns: Turn[] = [];
  let open: Pick<Turn, "role" | "header" | "opened"> | null = null;
  /** Whether the open turn contains the text of an end. */
  let stray = false;
  lexer.lastIndex = first;
  for (let found = lexer.exec(text); found; found = lexer.exec(text)) {
    const { index } = found;
    const end = index + found[0].length;
    const name = found[1];
    if (name !== undefined) {
      if (open !== null) {
        if (between === undefined) return null;
        turns.push({ ...open, ends: index, marked: index, next: index });
      }
      open = { role: form.names[name] ?? "user", header: index, opened: end };
      stray = false;
      continue;
    }
    if (open === null) return null;
    const next = endOf(gap, text, end) ?? end;
    if (next === text.length || endOf(header, text, next) !== null) {
      turns.push({ ...open, ends: index, marked: endOf(moreEnds, text, end) ?? end, next });
      open = null;
      lexer.lastIndex = next;
    } else if (text.startsWith(begin, next)) return null;
    else stray = true;
  }
  if (open === null) return turns;
  if (stray) return null;
  const eos = finalEos(text, open.opened);
  turns.push({ ...open, ends: eos?.start ?? text.length, marked: eos?.end ?? text.length, next: text.length });
  return turns;
}

/** Whether roles take turns: a user, then an assistant, and only then a user or a tool. */
function alternate(turns: readonly Turn[]): boolean {
  return turns.every(({ role }, i) => {
    const before = turns[i - 1]?.role;
    if (role === "assistant") return before === "user" || before === "input" || before === "tool";
    if (role === "input") return before === "user" || before === "assistant";
    if (role === "tool") return before === "assistant" || before === "tool";
    return role === "system" ? i === 0 : i === 0 || before === "assistant" || before === "system";
  });
}

function build(form: Fitted, text: string, start: number, turns: readonly Turn[]): ReadyText | null {
  const { between } = form;
  if (between !== undefined && !alternate(turns)) return null;
  const isEmpty = (turn: Turn) => turn.opened === turn.ends;
  const has = (turn: Turn, space: string) =>
    isEmpty(turn) || (text.startsWith(space, turn.opened) && turn.opened + space.length <= turn.ends);
  const common = form.breaks.find((space) => turns.every((turn) => has(turn, space)));
  if (common === undefined && !form.breaksVary) return null;

  const messages: Message[] = [];
  const { pieces, marker, content } = createPieces(text);
  const first = turns[0];
  if (!first) return null;
  marker(start, null);
  if (first.header > start) {
    const { body } = splitBreaks(text.slice(start, first.header), 2);
    if (!standardPreamble.test(body.trim())) {
      messages.push({ role: "system", content: body });
      content(start + body.length, 0);
    }
    marker(first.header, null);
  }
  turns.forEach((turn, i) => {
    const space = form.breaksVary ? form.breaks.find((candidate) => has(turn, candidate)) : common;
    const from = Math.min(turn.opened + (space ?? "").length, turn.ends);
    // A turn without an end stops before the line breaks of the next header.
    const follows = turns[i + 1]?.header === turn.ends;
    const rest = text.slice(Math.max(from, turn.ends - 4), turn.ends);
    const until = turn.ends - (follows ? splitBreaks(rest, between ?? 0).gap.length : 0);
    const own = text.slice(from, until);
    // A header at the end, without a text, asks for an answer.
    if (i === turns.length - 1 && turn.marked === turn.ends && own.trim() === "") {
      marker(text.length, null);
      return;
    }
    const continued = turn.role === "input" && turns[i - 1]?.role === "user";
    const previous = messages.at(-1);
    if (continued && previous) {
      const joined = [previous.content, own].filter((part) => part !== "").join("\n");
      messages[messages.length - 1] = { ...previous, content: joined };
    } else messages.push({ role: turn.role === "input" ? "tool" : turn.role, content: own });
    const index = messages.length - 1;
    const answer = turn.role === "assistant";
    marker(from, index);
    content(until, index, answer);
    marker(turn.ends, null);
    marker(turn.marked, index, answer);
    marker(turn.next, null);
  });
  return messages.length === 0 ? null : { family: familyOf(form, common), messages, pieces };
}

/** Hone's headers stand in the line of their text, Phi-3's above it. */
function familyOf({ family }: Form, space: string | undefined): string {
  if (family !== "Hone or Phi-3") return family;
  return space === "" ? "Hone" : "Phi-3";
}

/** Reads texts in the forms of Llama 2 and Mistral: a user's turn is in brackets, and the answer follows it. */

import type { Message, ToolCall } from "../example.ts";
import { parseJson } from "../read/parseJson.ts";
import { isList, isObject, memberOf, type Value } from "../value.ts";
import { afterLead, bosTexts, createPieces, endOf, eosTexts, finalEos, oneOf, type ReadyText } from "./readyPieces.ts";

/** What opens a turn, and what closes it. */
const brackets: Readonly<Record<string, string>> = {
  "[INST]": "[/INST]",
  "[SYSTEM_PROMPT]": "[/SYSTEM_PROMPT]",
  "[AVAILABLE_TOOLS]": "[/AVAILABLE_TOOLS]",
  "[TOOL_RESULTS]": "[/TOOL_RESULTS]",
};
const openers = oneOf(Object.keys(brackets));
const opener = new RegExp(openers, "y");
const eos = ["</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>"];
const lexer = new RegExp(`(${openers})|(${oneOf(Object.values(brackets))})|${oneOf(eos)}`, "g");
const gap = new RegExp(
  `\\s*(?:${oneOf([...new Set([...bosTexts, ...eosTexts])].filter((text) => !eos.includes(text)))}\\s*){0,2}`,
  "y",
);
const space = /\s*/y;
const [systemBegins, systemEnds] = ["<<SYS>>", "<</SYS>>"];
const callsBegin = "[TOOL_CALLS]";

/** A part of the text between two markers. */
interface Part {
  /** The bracket that opens it; null for an answer. */
  readonly open: string | null;
  readonly start: number;
  readonly end: number;
  /** Where its closing marker ends, and where the next part may begin. */
  readonly closed: number;
  readonly next: number;
}

/** null where the text is no conversation in this form. Linear in the text's length. */
export function readBrackets(text: string): ReadyText | null {
  const start = afterLead(text);
  if (endOf(opener, text, start) === null) return null;
  const parts = partsOf(text, start);
  return parts && build(text, start, parts);
}

function partsOf(text: string, start: number): Part[] | null {
  const parts: Part[] = [];
  let open: string | null = null;
  let from = start;
  let stray = false;
  lexer.lastIndex = start;
  for (let found = lexer.exec(text); found; found = lexer.exec(text)) {
    const { index } = found;
    const [token, opens, closes] = found;
    const end = index + token.length;
    if (open !== null) {
      if (opens !== undefined) return null;
      if (closes !== brackets[open]) continue;
      const next = endOf(space, text, end) ?? end;
      const opensNext = endOf(opener, text, next) !== null;
      const isPrompt = open === "[INST]" || open === "[TOOL_RESULTS]";
      if (!isPrompt && !opensNext) return null;
      parts.push({ open, start: from, end: index, closed: end, next: opensNext ? next : end });
      open = null;
      from = end;
      if (opensNext) lexer.lastIndex = next;
      continue;
    }
    if (opens !== undefined) {
      // Between an answer and the next turn there is an end of sequence.
      if (parts.length > 0 && parts.at(-1)?.next !== index) return null;
      open = opens;
      from = end;
      stray = false;
      continue;
    }
    if (closes !== undefined) continue;
    const next = endOf(gap, text, end) ?? end;
    if (next === text.length || endOf(opener, text, next) !== null) {
      parts.push({ open: null, start: from, end: index, closed: end, next });
      lexer.lastIndex = next;
      from = next;
    } else stray = true;
  }
  if (open !== null) return null;
  if (from < text.length) {
    if (stray) return null;
    const last = finalEos(text, from);
    parts.push({
      open: null,
      start: from,
      end: last?.start ?? text.length,
      closed: last?.end ?? text.length,
      next: text.length,
    });
  }
  return parts;
}

function build(text: string, start: number, parts: readonly Part[]): ReadyText | null {
  const messages: Message[] = [];
  const { pieces, marker, content } = createPieces(text);
  let tools: readonly Value[] | null = null;
  const hasSystem = text.startsWith(systemBegins, endOf(space, text, parts[0]?.start ?? 0) ?? 0);
  const isLlama = hasSystem || isSpaced(text, parts);
  marker(start, null);
  for (const [i, part] of parts.entries()) {
    const { open, closed, next } = part;
    const role =
      open === null ? "assistant" : open === "[TOOL_RESULTS]" ? "tool" : open === "[INST]" ? "user" : "system";
    const answer = role === "assistant";
    // The form writes a space inside each bracket and around Llama 2's answers.
    const from = part.start + (text[part.start] === " " && part.start < part.end ? 1 : 0);
    const until =
      part.end -
      ((open !== null || isLlama) && part.end > from && text[part.end - 1] === " " && closed > part.end ? 1 : 0);
    if (answer && i === parts.length - 1 && text.slice(part.start, part.end).trim() === "" && closed === part.end)
      break;
    if (open === "[AVAILABLE_TOOLS]") {
      const described = parseJson(text.slice(from, until));
      if (!("value" in described) || !isList(described.value)) return null;
      tools = described.value;
      marker(from, null);
      content(until, null);
      marker(next, null);
      continue;
    }
    let begins = from;
    if (open === "[INST]" && i === 0 && hasSystem) {
      const system = systemOf(text, from, until);
      if (system === null) return null;
      marker(system.start, 0);
      content(system.end, 0);
      messages.push({ role: "system", content: text.slice(system.start, system.end) });
      begins = system.after;
      marker(begins, null);
    }
    const index = messages.length;
    const calls = answer ? callsOf(text, from, until) : null;
    if (calls) {
      messages.push({ role, content: "", toolCalls: calls.calls });
      marker(from, index, true);
      marker(calls.start, index, true);
    } else {
      messages.push({ role, content: text.slice(begins, until) });
      marker(begins, index, answer && begins > part.start);
    }
    content(until, index, answer);
    // A space before the end is part of what the model writes.
    marker(closed, index, answer);
    marker(next, null);
  }
  marker(text.length, null);
  if (messages.length === 0) return null;
  return { family: isLlama ? "Llama 2" : "Mistral", messages, pieces, ...(tools && { tools }) };
}

/** Whether a space stands on both sides of every answer, as Llama 2 writes them. */
function isSpaced(text: string, parts: readonly Part[]): boolean {
  const ended = parts.filter(({ open, end, closed }) => open === null && closed > end);
  return (
    ended.length > 0 && ended.every(({ start, end }) => end - start > 1 && text[start] === " " && text[end - 1] === " ")
  );
}

/** Llama 2's system text inside the first user's turn, and where the user's own text begins. */
function systemOf(text: string, from: number, until: number) {
  const begins = endOf(space, text, from) ?? from;
  const ends = text.slice(begins, until).indexOf(systemEnds);
  if (ends === -1) return null;
  const inner = begins + systemBegins.length;
  const close = begins + ends;
  const start = inner + (text[inner] === "\n" ? 1 : 0);
  const end = close - (close > start && text[close - 1] === "\n" ? 1 : 0);
  let after = close + systemEnds.length;
  if (text[after] === " ") after++;
  for (let i = 0; i < 2 && text[after] === "\n"; i++) after++;
  return { start, end, after };
}

/** Mistral's tool calls: a list of JSON objects with names and arguments. */
function callsOf(text: string, from: number, until: number) {
  const begins = endOf(space, text, from) ?? from;
  if (!text.startsWith(callsBegin, begins)) return null;
  const start = endOf(space, text, begins + callsBegin.length) ?? begins;
  const parsed = parseJson(text.slice(start, until));
  if (!("value" in parsed) || !isList(parsed.value) || parsed.value.length === 0) return null;
  const calls = parsed.value.map((value): ToolCall | null => {
    const call = isObject(value) ? value : null;
    const name = call && memberOf(call, "name");
    const id = call && memberOf(call, "id");
    if (!call || typeof name !== "string") return null;
    return { ...(typeof id === "string" && { id }), name, arguments: memberOf(call, "arguments") ?? {} };
  });
  const read = calls.filter((call) => call !== null);
  return read.length === calls.length ? { start, calls: read } : null;
}

/**
 * Finds the answers in a rendered conversation: by generation tags; else by growing prefixes, which are what a model sees when
 * it answers; else by the output that the template wrote for a message. It never searches for an answer's text.
 */

import type { Message, Role } from "../records/example.ts";
import type { SpecialTokens } from "./added.ts";
import type { Output } from "./jinja/interpret.ts";
import type { Range, Run } from "./jinja/text.ts";
import { type SpanProof, TemplateError } from "./template.ts";

export interface RenderedConversation {
  readonly messages: readonly Message[];
  readonly output: Output;
  readonly hasGenerationTags: boolean;
  /** Whether the output ends with the header of an answer to generate. */
  readonly generationPrompt: boolean;
  readonly special: SpecialTokens;
  /** Renders the first `count` messages alone; null where the template refuses them. */
  readonly renderFirst: (count: number, generationPrompt: boolean) => string | null;
}

/** The span of an assistant's message that the model writes, with the marker that ends its turn. */
export interface Answer extends Range {
  readonly message: number;
  readonly role: Role;
}

export interface Answers {
  /** In the order of the output; several generation blocks of one message are several. */
  readonly answers: readonly Answer[];
  readonly proof: SpanProof;
}

/** Throws TemplateError that names the message and each check that failed. */
export function findAnswers(rendered: RenderedConversation): Answers {
  const { messages } = rendered;
  const assistants = [...messages.keys()].filter((i) => messages[i]?.role === "assistant");
  if (rendered.hasGenerationTags) return { answers: fromTags(rendered, assistants), proof: "generation tags" };
  const places = placesOf(rendered);
  let proof: SpanProof = "prefixes";
  const answers: Answer[] = [];
  for (const i of assistants) {
    const found = located(rendered, places, i);
    if (typeof found === "string") {
      throw new TemplateError(
        `The answer in message ${i + 1} cannot be separated from the rest: ${found}. Put {% generation %} and {% endgeneration %} around answers in the template, or choose another one.`,
      );
    }
    if (found.proof !== "prefixes") proof = found.proof;
    for (const range of found.ranges)
      if (range.start < range.end) answers.push({ ...range, message: i, role: "assistant" });
  }
  return { answers: answers.sort((a, b) => a.start - b.start), proof };
}

/** Where the texts of each message stand, and the output that the template wrote during its turn. */
interface Places {
  readonly runs: ReadonlyMap<number, readonly Run[]>;
  readonly turns: ReadonlyMap<number, readonly Range[]>;
  /** Special tokens that begin a turn, and so end none. */
  readonly openers: ReadonlySet<string>;
}

function placesOf({ output, special }: RenderedConversation): Places {
  const runs = new Map<number, Run[]>();
  for (const run of output.runs) {
    const { message } = run.origin;
    if (message === null) continue;
    const own = runs.get(message);
    if (own) own.push(run);
    else runs.set(message, [run]);
  }
  const turns = new Map<number, Range[]>();
  for (const turn of output.turns) {
    const own = turns.get(turn.message);
    if (own) own.push(turn);
    else turns.set(turn.message, [turn]);
  }
  const openers = output.turns.flatMap(({ start }) => {
    const end = special.endAt(output.text, start);
    return end === null ? [] : [output.text.slice(start, end).trim()];
  });
  return { runs, turns, openers: new Set(openers) };
}

/** A generation block of a message. */
interface Tagged {
  readonly start: number;
  end: number;
  readonly message: number;
}

function fromTags({ messages, output, special }: RenderedConversation, assistants: readonly number[]): Answer[] {
  const { generations, runs, turns, text } = output;
  const isAssistant = new Set(assistants);
  const found: Tagged[] = [];
  generations.forEach((range, nth) => {
    const owners = new Set<number>();
    for (const run of runs) {
      if (run.start >= range.end) break;
      if (run.end > range.start && run.origin.message !== null) owners.add(run.origin.message);
    }
    const isEmpty = range.start === range.end;
    // An empty block stands in the turn that continues after it, else in the assistant's turn that ends there.
    const until = isEmpty ? range.start + 1 : range.end;
    const around = turns.find((one) => one.start <= range.start && one.end >= until)?.message;
    const ending = turns.find((one) => isEmpty && one.end === range.end && isAssistant.has(one.message))?.message;
    const turn = around !== undefined && (isAssistant.has(around) || ending === undefined) ? around : ending;
    const [first] = owners;
    const before = found.at(-1);
    // After the last turn, a block belongs to the answer before it: some templates write EOS there.
    const final =
      before && !turns.some((one) => one.end > before.end && one.start > before.start) ? before.message : undefined;
    const message = first ?? turn ?? (generations.length === assistants.length ? assistants[nth] : final);
    if (isEmpty && (message === undefined || !isAssistant.has(message))) return;
    if (message === undefined || owners.size > 1 || !isAssistant.has(message)) {
      throw new TemplateError(
        `The template's generation tags enclose ${generations.length} spans in a conversation of ${assistants.length} answers, and Hone cannot match them. Put {% generation %} around each assistant's message, and around nothing else.`,
      );
    }
    const last = found.at(-1);
    if (last?.message === message && last.end >= range.start) last.end = range.end;
    else found.push({ ...range, message });
  });
  const isFree = (from: number, to: number) => !runs.some((run) => run.start < to && run.end > from);
  /** Whether a special token ends the span. A special token's text in a content is text, and ends no turn. */
  const hasEnd = (range: Range) => {
    const end = range.start + text.slice(range.start, range.end).trimEnd().length;
    return special.last(text.slice(range.start, end)) !== undefined && isFree(end - 1, end);
  };
  // Tags around the end of one answer are around all ends: the token after another answer begins the next turn.
  const isLastOf = (range: Tagged, nth: number) => found[nth + 1]?.message !== range.message;
  const haveEnds = found.some(
    (range, nth) => isLastOf(range, nth) && !messages[range.message]?.toolCalls?.length && hasEnd(range),
  );
  return found.map((range, nth): Answer => {
    const next = found[nth + 1]?.start ?? text.length;
    // Many templates' tags leave out the token that ends the turn; without it a model would not learn to stop.
    const after = isLastOf(range, nth) && !haveEnds && !hasEnd(range) ? special.endAt(text, range.end) : null;
    const role = messages[range.message]?.role ?? "assistant";
    const extended = after !== null && after <= next && isFree(range.end, after);
    return { start: range.start, end: extended ? after : range.end, message: range.message, role };
  });
}

type Located = { readonly ranges: readonly Range[]; readonly proof: SpanProof };

/**
 * The answer is what the model writes after the prompt. Its start: the messages before it with an answer's header render to a
 * prefix of the whole; else the same header begins the output of the message's turn. Its end: the messages up to it render to
 * a prefix of the whole; else the message's turn ends there. Equal prefixes have equal tokens, because no token crosses the
 * beginning of an answer (see `createTokenizer`). Returns the reason where this fails.
 */
function located(rendered: RenderedConversation, places: Places, i: number): Located | string {
  const { messages, output, generationPrompt, renderFirst } = rendered;
  const { text } = output;
  // Some templates write a tool's result within the turn of its call: the turn then has several pieces.
  const [turn = null, ...pieces] = places.turns.get(i) ?? [];
  const runs = places.runs.get(i) ?? [];
  // Templates also repeat a call's name in the turn of its result: there it is no part of the answer.
  const within = (piece: Range) => runs.filter((run) => run.start >= piece.start && run.end <= piece.end);
  const own = turn === null ? runs : within(turn);
  const first = own[0]?.start ?? turn?.end ?? text.length;

  const before = renderFirst(i, true);
  const whole = i === messages.length - 1 && !generationPrompt ? text : renderFirst(i + 1, false);
  const isPrefix = (part: string | null): part is string => part !== null && text.startsWith(part);
  let proof: SpanProof = "prefixes";

  let start: number | null = isPrefix(before) && before.length <= first ? before.length : null;
  if (start === null) {
    proof = "origins";
    start = turn && headerEnd(rendered, before, i, turn, first);
    // Without a loop over the messages, the answer begins with its first text.
    if (start === null && own.length > 0 && turn === null) start = first;
  }
  if (start === null) {
    if (own.length === 0 && isPrefix(whole) && turn === null) return "the template writes nothing for it";
    return before === null
      ? "the template does not render the messages before it alone, and writes it in no turn of its own"
      : "the messages before it do not render to a prefix of the whole, and its turn does not begin with the header of an answer";
  }

  const last = own.at(-1)?.end ?? start;
  let until: number | null = isPrefix(whole) && whole.length >= Math.max(start, last) ? whole.length : null;
  if (until === null) {
    proof = "origins";
    if (turn && turn.end >= start) until = turn.end;
    else if (own.length > 0) until = rendered.special.endAt(text, last);
  }
  if (until === null)
    return "the template writes it differently when more messages follow, and no special token follows its text";
  const ranges = [{ start, end: endOfAnswer(rendered, places.openers, { start, end: until }, last, i) }];
  for (const piece of pieces) {
    const end = within(piece).at(-1)?.end;
    if (end !== undefined)
      ranges.push({ start: piece.start, end: endOfAnswer(rendered, places.openers, piece, end, i) });
  }
  if (own.some((run) => run.start < start || run.end > (ranges[0]?.end ?? 0))) return "its text appears elsewhere too";
  const other = output.runs.find(
    (run) =>
      run.origin.message !== null &&
      run.origin.message !== i &&
      ranges.some((range) => run.start < range.end && run.end > range.start),
  );
  if (other) return `the text of message ${(other.origin.message ?? 0) + 1} stands within it`;
  return { ranges, proof };
}

function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/**
 * The end of an answer's header at the start of a message's turn; null where it is unknown. `before`: the prompt of the answer;
 * `first`: where the message's own text begins.
 */
function headerEnd(
  { output, messages, special, renderFirst }: RenderedConversation,
  before: string | null,
  i: number,
  turn: Range,
  first: number,
): number | null {
  const bare = before === null ? null : renderFirst(i, false);
  if (before === null || bare === null) return null;
  const { text } = output;
  // Templates may write other line breaks before a header than before the same header of a prompt.
  const spaced = text.slice(turn.start, first);
  const begin = turn.start + spaced.length - spaced.trimStart().length;
  const calls = (messages[i]?.toolCalls?.length ?? 0) > 0;
  // What the prompt has beyond the text before the turn, or beyond the same messages without an answer's header.
  const known = [...(before.startsWith(text.slice(0, turn.start)) ? [turn.start] : []), sharedLength(bare, before)];
  const ends = known.map((length) => {
    const header = before.slice(length).trim();
    // A template without a header: the model writes the message's text first, or the token that begins a call.
    if (header === "") return begin === first || special.endAt(text, begin) !== null ? turn.start : null;
    const written = text.slice(begin, first);
    const common = sharedLength(header, written);
    if (common === header.length) return begin + common + breakAfter(before, text, begin + common, first);
    // A prompt may open or skip the reasoning where an earlier turn does not: its header ends after the last common token.
    const token = lastTokenEnd(header.slice(0, common));
    if (token > 0) return begin + token;
    // Or the turn begins with the end of the header.
    const rest = Array.from({ length: header.length }, (_, from) => from).find(
      (from) => from > 0 && written.startsWith(header.slice(from)) && lastTokenEnd(header) === header.length,
    );
    if (rest !== undefined) return begin + header.length - rest;
    return !calls && onlyTokens.test(written) ? first : null;
  });
  const found = ends.filter((end) => end !== null);
  return found.length === 0 ? null : Math.max(...found);
}

/** The offset after the last line, tag or token of a text; 0 without one. */
const lastTokenEnd = (text: string) =>
  Math.max(text.lastIndexOf("\n"), text.lastIndexOf(">"), text.lastIndexOf("]")) + 1;

/** The length of the line breaks at `at` that also end the prompt: they belong to the header. */
function breakAfter(before: string, text: string, at: number, first: number): number {
  const breaks = /\n*$/.exec(before)?.[0].length ?? 0;
  let count = 0;
  while (count < breaks && at + count < first && text[at + count] === "\n") count++;
  return count;
}

/** Tags, tokens and white space. */
const onlyTokens = /^(?:\s|<[^<>\s]{1,40}>|\[[^[\]\s]{1,40}\])*$/;

/**
 * An answer ends with the special tokens after its text, else with the one that ends its range, else with the next one. Later
 * output of a template, such as white space, is not supervised. `last`: the end of the message's own text.
 */
function endOfAnswer(
  { messages, special, output }: RenderedConversation,
  openers: ReadonlySet<string>,
  { start, end }: Range,
  last: number,
  i: number,
): number {
  const { text, runs } = output;
  const isFree = (from: number, to: number) => !runs.some((run) => run.start < to && run.end > from);
  /** Some templates close the answer before the turn: `<|END_RESPONSE|><|END_OF_TURN_TOKEN|>`. */
  const extended = (at: number) => {
    const all = special.afterAll(text, at, end, openers);
    return isFree(at, all) ? all : at;
  };
  const after = special.endAt(text, Math.max(last, start));
  const calls = (messages[i]?.toolCalls?.length ?? 0) > 0;
  if (!calls && after !== null && after <= end && isFree(Math.max(last, start), after)) return extended(after);
  const trimmed = start + text.slice(start, end).trimEnd().length;
  const isContent = last > start && last >= trimmed;
  if (!isContent && special.last(text.slice(start, trimmed)) !== undefined) return trimmed;
  const next = special.endAt(text, trimmed);
  return next !== null && next <= end && isFree(trimmed, next) ? extended(next) : end;
}

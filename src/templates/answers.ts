/** Finds the answers in a rendered conversation: by generation tags, else by growing prefixes, else by marked contents. */

import type { Message } from "../records/example.ts";
import type { Contents, Found } from "./contents.ts";
import type { AddedTokens, Range } from "./marks.ts";
import { type SpanProof, TemplateError } from "./template.ts";

export interface RenderedConversation {
  readonly messages: readonly Message[];
  readonly text: string;
  /** The ranges that the template's generation tags enclose; null for a template without them. */
  readonly generations: readonly Range[] | null;
  /** The places of the messages' texts, in the order of the rendering; null where they are unknown. */
  readonly contents: Contents | null;
  /** Whether `text` ends with the header of an answer to generate. */
  readonly generationPrompt: boolean;
  readonly added: AddedTokens;
  /** Renders the first `count` messages alone; null where the template refuses them. */
  readonly renderFirst: (count: number, generationPrompt: boolean) => string | null;
}

export interface Answers {
  /** In the order of the rendering. */
  readonly answers: readonly Found[];
  readonly proof: SpanProof;
}

/** Throws TemplateError that names the message and each check that failed. */
export function findAnswers(rendered: RenderedConversation): Answers {
  const { messages } = rendered;
  const assistants = [...messages.keys()].filter((i) => messages[i]?.role === "assistant");
  if (rendered.generations) {
    return { answers: fromTags(rendered, rendered.generations, assistants), proof: "generation tags" };
  }
  let proof: SpanProof = "prefixes";
  const answers = assistants.map((i): Found => {
    const grown = fromPrefixes(rendered, i);
    if (typeof grown !== "string") return { ...grown, message: i, role: "assistant" };
    const marked = fromMarks(rendered, i);
    if (typeof marked === "string") {
      throw new TemplateError(
        `The answer in message ${i + 1} cannot be separated from the rest: ${grown}, and ${marked}. Put {% generation %} and {% endgeneration %} around answers in the template, or choose another one.`,
      );
    }
    proof = "marks";
    return { ...marked, message: i, role: "assistant" };
  });
  return { answers, proof };
}

const isEmpty = (range: Range) => range.start === range.end;

const contains = (range: Range, inner: Range) => inner.start >= range.start && inner.end <= range.end;

function fromTags(
  rendered: RenderedConversation,
  generations: readonly Range[],
  assistants: readonly number[],
): Found[] {
  const { contents, text } = rendered;
  const isAssistant = new Set(assistants);
  return generations.map((range, nth) => {
    const inside = (contents?.within(range) ?? []).filter((found) => !isEmpty(found));
    const message = inside[0]?.message ?? (generations.length === assistants.length ? assistants[nth] : undefined);
    if (message === undefined || inside.some((found) => found.message !== message) || !isAssistant.has(message)) {
      throw new TemplateError(
        `The template's generation tags enclose ${generations.length} spans in a conversation of ${assistants.length} answers, and Hone cannot match them. Put {% generation %} around each assistant's message, and around nothing else.`,
      );
    }
    // Many templates' tags leave out the token that ends the turn; without it a model would not learn to stop.
    return { start: range.start, end: endOfAnswer(rendered, range, message, text.length), message, role: "assistant" };
  });
}

/**
 * The answer is what message i adds to the rendering. The messages before it with an answer's header, the messages up
 * to it, and the whole must each render to a prefix of the next. Equal prefixes have equal tokens, because no token
 * crosses the beginning of an answer (see `createTokenizer`). Returns the reason where this fails.
 */
function fromPrefixes(rendered: RenderedConversation, i: number): Range | string {
  const { messages, text, contents, generationPrompt, renderFirst } = rendered;
  const before = renderFirst(i, true);
  if (before === null) return "the template does not render the messages before it alone";
  if (!text.startsWith(before)) return "the messages before it do not render to a prefix of the whole";
  const whole = i === messages.length - 1 && !generationPrompt ? text : renderFirst(i + 1, false);
  if (whole === null) return "the template does not render the messages up to it alone";
  if (!text.startsWith(whole)) return "the template writes it differently when more messages follow";
  if (whole.length <= before.length) return "the template writes nothing for it";
  const range = { start: before.length, end: whole.length };
  const strays = contents?.of(i).some((found) => !contains(range, found));
  const intrudes = (found: Found) => found.message !== i && !isEmpty(found);
  if (strays || contents?.within(range).some(intrudes)) return "its text appears elsewhere too";
  return { start: range.start, end: endOfAnswer(rendered, range, i, range.end) };
}

function fromMarks(rendered: RenderedConversation, i: number): Range | string {
  const { contents, messages } = rendered;
  if (contents === null) return "the template changes its text";
  if (messages[i]?.toolCalls?.length) return "it calls tools, which the template writes in its own way";
  const [first] = contents.of(i);
  const after = lastContentEnd(rendered, i);
  if (!first || after === null) return "its text is not written";
  const end = endOfSpecial(rendered, after);
  return end === null ? "no special token follows its text" : { start: first.start, end };
}

/** The end of the template's own special token at `from`, after optional white space; null for none. */
function endOfSpecial({ added, text, contents }: RenderedConversation, from: number): number | null {
  const end = added.endOfSpecial(text, from);
  return end === null || contents?.overlap(from, end) ? null : end;
}

/** The end of message i's text; null where it is unknown, or where tool calls follow it. */
function lastContentEnd({ messages, contents }: RenderedConversation, i: number): number | null {
  if (messages[i]?.toolCalls?.length) return null;
  return contents?.of(i).at(-1)?.end ?? null;
}

/**
 * An answer ends with the special token after its text, else with the one that ends its range, else with the next one; none
 * beyond `until`. Later output of a template, such as white space, is not supervised.
 */
function endOfAnswer(rendered: RenderedConversation, { start, end }: Range, message: number, until: number): number {
  const { added, text } = rendered;
  const after = lastContentEnd(rendered, message);
  const following = after === null ? null : endOfSpecial(rendered, after);
  if (following !== null && following <= until) return following;
  const trimmed = start + text.slice(start, end).trimEnd().length;
  const isContent = after !== null && after >= trimmed;
  if (!isContent && added.lastSpecial(text.slice(start, trimmed)) !== undefined) return trimmed;
  const next = endOfSpecial(rendered, trimmed);
  return next !== null && next <= until ? next : end;
}

/** Which stretches of a rendered conversation are answers: by generation tags, else growing prefixes, else marked contents. */

import type { Message } from "../records/example.ts";
import type { Contents, Found } from "./contents.ts";
import type { AddedTokens, Range } from "./marks.ts";
import { type SpanProof, TemplateError } from "./template.ts";

export interface RenderedConversation {
  readonly messages: readonly Message[];
  readonly text: string;
  /** What the template's generation tags enclose, null where it has none. */
  readonly generations: readonly Range[] | null;
  /** Where the messages' texts stand, in the order of the rendering; null where that is not known. */
  readonly contents: Contents | null;
  /** Whether `text` ends with the header of an answer to come. */
  readonly generationPrompt: boolean;
  readonly added: AddedTokens;
  /** The first `count` messages alone, null where the template refuses them. */
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
  const asked = [...messages.keys()].filter((i) => messages[i]?.role === "assistant");
  if (rendered.generations) {
    return { answers: fromTags(rendered, rendered.generations, asked), proof: "generation tags" };
  }
  let proof: SpanProof = "prefixes";
  const answers = asked.map((i): Found => {
    const grown = fromPrefixes(rendered, i);
    if (typeof grown !== "string") return { ...grown, message: i, role: "assistant" };
    const marked = fromMarks(rendered, i);
    if (typeof marked === "string") {
      throw new TemplateError(
        `The answer in message ${i + 1} cannot be told from the rest: ${grown}, and ${marked}. Put {% generation %} and {% endgeneration %} around answers in the template, or choose another one.`,
      );
    }
    proof = "marks";
    return { ...marked, message: i, role: "assistant" };
  });
  return { answers, proof };
}

const isEmpty = (range: Range) => range.start === range.end;

const holds = (range: Range, inner: Range) => inner.start >= range.start && inner.end <= range.end;

function fromTags(rendered: RenderedConversation, generations: readonly Range[], asked: readonly number[]): Found[] {
  const { contents, text } = rendered;
  const assistants = new Set(asked);
  return generations.map((range, nth) => {
    const inside = (contents?.within(range) ?? []).filter((found) => !isEmpty(found));
    const message = inside[0]?.message ?? (generations.length === asked.length ? asked[nth] : undefined);
    if (message === undefined || inside.some((found) => found.message !== message) || !assistants.has(message)) {
      throw new TemplateError(
        `The template's generation tags enclose ${generations.length} stretches in a conversation of ${asked.length} answers, and it cannot be told which is which. Put {% generation %} around each assistant's message, and around nothing else.`,
      );
    }
    // Tags that leave out the token that ends the turn are common; without it a model would never learn to stop.
    return { start: range.start, end: endOfAnswer(rendered, range, message, text.length), message, role: "assistant" };
  });
}

/**
 * What is rendered before message i, with the header of an answer, is to be the beginning of what is rendered up to and
 * with it, and that the beginning of the whole. Equal characters make equal tokens here: the tokenizer keeps a border where
 * an answer begins (see `createTokenizer`), so what stands before it is merged alike in all of them.
 */
function fromPrefixes(rendered: RenderedConversation, i: number): Range | string {
  const { messages, text, contents, generationPrompt, renderFirst } = rendered;
  const before = renderFirst(i, true);
  if (before === null) return "the template does not render the messages before it alone";
  if (!text.startsWith(before)) return "what is rendered before it is not the beginning of the whole";
  const whole = i === messages.length - 1 && !generationPrompt ? text : renderFirst(i + 1, false);
  if (whole === null) return "the template does not render the messages up to it alone";
  if (!text.startsWith(whole)) return "the template writes it differently when more messages follow";
  if (whole.length <= before.length) return "the template writes nothing for it";
  const range = { start: before.length, end: whole.length };
  const strays = contents?.of(i).some((found) => !holds(range, found));
  const intrudes = (found: Found) => found.message !== i && !isEmpty(found);
  if (strays || contents?.within(range).some(intrudes)) return "its text stands elsewhere too";
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

/** Where a special token of the template's own ends that follows `from`, white space aside; null for none. */
function endOfSpecial({ added, text, contents }: RenderedConversation, from: number): number | null {
  const end = added.endOfSpecial(text, from);
  return end === null || contents?.overlap(from, end) ? null : end;
}

/** Where the text of message i ends, null where that is not known or calls of tools follow it. */
function lastContentEnd({ messages, contents }: RenderedConversation, i: number): number | null {
  if (messages[i]?.toolCalls?.length) return null;
  return contents?.of(i).at(-1)?.end ?? null;
}

/**
 * The special token that follows an answer's text ends it, else the one that ends its stretch, else the one after that, none
 * of them beyond `until`. What a template writes later (white space, an end of everything) is not learnt.
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

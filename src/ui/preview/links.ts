/** Links between messages, spans and tokens of an example, computed once. */

import { type Paint, type PreviewExample, paintOf, type Span } from "./roles.ts";

/** A selected message, span or token. */
export interface Link {
  readonly kind: "message" | "span" | "token";
  readonly index: number;
}

/** UTF-16 offsets. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface Links {
  readonly example: PreviewExample;
  readonly paints: readonly Paint[];
  /** Index of the span in which each token begins; -1 outside all spans. */
  readonly spanOfToken: Int32Array;
  /** Lines of tokens as [first, end): a line ends at a line break or at its maximum length. */
  readonly lines: readonly (readonly [first: number, end: number])[];
  /** The line of a token. */
  lineOf(token: number): number;
  /** The message that a link touches, or null. */
  messageOf(link: Link): number | null;
  isSpanLinked(span: number, link: Link): boolean;
  isTokenLinked(token: number, link: Link): boolean;
  /** First token of a link; null where it has none. */
  firstToken(link: Link): number | null;
  /** Range of a message's content for a token or span; null where it is not exact. */
  rangeInMessage(message: number, link: Link): Range | null;
}

/** A line of this many tokens ends at the next word, or after `longest` tokens. */
const usual = 56;
const longest = 72;

function linesOf(tokens: PreviewExample["tokens"]): (readonly [number, number])[] {
  const lines: (readonly [number, number])[] = [];
  let first = 0;
  for (const [index, { text }] of tokens.entries()) {
    const next = index + 1;
    const length = next - first;
    const full = length >= longest || (length >= usual && /^\s/.test(tokens[next]?.text ?? " "));
    if (!text.includes("\n") && !full && next < tokens.length) continue;
    lines.push([first, next]);
    first = next;
  }
  return lines;
}

export function linksOf(example: PreviewExample): Links {
  const { tokens, spans, messages, text } = example;
  const spanOfToken = new Int32Array(tokens.length).fill(-1);
  let at = 0;
  for (const [index, { start }] of tokens.entries()) {
    while (at < spans.length - 1 && (spans[at]?.end ?? 0) <= start) at++;
    const span = spans[at];
    if (span && span.start <= start && start < span.end) spanOfToken[index] = at;
  }
  const lines = linesOf(tokens);

  const lineOf = (token: number) => {
    let low = 0;
    let high = lines.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((lines[middle]?.[1] ?? 0) > token) high = middle;
      else low = middle + 1;
    }
    return low;
  };

  const touches = (token: number, span: number) => {
    const { start, end } = tokens[token] ?? { start: 0, end: 0 };
    const other = spans[span];
    return spanOfToken[token] === span || (other !== undefined && start < other.end && end > other.start);
  };
  const spanOf = (link: Link): Span | undefined =>
    link.kind === "span" ? spans[link.index] : spans[spanOfToken[link.index] ?? -1];
  const messageOf = (link: Link) => (link.kind === "message" ? link.index : (spanOf(link)?.message ?? null));

  const isTokenLinked = (token: number, link: Link) => {
    if (link.kind === "token") return token === link.index;
    if (link.kind === "span") return touches(token, link.index);
    const span = spans[spanOfToken[token] ?? -1];
    return span !== undefined && span.message === link.index;
  };

  // Messages whose spans join to the whole content: only then text offsets map to message offsets.
  const exact = messages.map(({ content }, index) => {
    const contents = spans.filter(({ message, kind }) => message === index && kind === "content");
    return contents.map(({ start, end }) => text.slice(start, end)).join("") === content ? contents : null;
  });

  return {
    example,
    paints: spans.map(paintOf),
    spanOfToken,
    lines,
    lineOf,
    messageOf,
    isSpanLinked(span, link) {
      if (link.kind === "span") return span === link.index;
      if (link.kind === "message") return spans[span]?.message === link.index;
      return touches(link.index, span);
    },
    isTokenLinked,
    firstToken(link) {
      if (link.kind === "token") return link.index;
      const found = tokens.findIndex((_, token) => isTokenLinked(token, link));
      return found < 0 ? null : found;
    },
    rangeInMessage(message, link) {
      const range = link.kind === "token" ? tokens[link.index] : link.kind === "span" ? spans[link.index] : undefined;
      if (!range) return null;
      let offset = 0;
      for (const { start, end } of exact[message] ?? []) {
        const from = Math.max(start, range.start);
        const to = Math.min(end, range.end);
        if (from < to) return { start: offset + from - start, end: offset + to - start };
        offset += end - start;
      }
      return null;
    },
  };
}

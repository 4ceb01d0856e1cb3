/** Templates under test, and a notation for their renderings: answers stand between ⟦ and ⟧. */

import type { Message } from "../../../src/records/example.ts";
import { createChatTemplate } from "../../../src/templates/chatTemplate.ts";
import { TemplateError } from "../../../src/templates/template.ts";
import type { Segment } from "../../../src/tokenizer/segment.ts";
import { createTokenizer, type Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";

const sources = import.meta.glob<string>("../../golden/templates/*.jinja", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** The source of tests/golden/templates/NAME.jinja. */
export function golden(name: string): string {
  const source = sources[`../../golden/templates/${name}.jinja`];
  if (source === undefined) throw new Error(`There is no template "${name}".`);
  return source;
}

/** A byte-level tokenizer with these special tokens besides <s> and </s>. */
export function tokenizerWith(added: readonly string[], bos: "post-processor" | "none" = "none"): Tokenizer {
  const { json, config } = byteLevelTokenizer({ added, bos });
  return createTokenizer(json, config);
}

export const open = (name: string, tokenizer: Tokenizer, now = new Date(2026, 4, 3)) =>
  createChatTemplate({ name, source: golden(name), tokenizer, now });

export const system = (content: string): Message => ({ role: "system", content });
export const user = (content: string): Message => ({ role: "user", content });
export const assistant = (content: string, rest: Partial<Message> = {}): Message => ({
  role: "assistant",
  content,
  ...rest,
});
export const tool = (content: string): Message => ({ role: "tool", content });

export const textOf = (segments: readonly Segment[]): string => segments.map(({ text }) => text).join("");

/** The rendered text with its answers between ⟦ and ⟧. */
export function withAnswers(segments: readonly Segment[]): string {
  let shown = "";
  let previous: Segment | null = null;
  for (const segment of segments) {
    const begins = segment.answer && !(previous?.answer && previous.message === segment.message);
    const ended = previous?.answer && (!segment.answer || begins);
    shown += (ended ? "⟧" : "") + (begins ? "⟦" : "") + segment.text;
    previous = segment;
  }
  return previous?.answer ? `${shown}⟧` : shown;
}

/** The error with which a template is refused. */
export function failure(act: () => unknown): TemplateError {
  try {
    act();
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown.");
}

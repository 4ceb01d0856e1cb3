/** Tokens and mask of a conversation through a template alone, as transformers prepares them for TRL. */

import type { Output } from "../templates/jinja/interpret.ts";
import type { MarkedTemplate } from "../templates/marked.ts";
import type { Conversation } from "../templates/template.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

export interface PlainTokens {
  readonly ids: Int32Array;
  /** 1 where a label is; the first is 0, because no token predicts it. */
  readonly mask: Uint8Array;
}

/**
 * `apply_chat_template` of transformers with `return_assistant_tokens_mask`: the whole text is one run of the tokenizer, and a
 * generation tag supervises each token that has a character in it. Throws TemplateError, and where the tokenizer changes the
 * text, so that no place in it is known.
 */
export function plainTokens(
  { text, generations }: Pick<Output, "text" | "generations">,
  { assistantOnly }: Pick<MarkedTemplate, "assistantOnly">,
  tokenizer: Tokenizer,
): PlainTokens {
  const encoding = tokenizer.encode([
    { text, kind: "control", role: null, message: null, answer: false, supervised: false, weight: 0 },
  ]);
  const { ids, starts, ends } = encoding;
  if (!assistantOnly) return { ids, mask: new Uint8Array(ids.length).fill(1, 1) };
  if (encoding.text !== text) {
    throw new Error("the tokenizer changes the text, so the places of the tags in it are not known");
  }
  const mask = new Uint8Array(ids.length);
  let at = 1;
  for (const { start, end } of generations) {
    while (at < ids.length && (ends[at] ?? 0) <= start) at++;
    for (let i = at; i < ids.length && (starts[i] ?? 0) < end; i++) mask[i] = 1;
  }
  return { ids, mask };
}

export type PlainRenderer = (conversation: Conversation, pulse?: () => void) => Output;

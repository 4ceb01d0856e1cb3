/** A model's own chat template: Jinja in a file of its own, or in the tokenizer's configuration. */

import type { ByteSource } from "../tensor/bytes.ts";
import { isObject } from "./bytes.ts";
import { ModelError } from "./error.ts";

/** More than any template needs; the greatest of known models have some 20 KB. */
const limit = 2 ** 20;

/** The text of `chat_template.jinja`, with its bytes for the hash. Throws `ModelError` when it is too long, or no UTF-8. */
export async function readChatTemplate(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<{ readonly text: string; readonly bytes: Uint8Array<ArrayBuffer> }> {
  if (source.byteLength > limit) {
    throw new ModelError(`${source.name} has ${source.byteLength} bytes, and a template has at most ${limit}.`);
  }
  const bytes = await source.slice(0, source.byteLength, signal);
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), bytes };
  } catch (cause) {
    throw new ModelError(`${source.name} is not UTF-8 text: download it again.`, { cause });
  }
}

/**
 * `chat_template` of `tokenizer_config.json`: a text, or a list of named ones, of which "default" is meant for chats.
 * Null when there is none.
 */
export function chatTemplateOf(tokenizerConfig: Readonly<Record<string, unknown>> | null): string | null {
  const value = tokenizerConfig?.chat_template;
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return null;
  const named = value.filter(isObject);
  const chosen = named.find(({ name }) => name === "default") ?? named[0];
  return typeof chosen?.template === "string" ? chosen.template : null;
}

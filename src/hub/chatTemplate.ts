/** A model's own chat template: Jinja in a file of its own, or in the tokenizer's configuration. */

import type { ByteSource } from "../tensor/bytes.ts";
import { quote } from "../tensor/quote.ts";
import { isObject } from "./bytes.ts";
import { ModelError } from "./error.ts";
import { requireLength } from "./json.ts";

/** Characters of a template in the configuration; the longest of known models have about 20,000. */
const longest = 2 ** 20;

/** The text of `chat_template.jinja`, with its bytes for the hash. Throws `ModelError` when it is too long or not UTF-8. */
export async function readChatTemplate(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<{ readonly text: string; readonly bytes: Uint8Array<ArrayBuffer> }> {
  requireLength(source.name, source.byteLength);
  const bytes = await source.slice(0, source.byteLength, signal);
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), bytes };
  } catch (cause) {
    throw new ModelError(`${source.name} is not UTF-8 text: download it again.`, { cause });
  }
}

/**
 * `chat_template` of `tokenizer_config.json`: a text, or the "default" one of a list of named templates. Null when there is
 * none. Throws `ModelError` for any other value.
 */
export function chatTemplateOf(tokenizerConfig: Readonly<Record<string, unknown>> | null): string | null {
  const value = tokenizerConfig?.chat_template ?? null;
  if (value === null) return null;
  const template = Array.isArray(value) ? chosenOf(value) : value;
  if (template === null) return null;
  if (typeof template !== "string") {
    throw new ModelError(
      `tokenizer_config.json: chat_template is ${quote(value)}, not a text or a list of named templates: correct it, or leave it out.`,
    );
  }
  if (template.length <= longest) return template;
  throw new ModelError(
    `tokenizer_config.json: chat_template has ${template.length} characters, more than the ${longest} allowed: shorten it.`,
  );
}

/** The template named "default", else the first one; null for an empty list. */
function chosenOf(list: readonly unknown[]): unknown {
  if (list.length === 0) return null;
  const chosen = list.find((item) => isObject(item) && item.name === "default") ?? list[0];
  return isObject(chosen) ? chosen.template : undefined;
}

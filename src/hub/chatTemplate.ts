/**
 * A model's own chat template, chosen as transformers 5 chooses it: files of their own come before the tokenizer's
 * configuration, and of named templates "tool_use" is for conversations with tools and "default" for all others.
 */

import type { ByteSource } from "../tensor/bytes.ts";
import { quote } from "../tensor/quote.ts";
import { isObject, readJson } from "./bytes.ts";
import { ModelError } from "./error.ts";
import type { ModelFiles } from "./files.ts";
import { requireLength } from "./json.ts";
import type { OpenOptions } from "./url.ts";
import { openOptional } from "./weights.ts";

/** Characters of a template in the configuration; the longest of known models have about 20,000. */
const longest = 2 ** 20;

const jinjaFile = "chat_template.jinja";
/** Processors of older versions of transformers wrote it. */
const jsonFile = "chat_template.json";
export const toolTemplateFile = "additional_chat_templates/tool_use.jinja";

export interface ChatTemplates {
  /** Jinja; null for none. */
  readonly text: string | null;
  /** The files that were read. */
  readonly files: readonly ByteSource[];
  /** `chat_template.jinja`, the only one of them in the model's hash; null without it. */
  readonly hashed: Uint8Array<ArrayBuffer> | null;
}

/** Throws a `ModelError` for a template that is no text or too long. */
export async function readChatTemplates(
  files: ModelFiles,
  tokenizerConfig: Readonly<Record<string, unknown>> | null,
  options: OpenOptions,
): Promise<ChatTemplates> {
  const { signal } = options;
  const optional = async (name: string) => {
    const source = await openOptional(files, name, options);
    return source instanceof ModelError ? null : source;
  };
  const jinja = await optional(jinjaFile);
  const main = jinja && { source: jinja, ...(await readTemplateFile(jinja, signal)) };
  const named = namedTemplates(tokenizerConfig?.chat_template);
  // A server without a list would get one more request for each model, for a file that few models have.
  const tool = files.listing?.includes(toolTemplateFile) ? await optional(toolTemplateFile) : null;
  const tools = tool && { source: tool, ...(await readTemplateFile(tool, signal)) };
  if (main || tools) {
    const read = [main, tools].flatMap((one) => one ?? []);
    return {
      text: withTools(main?.text ?? named.main, tools?.text ?? null),
      files: read.map(({ source }) => source),
      hashed: main?.bytes ?? null,
    };
  }
  const text = withTools(named.main, named.tools);
  const json = text === null ? await optional(jsonFile) : null;
  if (json === null) return { text, files: [], hashed: null };
  const { value } = await readJson(json, signal);
  const { main: only, tools: other } = namedTemplates(value.chat_template, jsonFile);
  return { text: withTools(only, other), files: [json], hashed: null };
}

/** One template that chooses between two by the variable `tools`, with the white space of both as it was. */
function withTools(main: string | null, tools: string | null): string | null {
  if (main === null || tools === null || main === tools) return main ?? tools;
  // Jinja removes the line feed after a block and the last one of a template; "+" keeps the spaces before a block.
  const part = (source: string) => `\n${source.replace(/\r\n?/g, "\n").replace(/\n$/, "")}`;
  return `{% if tools is not none %}${part(tools)}{%+ else %}${part(main)}{%+ endif %}`;
}

/** The text of `chat_template.jinja`, with its bytes for the hash. Throws `ModelError` when it is too long or not UTF-8. */
async function readTemplateFile(
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
 * `chat_template` of `tokenizer_config.json`, with the one for tools in it; null when there is none. Throws `ModelError`
 * for a value that is no text and no list of named templates.
 */
export function chatTemplateOf(tokenizerConfig: Readonly<Record<string, unknown>> | null): string | null {
  const { main, tools } = namedTemplates(tokenizerConfig?.chat_template);
  return withTools(main, tools);
}

interface NamedTemplates {
  readonly main: string | null;
  readonly tools: string | null;
}

/** A text, a list of objects with name and template, or an object of texts by name. */
function namedTemplates(value: unknown, file = "tokenizer_config.json"): NamedTemplates {
  const checked = (template: unknown): string | null => {
    if (template === undefined || template === null) return null;
    if (typeof template !== "string") {
      throw new ModelError(
        `${file}: chat_template is ${quote(value)}, not a text or a list of named templates: correct it, or leave it out.`,
      );
    }
    if (template.length <= longest) return template;
    throw new ModelError(
      `${file}: chat_template has ${template.length} characters, more than the ${longest} allowed: shorten it.`,
    );
  };
  const list = Array.isArray(value)
    ? value.map((item) => (isObject(item) ? [item.name, item.template ?? 0] : ["", 0]))
    : isObject(value)
      ? Object.entries(value)
      : null;
  if (list === null) return { main: checked(value), tools: null };
  const find = (name: string) => list.findLast(([other]) => other === name)?.[1];
  return { main: checked(find("default") ?? list[0]?.[1]), tools: checked(find("tool_use")) };
}

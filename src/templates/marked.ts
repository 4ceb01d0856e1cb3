/** A chat template with generation tags, so that transformers derives Hone's mask from the template alone. */

import type { MaskMode } from "./choice.ts";
import { quoted } from "./source.ts";

/** A template for TRL, with the setting that it needs. */
export interface MarkedTemplate {
  readonly source: string;
  /** TRL's `assistant_only_loss`: false where every token is supervised. */
  readonly assistantOnly: boolean;
}

const tag = /\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}/g;

/** Whether a source has generation tags. */
const hasTags = (source: string) => /\{%[-+]?\s*generation\s*[-+]?%\}/.test(source);

/** The source with conditions that are always true in place of its generation tags, so that no white space changes. */
const withoutTags = (source: string) =>
  source.replace(tag, (_, left: string, end: string | undefined, right: string) =>
    end ? `{%${left} endif ${right}%}` : `{%${left} if true ${right}%}`,
  );

/** The names of the wrapper's own variables, which no template uses. */
const macro = "rendered_by_template";

/** Where an answer ends: before white space at its end, at its very end, or after the first of these tokens in it. */
type End = "trimmed" | "whole" | { readonly token: string };

/**
 * The answer of message i is what the template adds to messages 0 … i−1 with an answer's header, until the end of message i.
 * A message with the weight 0 has no tags; nor has any but the last one, in the mode "last".
 */
function wrapped(source: string, end: End, mode: MaskMode): string {
  // Jinja removes a line break after a tag, and one at the end of a template.
  const body = (source.startsWith("\n") ? "\n" : "") + withoutTags(source).replace(/\n$/, "");
  const isLast = mode === "last" ? " and loop.index0 == at.last" : "";
  return [
    `{% macro ${macro}(messages, add_generation_prompt) %}${body}{% endmacro %}`,
    `{%- set whole = ${macro}(messages, add_generation_prompt) %}`,
    "{%- set at = namespace(done=0, last=-1) %}",
    "{%- for message in messages %}",
    "{%- if message['role'] == 'assistant' %}{%- set at.last = loop.index0 %}{%- endif %}",
    "{%- endfor %}",
    "{%- for message in messages %}",
    `{%- if message['role'] == 'assistant' and message['weight'] != 0${isLast} %}`,
    `{%- set before = ${macro}(messages[:loop.index0], true) %}`,
    ...untilEnd(end),
    "{%- if until | length > before | length and whole.startswith(until) and until.startswith(before) %}",
    "{{- whole[at.done:before | length] }}",
    "{%- generation %}",
    "{{- whole[before | length:until | length] }}",
    "{%- endgeneration %}",
    "{%- set at.done = until | length %}",
    "{%- endif %}",
    "{%- endif %}",
    "{%- endfor %}",
    "{{- whole[at.done:] }}",
  ].join("\n");
}

/** The text until the end of message i: the rendering of the messages up to it, else the first `token` after its beginning. */
function untilEnd(end: End): string[] {
  if (typeof end !== "object") {
    return [`{%- set until = ${macro}(messages[:loop.index], false)${end === "trimmed" ? ".rstrip()" : ""} %}`];
  }
  const token = quoted(end.token);
  return [
    "{%- set rest = whole[before | length:] %}",
    `{%- set until = before + (rest.split(${token})[0] + ${token} if ${token} in rest else rest) %}`,
  ];
}

/**
 * Templates that may give the mask of `mode`, the simplest first; each has to be measured on the rows. `stop`: the token that ends
 * an answer.
 */
export function markedTemplates(source: string, mode: MaskMode, stop: string): MarkedTemplate[] {
  if (mode === "everything") return [{ source: hasTags(source) ? withoutTags(source) : source, assistantOnly: false }];
  const own = hasTags(source) && mode === "responses" ? [source] : [];
  const made = (["trimmed", "whole", { token: stop }] as const).map((end) => wrapped(source, end, mode));
  return [...own, ...made].map((text) => ({ source: text, assistantOnly: true }));
}

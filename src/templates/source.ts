/** Writes any template as Jinja source for other programs, with the run's system prompt. */

import { roles } from "../records/example.ts";
import { fitForm } from "./builtIn.ts";
import type { TemplateChoice } from "./choice.ts";
import type { TemplateModel } from "./choose.ts";
import { TemplateError } from "./template.ts";

/**
 * A `chat_template` with the same output as the choice's template for this model. As in training, `systemPrompt` goes
 * before conversations without a system message. Throws TemplateError when the template does not fit the model.
 */
export function templateSource(choice: TemplateChoice, model: TemplateModel, systemPrompt: string | null): string {
  return (systemPrompt ? systemBefore(systemPrompt) : "") + sourceOf(choice, model);
}

function sourceOf(choice: TemplateChoice, model: TemplateModel): string {
  switch (choice.kind) {
    case "built-in":
      return builtInSource(choice, model);
    case "custom":
      return choice.source;
    case "model":
      if (model.chatTemplate === null) {
        throw new TemplateError(
          "The model has no chat template of its own any more. Open it with the files with which the run began.",
        );
      }
      return model.chatTemplate;
  }
}

/** A text as a string literal of Jinja and Python. */
export const quoted = (text: string) =>
  `'${text.replace(/[\\']/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t")}'`;

/** Ends with an expression because Jinja removes a line break after a statement, and the next source may begin with one. */
const systemBefore = (prompt: string) =>
  [
    "{%- if not messages or messages[0]['role'] != 'system' %}",
    `{%- set messages = [{'role': 'system', 'content': ${quoted(prompt)}}] + messages %}`,
    "{%- endif %}",
    "{{- '' }}",
  ].join("");

/** JSON without spaces, as JSON.stringify writes it. */
const compact = "tojson(separators=(',', ':'))";

/** A form's turns, in the order of `createBuiltIn`. Every tag removes the white space before it. */
function builtInSource({ name }: Extract<TemplateChoice, { kind: "built-in" }>, { tokenizer }: TemplateModel): string {
  const { form, bos, ends } = fitForm(name, tokenizer);
  const print = (text: string) => (text === "" ? [] : [`{{- ${quoted(text)} }}`]);
  const between = form.between === "" ? [] : [`{%- if ns.begun %}{{- ${quoted(form.between)} }}{%- endif %}`];
  const headers = roles.map((role) => `${quoted(role)}: ${quoted(form.header(role))}`).join(", ");

  const system = [
    "{%- set turns = messages %}",
    "{%- if messages and messages[0]['role'] == 'system' %}",
    "{%- set ns.system = messages[0]['content'] %}",
    "{%- set ns.instructed = true %}",
    "{%- set turns = messages[1:] %}",
    "{%- endif %}",
    "{%- if tools %}",
    "{%- set ns.system = ns.system + ('\\n\\n' if ns.instructed else '') + 'Tools:' %}",
    "{%- for tool in tools %}",
    `{%- set ns.system = ns.system + '\\n' + (tool | ${compact}) %}`,
    "{%- endfor %}",
    "{%- set ns.instructed = true %}",
    "{%- endif %}",
  ];
  const systemTurn = [
    "{%- if ns.instructed %}",
    `{{- headers['system'] + ns.system + ${quoted(ends.input)} }}`,
    "{%- set ns.begun = true %}",
    ...(form.preamble ? ["{%- else %}", ...print(form.preamble), "{%- set ns.begun = true %}"] : []),
    "{%- endif %}",
  ];
  // Without a user's turn at the start, the system text gets one.
  const systemAlone = [
    "{%- if ns.instructed and (not turns or turns[0]['role'] != 'user') %}",
    `{{- headers['user'] + ns.system + ${quoted(ends.input)} }}`,
    "{%- set ns.begun = true %}",
    "{%- set ns.instructed = false %}",
    "{%- endif %}",
  ];
  const systemInTurn = [
    "{%- if ns.instructed %}",
    "{{- ns.system + '\\n\\n' }}",
    "{%- set ns.instructed = false %}",
    "{%- endif %}",
  ];
  const call = `'{"name":' + (call['function']['name'] | tojson) + ',"arguments":' + (call['function']['arguments'] | ${compact}) + '}'`;
  const inFirst = form.system === "first user";
  return [
    `{%- set headers = {${headers}} %}`,
    "{%- set ns = namespace(system='', instructed=false, begun=false) %}",
    ...system,
    ...print(bos),
    ...(inFirst ? systemAlone : systemTurn),
    "{%- for message in turns %}",
    ...between,
    "{{- headers[message['role']] }}",
    "{%- set ns.begun = true %}",
    ...(inFirst ? systemInTurn : []),
    "{%- set content = message['content'] if message['content'] is string else '' %}",
    "{%- if message['role'] == 'assistant' %}",
    ...print(form.answerBegins ?? ""),
    "{{- content }}",
    "{%- for call in message['tool_calls'] or [] %}",
    "{%- if content or not loop.first %}{{- '\\n' }}{%- endif %}",
    `{{- ${call} }}`,
    "{%- endfor %}",
    ...print(ends.answer),
    "{%- else %}",
    "{{- content }}",
    ...print(ends.input),
    "{%- endif %}",
    "{%- endfor %}",
    "{%- if add_generation_prompt %}",
    ...between,
    "{{- headers['assistant'] }}",
    "{%- endif %}",
  ].join("\n");
}

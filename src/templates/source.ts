/** Any template as Jinja source, for programs other than Hone: built-in forms written out, a run's system prompt put before. */

import { roles } from "../records/example.ts";
import { fitForm } from "./builtIn.ts";
import type { TemplateChoice } from "./choice.ts";
import type { TemplateModel } from "./choose.ts";
import { TemplateError } from "./template.ts";

/**
 * The `chat_template` that writes what the choice writes for this model. `systemPrompt` goes before conversations that bring
 * no system message, as in training. Throws TemplateError as `createTemplate` does.
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
          "The model brings no chat template of its own any more. Open it with the files that the run began with.",
        );
      }
      return model.chatTemplate;
  }
}

/** A text as Jinja, and Python, read it between quotes. */
const quoted = (text: string) =>
  `'${text.replace(/[\\']/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t")}'`;

/** Ends with an expression, after which Jinja keeps a line break: the source that follows may begin with one. */
const systemBefore = (prompt: string) =>
  [
    "{%- if not messages or messages[0]['role'] != 'system' %}",
    `{%- set messages = [{'role': 'system', 'content': ${quoted(prompt)}}] + messages %}`,
    "{%- endif %}",
    "{{- '' }}",
  ].join("");

/** As JSON.stringify writes it: tools in Hone's templates have no spaces. */
const compact = "tojson(separators=(',', ':'))";

/** A form's turns, in the order in which `createBuiltIn` writes them. Every tag takes the white space before it. */
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
  // Where no user's turn follows at once, the text has one of its own.
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

/** The fields that determine the tokens and loss weights of a row: template, mask and length. */

import * as v from "valibot";
import { truncations } from "../batching/truncate.ts";
import type { DataSettings } from "../quality/tokenize.ts";
import { type BuiltInTemplate, maskModes, type TemplateChoice, TemplateSchema } from "../templates/choice.ts";
import { Count, Text } from "./fields.ts";
import { both, type Fields, pick, type Setting, settingOf, settingsOf } from "./setting.ts";

type TemplateValue = BuiltInTemplate | "model" | "custom";

export const templateLabels: Readonly<Record<TemplateValue, string>> = {
  hone: "Hone  <|user|> … <|end|>",
  chatml: "ChatML  <|im_start|>user … <|im_end|>",
  llama3: "Llama 3  <|start_header_id|>user … <|eot_id|>",
  zephyr: "Zephyr  <|user|> … </s>",
  alpaca: "Alpaca  ### Instruction: …",
  gemma: "Gemma  <start_of_turn>user … <end_of_turn>",
  phi3: "Phi-3  <|user|> … <|end|>",
  mistral: "Mistral  [INST] … [/INST]",
  plain: "Plain  texts only",
  model: "The model's own",
  custom: "Your own, in Jinja",
};

const templateValues = Object.keys(templateLabels) as TemplateValue[];

const templateValueOf = (choice: TemplateChoice) => (choice.kind === "built-in" ? choice.name : choice.kind);

/** A template in a list: its name, and the beginning and end of a turn. */
export const templateLabel = (choice: TemplateChoice) => templateLabels[templateValueOf(choice)];

/** A template's name in a sentence. */
export function templateName(choice: TemplateChoice): string {
  if (choice.kind === "model") return "the model's own";
  return choice.kind === "custom" ? "a custom" : `the ${templateLabel(choice).split("  ")[0]}`;
}

/** The start of a user's own template: the simplest chat format, with answers between generation tags. */
export const starterTemplate = `{%- for message in messages -%}
{%- if message.role == "assistant" -%}
<|assistant|>{% generation %}{{ message.content }}<|end|>{% endgeneration %}{{ "\\n" }}
{%- else -%}
<|{{ message.role }}|>{{ message.content }}<|end|>{{ "\\n" }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|assistant|>
{%- endif -%}
`;

function choiceOf(value: TemplateValue): TemplateChoice {
  if (value === "custom") return { kind: "custom", source: starterTemplate };
  return value === "model" ? { kind: "model" } : { kind: "built-in", name: value };
}

export const rowFields: Fields<DataSettings> = {
  template: { schema: TemplateSchema, initial: both({ kind: "built-in", name: "hone" }) },
  systemPrompt: {
    schema: v.nullable(Text),
    initial: both(null),
    place: "template",
    affects: ["rows", "budget"],
    label: "System prompt",
    help: "Added to rows that have no system prompt. Empty: none.",
    control: { kind: "text" },
  },
  mask: {
    schema: v.picklist(maskModes),
    initial: both("responses"),
    place: "template",
    affects: ["rows", "budget"],
    label: "Supervised tokens",
    term: "loss mask",
    help: "The model learns to write the supervised tokens; the others are context. Every answer is the usual choice; everything suits continued pre-training.",
    control: {
      kind: "choice",
      choices: [
        { value: "responses", label: "Every answer" },
        { value: "last", label: "The last answer of each chat" },
        { value: "everything", label: "Everything, prompts included" },
      ],
    },
    doubt: (mask) => mask === "everything" && "The model also learns to write prompts and template marks.",
  },
  maxLength: {
    schema: Count,
    initial: both(512),
    place: "template",
    affects: ["rows", "budget"],
    label: "Longest row",
    term: "tokens",
    help: "Longer rows take more memory.",
    control: { kind: "number", integer: true, minimum: 8, maximum: 131_072 },
    doubt: (length) => length < 64 && "Under 64 tokens most answers do not fit.",
  },
  truncation: {
    schema: v.picklist(truncations),
    initial: both("drop"),
    place: "template",
    affects: ["rows", "budget"],
    label: "Rows above the limit",
    term: "truncation",
    help: "Leaving them out is safe. Cutting the beginning keeps the answer; cutting the end may remove it.",
    control: {
      kind: "choice",
      choices: [
        { value: "drop", label: "Leave out, and list" },
        { value: "left", label: "Cut the beginning of the context" },
        { value: "right", label: "Cut the end" },
      ],
    },
    doubt: (mode) => mode === "right" && "A cut answer has no end to learn: the report counts the lost tokens.",
  },
};

/** The settings of a recipe that tokenization needs. */
export const rowSettingsOf = (recipe: DataSettings): DataSettings => pick(rowFields, recipe);

/** In the order of the form. */
export const rowSettings: readonly Setting[] = [
  settingOf<TemplateValue>({
    field: "template",
    schema: v.picklist(templateValues),
    place: "template",
    affects: ["rows", "budget"],
    label: "Template",
    help: "The marks around each turn. The model reads them in training and before every answer.",
    control: { kind: "choice", choices: templateValues.map((value) => ({ value, label: templateLabels[value] })) },
    get: ({ template }) => templateValueOf(template),
    set: (recipe, value) => ({ ...recipe, template: choiceOf(value) }),
  }),
  settingOf<string | null>({
    field: "customTemplate",
    schema: v.nullable(Text),
    place: "template",
    affects: ["rows", "budget"],
    label: "Your template",
    term: "Jinja",
    help: "Reads messages, tools and add_generation_prompt, like a model's own chat_template. Text between {% generation %} and {% endgeneration %} is supervised. Without these tags Hone finds the answers by rendering, and verifies them.",
    control: { kind: "text" },
    applies: ({ template }) => template.kind === "custom",
    get: ({ template }) => (template.kind === "custom" ? template.source : starterTemplate),
    set: (recipe, source) => ({ ...recipe, template: { kind: "custom", source: source ?? "" } }),
  }),
  ...settingsOf(rowFields, { get: (recipe) => recipe, set: (recipe, key, value) => ({ ...recipe, [key]: value }) }),
];

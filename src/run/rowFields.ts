/** The fields that decide which tokens with which weights a row becomes: template, mask and length. */

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
  plain: "Plain  the texts alone",
  model: "The model's own",
  custom: "Your own, in Jinja",
};

const templateValues = Object.keys(templateLabels) as TemplateValue[];

const templateValueOf = (choice: TemplateChoice) => (choice.kind === "built-in" ? choice.name : choice.kind);

/** As a list of templates has it: its name, and how a turn begins and ends. */
export const templateLabel = (choice: TemplateChoice) => templateLabels[templateValueOf(choice)];

/** As a sentence names it. */
export function templateName(choice: TemplateChoice): string {
  if (choice.kind === "model") return "the model's own";
  return choice.kind === "custom" ? "a custom" : `the ${templateLabel(choice).split("  ")[0]}`;
}

/** What a person who writes a template begins with: the plainest chat format, answers between generation tags. */
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
    help: "Put before rows that bring none. Empty: none.",
    control: { kind: "text" },
  },
  mask: {
    schema: v.picklist(maskModes),
    initial: both("responses"),
    place: "template",
    affects: ["rows", "budget"],
    label: "What is learnt",
    term: "loss mask",
    help: "Answers only is usual: the model learns to answer, not to ask. Everything teaches the questions too, as continued pre-training does.",
    control: {
      kind: "choice",
      choices: [
        { value: "responses", label: "Every answer" },
        { value: "last", label: "The last answer of each chat" },
        { value: "everything", label: "Everything, questions too" },
      ],
    },
    doubt: (mask) => mask === "everything" && "The model also learns to write questions and marks.",
  },
  maxLength: {
    schema: Count,
    initial: both(512),
    place: "template",
    affects: ["rows", "budget"],
    label: "Longest row",
    term: "tokens",
    help: "Memory grows with it.",
    control: { kind: "number", integer: true, minimum: 8, maximum: 131_072 },
    doubt: (length) => length < 64 && "Under 64 tokens most answers do not fit.",
  },
  truncation: {
    schema: v.picklist(truncations),
    initial: both("drop"),
    place: "template",
    affects: ["rows", "budget"],
    label: "A longer row",
    term: "truncation",
    help: "Leaving it out is safe. Cutting the beginning keeps the answer; cutting the end may take it away.",
    control: {
      kind: "choice",
      choices: [
        { value: "drop", label: "Is left out, and listed" },
        { value: "left", label: "Loses the beginning of its context" },
        { value: "right", label: "Loses its end" },
      ],
    },
    doubt: (mode) => mode === "right" && "An answer that is cut has no end to learn: see what is lost in the report.",
  },
};

/** The part of a recipe that tokenizing takes. */
export const rowSettingsOf = (recipe: DataSettings): DataSettings => pick(rowFields, recipe);

/** In the order of the screen; a later one is read after an earlier one. */
export const rowSettings: readonly Setting[] = [
  settingOf<TemplateValue>({
    field: "template",
    schema: v.picklist(templateValues),
    place: "template",
    affects: ["rows", "budget"],
    label: "Template",
    help: "The marks around each turn. The model sees them in training and in every answer.",
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
    help: "Reads messages, tools and add_generation_prompt, as a model's own chat_template does. What stands between {% generation %} and {% endgeneration %} is learnt; without these tags the answers are found by rendering, and verified.",
    control: { kind: "text" },
    applies: ({ template }) => template.kind === "custom",
    get: ({ template }) => (template.kind === "custom" ? template.source : starterTemplate),
    set: (recipe, source) => ({ ...recipe, template: { kind: "custom", source: source ?? "" } }),
  }),
  ...settingsOf(rowFields, { get: (recipe) => recipe, set: (recipe, key, value) => ({ ...recipe, [key]: value }) }),
];

/** Fields that turn a row into tokens and loss weights: template, mask and length. */

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
  plain: "Plain  text without marks",
  model: "The model's own",
  custom: "Your own, in Jinja",
};

const templateValues = Object.keys(templateLabels) as TemplateValue[];

const templateValueOf = (choice: TemplateChoice) => (choice.kind === "built-in" ? choice.name : choice.kind);

/** The template's name and its turn marks, for lists. */
export const templateLabel = (choice: TemplateChoice) => templateLabels[templateValueOf(choice)];

/** The template's name in a sentence: "the ChatML". */
export function templateName(choice: TemplateChoice): string {
  if (choice.kind === "model") return "the model's own";
  return choice.kind === "custom" ? "a custom" : `the ${templateLabel(choice).split("  ")[0]}`;
}

/** Start of a custom template: a minimal chat format with answers between generation tags. */
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
    label: "Loss mask",
    help: "Selects the supervised tokens. Usually only the answers are supervised.",
    control: {
      kind: "choice",
      choices: [
        { value: "responses", label: "Every answer" },
        { value: "last", label: "Last answer of each chat" },
        { value: "everything", label: "All tokens, questions too" },
      ],
    },
    doubt: (mask) => mask === "everything" && "The model then also learns to write questions and template marks.",
  },
  turns: {
    // Runs before December 2026 have no such field.
    schema: v.optional(v.picklist(["together", "each"])),
    initial: both("together"),
    place: "template",
    affects: ["rows", "budget"],
    label: "Answers of a conversation",
    help: "Some templates drop the reasoning of earlier answers. An example each trains every answer as it is generated.",
    control: {
      kind: "choice",
      choices: [
        { value: "together", label: "In one example" },
        { value: "each", label: "An example each" },
      ],
    },
  },
  reasoning: {
    schema: v.optional(v.picklist(["template", "tags"])),
    initial: both("template"),
    place: "template",
    affects: ["rows", "budget"],
    label: "Reasoning",
    help: "Reasoning in a field of its own: the template writes it, or Hone puts it into the answer's text.",
    control: {
      kind: "choice",
      choices: [
        { value: "template", label: "To the template" },
        { value: "tags", label: "In <think> tags before the answer" },
      ],
    },
  },
  maxLength: {
    schema: Count,
    initial: both(512),
    place: "template",
    affects: ["rows", "budget"],
    label: "Maximum length",
    term: "tokens",
    help: "Longer rows are left out or truncated. Memory grows with this length.",
    control: { kind: "number", integer: true, minimum: 8, maximum: 131_072 },
    doubt: (length) => length < 64 && "Below 64 tokens most answers do not fit.",
  },
  truncation: {
    schema: v.picklist(truncations),
    initial: both("drop"),
    place: "template",
    affects: ["rows", "budget"],
    label: "Truncation",
    help: "Applies to rows above the maximum length. Truncating the end may remove the answer.",
    control: {
      kind: "choice",
      choices: [
        { value: "drop", label: "Leave the row out" },
        { value: "left", label: "Truncate the start of the context" },
        { value: "right", label: "Truncate the end" },
      ],
    },
    doubt: (mode) =>
      mode === "right" && "A truncated answer has no stop token. The report has the number of lost tokens.",
  },
};

/** The part of a recipe that tokenization needs. */
export const rowSettingsOf = (recipe: DataSettings): DataSettings => pick(rowFields, recipe);

/** In the order of the screen. */
export const rowSettings: readonly Setting[] = [
  settingOf<TemplateValue>({
    field: "template",
    schema: v.picklist(templateValues),
    place: "template",
    affects: ["rows", "budget"],
    label: "Template",
    help: "Puts special tokens around each turn, in training and in generation.",
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
    help: "Jinja with messages, tools and add_generation_prompt. Text between {% generation %} and {% endgeneration %} is supervised. Without these tags Hone locates the answers by rendering, and verifies them.",
    control: { kind: "text" },
    applies: ({ template }) => template.kind === "custom",
    get: ({ template }) => (template.kind === "custom" ? template.source : starterTemplate),
    set: (recipe, source) => ({ ...recipe, template: { kind: "custom", source: source ?? "" } }),
  }),
  ...settingsOf(rowFields, {
    get: (recipe) => ({ turns: "together" as const, reasoning: "template" as const, ...recipe }),
    set: (recipe, key, value) => ({ ...recipe, [key]: value }),
  }),
];

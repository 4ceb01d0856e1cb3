/** Template, mask and length, declared once: the settings that decide which tokens with which weights a row becomes. */

import type { Recipe } from "../../run/recipe.ts";
import type { BuiltInTemplate, TemplateChoice } from "../../templates/choice.ts";
import { choiceOption, numberOption, type Option, switchOption, textOption } from "../option/option.ts";
import { starterTemplate } from "./starter.ts";

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

const builtIns = Object.keys(templateLabels).filter(
  (value): value is BuiltInTemplate => value !== "model" && value !== "custom",
);

/** As a sentence names it. */
export function templateName(choice: TemplateChoice): string {
  if (choice.kind === "model") return "the model's own";
  return choice.kind === "custom" ? "a custom" : `the ${templateLabels[choice.name].split("  ")[0]}`;
}

const templateOption = choiceOption<Recipe, TemplateValue>({
  field: "template",
  label: "Template",
  help: "The marks around each turn. The model sees them in training and in every answer.",
  choices: [...builtIns, "model" as const, "custom" as const].map((value) => ({ value, label: templateLabels[value] })),
  get: ({ template }) => (template.kind === "built-in" ? template.name : template.kind),
  set: (recipe, value) => ({
    ...recipe,
    template:
      value === "custom"
        ? { kind: "custom", source: starterTemplate }
        : value === "model"
          ? { kind: "model" }
          : { kind: "built-in", name: value },
  }),
});

/** Read after the template, which says whether it is used at all. */
const customOption = textOption<Recipe>({
  field: "customTemplate",
  label: "Your template",
  term: "Jinja",
  help: "Reads messages, tools and add_generation_prompt, as a model's own chat_template does. What stands between {% generation %} and {% endgeneration %} is learnt; without these tags the answers are found by rendering, and verified.",
  get: ({ template }) => (template.kind === "custom" ? template.source : starterTemplate),
  set: (recipe, source) =>
    recipe.template.kind === "custom" ? { ...recipe, template: { kind: "custom", source: source ?? "" } } : recipe,
});

/** In the order of the screen; a later one is read after an earlier one. */
export const templateFields = {
  template: templateOption,
  customTemplate: customOption,
  systemPrompt: textOption<Recipe>({
    field: "systemPrompt",
    label: "System prompt",
    help: "Put before rows that bring none. Empty: none.",
    get: (recipe) => recipe.systemPrompt,
    set: (recipe, systemPrompt) => ({ ...recipe, systemPrompt }),
  }),
  mask: choiceOption<Recipe, Recipe["mask"]>({
    field: "mask",
    label: "What is learnt",
    term: "loss mask",
    help: "Answers only is usual: the model learns to answer, not to ask. Everything teaches the questions too, as continued pre-training does.",
    choices: [
      { value: "responses", label: "Every answer" },
      { value: "last", label: "The last answer of each chat" },
      { value: "everything", label: "Everything, questions too" },
    ],
    get: (recipe) => recipe.mask,
    set: (recipe, mask) => ({ ...recipe, mask }),
    doubt: (mask) => mask === "everything" && "The model also learns to write questions and marks.",
  }),
  maxLength: numberOption<Recipe>({
    field: "maxLength",
    label: "Longest row",
    term: "tokens",
    help: "Memory grows with it.",
    integer: true,
    minimum: 8,
    maximum: 131_072,
    get: (recipe) => recipe.maxLength,
    set: (recipe, maxLength) => ({ ...recipe, maxLength }),
    doubt: (length) => length < 64 && "Under 64 tokens most answers do not fit.",
  }),
  truncation: choiceOption<Recipe, Recipe["truncation"]>({
    field: "truncation",
    label: "A longer row",
    term: "truncation",
    help: "Leaving it out is safe. Cutting the beginning keeps the answer; cutting the end may take it away.",
    choices: [
      { value: "drop", label: "Is left out, and listed" },
      { value: "left", label: "Loses the beginning of its context" },
      { value: "right", label: "Loses its end" },
    ],
    get: (recipe) => recipe.truncation,
    set: (recipe, truncation) => ({ ...recipe, truncation }),
    doubt: (mode) => mode === "right" && "An answer that is cut has no end to learn: see what is lost in the report.",
  }),
  packing: switchOption<Recipe>({
    field: "packing",
    label: "Pack short rows together",
    term: "packing",
    help: "Several rows share one sequence, each blind to the others: less padding, the same loss. Worth it where lengths differ much.",
    get: (recipe) => recipe.packing,
    set: (recipe, packing) => ({ ...recipe, packing }),
  }),
} as const;

export const templateOptions: readonly Option<Recipe>[] = Object.values(templateFields);

/** Texts of the Template and mask screen, apart from its settings. */

export const templateWords = {
  title: "Template and mask",
  noOwn: (model: string) => `${model} has no chat template. Choose another one.`,
  suggested: {
    model: "Selected because this model has a chat template.",
    marks: "Selected because this model's tokenizer has these special tokens.",
  },
  lowered: (length: number, usual: number) =>
    `The maximum length is ${length} tokens instead of the usual ${usual}: this model's context ends there.`,
  marks: (template: string) => `Here: ${template} template.`,
  supervised: (supervised: string, tokens: string, share: string) =>
    `Here: ${supervised} of ${tokens} tokens (${share}) are supervised; the others are context.`,
  unchecked: "Check all rows to see the number of supervised tokens.",
} as const;

export const editorWords = {
  label: "Your template",
  begin: "Reset template",
  place: (line: number, column: number) => `Line ${line}, column ${column}`,
  waiting: "Select a model to see the result.",
  failed: "The template could not be tested",
  /** The two tags stand between the three parts. */
  help: {
    begin: "Jinja, as in a model's chat_template: messages, tools, add_generation_prompt. Put supervised text between",
    and: "and",
    end: ". Without these tags Hone locates the answers by rendering, and verifies them.",
  },
} as const;

export const trialWords = {
  region: "The template on a short conversation",
  result: (stop: string, proof: string) =>
    `Test conversation: an answer ends with ${JSON.stringify(stop)}. Supervised tokens: ${proof}.`,
} as const;

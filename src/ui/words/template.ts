/** What the screen of template and mask says beside its settings. */

export const templateWords = {
  title: "Template and mask",
  noOwn: (model: string) => `${model} brings no template of its own. Choose another one.`,
  suggested: {
    model: "Chosen for this model: it brings a template.",
    marks: "Chosen for this model: its tokenizer knows these marks.",
  },
  lowered: (length: number, usual: number) =>
    `The longest row is ${length} tokens instead of the usual ${usual}: this model's context ends there.`,
  marks: (template: string) => `Here: ${template} template.`,
  learnt: (learnt: string, tokens: string, share: string) =>
    `Of your rows' ${tokens} tokens ${learnt} (${share}) are learnt, the others are context.`,
  unchecked: "Of how many tokens that is so stands in the quality report, once the rows are checked.",
} as const;

export const editorWords = {
  label: "Your template",
  begin: "Begin again",
  place: (line: number, column: number) => `Line ${line}, column ${column}`,
  waiting: "Select a model to see what it makes of this.",
  failed: "The template could not be tried",
  /** The two tags stand between the three parts. */
  help: {
    begin: "Jinja, as in a model's chat_template: messages, tools, add_generation_prompt. Put what is learnt between",
    and: "and",
    end: "; without them Hone finds the answers by rendering, and verifies them.",
  },
} as const;

export const trialWords = {
  region: "The template on a short conversation",
  result: (stop: string, proof: string) =>
    `On a short conversation; an answer ends with ${JSON.stringify(stop)}. What is learnt is ${proof}.`,
} as const;

/** What the screen of template and mask says beside its settings. */

export const templateWords = {
  marks: (template: string) => `Here: ${template} template.`,
  learnt: (learnt: string, tokens: string, share: string) =>
    `Of your rows' ${tokens} tokens ${learnt} (${share}) are learnt, the others are context.`,
  unchecked: "Of how many tokens that is so stands in the quality report, once the rows are checked.",
} as const;

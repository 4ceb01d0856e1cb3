/** What a template may use, above what any chat template needs; steps, texts and lists may grow with what it is given. */

import { TemplateError } from "../template.ts";

export const limits = {
  steps: 500_000,
  nesting: 300,
  text: 1_000_000,
  items: 100_000,
} as const;

export const exceeded = (what: string) =>
  new TemplateError(`The template was stopped, for it ${what}. Repair it, or choose another one.`);

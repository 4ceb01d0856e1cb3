/** Limits of one rendering, above the needs of any chat template. All but nesting grow with the input (see `Budget`). */

import { TemplateError } from "../template.ts";

export const limits = {
  steps: 500_000,
  nesting: 300,
  text: 1_000_000,
  items: 100_000,
} as const;

export const exceeded = (what: string) =>
  new TemplateError(`The template was stopped because it ${what}. Repair it, or choose another one.`);

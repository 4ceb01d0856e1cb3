/** A run's template for an export, rendered in the test's own thread. */

import {
  expressTemplate,
  requireSameTemplate,
  type TemplateWriter,
  type TrainedTemplate,
} from "../../src/export/template.ts";
import type { TemplateModel } from "../../src/templates/choose.ts";
import { tokenizerToGguf } from "../../src/tokenizer/toGguf.ts";

export const templateWriter = (trained: TrainedTemplate, model: TemplateModel): TemplateWriter => ({
  express: async () => expressTemplate(trained, model),
  requireSame: async (written) => requireSameTemplate(trained, model, written),
  tokenizer: async (given) => tokenizerToGguf(given),
});

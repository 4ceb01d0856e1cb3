/** Creates the template of a choice for one tokenizer, and suggests a choice for a model. */

import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { builtInFor, createBuiltIn, templateTitles } from "./builtIn.ts";
import { createChatTemplate } from "./chatTemplate.ts";
import type { TemplateChoice } from "./choice.ts";
import { type Template, TemplateError } from "./template.ts";

export { templateTitles };

export interface TemplateModel {
  readonly tokenizer: Tokenizer;
  /** The model's own Jinja template; null without one. */
  readonly chatTemplate: string | null;
}

/**
 * Throws TemplateError when there is no such template, when it is not Jinja (with line and column), when its answers cannot
 * be separated from the rest, when no token ends an answer, or when the check takes more than five seconds. The check calls
 * `pulse` about four times a second.
 */
export function createTemplate(
  choice: TemplateChoice,
  { tokenizer, chatTemplate }: TemplateModel,
  pulse?: () => void,
): Template {
  const more = pulse ? { pulse } : {};
  switch (choice.kind) {
    case "built-in":
      return createBuiltIn(choice.name, tokenizer);
    case "custom":
      if (choice.source.trim() === "")
        throw new TemplateError("The template is empty. Write one, or choose a built-in one.");
      return createChatTemplate({
        ...{ name: "custom", source: choice.source, tokenizer, ...more },
        needsBos: tokenizer.addBos && !ownOmitsBos({ tokenizer, chatTemplate }, pulse),
      });
    case "model":
      if (chatTemplate === null) {
        const name = builtInFor(tokenizer) ?? "hone";
        throw new TemplateError(
          `This model has no chat template of its own. Choose a built-in one, such as ${templateTitles[name]}, or write one.`,
        );
      }
      return createChatTemplate({ name: "the model's own", source: chatTemplate, tokenizer, own: true, ...more });
  }
}

/** Whether the model's own template begins without BOS, so that the model is prompted without it. */
function ownOmitsBos(model: TemplateModel, pulse?: () => void): boolean {
  if (model.chatTemplate === null) return false;
  try {
    return !createTemplate({ kind: "model" }, model, pulse).opensWithBos;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return false;
  }
}

/** The model's own where it works, else the built-in one whose markers are tokens of the tokenizer, else Hone's. */
export function suggestTemplate(model: TemplateModel, pulse?: () => void): TemplateChoice {
  const own: TemplateChoice = { kind: "model" };
  if (model.chatTemplate !== null) {
    try {
      createTemplate(own, model, pulse);
      return own;
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
    }
  }
  return { kind: "built-in", name: builtInFor(model.tokenizer) ?? "hone" };
}

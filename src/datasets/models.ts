/** The models that were added to the service: their tokenizers, and a cache of the last template. */

import type { Activity } from "../protocol/activity.ts";
import { type TokenizerFiles, unknownModel } from "../protocol/datasets.ts";
import type { TemplateChoice } from "../templates/choice.ts";
import { createTemplate, suggestTemplate, type TemplateModel } from "../templates/choose.ts";
import type { Template } from "../templates/template.ts";
import { createTokenizer, type Tokenizer } from "../tokenizer/tokenizer.ts";

export interface Models {
  /** Returns the template that suits the model. Throws for a tokenizer that is not supported. */
  add(files: TokenizerFiles): TemplateChoice;
  /** Throws an error named `unknownModel` for a model that was not added. */
  get(modelHash: string): TemplateModel;
  /** As `createTemplate`, with the last template cached. */
  template(modelHash: string, choice: TemplateChoice): Template;
}

/** The name of a template in messages. */
const templatePart = "The chat template";

/** `activity` names the part of a model's files that runs next. */
export function createModels({ part: name, pulse }: Pick<Activity, "part" | "pulse">): Models {
  const models = new Map<string, TemplateModel>();
  let last: { readonly key: string; readonly template: Template } | null = null;

  const open = ({ tokenizerJson, tokenizerConfig, vocabulary, modelType = null }: TokenizerFiles): Tokenizer => {
    const limit = vocabulary === undefined ? {} : { modelVocabulary: vocabulary };
    const tokenizer = createTokenizer(tokenizerJson, tokenizerConfig, {
      beforePattern: name,
      pulse,
      modelType,
      ...limit,
    });
    return {
      ...tokenizer,
      encode: (segments) => {
        name("tokenizer.json");
        return tokenizer.encode(segments);
      },
    };
  };

  const get = (modelHash: string): TemplateModel => {
    const model = models.get(modelHash);
    if (model) return model;
    throw Object.assign(new Error("No model is open: open one, because its tokenizer decides what the rows become."), {
      name: unknownModel,
    });
  };

  return {
    get,
    add(files) {
      const { modelHash, chatTemplate } = files;
      const tokenizer = models.get(modelHash)?.tokenizer ?? open(files);
      const model = { tokenizer, chatTemplate };
      models.set(modelHash, model);
      last = null;
      name(templatePart);
      return suggestTemplate(model, pulse);
    },
    template(modelHash, choice) {
      const key = JSON.stringify([modelHash, choice]);
      if (last?.key === key) return last.template;
      const model = get(modelHash);
      name(templatePart);
      const made = createTemplate(choice, model, pulse);
      const template: Template = {
        ...made,
        render: (conversation, options) => {
          name(templatePart);
          return made.render(conversation, { ...options, pulse });
        },
      };
      last = { key, template };
      return template;
    },
  };
}

/** The engine's share of the service: prompts, token ids and templates of exports, which only this worker may render. */

import { expressTemplate, requireSameTemplate } from "../export/template.ts";
import { countTokens, createPrompt } from "../generation/prompt.ts";
import type { DataApi } from "../protocol/datasets.ts";
import { renderText } from "../templates/mask.ts";
import { nextTask } from "../training/control.ts";
import type { Models } from "./models.ts";

type PromptCalls = Pick<DataApi, "prompts" | "countTokens" | "encodeTexts" | "expressTemplate" | "requireSameTemplate">;

/** Milliseconds of work after which other calls get their turn. */
const turn = 40;

/** `begin` names each piece of work. */
export function promptCalls(models: Models, begin: (subject: string) => void): PromptCalls {
  /** One result for each item, in order, with turns for other calls. Throws the signal's reason. */
  async function each<Item, Result>(
    items: readonly Item[],
    subject: string,
    signal: AbortSignal | undefined,
    work: (item: Item) => Result,
  ): Promise<Result[]> {
    const results: Result[] = [];
    let began = performance.now();
    for (const [index, item] of items.entries()) {
      begin(`${subject} ${index + 1}`);
      results.push(work(item));
      if (performance.now() - began < turn) continue;
      await nextTask();
      signal?.throwIfAborted();
      began = performance.now();
    }
    return results;
  }

  return {
    async prompts({ modelHash, template: choice, systemPrompt }, conversations, signal) {
      begin("a prompt");
      const template = models.template(modelHash, choice);
      const { tokenizer } = models.get(modelHash);
      return each(conversations, "prompt", signal, (messages) =>
        createPrompt({ tokenizer, template, systemPrompt }, messages),
      );
    },
    countTokens: async (modelHash, texts, signal) => {
      const { tokenizer } = models.get(modelHash);
      return each(texts, "text", signal, (text) => countTokens(text, tokenizer));
    },
    encodeTexts: async (modelHash, texts, signal) => {
      const { tokenizer } = models.get(modelHash);
      return each(texts, "text", signal, (text) => tokenizer.encode(renderText(text, tokenizer)).ids);
    },
    async expressTemplate(modelHash, trained) {
      begin("the exported template");
      return expressTemplate(trained, models.get(modelHash));
    },
    async requireSameTemplate(modelHash, trained, written) {
      begin("the exported template");
      requireSameTemplate(trained, models.get(modelHash), written);
    },
  };
}

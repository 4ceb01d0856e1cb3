/** The calls of the engine: prompts, token ids, and the templates of exports. */

import { expressTemplate, requireSameTemplate } from "../export/template.ts";
import { countTokens, createPrompt, tokensOf } from "../generation/prompt.ts";
import type { DataApi } from "../protocol/datasets.ts";
import { renderText } from "../templates/mask.ts";
import { tokenizerToGguf } from "../tokenizer/toGguf.ts";
import type { Models } from "./models.ts";
import { createTurns } from "./turns.ts";

type PromptCalls = Pick<
  DataApi,
  "prompts" | "countTokens" | "tokensOf" | "encodeTexts" | "expressTemplate" | "requireSameTemplate" | "ggufTokenizer"
>;

/** `begin` names each piece of work, for the watchdog. */
export function promptCalls(models: Models, begin: (subject: string) => void): PromptCalls {
  /** Maps items to results in order, in slices between which other calls run. Throws the signal's reason. */
  async function each<Item, Result>(
    items: readonly Item[],
    subject: string,
    signal: AbortSignal | undefined,
    work: (item: Item) => Result,
  ): Promise<Result[]> {
    const results: Result[] = [];
    const turns = createTurns(signal);
    for (const [index, item] of items.entries()) {
      begin(`${subject} ${index + 1}`);
      results.push(work(item));
      if (turns.due()) await turns.next();
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
    tokensOf: async (modelHash, texts, signal) => {
      const { tokenizer } = models.get(modelHash);
      return each(texts, "text", signal, (text) => tokensOf(text, tokenizer));
    },
    encodeTexts: async (modelHash, texts, signal) => {
      const { tokenizer } = models.get(modelHash);
      return each(texts, "text", signal, (text) => tokenizer.encode(renderText(text, tokenizer)).ids);
    },
    async expressTemplate(modelHash, trained) {
      begin("the exported template");
      return expressTemplate(trained, models.get(modelHash));
    },
    async ggufTokenizer(given) {
      begin("the exported tokenizer");
      return tokenizerToGguf(given);
    },
    async requireSameTemplate(modelHash, trained, written) {
      begin("the exported template");
      requireSameTemplate(trained, models.get(modelHash), written);
    },
  };
}

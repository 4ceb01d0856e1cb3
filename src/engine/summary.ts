/** What is told of a model: the summary that a list shows, as it is stored with the copy, and the details of one. */

import * as v from "valibot";
import type { OpenModel } from "../hub/model.ts";
import type { LlamaConfig } from "../models/llama.ts";
import type { ModelDetails, ModelSummary } from "../protocol/engine.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { needsOf } from "./needs.ts";

/** Members that came later have a default, so that copies of earlier versions still read. */
export const summarySchema: v.GenericSchema<unknown, ModelSummary> = v.object({
  name: v.string(),
  hash: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  architecture: v.string(),
  parameters: v.number(),
  layers: v.number(),
  hiddenSize: v.number(),
  vocabulary: v.number(),
  contextLength: v.number(),
  chatTemplate: v.boolean(),
  byteLength: v.number(),
  stored: v.boolean(),
  notes: v.array(v.string()),
  address: v.optional(v.nullable(v.string()), null),
  savedAt: v.optional(v.nullable(v.string()), null),
});

/** The summary of a model that was just opened; `address` is where it was fetched from. */
export function summarise(
  opened: OpenModel,
  config: LlamaConfig,
  known: Pick<ModelSummary, "hash" | "stored" | "notes" | "address">,
): ModelSummary {
  return {
    name: opened.name,
    architecture: config.architecture,
    parameters: opened.parameters,
    layers: config.num_hidden_layers,
    hiddenSize: config.hidden_size,
    vocabulary: config.vocab_size,
    contextLength: config.max_position_embeddings,
    chatTemplate: opened.chatTemplate !== null,
    byteLength: opened.byteLength,
    savedAt: known.stored ? new Date().toISOString() : null,
    ...known,
  };
}

export function detail(hash: string, opened: OpenModel, config: LlamaConfig, tokenizer: Tokenizer): ModelDetails {
  return {
    hash,
    files: opened.files.map(({ name, byteLength }) => ({ name, byteLength })),
    template: opened.chatTemplate,
    bos: tokenizer.bos?.text ?? null,
    eos: tokenizer.eos?.text ?? null,
    specialTokens: [...tokenizer.addedTokens].filter(([, id]) => tokenizer.isSpecial(id)).map(([text]) => text),
    heads: config.num_attention_heads,
    keyValueHeads: config.num_key_value_heads,
    intermediateSize: config.intermediate_size,
    tiedHead: config.tie_word_embeddings,
    needs: needsOf(config),
  };
}

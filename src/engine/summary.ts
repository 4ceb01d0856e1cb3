/** The summary of a model, shown in lists and stored with the copy, and its details. */

import * as v from "valibot";
import { linearsOf } from "../artifacts/method.ts";
import { floatDTypes } from "../hub/elements.ts";
import type { OpenModel } from "../hub/model.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { ModelDetails, ModelSummary } from "../protocol/engine.ts";
import type { Vocabulary } from "../tokenizer/vocabulary.ts";
import { needsOf } from "./needs.ts";

/** Members of later versions have a default, so that summaries of earlier versions stay readable. */
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
  untied: v.optional(v.boolean(), false),
  byteLength: v.number(),
  types: v.optional(v.array(v.picklist(floatDTypes)), []),
  half: v.optional(v.nullable(v.object({ over: v.number(), lost: v.number() })), null),
  stored: v.boolean(),
  notes: v.array(v.string()),
  address: v.optional(v.nullable(v.string()), null),
  savedAt: v.optional(v.nullable(v.string()), null),
});

/** The summary of an opened model; `address` is the one that it was fetched from, null for files. */
export function summarise(
  opened: OpenModel,
  model: ModelDefinition,
  known: Pick<ModelSummary, "hash" | "half" | "stored" | "notes" | "address">,
): ModelSummary {
  return {
    name: opened.name,
    architecture: model.architecture,
    parameters: opened.parameters,
    layers: model.layers.length,
    hiddenSize: model.hiddenSize,
    vocabulary: model.vocabulary,
    contextLength: model.contextLength,
    chatTemplate: opened.chatTemplate !== null,
    untied: opened.untied,
    byteLength: opened.byteLength,
    types: [...new Set(Array.from(opened.tensors.values(), ({ dtype }) => dtype))],
    savedAt: known.stored ? new Date().toISOString() : null,
    ...known,
  };
}

export function detail(hash: string, opened: OpenModel, model: ModelDefinition, vocabulary: Vocabulary): ModelDetails {
  const [first] = model.layers;
  return {
    hash,
    files: opened.files.map(({ name, byteLength }) => ({ name, byteLength })),
    template: opened.chatTemplate,
    bos: vocabulary.bos?.text ?? null,
    eos: vocabulary.eos?.text ?? null,
    specialTokens: [...vocabulary.addedTokens].filter(([, id]) => vocabulary.isSpecial(id)).map(([text]) => text),
    heads: first?.heads.query ?? 0,
    keyValueHeads: first?.heads.key ?? 0,
    intermediateSize: model.intermediateSize,
    linears: linearsOf(model).map(({ name }) => name),
    tiedHead: model.tiedHead,
    needs: needsOf(model),
  };
}

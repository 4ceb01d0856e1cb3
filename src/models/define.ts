/** Chooses the architecture that a `config.json` names. */

import * as v from "valibot";
import { cut } from "../tensor/quote.ts";
import type { Family, ModelDefinition } from "./architecture.ts";
import { ConfigError, parse } from "./config.ts";
import { gemma2 } from "./gemma2.ts";
import { gemma3 } from "./gemma3.ts";
import { gpt2 } from "./gpt2.ts";
import { gptNeox } from "./gptNeox.ts";
import { granite } from "./granite.ts";
import { llama } from "./llama.ts";
import { ministral, mistral } from "./mistral.ts";
import { olmo2 } from "./olmo2.ts";
import { phi3 } from "./phi3.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";
import { smollm3 } from "./smollm3.ts";

/** Every family that Hone trains. */
export const families: readonly Family[] = [
  llama,
  qwen2,
  qwen3,
  gemma2,
  gemma3,
  smollm3,
  olmo2,
  granite,
  mistral,
  ministral,
  phi3,
  gpt2,
  gptNeox,
];

const headSchema = v.object({
  model_type: v.optional(v.string()),
  architectures: v.optional(v.nullable(v.array(v.string()))),
});

export interface DefineOptions {
  /** True: the head has its own weight, although the config ties it to the embedding. */
  readonly untied?: boolean;
  readonly families?: readonly Family[];
}

/** The text part of a multimodal model's config, with the family that it belongs to. */
function textPart(json: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { text_config: text, model_type: type } = json;
  if (type !== "gemma3" || typeof text !== "object" || text === null) return json;
  return { ...text, model_type: "gemma3_text" };
}

/** The model of a `config.json`. Throws a ConfigError for an unknown architecture, and as the family's `define` does. */
export function defineModel(
  json: unknown,
  { untied = false, families: known = families }: DefineOptions = {},
): ModelDefinition {
  const whole = textPart(parse(v.record(v.string(), v.unknown()), json));
  const head = parse(headSchema, whole);
  // As in transformers, model_type decides where both are given.
  const type = head.model_type ?? null;
  const named = type ?? head.architectures?.[0] ?? "none named";
  const family = known.find(({ name, modelType }) => (type === null ? name === named : modelType === named));
  if (family) return family.define(untied ? { ...whole, tie_word_embeddings: false } : whole);
  throw new ConfigError(
    `config.json: the architecture ${cut(named)} is not supported; Hone trains ${known.map(({ modelType }) => modelType).join(", ")}. ` +
      "Choose one of these, such as Qwen 3 0.6B.",
  );
}

/** Chooses the architecture that a `config.json` names. */

import * as v from "valibot";
import { quote } from "../tensor/quote.ts";
import type { Enclosing, Family, ModelDefinition } from "./architecture.ts";
import { ConfigError, parse } from "./config.ts";
import { ernie } from "./ernie4_5.ts";
import { gemma2 } from "./gemma2.ts";
import { gemma3 } from "./gemma3.ts";
import { gpt2 } from "./gpt2.ts";
import { gptNeox } from "./gptNeox.ts";
import { granite } from "./granite.ts";
import { granite4 } from "./granite4.ts";
import { llama } from "./llama.ts";
import { asLlama } from "./llamaKin.ts";
import { ministral, mistral } from "./mistral.ts";
import { olmo2 } from "./olmo2.ts";
import { phi3 } from "./phi3.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";
import { smollm3 } from "./smollm3.ts";
import { explainUnsupported, isOtherHead } from "./unsupported.ts";

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
  granite4,
  ernie,
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

const aroundGemma3: Enclosing = { path: "model.language_model", others: ".*vision_tower.*" };

/** The text part of a multimodal model's config, with the family that it belongs to, and the model around it. */
function textPart(json: Readonly<Record<string, unknown>>) {
  const { text_config: text, model_type: type } = json;
  if (type !== "gemma3" || typeof text !== "object" || text === null) return { own: json, enclosing: null };
  const { quantization_config, tie_word_embeddings: tied } = json;
  const own = {
    ...text,
    model_type: "gemma3_text",
    ...(quantization_config ? { quantization_config } : {}),
    // A head of its own is stated for the whole model or for its text part.
    ...(tied === false && { tie_word_embeddings: false }),
  };
  return { own, enclosing: aroundGemma3 };
}

/** The model of a `config.json`. Throws a ConfigError for an unknown architecture, and as the family's `define` does. */
export function defineModel(
  json: unknown,
  { untied = false, families: known = families }: DefineOptions = {},
): ModelDefinition {
  const file = parse(v.record(v.string(), v.unknown()), json);
  const { own, enclosing } = textPart(file);
  const whole = asLlama(own);
  const head = parse(headSchema, whole);
  const architecture = head.architectures?.[0];
  const type = head.model_type;
  // As in transformers, model_type decides where both are given.
  const family = known.find(({ name, modelType }) => (type === undefined ? name === architecture : modelType === type));
  const named = architecture ?? type;
  if (named === undefined) {
    throw new ConfigError(
      "config.json: neither model_type nor architectures names a model. Take the file from the model's own folder.",
    );
  }
  if (!family && type !== undefined && known.some(({ name }) => name === architecture)) {
    throw new ConfigError(
      `config.json: model_type ${quote(type)} is unknown beside architectures ${quote(architecture)}; model_type decides, ` +
        "as in transformers. Correct it if the model is of that architecture.",
    );
  }
  if (!family || isOtherHead(named)) throw new ConfigError(explainUnsupported(named, type ?? "", known));
  const definition = family.define(whole);
  const headed = untied && definition.tiedHead ? family.define({ ...whole, tie_word_embeddings: false }) : definition;
  return { ...headed, enclosing };
}

/** Models whose own code computes a Llama under another name: their config as a Llama's. */

import * as v from "valibot";
import { ConfigError, parse } from "./config.ts";

type Json = Readonly<Record<string, unknown>>;

/** MobileLLM (Liu et al. 2024, arXiv:2402.14905) ties by `share_embedding`, and may run each layer twice. */
function mobileLlm({ layer_sharing: repeats, share_embedding: shares, ...rest }: Json): Json {
  if (parse(v.optional(v.boolean(), false), repeats, "config.json: layer_sharing")) {
    throw new ConfigError(
      "config.json: layer_sharing is true, so each layer runs twice, which Hone does not do. Choose MobileLLM-125M or SmolLM2-135M.",
    );
  }
  return {
    ...rest,
    tie_word_embeddings: parse(v.optional(v.boolean(), false), shares, "config.json: share_embedding"),
  };
}

/** InternLM 3 (Shanghai AI Laboratory, 2025) names its biases otherwise: of queries, keys and values, and of the rest. */
function internLm3({ bias, qkv_bias: inner, ...rest }: Json): Json {
  const boolean = v.optional(v.boolean(), false);
  const own = parse(boolean, bias, "config.json: bias");
  if (parse(boolean, inner, "config.json: qkv_bias") !== own) {
    throw new ConfigError(
      `config.json: qkv_bias is ${!own} and bias is ${own}; Hone supports both or none. Choose another model.`,
    );
  }
  return { ...rest, attention_bias: own, mlp_bias: own };
}

const kin = [
  { architecture: "MobileLLMForCausalLM", modelType: "mobilellm", asLlama: mobileLlm },
  { architecture: "InternLM3ForCausalLM", modelType: "internlm3", asLlama: internLm3 },
] as const;

/** The config of a Llama where the file is of such a model, else the same. Throws a ConfigError that names field and value. */
export function asLlama(json: Json): Json {
  const { model_type: type, architectures: names } = json;
  const found = kin.find(({ architecture, modelType }) =>
    type === undefined ? Array.isArray(names) && names[0] === architecture : type === modelType,
  );
  return found ? { ...found.asLlama(json), architectures: ["LlamaForCausalLM"], model_type: "llama" } : json;
}

/** What the comparison expects of the published configs. */

import type { Json } from "./bases.ts";
import type { ConfigCase } from "./case.ts";
import { shrink } from "./shrink.ts";

/** A part of the message with which Hone refuses a published config; the others are taken. */
const refused: Readonly<Record<string, string>> = {
  "Qwen/Qwen2.5-7B-Instruct-1M": "dual_chunk_attention_config",
  "allenai/OLMo-1B-hf": "OlmoForCausalLM",
  "google/gemma-2b": "GemmaForCausalLM",
  "ibm-granite/granite-4.0-h-350m": "mamba",
  "mistralai/Ministral-3-3B-Base-2512": "Mistral3ForConditionalGeneration",
  "stabilityai/stablelm-2-1_6b": "StableLmForCausalLM",
  "internlm/internlm2-1_8b": "InternLM2ForCausalLM",
  "apple/OpenELM-270M": "OpenELMForCausalLM",
  "Qwen/Qwen3-30B-A3B": "Qwen3MoeForCausalLM",
  "mistralai/Mixtral-8x7B-v0.1": "MixtralForCausalLM",
  "state-spaces/mamba-130m-hf": "MambaForCausalLM",
  "LiquidAI/LFM2-350M": "Lfm2ForCausalLM",
  "Qwen/Qwen2-VL-2B-Instruct": "Qwen2VLForConditionalGeneration",
  "microsoft/bitnet-b1.58-2B-4T": "BitNetForCausalLM",
  "RWKV/rwkv-4-169m-pile": "RwkvForCausalLM",
  "microsoft/phi-1_5": "PhiForCausalLM",
  "facebook/opt-125m": "OPTForCausalLM",
  "bigscience/bloom-560m": "BloomForCausalLM",
};

/** Published configs of every family and of every kind of rotation, which `newer.json` has as transformers saves them. */
export const savedNames: readonly string[] = [
  "HuggingFaceTB/SmolLM2-135M",
  "HuggingFaceTB/SmolLM3-3B",
  "meta-llama/Llama-3.2-1B",
  "Qwen/Qwen2.5-0.5B",
  "Qwen/Qwen3-0.6B",
  "google/gemma-2-2b",
  "google/gemma-3-270m",
  "google/gemma-3-1b-it",
  "google/gemma-3-4b-it",
  "allenai/OLMo-2-0425-1B",
  "ibm-granite/granite-3.1-2b-instruct",
  "ibm-granite/granite-4.0-350m",
  "mistralai/Mistral-7B-v0.1",
  "mistralai/Ministral-8B-Instruct-2410",
  "microsoft/Phi-3-mini-4k-instruct",
  "microsoft/Phi-4-mini-instruct",
  "openai-community/gpt2",
  "cerebras/Cerebras-GPT-111M",
  "EleutherAI/pythia-70m",
  "deepseek-ai/deepseek-coder-1.3b-instruct",
];

/** transformers has no model of these names; the code in their repositories computes this Llama. */
const asLlama: Readonly<Record<string, (config: Readonly<Json>) => Json>> = {
  "facebook/MobileLLM-125M": (config) => ({ ...config, tie_word_embeddings: config.share_embedding }),
  "internlm/internlm3-8b-instruct": (config) => config,
};

export function publishedRest(name: string, config: Readonly<Json>): Omit<ConfigCase, "name" | "config"> {
  const reason = refused[name];
  if (reason !== undefined) return { refused: reason };
  const llama = asLlama[name]?.(shrink(config));
  return {
    ...(llama && {
      oracle: { ...llama, architectures: ["LlamaForCausalLM"], model_type: "llama", auto_map: undefined },
    }),
    ...(name === "google/gemma-3-4b-it" && { prefix: "language_model." }),
  };
}

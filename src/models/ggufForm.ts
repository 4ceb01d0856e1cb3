/** How llama.cpp names a model that is open: its architecture and the place of each tensor. */

import type { ModelDefinition } from "./architecture.ts";
import { type GgufNames, gpt2Names, llamaNames, neoxNames, plainNames } from "./ggufNames.ts";

export interface GgufForm {
  /** `general.architecture`. */
  readonly architecture: string;
  readonly names: GgufNames;
}

/** Families whose queries and keys llama.cpp stores as pairs of neighbours. */
const llamaLike: Readonly<Record<string, string>> = {
  LlamaForCausalLM: "llama",
  MistralForCausalLM: "llama",
  GraniteForCausalLM: "granite",
  SmolLM3ForCausalLM: "smollm3",
};

const plainLike: Readonly<Record<string, string>> = {
  Qwen2ForCausalLM: "qwen2",
  Qwen3ForCausalLM: "qwen3",
  Gemma2ForCausalLM: "gemma2",
  Gemma3ForCausalLM: "gemma3",
  Olmo2ForCausalLM: "olmo2",
  Phi3ForCausalLM: "phi3",
};

/** Null for a family that llama.cpp has not, or that Hone does not map. */
export function ggufFormOf({
  architecture: name,
  layers,
}: Pick<ModelDefinition, "architecture" | "layers">): GgufForm | null {
  const { query = 1, size = 1 } = layers[0]?.heads ?? {};
  const [llama, plain] = [llamaLike[name], plainLike[name]];
  if (llama !== undefined) return { architecture: llama, names: llamaNames({ head_dim: size }) };
  if (plain !== undefined) return { architecture: plain, names: plainNames(plain) };
  if (name === "GPT2LMHeadModel") return { architecture: "gpt2", names: gpt2Names };
  if (name === "GPTNeoXForCausalLM") return { architecture: "gptneox", names: neoxNames(query, size) };
  return null;
}

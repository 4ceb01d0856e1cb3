/** Why Hone does not train an architecture, and which model would serve instead. */

import { cut } from "../tensor/quote.ts";

interface Kind {
  /** Matches the names in `architectures` and `model_type`. */
  readonly names: RegExp;
  readonly reason: string;
  readonly instead: string;
}

/** Models with another head than a language model's. */
const otherHeads =
  /For(Sequence|Token|Image)Classification|RewardModel|ForQuestionAnswering|ForMaskedLM|EmbeddingModel/;

export const isOtherHead = (architecture: string): boolean => otherHeads.test(architecture);

/** The first kind that matches counts. */
const kinds: readonly Kind[] = [
  {
    names: otherHeads,
    reason: "has another head than a language model's",
    instead: "Choose the model that it was made from.",
  },
  {
    names: /bitnet/i,
    reason: "has weights of three values, which training in floating point would lose",
    instead: "Choose a model with weights in bfloat16, such as Qwen3-0.6B or SmolLM2-360M.",
  },
  {
    names: /moe|mixtral|dbrx|grok|gpt_?oss|deepseek_?v\d|llama_?4|arctic|experts/i,
    reason: "is a mixture of experts, and Hone trains dense models",
    instead: "Choose a dense one, such as Qwen3-0.6B or OLMo-2-0425-1B.",
  },
  {
    names: /bert|electra|t5|bart|marian|pegasus|mpnet|encoder|whisper|seq2seq/i,
    reason: "has an encoder, and Hone trains decoders",
    instead: "Choose SmolLM2-135M or Gemma 3 270M.",
  },
  {
    names: /ConditionalGeneration|vision|llava|vl|idefics|paligemma|omni|audio|image|multimodal|pixtral|chameleon/i,
    reason: "sees or hears, and Hone trains the text part of Gemma 3 alone among these",
    instead: "Choose a text model, such as Gemma 3 270M or Qwen3-0.6B.",
  },
  {
    names:
      /mamba|rwkv|recurrent|zamba|jamba|bamba|falcon_?h1|lfm2|nemotron_?h|next|hybrid|xlstm|retnet|linear|qwen3_5|griffin/i,
    reason: "has recurrent or convolutional layers, and Hone trains models with attention alone",
    instead: "Choose Granite-4.0-350M, Qwen3-0.6B or Pythia-160M.",
  },
  {
    names: /^ernie/i,
    reason: "is another generation than the dense ERNIE 4.5",
    instead: "Choose ERNIE-4.5-0.3B or Qwen3-0.6B.",
  },
  {
    names: /^stable/i,
    reason: "has LayerNorm and partial rotation beside Llama's MLP",
    instead: "Choose Qwen2.5-1.5B or Llama-3.2-1B.",
  },
  {
    names: /^internlm2/i,
    reason: "stores queries, keys and values in an order of its own",
    instead: "Choose its copy in Llama's format, or Qwen2.5-1.5B.",
  },
  {
    names: /^gemma/i,
    reason: "is another generation than Gemma 2 and the text models of Gemma 3",
    instead: "Choose Gemma 3 270M or Gemma 3 1B.",
  },
  {
    names: /^phi/i,
    reason: "is another generation than Phi-3 and Phi-4-mini",
    instead: "Choose Phi-4-mini, or the smaller Qwen3-0.6B.",
  },
  {
    names: /^olmo/i,
    reason: "is another generation than OLMo 2",
    instead: "Choose OLMo-2-0425-1B.",
  },
  {
    names: /^(opt|bloom|gpt|codegen|mpt|falcon|xglm|cpm|openai)/i,
    reason: "is of the time of GPT-2, with an attention or MLP of its own",
    instead: "Choose GPT-2, Pythia-160M or Falcon3-1B.",
  },
];

/** A message for `architecture`, the name in the config, with a reason where the kind is known. */
export function explainUnsupported(
  architecture: string,
  modelType: string,
  supported: readonly { readonly name: string }[],
): string {
  const kind = kinds.find(({ names }) => names.test(architecture) || names.test(modelType));
  if (kind) return `config.json: ${cut(architecture)} ${kind.reason}. ${kind.instead}`;
  const short = supported.map(({ name }) => name.replace(/ForCausalLM|LMHeadModel/, "")).join(", ");
  return `config.json: the architecture ${cut(architecture)} is not supported. Hone trains ${short}. Choose one of these.`;
}

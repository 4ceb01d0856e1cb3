/**
 * A few models on Hugging Face that Hone can train, from small to large. Byte lengths are those of the files on the hub,
 * which have buffers and twice-written heads too.
 */

import { configs } from "./catalogueConfigs.ts";

export interface CatalogueModel {
  /** Its id on Hugging Face. */
  readonly id: string;
  /** Fields of its config.json that decide its sizes and graphs. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Bytes of its weights in the files; config and tokenizer are small beside them. */
  readonly byteLength: number;
  /** An SPDX identifier, or the licence's own name. */
  readonly licence: string;
  /** Whose conditions an account must accept before it can download the files; null where anyone can. */
  readonly gatedBy: string | null;
  /** The form of its own chat template; null without one, as most base models. */
  readonly template: string | null;
  /** Whether it is instruction-tuned. */
  readonly instructed: boolean;
  /** A sentence for the page about its use, with a number. */
  readonly purpose: string;
}

const open = { licence: "Apache-2.0", gatedBy: null } as const;
const base = { template: null, instructed: false } as const;
const gemma = { licence: "Gemma Terms of Use", gatedBy: "Google" } as const;

export const catalogue: readonly CatalogueModel[] = [
  {
    id: "EleutherAI/pythia-70m",
    config: configs.pythia70m,
    byteLength: 166_029_852,
    ...open,
    ...base,
    purpose: "Pre-trained on 300 billion tokens of the Pile, for research: the fastest to train, with weak answers.",
  },
  {
    id: "HuggingFaceTB/SmolLM2-135M",
    config: configs.smolLM2Small,
    byteLength: 269_060_552,
    ...open,
    ...base,
    purpose: "Pre-trained on 2 trillion tokens, mostly English. Small enough for LoRA without a GPU, although slow.",
  },
  {
    id: "HuggingFaceTB/SmolLM2-135M-Instruct",
    config: configs.smolLM2Small,
    byteLength: 269_060_552,
    ...open,
    template: "ChatML",
    instructed: true,
    purpose: "SmolLM2-135M after instruction tuning: for one new style or task.",
  },
  {
    id: "distilbert/distilgpt2",
    config: configs.distilGpt2,
    byteLength: 352_824_413,
    ...open,
    ...base,
    purpose: "GPT-2 distilled from 12 layers to 6, for short English texts and lessons.",
  },
  {
    id: "EleutherAI/pythia-160m",
    config: configs.pythia160m,
    byteLength: 374_998_696,
    ...open,
    ...base,
    purpose: "Pre-trained on 300 billion tokens of the Pile. Its 154 public checkpoints show how a model learns.",
  },
  {
    id: "google/gemma-3-270m",
    config: configs.gemma3Small,
    byteLength: 536_223_056,
    ...gemma,
    ...base,
    purpose:
      "Pre-trained on 6 trillion tokens, over 140 languages: for one narrow task, such as sorting or extraction.",
  },
  {
    id: "google/gemma-3-270m-it",
    config: configs.gemma3Small,
    byteLength: 536_223_056,
    ...gemma,
    template: "Gemma",
    instructed: true,
    purpose: "Gemma 3 270M after instruction tuning: follows short instructions in over 140 languages.",
  },
  {
    id: "openai-community/gpt2",
    config: configs.gpt2,
    byteLength: 548_105_171,
    licence: "MIT",
    gatedBy: null,
    ...base,
    purpose: "OpenAI's model of 2019, pre-trained on 40 GB of English web pages: the model of many courses.",
  },
  {
    id: "ibm-granite/granite-4.0-350m-base",
    config: configs.granite4Small,
    byteLength: 704_786_224,
    ...open,
    ...base,
    purpose: "Pre-trained on 15 trillion tokens in 12 languages: for summaries, extraction and code.",
  },
  {
    id: "ibm-granite/granite-4.0-350m",
    config: configs.granite4Small,
    byteLength: 704_786_224,
    ...open,
    template: "Granite",
    instructed: true,
    purpose: "Granite 4.0 350M after instruction tuning: calls tools and answers in 12 languages.",
  },
  {
    id: "HuggingFaceTB/SmolLM2-360M",
    config: configs.smolLM2Medium,
    byteLength: 723_674_912,
    ...open,
    ...base,
    purpose: "Pre-trained on 4 trillion tokens. 2.7 times as large as SmolLM2-135M, with longer steps.",
  },
  {
    id: "HuggingFaceTB/SmolLM2-360M-Instruct",
    config: configs.smolLM2Medium,
    byteLength: 723_674_912,
    ...open,
    template: "ChatML",
    instructed: true,
    purpose: "SmolLM2-360M after instruction tuning: short answers and rewriting, in English.",
  },
  {
    id: "Qwen/Qwen2.5-0.5B",
    config: configs.qwen25Small,
    byteLength: 988_097_824,
    ...open,
    template: "ChatML",
    instructed: false,
    purpose: "Pre-trained on 18 trillion tokens in 29 languages: knows code and arithmetic well for its size.",
  },
  {
    id: "Qwen/Qwen2.5-0.5B-Instruct",
    config: configs.qwen25Small,
    byteLength: 988_097_824,
    ...open,
    template: "ChatML",
    instructed: true,
    purpose: "Qwen2.5-0.5B after instruction tuning: chat, JSON and tool calls in 29 languages.",
  },
  {
    id: "Qwen/Qwen3-0.6B-Base",
    config: configs.qwen3Base,
    byteLength: 1_192_135_096,
    ...open,
    template: "ChatML with reasoning",
    instructed: false,
    purpose: "Pre-trained on 36 trillion tokens in 119 languages: a strong start for a task of your own.",
  },
  {
    id: "Qwen/Qwen3-0.6B",
    config: configs.qwen3,
    byteLength: 1_503_300_328,
    ...open,
    template: "ChatML with reasoning",
    instructed: true,
    purpose: "Qwen3-0.6B-Base after instruction tuning: reasons before it answers, in 119 languages.",
  },
  {
    id: "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
    config: configs.tinyLlama,
    byteLength: 2_200_119_864,
    ...open,
    template: "Zephyr",
    instructed: true,
    purpose: "Architecture and tokenizer of Llama 2, pre-trained on 3 trillion tokens, tuned for chat.",
  },
  {
    id: "meta-llama/Llama-3.2-1B",
    config: configs.llama32,
    byteLength: 2_471_645_608,
    licence: "Llama 3.2 Community License",
    gatedBy: "Meta",
    ...base,
    purpose: "Meta's smallest base model, pre-trained on up to 9 trillion tokens, for 8 languages.",
  },
  {
    id: "HuggingFaceTB/SmolLM3-3B",
    config: configs.smolLM3,
    byteLength: 6_150_235_008,
    ...open,
    template: "ChatML with reasoning",
    instructed: true,
    purpose: "Pre-trained on 11.2 trillion tokens in 6 languages: the best answers here, for a large GPU alone.",
  },
];

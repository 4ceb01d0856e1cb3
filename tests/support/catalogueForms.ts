/**
 * A small tokenizer and a template for each model of the catalogue, in the form of its published files: special tokens and
 * their order, BOS and EOS names, post-processor, flags. The vocabularies are bytes and a few merges.
 */

import { readFileSync } from "node:fs";
import { conversations } from "../../scripts/oracle/conversations.ts";
import { createTemplate, suggestTemplate } from "../../src/templates/choose.ts";
import { byteAlphabet } from "../../src/tokenizer/bytes.ts";
import { createTokenizer } from "../../src/tokenizer/tokenizer.ts";
import { llama3Words, qwenWords } from "./tokenizers.ts";

export interface CatalogueForm {
  readonly name: string;
  /** Ids on Hugging Face. */
  readonly models: readonly string[];
  readonly tokenizer: { readonly json: object; readonly config: object };
  /** Its own template: a file of tests/golden/templates/families. Null without one. */
  readonly template: string | null;
  /** Tokens that end an answer in the template that Hone suggests. */
  readonly ends: string;
  /** Whether a prompt begins with BOS. */
  readonly beginsWithBos: boolean;
}

const family = (name: string) =>
  readFileSync(new URL(`../golden/templates/families/${name}.jinja`, import.meta.url), "utf8").replaceAll(
    /\{#[<>]#\}/g,
    "",
  );

/** The same template with generation tags at its marks, for oracles that need them. */
export const taggedTemplate = (name: string) =>
  readFileSync(new URL(`../golden/templates/families/${name}.jinja`, import.meta.url), "utf8")
    .replaceAll("{#<#}", "{%- generation %}")
    .replaceAll("{#>#}", "{%- endgeneration %}");

export const templateOf = ({ template }: CatalogueForm): string | null => (template === null ? null : family(template));

interface Parts {
  readonly pieces: readonly string[];
  readonly merges: readonly string[];
  /** Special tokens before the pieces, as in SmolLM2 and Gemma, or after them. */
  readonly first?: readonly string[];
  readonly last?: readonly string[];
  /** Added tokens that are no special ones, after all others. */
  readonly plain?: readonly string[];
  /** Pieces that are added tokens too, as Gemma's runs of spaces. */
  readonly twice?: readonly string[];
  readonly rest: object;
  readonly model?: object;
  readonly config: object;
}

function filesOf({ pieces, merges, first = [], last = [], plain = [], twice = [], rest, model = {}, config }: Parts) {
  const all = [...first, ...pieces, ...last, ...plain];
  const id = new Map(all.map((content, i) => [content, i]));
  const added = (content: string, special: boolean) => ({
    ...{ id: id.get(content) ?? -1, content, special },
    ...{ normalized: false, single_word: false, lstrip: false, rstrip: false },
  });
  const inVocabulary = [...first, ...pieces];
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [
      ...first.map((content) => added(content, true)),
      ...last.map((content) => added(content, true)),
      ...[...plain, ...twice].map((content) => added(content, false)),
    ].sort((a, b) => a.id - b.id),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    ...rest,
    model: {
      type: "BPE",
      ...{ dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null },
      ...{ fuse_unk: false, byte_fallback: false, ignore_merges: false },
      vocab: Object.fromEntries(inVocabulary.map((piece) => [piece, id.get(piece)])),
      merges,
      ...model,
    },
  };
  return { json, config: { clean_up_tokenization_spaces: false, ...config } };
}

const byteMerges = ["h e", "l l", "he ll", "hell o", "Ġ t", "Ċ Ċ", "> Ċ", "Ġ Ġ", ". <", "Ã ©", "t Ċ"];
const bytePieces = [...byteAlphabet, ...byteMerges.map((merge) => merge.replace(" ", ""))];

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
const byteProcessor = { post_processor: { ...byteLevel, add_prefix_space: true, trim_offsets: false } };
const byteDecoder = { decoder: { ...byteLevel, add_prefix_space: true } };

/** BOS before each sequence. */
const opening = (bos: string, id: number) => ({
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: bos, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  pair: [
    { SpecialToken: { id: bos, type_id: 0 } },
    { Sequence: { id: "A", type_id: 0 } },
    { SpecialToken: { id: bos, type_id: 1 } },
    { Sequence: { id: "B", type_id: 1 } },
  ],
  special_tokens: { [bos]: { id: bos, ids: [id], tokens: [bos] } },
});

const endOfText = "<|endoftext|>";
/** One token for all purposes. */
const oneForAll = { bos_token: endOfText, eos_token: endOfText, unk_token: endOfText };

const gpt2 = filesOf({
  pieces: bytePieces,
  merges: byteMerges,
  last: [endOfText],
  rest: { pre_tokenizer: byteLevel, ...byteProcessor, ...byteDecoder },
  config: { ...oneForAll, add_prefix_space: false, tokenizer_class: "GPT2Tokenizer", model_max_length: 1024 },
});

const pythia = filesOf({
  pieces: bytePieces,
  merges: byteMerges,
  first: [endOfText, "<|padding|>"],
  // Runs of spaces, as code has them.
  plain: ["        ", "    ", "   "],
  rest: { normalizer: { type: "NFC" }, pre_tokenizer: byteLevel, ...byteProcessor, ...byteDecoder },
  config: { ...oneForAll, add_prefix_space: false, tokenizer_class: "GPTNeoXTokenizer" },
});

const smolLM2 = (config: object) =>
  filesOf({
    pieces: bytePieces,
    merges: byteMerges,
    first: [endOfText, "<|im_start|>", "<|im_end|>", "<repo_name>", "<reponame>", "<file_sep>", "<empty_output>"],
    rest: {
      pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "Digits", individual_digits: true }, byteLevel] },
      ...byteDecoder,
    },
    config: { add_prefix_space: false, tokenizer_class: "GPT2Tokenizer", model_max_length: 8192, ...config },
  });

const qwen = (eos: string, plain: readonly string[]) =>
  filesOf({
    pieces: bytePieces,
    merges: byteMerges,
    last: [endOfText, "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|vision_pad|>"],
    plain,
    rest: {
      ...qwenWords,
      post_processor: { ...byteLevel, trim_offsets: false, use_regex: false },
      decoder: { ...byteLevel, trim_offsets: false, use_regex: false },
    },
    config: {
      ...{ add_bos_token: false, add_prefix_space: false, tokenizer_class: "Qwen2Tokenizer" },
      ...{ bos_token: null, eos_token: eos, pad_token: endOfText, unk_token: null },
    },
  });
const toolTokens = ["<tool_call>", "</tool_call>"];
const qwen3Tokens = [...toolTokens, "<tool_response>", "</tool_response>", "<think>", "</think>"];

const granite = filesOf({
  pieces: bytePieces,
  merges: byteMerges,
  last: ["<|pad|>", "<|end_of_text|>", "<|fim_prefix|>", "<|start_of_role|>", "<|end_of_role|>", "<|unk|>"],
  plain: toolTokens,
  rest: { ...llama3Words, ...byteProcessor, ...byteDecoder },
  config: {
    ...{ add_bos_token: false, add_prefix_space: false, tokenizer_class: "GPT2Tokenizer" },
    ...{ bos_token: "<|end_of_text|>", eos_token: "<|end_of_text|>", pad_token: "<|pad|>", unk_token: "<|unk|>" },
  },
});

const llama3Tokens = [
  ...["<|begin_of_text|>", "<|end_of_text|>", "<|finetune_right_pad_id|>", "<|start_header_id|>"],
  ...["<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>"],
];
const llama3 = filesOf({
  pieces: bytePieces,
  merges: byteMerges,
  last: llama3Tokens,
  rest: {
    ...llama3Words,
    post_processor: {
      type: "Sequence",
      processors: [
        { ...byteLevel, add_prefix_space: true, trim_offsets: false },
        opening("<|begin_of_text|>", bytePieces.length),
      ],
    },
    ...byteDecoder,
  },
  model: { ignore_merges: true },
  config: {
    ...{ bos_token: "<|begin_of_text|>", eos_token: "<|end_of_text|>" },
    ...{ tokenizer_class: "PreTrainedTokenizerFast", model_input_names: ["input_ids", "attention_mask"] },
  },
});

const smolLM3 = filesOf({
  pieces: bytePieces,
  merges: byteMerges,
  last: ["<|begin_of_text|>", "<|end_of_text|>", "<|finetune_right_pad_id|>", "<|im_start|>", "<|im_end|>"],
  plain: ["<think>", "</think>"],
  rest: { ...llama3Words, ...byteProcessor, ...byteDecoder },
  model: { ignore_merges: true },
  config: {
    ...{ bos_token: null, eos_token: "<|im_end|>", pad_token: "<|im_end|>" },
    ...{ tokenizer_class: "PreTrainedTokenizerFast", model_input_names: ["input_ids", "attention_mask"] },
  },
});

/** SentencePiece's bytes and letters. */
const spacePieces = [
  ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
  ..."▁abcdefghijklmnopqrstuvwxyzABCH<>|.,!?é\n",
];
const spaceMerges = ["h e", "l l", "▁ t", "▁t he", "o <", "| >"];
const spaceDecoder = {
  decoder: {
    type: "Sequence",
    decoders: [{ type: "Replace", pattern: { String: "▁" }, content: " " }, { type: "ByteFallback" }, { type: "Fuse" }],
  },
};

const llama2 = filesOf({
  pieces: [...spacePieces, ...spaceMerges.map((merge) => merge.replace(" ", ""))],
  merges: spaceMerges,
  first: ["<unk>", "<s>", "</s>"],
  rest: {
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    post_processor: opening("<s>", 1),
    ...spaceDecoder,
  },
  model: { unk_token: "<unk>", fuse_unk: true, byte_fallback: true },
  config: {
    ...{ bos_token: "<s>", eos_token: "</s>", pad_token: "</s>", unk_token: "<unk>" },
    ...{ add_bos_token: true, add_eos_token: false, legacy: false, tokenizer_class: "LlamaTokenizer" },
  },
});

const gemma3 = filesOf({
  pieces: [...spacePieces, ...spaceMerges.map((merge) => merge.replace(" ", "")), "▁▁", "\n\n"],
  merges: spaceMerges,
  twice: ["▁▁", "\n\n"],
  first: ["<pad>", "<eos>", "<bos>", "<unk>"],
  last: ["<start_of_turn>", "<end_of_turn>", "<image_soft_token>"],
  plain: ["<mask>", "<unused0>"],
  rest: {
    normalizer: { type: "Replace", pattern: { String: " " }, content: "▁" },
    pre_tokenizer: { type: "Split", pattern: { String: " " }, behavior: "MergedWithPrevious", invert: false },
    post_processor: opening("<bos>", 2),
    ...spaceDecoder,
  },
  model: { unk_token: "<unk>", fuse_unk: true, byte_fallback: true },
  config: {
    ...{ bos_token: "<bos>", eos_token: "<eos>", pad_token: "<pad>", unk_token: "<unk>" },
    ...{ add_bos_token: true, add_eos_token: false, tokenizer_class: "GemmaTokenizer" },
  },
});

const withBos = { beginsWithBos: true } as const;
const withoutBos = { beginsWithBos: false } as const;
const base = { template: null } as const;

export const catalogueForms: readonly CatalogueForm[] = [
  {
    name: "gpt2",
    models: ["openai-community/gpt2", "distilbert/distilgpt2"],
    tokenizer: gpt2,
    ...base,
    ...withoutBos,
    ends: endOfText,
  },
  {
    name: "pythia",
    models: ["EleutherAI/pythia-70m", "EleutherAI/pythia-160m"],
    tokenizer: pythia,
    ...base,
    ...withoutBos,
    ends: endOfText,
  },
  {
    name: "smollm2 base",
    models: ["HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-360M"],
    tokenizer: smolLM2(oneForAll),
    ...base,
    ...withoutBos,
    ends: "<|im_end|>",
  },
  {
    name: "smollm2 instruct",
    models: ["HuggingFaceTB/SmolLM2-135M-Instruct", "HuggingFaceTB/SmolLM2-360M-Instruct"],
    tokenizer: smolLM2({
      ...{ bos_token: "<|im_start|>", eos_token: "<|im_end|>", pad_token: "<|im_end|>", unk_token: endOfText },
    }),
    template: "smollm2",
    ...withBos,
    ends: "<|im_end|>",
  },
  {
    name: "gemma3 base",
    models: ["google/gemma-3-270m"],
    tokenizer: gemma3,
    ...base,
    ...withBos,
    ends: "<end_of_turn>",
  },
  {
    name: "gemma3 it",
    models: ["google/gemma-3-270m-it"],
    tokenizer: gemma3,
    template: "gemma3",
    ...withBos,
    ends: "<end_of_turn>",
  },
  {
    name: "granite base",
    models: ["ibm-granite/granite-4.0-350m-base"],
    tokenizer: granite,
    ...base,
    ...withoutBos,
    ends: "<|end_of_text|>",
  },
  {
    name: "granite",
    models: ["ibm-granite/granite-4.0-350m"],
    tokenizer: granite,
    template: "granite",
    ...withoutBos,
    ends: "<|end_of_text|>",
  },
  {
    name: "qwen2.5 base",
    models: ["Qwen/Qwen2.5-0.5B"],
    tokenizer: qwen(endOfText, toolTokens),
    template: "qwen25",
    ...withoutBos,
    ends: "<|im_end|>",
  },
  {
    name: "qwen2.5 instruct",
    models: ["Qwen/Qwen2.5-0.5B-Instruct"],
    tokenizer: qwen("<|im_end|>", toolTokens),
    template: "qwen25",
    ...withoutBos,
    ends: "<|im_end|>",
  },
  {
    name: "qwen3 base",
    models: ["Qwen/Qwen3-0.6B-Base"],
    tokenizer: qwen(endOfText, qwen3Tokens),
    template: "qwen3",
    ...withoutBos,
    ends: "<|im_end|>",
  },
  {
    name: "qwen3",
    models: ["Qwen/Qwen3-0.6B"],
    tokenizer: qwen("<|im_end|>", qwen3Tokens),
    template: "qwen3",
    ...withoutBos,
    ends: "<|im_end|>",
  },
  {
    name: "tinyllama",
    models: ["TinyLlama/TinyLlama-1.1B-Chat-v1.0"],
    tokenizer: llama2,
    template: "tinychat",
    ...withoutBos,
    ends: "</s>",
  },
  {
    name: "llama3.2 base",
    models: ["meta-llama/Llama-3.2-1B"],
    tokenizer: llama3,
    ...base,
    ...withBos,
    ends: "<|eot_id|>",
  },
  {
    name: "smollm3",
    models: ["HuggingFaceTB/SmolLM3-3B"],
    tokenizer: smolLM3,
    template: "smollm3",
    ...withoutBos,
    ends: "<|im_end|>",
  },
];

export function formOf(id: string): CatalogueForm {
  const form = catalogueForms.find(({ models }) => models.includes(id));
  if (!form) throw new Error(`There is no form of ${id}.`);
  return form;
}

/** Names of the conversations that are frozen for each form. */
export const catalogueRows = ["one turn", "a system message", "several turns", "white space", "other scripts"] as const;

/**
 * Those of a form without a template: the text of "white space" has tokens across an answer's start, where Hone begins a
 * new token because generation starts there.
 */
export const baseRows: readonly string[] = catalogueRows.filter((row) => row !== "white space");

/** The form's tokenizer, and the template that Hone suggests for it. */
export function suggestedFor(form: CatalogueForm) {
  const tokenizer = createTokenizer(form.tokenizer.json, form.tokenizer.config);
  const model = { tokenizer, chatTemplate: templateOf(form) };
  const choice = suggestTemplate(model);
  return { tokenizer, choice, template: createTemplate(choice, model) };
}

/** A conversation in the suggested template, without the BOS that a tokenizer adds itself. */
export function renderedWithoutBos(form: CatalogueForm, row: string): string {
  const { tokenizer, template } = suggestedFor(form);
  const { segments } = template.render(conversations[row] ?? { messages: [] });
  const text = segments.map((segment) => segment.text).join("");
  const bos = tokenizer.bos?.text;
  return bos !== undefined && text.startsWith(bos) ? text.slice(bos.length) : text;
}

/** A byte-level tokenizer with the special tokens that a template writes, so that a template can be tried without its model. */

import { byteAlphabet } from "../../src/tokenizer/bytes.ts";

/** Texts in a template that look like special tokens: `<|im_end|>`, `<end_of_turn>`, `[/INST]`, `<｜User｜>`. */
function markersOf(source: string): string[] {
  const patterns = [
    /<[|｜][^<>{}'"\s]{1,40}>|<[^<>{}'"\s]{1,40}[|｜]>/g,
    /<\/?\w+_(?:of_\w+|start|end)>|<(?:\w+:)?(?:bos|eos|sep|end)>/g,
    /\[\/?[A-Z][A-Z_]+\]|<\/?[A-Z][A-Z_]+>|\[\|\w+\|\]/g,
  ];
  const found = patterns.flatMap((pattern) => source.match(pattern) ?? []);
  return [...new Set(found)].filter((text) => text !== "<s>" && text !== "</s>");
}

/** Markers that are tokens, but no special ones. */
const plainMarkers = ["<think>", "</think>", "<tool_call>", "</tool_call>"];

const addedToken = (content: string, id: number, isSpecial: boolean) => ({
  ...{ id, content, special: isSpecial },
  ...{ normalized: false, single_word: false, lstrip: false, rstrip: false },
});

/** Files as of a model: `<s>` is BOS, `</s>` is EOS, and reasoning tags are tokens that are not special. */
export function tokenizerOf(source: string): { readonly json: unknown; readonly config: unknown } {
  const pieces = byteAlphabet;
  const special = ["<s>", "</s>", ...markersOf(source)];
  return {
    json: {
      version: "1.0",
      added_tokens: [
        ...special.map((content, i) => addedToken(content, pieces.length + i, true)),
        ...plainMarkers.map((content, i) => addedToken(content, pieces.length + special.length + i, false)),
      ],
      normalizer: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
      post_processor: null,
      decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: {
        ...{ type: "BPE", vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])), merges: [] },
        ...{ byte_fallback: false, unk_token: null, ignore_merges: false },
      },
    },
    config: { bos_token: "<s>", eos_token: "</s>", add_bos_token: false },
  };
}

/** A model's files with the markers of a template as added tokens, after the ids that the files have. */
export function withMarkers(
  { json, config }: { readonly json: unknown; readonly config: unknown },
  source: string,
): { readonly json: object; readonly config: object } {
  const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
  if (!isRecord(json) || !isRecord(json.model) || !isRecord(json.model.vocab) || !isRecord(config))
    throw new Error("tokenizer.json has no vocabulary, or tokenizer_config.json is no object.");
  const present = Array.isArray(json.added_tokens) ? json.added_tokens.filter(isRecord) : [];
  const known = new Set(present.map(({ content }) => content));
  const isNew = (text: string) => !known.has(text);
  const next = 1 + Math.max(...[...Object.values(json.model.vocab), ...present.map(({ id }) => id)].map(Number));
  const special = markersOf(source).filter((text) => !plainMarkers.includes(text) && isNew(text));
  const added = [
    ...special.map((text, i) => addedToken(text, next + i, true)),
    ...plainMarkers.filter(isNew).map((text, i) => addedToken(text, next + special.length + i, false)),
  ];
  return { json: { ...json, added_tokens: [...present, ...added] }, config };
}

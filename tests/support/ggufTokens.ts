/** Small tokenizers as keys of a GGUF file, in the form that llama.cpp's converter writes. */

import type { GgufData } from "../../src/gguf/types.ts";
import { type GgufTokenizer, tokenTypes } from "../../src/tokenizer/fromGguf.ts";

/** The fields that these tokenizers have. */
interface Json {
  readonly added_tokens: readonly { readonly id: number; readonly content: string; readonly special: boolean }[];
  readonly normalizer?: object | null;
  readonly post_processor?: object | null;
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly [string, string])[];
    readonly byte_fallback?: boolean;
    readonly unk_token?: string | null;
  };
}
interface Config {
  readonly bos_token?: string | null;
  readonly eos_token?: string | { readonly content: string } | null;
}

/** The keys of a byte-level tokenizer with this `pre`; of a SentencePiece one where `pre` is null. */
export function ggufTokens(json: Json, config: Config, pre: string | null, padTo = 0): GgufTokenizer {
  const { vocab, byte_fallback, unk_token } = json.model;
  const names: string[] = [];
  for (const [text, id] of Object.entries(vocab)) names[id] = text;
  const types: number[] = names.map((text) =>
    byte_fallback && /^<0x[0-9A-F]{2}>$/.test(text) ? tokenTypes.byte : tokenTypes.normal,
  );
  for (const { id, content, special } of json.added_tokens) {
    // The converter writes the spaces of an added token as they are.
    names[id] = special ? content : content.replaceAll("▁", " ");
    types[id] = content === unk_token ? tokenTypes.unknown : special ? tokenTypes.control : tokenTypes.userDefined;
  }
  const size = Math.max(names.length, padTo);
  const tokens = Array.from({ length: size }, (_, id) => names[id] ?? `[PAD${id}]`);
  const merges = json.model.merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
  const rank = new Map(merges.map((merge, i) => [merge.replace(" ", ""), i]));
  const idOf = (text: string | null | undefined) => (text == null ? null : tokens.indexOf(text));
  const eos = config.eos_token;
  return {
    model: pre === null ? "llama" : "gpt2",
    pre,
    tokens,
    types: tokens.map((_, id) => types[id] ?? tokenTypes.unused),
    scores: pre === null ? tokens.map((text) => -(rank.get(text) ?? 0)) : null,
    merges: pre === null ? null : merges,
    bos: idOf(config.bos_token),
    eos: idOf(typeof eos === "object" ? eos?.content : eos),
    unknown: idOf(unk_token),
    padding: null,
    addBos: JSON.stringify(json.post_processor ?? null).includes("SpecialToken"),
    addEos: false,
    addSpacePrefix: pre === null ? JSON.stringify(json.normalizer ?? null).includes("Prepend") : null,
  };
}

/** The same as keys of a header. */
export function tokenKeys(given: GgufTokenizer): Map<string, GgufData> {
  const keys = new Map<string, GgufData>();
  const put = (key: string, data: GgufData | null) => {
    if (data !== null) keys.set(`tokenizer.ggml.${key}`, data);
  };
  const id = (value: number | null): GgufData | null => (value === null ? null : { type: "uint32", value });
  const flag = (value: boolean | null): GgufData | null => (value === null ? null : { type: "bool", value });
  if (given.model !== null) put("model", { type: "string", value: given.model });
  if (given.pre !== null) put("pre", { type: "string", value: given.pre });
  put("tokens", { type: "array", items: "string", values: given.tokens });
  if (given.types) put("token_type", { type: "array", items: "int32", values: given.types });
  if (given.scores) put("scores", { type: "array", items: "float32", values: given.scores });
  if (given.merges) put("merges", { type: "array", items: "string", values: given.merges });
  put("bos_token_id", id(given.bos));
  put("eos_token_id", id(given.eos));
  put("unknown_token_id", id(given.unknown));
  put("padding_token_id", id(given.padding));
  put("add_bos_token", flag(given.addBos));
  put("add_eos_token", flag(given.addEos));
  put("add_space_prefix", flag(given.addSpacePrefix));
  return keys;
}

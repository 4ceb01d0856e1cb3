/** Normalizers: what a tokenizer changes in a text before it looks for words. */

import { Tokenizer as Pipeline } from "@huggingface/tokenizers";
import { type Part, parts, type TokenizerJson } from "./files.ts";

/** White space that a tokenizer takes away, which depends on what stands on both sides of it. */
export interface Spacing {
  /** None at the beginning of a sequence or after an added token. */
  readonly left: boolean;
  /** None before an added token or at the end. */
  readonly right: boolean;
  /** What becomes one space, wherever it stands; null where every space counts. */
  readonly collapse: RegExp | null;
}

export interface Normalizer {
  /**
   * A stretch of text as the tokenizer reads it, but for `spacing`, which is the caller's, and the prefix. Normalising two
   * stretches apart and joining them is the same as normalising them joined, except where a rule looks over the border: a
   * letter and its accent in two stretches are not composed, nor are two halves of what a Replace looks for found.
   */
  apply(text: string): string;
  readonly spacing: Spacing;
}

const asTheyAre = ["NFC", "NFD", "NFKC", "NFKD", "Replace", "Lowercase", "StripAccents", "Precompiled"];

/**
 * Follows `normalizer`, and of `pre_tokenizer` what takes white space away. Precompiled is the library's reading of it: not
 * the character map in the file but the rules that most such maps hold (control characters dropped, white space to
 * spaces, then NFKC), so a model with a map of its own may be given slightly other text than it was trained on.
 * Throws, naming it, for a normalizer that is not supported.
 */
export function createNormalizer(json: TokenizerJson): Normalizer {
  const kept = parts(json.normalizer, "normalizers").flatMap((part): Part[] => {
    if (part.type === "Prepend" || part.type === "Strip") return [];
    if (part.type === "Nmt") return nmt;
    if (!asTheyAre.includes(part.type)) {
      throw new Error(
        `tokenizer.json: normalizer ${JSON.stringify(part.type)} is not supported. Choose another model.`,
      );
    }
    return [part];
  });
  const chain =
    kept.length === 0
      ? null
      : new Pipeline(
          {
            model: { type: "BPE", vocab: {}, merges: [] },
            added_tokens: [],
            normalizer: { type: "Sequence", normalizers: kept },
            pre_tokenizer: null,
            post_processor: null,
            decoder: null,
          },
          {},
        ).normalizer;
  return {
    apply: (text) => (chain && text !== "" ? chain.normalize(text) : text),
    spacing: findSpacing(json),
  };
}

function findSpacing(json: TokenizerJson): Spacing {
  const normalizers = parts(json.normalizer, "normalizers");
  const strips = normalizers.filter((part) => part.type === "Strip");
  const words = parts(json.pre_tokenizer, "pretokenizers").some((part) => part.type === "WhitespaceSplit");
  // SentencePiece's "remove extra white spaces", as converted tokenizers write it.
  const extra = normalizers.some((part) => part.type === "Replace" && isRegex(part.pattern, " {2,}"));
  return {
    left: words || strips.some((part) => part.strip_left === true),
    right: words || strips.some((part) => part.strip_right === true),
    collapse: words ? /[\p{White_Space}▁]+/gu : extra ? /[ ▁]{2,}/g : null,
  };
}

const isRegex = (pattern: unknown, source: string) =>
  typeof pattern === "object" && pattern !== null && "Regex" in pattern && pattern.Regex === source;

/** SentencePiece's rules from machine translation: control characters dropped, white space of all kinds to a space. */
const nmt: Part[] = [
  {
    type: "Replace",
    pattern: { Regex: "[\\x01-\\x08\\x0B\\x0E-\\x1F\\x7F\\x{8F}\\x{9F}]" },
    content: "",
  },
  {
    type: "Replace",
    pattern: {
      Regex: "[\\x09\\x0A\\x0C\\x0D\\x{1680}\\x{200B}-\\x{200F}\\x{2028}\\x{2029}\\x{2581}\\x{FEFF}\\x{FFFD}]",
    },
    content: " ",
  },
];

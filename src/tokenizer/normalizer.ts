/** Normalizers: what a tokenizer changes in a text before it looks for words. */

import { Tokenizer as Pipeline } from "@huggingface/tokenizers";
import type { TokenizerJson } from "./files.ts";
import type { NormalizerPart } from "./parts.ts";
import { type BeforePattern, compilePattern, labelOf } from "./patterns.ts";

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

/** Characters that a text may have after a step, for each one that it had: a published chain makes 18 of one at most. */
const mostGrowth = 32;

/** What one step does to a text; `label` names its pattern where a stranger wrote it. */
interface Step {
  readonly path: string;
  readonly label: string | null;
  normalize(text: string): string;
}

/**
 * Follows the normalizers, and of the pre-tokenizers what takes white space away. Precompiled is the library's reading of it:
 * not the character map in the file but the rules that most such maps hold (control characters dropped, white space to
 * spaces, then NFKC), so a model with a map of its own may be given slightly other text than it was trained on.
 * Throws a `refusal` for a pattern that cannot be read; `apply` throws, naming the step, when a text grows beyond measure.
 */
export function createNormalizer(json: TokenizerJson, before?: BeforePattern): Normalizer {
  const steps = json.normalizers.flatMap(stepsOf);
  return {
    apply(text) {
      const limit = 1000 + mostGrowth * text.length;
      let normalised = text;
      for (const { path, label, normalize } of steps) {
        if (normalised === "") break;
        if (label !== null) before?.(label);
        normalised = normalize(normalised);
        if (normalised.length <= limit) continue;
        throw new Error(
          `tokenizer.json: ${path} makes ${normalised.length} characters of a text of ${text.length}. Choose another model.`,
        );
      }
      return normalised;
    },
    spacing: findSpacing(json),
  };
}

function stepsOf(part: NormalizerPart): Step[] {
  const { path } = part;
  // Strip is `spacing`, and Prepend the caller's prefix.
  if (part.type === "Strip" || part.type === "Prepend") return [];
  if (part.type === "Nmt") return nmt.map((rule) => ({ path, label: null, normalize: library(rule) }));
  if (part.type !== "Replace") return [{ path, label: null, normalize: library(part) }];
  const pattern = compilePattern(part.pattern, path);
  // "$&" and the like mean themselves in these files.
  const content = part.content.replaceAll("$", "$$$$");
  return [
    {
      path,
      label: labelOf(path, part.pattern),
      normalize: (text) => text.replace(pattern, content),
    },
  ];
}

/** The library's normalizer of a part. */
function library(part: { readonly type: string }): (text: string) => string {
  const { normalizer } = new Pipeline(
    {
      model: { type: "BPE", vocab: {}, merges: [] },
      added_tokens: [],
      normalizer: part,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
    },
    {},
  );
  return (text) => normalizer?.normalize(text) ?? text;
}

function findSpacing({ normalizers, preTokenizers }: TokenizerJson): Spacing {
  const words = preTokenizers.some((part) => part.type === "WhitespaceSplit");
  // SentencePiece's "remove extra white spaces", as converted tokenizers write it.
  const extra = normalizers.some(
    (part) => part.type === "Replace" && "Regex" in part.pattern && part.pattern.Regex === " {2,}",
  );
  return {
    left: words || normalizers.some((part) => part.type === "Strip" && part.strip_left),
    right: words || normalizers.some((part) => part.type === "Strip" && part.strip_right),
    collapse: words ? /[\p{White_Space}▁]+/gu : extra ? /[ ▁]{2,}/g : null,
  };
}

/** SentencePiece's rules from machine translation: control characters dropped, white space of all kinds to a space. */
const nmt = [
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

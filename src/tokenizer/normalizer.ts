/** Normalizers: the changes that a tokenizer makes to a text before it splits it into words. */

import { Tokenizer as Pipeline } from "@huggingface/tokenizers";
import type { TokenizerJson } from "./files.ts";
import type { NormalizerPart } from "./parts.ts";
import { type BeforePattern, compilePattern, labelOf } from "./patterns.ts";

/** White space that a tokenizer removes; this depends on the text on both sides, so the caller does it. */
export interface Spacing {
  /** Whether it is removed at the start of a sequence and after an added token. */
  readonly left: boolean;
  /** Whether it is removed before an added token and at the end. */
  readonly right: boolean;
  /** Matches runs that become one space; null where every space counts. */
  readonly collapse: RegExp | null;
}

export interface Normalizer {
  /**
   * Normalises a span of text, without `spacing` and the prefix, which the caller applies. Two spans normalised
   * separately and joined equal the normalised whole, except where a rule matches across their boundary: a letter and
   * its accent in two spans are not composed, and a Replace does not match a text that is split between them.
   */
  apply(text: string): string;
  readonly spacing: Spacing;
}

/** By how much the steps may lengthen a text: those of published models make at most 18 characters of one. */
const mostGrowth = 32;

/** One change of a text; `label` names its pattern, null for the library's own. */
interface Step {
  readonly path: string;
  readonly label: string | null;
  normalize(text: string): string;
}

/**
 * Applies the normalizers, and those pre-tokenizers that remove white space. For Precompiled the library does not apply
 * the character map in the file but the rules of most such maps: it drops control characters, turns white space into
 * spaces, then applies NFKC. A model with another map may see slightly other text than in its training. Throws a
 * `refusal` for an invalid pattern; `apply` throws an error that names the step where a text grows too much.
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
        try {
          normalised = normalize(normalised);
        } catch (cause) {
          // The browser limits the length of a text.
          if (cause instanceof RangeError) throw tooMuch(path, text, "more characters than a browser allows");
          throw cause;
        }
        if (normalised.length > limit) throw tooMuch(path, text, `${normalised.length} characters`);
      }
      return normalised;
    },
    spacing: findSpacing(json),
  };
}

const tooMuch = (path: string, text: string, made: string) =>
  new Error(`tokenizer.json: ${path} turns a text of ${text.length} characters into ${made}. Choose another model.`);

function stepsOf(part: NormalizerPart): Step[] {
  const { path } = part;
  // The caller applies Strip as `spacing`, and Prepend as the prefix.
  if (part.type === "Strip" || part.type === "Prepend") return [];
  if (part.type === "Nmt") return nmt.map((rule) => ({ path, label: null, normalize: library(rule) }));
  if (part.type !== "Replace") return [{ path, label: null, normalize: library(part) }];
  const pattern = compilePattern(part.pattern, path);
  // In these files "$&" is plain text.
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

/** SentencePiece's rules for machine translation: drop control characters, turn all white space into spaces. */
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

/** Turns segments into token ids with mask, loss weights and character offsets. */

import { quote } from "../tensor/quote.ts";
import { beginsAnswer, createFinder, createNormalizedFinder } from "./addedTokens.ts";
import { locate, metaspace, spellBytes } from "./bytes.ts";
import { isByteLevel, readTokenizerFiles } from "./files.ts";
import { createModel } from "./model.ts";
import { createNormalizer } from "./normalizer.ts";
import type { Segment, WeightedSegment } from "./segment.ts";
import { TextCache } from "./textCache.ts";
import { TokenList } from "./tokenList.ts";
import { createVocabulary, tokenBytesOf, type Vocabulary } from "./vocabulary.ts";
import { createWords, findPrefix } from "./words.ts";

export interface Encoding {
  readonly ids: Int32Array;
  /** 1 where the token is a target of the loss, else 0. The first is 0 because no token predicts it. */
  readonly mask: Uint8Array;
  /** Loss weight of each supervised token; 0 where the mask is 0. */
  readonly weights: Float32Array;
  /** The text of the segments as the tokenizer reads it: normalised, and without white space that added tokens strip. */
  readonly text: string;
  /** UTF-16 offset in `text` after each segment; white space that is moved into the next segment counts there. */
  readonly segmentEnds: readonly number[];
  /** UTF-16 offset in `text` of each token's first character, even if the token has only a part of it. */
  readonly starts: Int32Array;
  /** UTF-16 offset after its last character. */
  readonly ends: Int32Array;
  /** Tokens that cross a change of the mask or of the loss weight; they are not supervised. */
  readonly straddled: number;
  /** Number of unknown-tokens of a Unigram model, which replace text without pieces. Always 0 for byte-pair models. */
  readonly unknown: number;
}

export interface Tokenizer extends Vocabulary {
  /** See `createTokenizer`. Throws an error that names the text when the vocabulary cannot represent it. */
  encode(segments: readonly WeightedSegment[]): Encoding;
}

/** Calls for a watchdog, which ends a tokenizer whose patterns never end, and the model's size. */
export interface TokenizerOptions {
  /** Called before a pattern runs, with its field and text. */
  readonly beforePattern?: (label: string) => void;
  /** Called after every few thousand words. */
  readonly pulse?: () => void;
  /** Rows of the model's embedding: a text with an id beyond them is refused. No limit where absent. */
  readonly modelVocabulary?: number;
  /** The `model_type` of `config.json`, by which transformers chooses the tokenizer's class. */
  readonly modelType?: string | null;
}

const wordsPerPulse = 4096;

/**
 * From the parsed `tokenizer.json` and `tokenizer_config.json` (null when a model has none).
 *
 * How text becomes ids: control text is searched for all added tokens, content for those that are not special, such as
 * `<think>` (see `createFinder`). The text between two of them is one run, spelt as a whole. A run also ends where an
 * answer begins: generation starts there, and a token across that boundary would give training other ids than
 * generation. So the ids of a prompt are always the first ids of prompt and answer. Only the first run of a sequence
 * gets the tokenizer's prefix space.
 *
 * Each segment is normalised separately (`Normalizer.apply` names the differences). Removal of white space depends on
 * the text on both sides, so none is lost between two segments.
 *
 * Text that the vocabulary cannot spell becomes a counted unknown-token in a Unigram model that has one; else `encode`
 * throws. So it does for a token without a row in the model's embedding.
 *
 * Throws an error that names a missing or unsupported part. Supported: byte-pair encoding, byte-level (GPT-2, Llama 3,
 * Qwen) or like SentencePiece with byte fallback (Llama 2, Gemma, Mistral), and Unigram models (T5, XLM-R).
 */
export function createTokenizer(
  tokenizerJson: unknown,
  tokenizerConfig: unknown,
  options: TokenizerOptions = {},
): Tokenizer {
  const files = readTokenizerFiles(tokenizerJson, tokenizerConfig, options.modelType);
  const { json, vocabulary, added } = files;
  const byteLevel = isByteLevel(json);
  const unknownId = json.model.type === "Unigram" ? (json.model.unk_id ?? null) : null;
  const bytesOf = tokenBytesOf(files);

  const normalizer = createNormalizer(json, options.beforePattern);
  const words = createWords(json, vocabulary, byteLevel, options.beforePattern);
  const spell = createModel(files);
  const prefix = findPrefix(json);
  const find = createFinder(files);
  const prepended = prefix?.at === "section" ? prefix.text : "";
  const normalized = createNormalizedFinder(files, (text) => prepended + normalizer.apply(text));
  const shown = (text: string) => (byteLevel ? text : text.replaceAll(metaspace, " "));

  const knownWords = new TextCache<readonly number[]>();
  /** Tokens of one word with their offsets in it: [id, start, end, id, …]. */
  const encodeWord = (word: string): readonly number[] => {
    const known = knownWords.get(word);
    if (known) return known;
    const tokens = spell(byteLevel ? words.splitBytes(spellBytes(word)) : [word]);
    const located = locate(tokens, bytesOf, shown(word));
    if (typeof located === "number") {
      throw new Error(
        `The tokenizer has no tokens for ${JSON.stringify(shown(word).slice(located, located + 12))}. Remove that text, or choose another model.`,
      );
    }
    knownWords.set(word, located);
    return located;
  };

  const own = createVocabulary(files, bytesOf);
  const { modelVocabulary = own.size } = options;
  // Gemma 3's text models have an embedding for all tokens but the last, which stands for an image.
  const requireEmbedded = () => {
    for (let i = 0; i < tokens.length; i++) {
      const id = tokens.ids[i] ?? 0;
      if (id < modelVocabulary) continue;
      throw new Error(
        `The text has the token ${quote(own.show(id))} with the id ${id}, but the model's vocabulary ends at ${modelVocabulary - 1}. Remove that text, or choose another model.`,
      );
    }
  };

  let spelt = 0;
  // One list for all calls: it grows to the size of the longest row.
  const tokens = new TokenList();

  return {
    ...own,

    encode(segments) {
      const { spacing } = normalizer;
      tokens.clear();
      let unknown = 0;
      // `text` ends where the tokens end; `run` is the text after that, which has no tokens yet.
      let text = "";
      let run = "";
      // White space that only counts if more text follows.
      let pendingSpace = "";
      let sectionBegins = true;
      // Where the next run stands, which decides on its prefix.
      const begins = { section: true, part: true, start: true };

      const add = (piece: string, segment: Segment) => {
        const normalised = normalizer.apply(surrogate.test(piece) ? piece.replace(/\p{Surrogate}/gu, "\uFFFD") : piece);
        let next = pendingSpace + (spacing.left && sectionBegins ? normalised.replace(leading, "") : normalised);
        pendingSpace = "";
        if (spacing.collapse) next = next.replace(spacing.collapse, " ");
        if (spacing.right || spacing.collapse) {
          const body = next.replace(trailing, "");
          pendingSpace = next.slice(body.length);
          next = body;
        }
        if (next === "") return;
        sectionBegins = false;
        if (!normalized) {
          run += next;
          return;
        }
        const lead = begins.section && run === "" ? prepended : "";
        const parts = normalized.cut(lead + next, segment);
        for (let i = 0; i < parts.length; i++) {
          const part = parts[i] ?? "";
          // The prefix of a section may belong to its first token.
          const own = i < 2 && (i === 0 || parts[0] === "") ? part.slice(lead.length) : part;
          if (i % 2 === 0) {
            run += own;
            // A text that begins with the prefix itself leaves it alone before the token.
            if (part === lead && lead !== "" && parts.length > 1) endRun(true);
          } else {
            endRun();
            pushToken(normalized.idOf(part), own);
            begins.section = false;
          }
        }
      };
      const endRun = (prefixAlone = false) => {
        if (run === "" && !prefixAlone) return;
        const isWanted = prefix && begins[prefix.at] && !(prefix.unlessPresent && shown(run).startsWith(" "));
        const lead = isWanted ? prefix.text : "";
        const from = text.length;
        // A token of the prefix alone has the place of the first character, as in the library.
        const first = from + ((run.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);
        let at = from - lead.length;
        for (const word of words.split(lead + run)) {
          if (++spelt % wordsPerPulse === 0) options.pulse?.();
          const located = encodeWord(word);
          for (let i = 0; i < located.length; i += 3) {
            const id = located[i] ?? 0;
            if (id === unknownId) unknown++;
            const end = at + (located[i + 2] ?? 0);
            tokens.push(id, Math.max(from, at + (located[i + 1] ?? 0)), end > from ? end : first);
          }
          at += word.length;
        }
        text += run;
        run = "";
        begins.section = false;
        begins.part = false;
        begins.start = false;
      };
      const pushToken = (id: number, shownAs: string) => {
        tokens.push(id, text.length, text.length + shownAs.length);
        text += shownAs;
        begins.part = true;
        begins.start = false;
      };
      const endSection = () => {
        if (!spacing.right) run += pendingSpace;
        pendingSpace = "";
        endRun();
        sectionBegins = true;
      };

      const spans = new SupervisedSpans();
      const segmentEnds: number[] = [];
      let previous: WeightedSegment | null = null;
      const found = find(segments);
      for (const [nth, segment] of segments.entries()) {
        if (beginsAnswer(segment, previous)) endRun();
        const pieces = found[nth] ?? [];
        for (let i = 0; i < pieces.length; i++) {
          const piece = pieces[i] ?? "";
          if (i % 2 === 0) add(piece, segment);
          else {
            endSection();
            const first = begins.start;
            pushToken(added.get(piece) ?? -1, piece);
            begins.section = true;
            if (segment.added === true) begins.start = first;
          }
        }
        spans.add(text.length + run.length, segment);
        segmentEnds.push(text.length + run.length);
        previous = segment;
      }
      endSection();
      if (own.size > modelVocabulary) requireEmbedded();

      const { mask, weights, straddled } = spans.weigh(tokens);
      return { ...tokens.copy(), mask, weights, text: shown(text), segmentEnds, straddled, unknown };
    },
  };
}

/** Matches surrogates, in pairs or alone. */
const surrogate = /[\ud800-\udfff]/;
const leading = /^[\p{White_Space}▁]+/u;
const trailing = /[\p{White_Space}▁]+$/u;

/** Consecutive spans of a text with their mask and loss weight. */
class SupervisedSpans {
  private readonly spans: { end: number; readonly supervised: boolean; readonly weight: number }[] = [];

  /** Adds the span from the end of the last one to `end`. */
  add(end: number, { supervised, weight }: Pick<WeightedSegment, "supervised" | "weight">): void {
    const last = this.spans.at(-1);
    if (last?.supervised === supervised && last.weight === weight) last.end = end;
    else if (end > (last?.end ?? 0)) this.spans.push({ end, supervised, weight });
  }

  /**
   * Mask and weight of each token. Not supervised are the first token, tokens without text, and tokens that cross two
   * spans; these are counted.
   */
  weigh({ starts, ends, length }: TokenList): Pick<Encoding, "mask" | "weights" | "straddled"> {
    const mask = new Uint8Array(length);
    const weights = new Float32Array(length);
    let straddled = 0;
    // Tokens are in the order of the text, so `at` only increases.
    let at = 0;
    for (let i = 0; i < length; i++) {
      const [start = 0, end = 0] = [starts[i], ends[i]];
      if (start === end) continue;
      while ((this.spans[at]?.end ?? Number.POSITIVE_INFINITY) <= start) at++;
      const span = this.spans[at];
      if ((span?.end ?? 0) < end) straddled++;
      else if (i > 0 && span?.supervised) {
        mask[i] = 1;
        weights[i] = span.weight;
      }
    }
    return { mask, weights, straddled };
  }
}

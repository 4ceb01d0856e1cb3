/** Segments to token ids with mask, loss weights and character offsets. */

import { locate, metaspace, spellBytes } from "./bytes.ts";
import { isByteLevel, readTokenizerFiles } from "./files.ts";
import { Memory } from "./memory.ts";
import { createModel } from "./model.ts";
import { createNormalizer } from "./normalizer.ts";
import type { WeightedSegment } from "./segment.ts";
import { TokenList } from "./tokenList.ts";
import { byteTableOf, createVocabulary, type Vocabulary } from "./vocabulary.ts";
import { createWords, findPrefix } from "./words.ts";

export interface Encoding {
  readonly ids: Int32Array;
  /** 1 where the token is a target of the loss, else 0. The first is 0, for nothing predicts it. */
  readonly mask: Uint8Array;
  /** Loss weight of each supervised token; 0 where the mask is 0. */
  readonly weights: Float32Array;
  /** The segments as the tokenizer reads them: each normalised for itself where it asks for that, else unchanged. */
  readonly text: string;
  /** UTF-16 offset in `text` after each segment; white space that the tokenizer moves behind a border counts behind it. */
  readonly segmentEnds: readonly number[];
  /** UTF-16 offset in `text` of the first character that a token has a part of. */
  readonly starts: Int32Array;
  /** UTF-16 offset after its last one. */
  readonly ends: Int32Array;
  /** Tokens over a border of the mask, or between different weights; they are not supervised. */
  readonly straddled: number;
  /** Tokens that stand for text which they cannot spell: a Unigram model's unknown-token. Always 0 of byte-pair models. */
  readonly unknown: number;
}

export interface Tokenizer extends Vocabulary {
  /** See `createTokenizer`. Throws, naming the text, when the vocabulary cannot represent it. */
  encode(segments: readonly WeightedSegment[]): Encoding;
}

/** For who ends a tokenizer whose patterns never end. */
export interface TokenizerWatch {
  /** Called with the field and the text of a pattern before it runs. */
  readonly beforePattern?: (label: string) => void;
  /** Called now and then while a long text is spelt. */
  readonly pulse?: () => void;
}

const wordsPerPulse = 4096;

/**
 * From the parsed `tokenizer.json` and `tokenizer_config.json` (null when a model has none).
 *
 * How text becomes ids: added tokens are looked for in control text only. What stands between two of them is one run of
 * text, spelt as a whole. One border more is kept: where an answer begins, for there generation takes over, and a token
 * over that border would make training see other ids than generation feeds. So the ids of a prompt are always the first
 * ids of prompt and response. A tokenizer's prefix space is given to the first run of the sequence only. `lstrip` and
 * `rstrip` of added tokens are not followed: the template says which white space there is.
 *
 * Each segment is normalised for itself (`Normalizer.apply` says when that differs from the whole), but white space that
 * the tokenizer takes away is judged by what stands on both sides: none is lost between two segments.
 *
 * Text that the vocabulary cannot spell is an unknown-token in a Unigram model that has one, and counted; else it throws.
 *
 * Throws for a part that is missing or not supported, naming it. Supported: byte-pair encoding, byte-level (GPT-2, Llama 3,
 * Qwen) and in SentencePiece's manner with byte fallback (Llama 2, Gemma, Mistral), and Unigram models (T5, XLM-R).
 */
export function createTokenizer(
  tokenizerJson: unknown,
  tokenizerConfig: unknown,
  watch: TokenizerWatch = {},
): Tokenizer {
  const files = readTokenizerFiles(tokenizerJson, tokenizerConfig);
  const { json, vocabulary, added, bos } = files;
  const byteLevel = isByteLevel(json);
  const unknownId = json.model.type === "Unigram" ? (json.model.unk_id ?? null) : null;
  const tokenBytes = byteTableOf(files);

  const normalizer = createNormalizer(json, watch.beforePattern);
  const words = createWords(json, vocabulary, byteLevel, watch.beforePattern);
  const spell = createModel(files);
  const prefix = findPrefix(json);
  const addedPattern = alternatives([...added.keys()]);
  const shown = (text: string) => (byteLevel ? text : text.replaceAll(metaspace, " "));

  const knownWords = new Memory<readonly number[]>();
  /** Tokens of one word with their places in it: [id, start, end, id, …]. */
  const encodeWord = (word: string): readonly number[] => {
    const known = knownWords.get(word);
    if (known) return known;
    const tokens = spell(byteLevel ? words.splitBytes(spellBytes(word)) : [word]);
    const located = locate(tokens, tokenBytes, shown(word));
    if (typeof located === "number") {
      throw new Error(
        `The tokenizer has no tokens for ${JSON.stringify(shown(word).slice(located, located + 12))}. Remove that text, or choose another model.`,
      );
    }
    knownWords.set(word, located);
    return located;
  };

  const knownControls = new Memory<readonly string[]>();
  /** Control text, with the added tokens as every second member. */
  const splitControl = (text: string): readonly string[] => {
    if (!addedPattern) return [text];
    const known = knownControls.get(text);
    if (known) return known;
    const pieces = text.split(addedPattern);
    knownControls.set(text, pieces);
    return pieces;
  };

  let spelt = 0;
  // One list for all calls: it has the size of the longest row after a while.
  const tokens = new TokenList();

  return {
    ...createVocabulary(files, tokenBytes),

    encode(segments) {
      const { spacing } = normalizer;
      tokens.clear();
      let unknown = 0;
      // As the tokenizer reads it, up to the tokens' end; then the run that is being gathered.
      let text = "";
      let run = "";
      // White space that counts only if more text follows.
      let held = "";
      let sectionBegins = true;

      const add = (piece: string) => {
        const normalised = normalizer.apply(lone.test(piece) ? piece.replace(/\p{Surrogate}/gu, "\uFFFD") : piece);
        let next = held + (spacing.left && sectionBegins ? normalised.replace(leading, "") : normalised);
        held = "";
        if (spacing.collapse) next = next.replace(spacing.collapse, " ");
        if (spacing.right || spacing.collapse) {
          const body = next.replace(trailing, "");
          held = next.slice(body.length);
          next = body;
        }
        if (next !== "") sectionBegins = false;
        run += next;
      };
      const endRun = () => {
        if (run === "") return;
        const first = tokens.length === 0 || (tokens.length === 1 && tokens.ids[0] === bos?.id);
        const lead = first && !(prefix.unlessPresent && shown(run).startsWith(" ")) ? prefix.text : "";
        const from = text.length;
        let at = from - lead.length;
        for (const word of words.split(lead + run)) {
          if (++spelt % wordsPerPulse === 0) watch.pulse?.();
          const located = encodeWord(word);
          for (let i = 0; i < located.length; i += 3) {
            const id = located[i] ?? 0;
            if (id === unknownId) unknown++;
            tokens.push(id, Math.max(from, at + (located[i + 1] ?? 0)), Math.max(from, at + (located[i + 2] ?? 0)));
          }
          at += word.length;
        }
        text += run;
        run = "";
      };
      const endSection = () => {
        if (!spacing.right) run += held;
        held = "";
        endRun();
        sectionBegins = true;
      };

      const borders = new Borders();
      const segmentEnds: number[] = [];
      let previous: WeightedSegment | null = null;
      for (const segment of segments) {
        if (segment.answer && !(previous?.answer && previous.message === segment.message)) endRun();
        if (segment.kind === "content") add(segment.text);
        else {
          for (const [i, piece] of splitControl(segment.text).entries()) {
            if (i % 2 === 0) add(piece);
            else {
              endSection();
              tokens.push(added.get(piece) ?? -1, text.length, text.length + piece.length);
              text += piece;
            }
          }
        }
        borders.add(text.length + run.length, segment);
        segmentEnds.push(text.length + run.length);
        previous = segment;
      }
      endSection();

      const { mask, weights, straddled } = borders.weigh(tokens);
      return { ...tokens.take(), mask, weights, text: shown(text), segmentEnds, straddled, unknown };
    },
  };
}

/** Finds surrogates, in pairs or alone. */
const lone = /[\ud800-\udfff]/;
const leading = /^[\p{White_Space}▁]+/u;
const trailing = /[\p{White_Space}▁]+$/u;

/** Splits at any of the texts, the longest first, and keeps them as the odd members. */
function alternatives(texts: readonly string[]): RegExp | null {
  const escaped = texts
    .filter((text) => text !== "")
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return escaped.length === 0 ? null : new RegExp(`(${escaped.join("|")})`, "u");
}

/** Where mask or loss weight change in a text. */
class Borders {
  private readonly stretches: { end: number; readonly supervised: boolean; readonly weight: number }[] = [];

  /** The text up to `end`, from where the last stretch ended, is supervised or not, with this weight. */
  add(end: number, { supervised, weight }: Pick<WeightedSegment, "supervised" | "weight">): void {
    const last = this.stretches.at(-1);
    if (last?.supervised === supervised && last.weight === weight) last.end = end;
    else if (end > (last?.end ?? 0)) this.stretches.push({ end, supervised, weight });
  }

  /**
   * Mask and weight of each token. It is not supervised where it has no text or stands over a border; the latter are counted.
   * Nor is the first one.
   */
  weigh({ starts, ends, length }: TokenList): Pick<Encoding, "mask" | "weights" | "straddled"> {
    const mask = new Uint8Array(length);
    const weights = new Float32Array(length);
    let straddled = 0;
    // Tokens stand in the text's order, so this only moves on.
    let at = 0;
    for (let i = 0; i < length; i++) {
      const [start = 0, end = 0] = [starts[i], ends[i]];
      if (start === end) continue;
      while ((this.stretches[at]?.end ?? Number.POSITIVE_INFINITY) <= start) at++;
      const stretch = this.stretches[at];
      if ((stretch?.end ?? 0) < end) straddled++;
      else if (i > 0 && stretch?.supervised) {
        mask[i] = 1;
        weights[i] = stretch.weight;
      }
    }
    return { mask, weights, straddled };
  }
}

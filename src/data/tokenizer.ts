/** Segments to token ids with loss weights and character offsets, and ids back to text; the door to @huggingface/tokenizers. */

import { Tokenizer as Pipeline } from "@huggingface/tokenizers";
import type { Segment } from "./example.ts";
import type { SpecialToken } from "./tokenizerFiles.ts";
import { findPrefix, isByteLevel, parts, readTokenizerFiles, withoutPrefix } from "./tokenizerFiles.ts";

export interface Encoding {
  readonly ids: Int32Array;
  /** Loss weight of each token; 0 for context. The first is 0, for nothing predicts it. */
  readonly weights: Float32Array;
  /** The segments as the tokenizer reads them: Unicode-normalised where it asks for that, else unchanged. */
  readonly text: string;
  /** UTF-16 offset in `text` of the first character that a token has a part of. */
  readonly starts: Int32Array;
  /** UTF-16 offset after its last one. */
  readonly ends: Int32Array;
  /** Tokens over a border between different weights; they weigh 0. */
  readonly straddled: number;
}

export interface StreamDecoder {
  /** The text that the next token completes; "" while a character is still in parts. */
  push(id: number): string;
  /** What is left at the end: U+FFFD for a character that was never completed, else "". */
  end(): string;
}

export interface Tokenizer {
  readonly bos: SpecialToken | null;
  /** Whether BOS stands at the start of every sequence. */
  readonly addBos: boolean;
  readonly eos: SpecialToken | null;
  /** One more than the greatest id. */
  readonly size: number;
  /** The id of an added token, undefined for any other text. */
  addedToken(text: string): number | undefined;
  /** See `createTokenizer`. Throws, naming the text, when the vocabulary cannot represent it. */
  encode(segments: readonly Segment[]): Encoding;
  /** Special tokens are left out, and so is the prefix space when the ids begin with BOS. */
  decode(ids: Iterable<number>): string;
  createStreamDecoder(): StreamDecoder;
}

/**
 * From the parsed `tokenizer.json` and `tokenizer_config.json` (null when a model has none).
 *
 * How text becomes ids: added tokens are looked for in control text only. What stands between two of them is one run of
 * text, merged as a whole. One border more is kept: where an assistant's message begins, for there generation takes over,
 * and a merge over that border would make training see other ids than generation feeds. So the ids of a prompt are always
 * the first ids of prompt and response. A tokenizer's prefix space is given to the first run of the sequence only.
 * `lstrip` and `rstrip` of added tokens are not followed: the template says which white space there is.
 *
 * Throws for a part that is missing or not supported, naming it. Byte-pair encoding is supported, byte-level (GPT-2,
 * Llama 3) and in SentencePiece's manner with byte fallback (Llama 2).
 */
export function createTokenizer(tokenizerJson: unknown, tokenizerConfig: unknown): Tokenizer {
  const { json, added, special, bos, addBos, eos } = readTokenizerFiles(tokenizerJson, tokenizerConfig);
  const { model } = json;
  const byteLevel = isByteLevel(json);
  const addedPattern = alternatives([...added.keys()]);

  // The library does the merging of plain text; which text that is, and where a prefix space stands, is decided here.
  const pipeline = new Pipeline(
    {
      ...json,
      model: { ...model, type: "BPE" },
      added_tokens: [],
      normalizer: withoutPrefix(json.normalizer, "normalizers"),
      pre_tokenizer: withoutPrefix(json.pre_tokenizer, "pretokenizers"),
      post_processor: null,
      decoder: null,
    },
    {},
  );
  const bpe = pipeline.model;
  if (!bpe) throw new Error("tokenizer.json: no model.");
  // Text that reads like a special token must not become one, not even through the vocabulary.
  for (const [text, id] of added) if (special.has(id)) bpe.tokens_to_ids.delete(text);

  const prefix = findPrefix(json);
  const splitWords = !byteLevel && wordsMergeApart(Object.keys(model.vocab));
  const tokenBytes = byteTable(model.vocab, byteLevel);
  for (const [text, id] of added) tokenBytes[id] = utf8.encode(text);
  const shown = (text: string) => (byteLevel ? text : text.replaceAll(metaspace, " "));

  // The library remembers merges too, but pays for their age at each look-up; most words of a dataset are repeated.
  const known = new Map<string, readonly number[]>();
  const encodeWord = (word: string): readonly number[] => {
    const before = known.get(word);
    if (before) return before;
    const ids = bpe.encode([word]).map((token) => bpe.tokens_to_ids.get(token) ?? -1);
    if (known.size >= mostKnownWords) known.clear();
    if (word.length <= longestKnownWord) known.set(word, ids);
    return ids;
  };

  /** Ids of one run of text, already normalised. */
  const encodeRun = (text: string): number[] => {
    const pieces = pipeline.pre_tokenizer ? pipeline.pre_tokenizer.pre_tokenize(text) : [text];
    if (pieces.reduce((sum, piece) => sum + piece.length, 0) !== (byteLevel ? utf8.encode(text).length : text.length)) {
      const types = parts(json.pre_tokenizer, "pretokenizers").map((part) => part.type);
      throw new Error(`tokenizer.json: pre_tokenizer ${types.join(", ")} drops or adds text, which is not supported.`);
    }
    const words = splitWords ? pieces.flatMap((piece) => piece.match(/▁*[^▁]+|▁+/g) ?? []) : pieces;
    return words.flatMap(encodeWord);
  };
  const createStreamDecoder = (): StreamDecoder => {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return {
      push: (id) => (special.has(id) ? "" : decoder.decode(tokenBytes[id] ?? unknownBytes, { stream: true })),
      end: () => decoder.decode(),
    };
  };

  // A pre-tokenizer that loses white space would fail at every row: it is found here instead.
  encodeRun("A b\n 1.");

  return {
    bos,
    addBos,
    eos,
    size: tokenBytes.length,
    addedToken: (text) => added.get(text),

    encode(segments) {
      const ids: number[] = [];
      const starts: number[] = [];
      const ends: number[] = [];
      const weights = new WeightMap();
      let text = "";
      let run = "";
      const endRun = () => {
        if (run === "") return;
        const atStart = ids.length === 0 || (ids.length === 1 && ids[0] === bos?.id);
        const lead = atStart && !(prefix.unlessPresent && shown(run).startsWith(" ")) ? prefix.text : "";
        const runIds = encodeRun(lead + run);
        const from = text.length - run.length;
        locate(runIds, tokenBytes, shown(lead), shown(run), (start, end) => {
          starts.push(from + start);
          ends.push(from + end);
        });
        for (const id of runIds) ids.push(id);
        run = "";
      };
      let previous: Segment | null = null;
      for (const segment of segments) {
        const answerBegins = segment.kind === "content" && segment.role === "assistant" && previous?.kind !== "content";
        if (answerBegins) endRun();
        const pieces = segment.kind === "control" && addedPattern ? segment.text.split(addedPattern) : [segment.text];
        for (const [i, piece] of pieces.entries()) {
          if (i % 2 === 1) {
            endRun();
            ids.push(added.get(piece) ?? -1);
            starts.push(text.length);
            text += piece;
            ends.push(text.length);
          } else {
            const clean = piece.replace(/\p{Surrogate}/gu, "\uFFFD");
            const normalised = pipeline.normalizer && clean !== "" ? pipeline.normalizer.normalize(clean) : clean;
            run += normalised;
            text += normalised;
          }
        }
        weights.add(text.length, segment.supervised ? segment.weight : 0);
        previous = segment;
      }
      endRun();

      let straddled = 0;
      const tokenWeights = Float32Array.from(ids, (_, i) => {
        const weight = weights.between(starts[i] ?? 0, ends[i] ?? 0);
        if (weight === null) straddled++;
        return i === 0 ? 0 : (weight ?? 0);
      });
      return {
        ids: Int32Array.from(ids),
        weights: tokenWeights,
        text: shown(text),
        starts: Int32Array.from(starts),
        ends: Int32Array.from(ends),
        straddled,
      };
    },

    decode(ids) {
      const all = [...ids];
      const decoder = createStreamDecoder();
      const text = all.map((id) => decoder.push(id)).join("") + decoder.end();
      const prefixed = prefix.text !== "" && bos !== null && all[0] === bos.id && !special.has(all[1] ?? bos.id);
      return prefixed && text.startsWith(" ") ? text.slice(1) : text;
    },

    createStreamDecoder,
  };
}

const utf8 = new TextEncoder();
/** SentencePiece's stand-in for a space. */
const metaspace = "▁";
/** Limits of the memory of words: some 20 MB. */
const mostKnownWords = 50_000;
const longestKnownWord = 64;
/** Shown for an id that the vocabulary lacks: models pad their embedding. */
const unknownBytes = utf8.encode("\uFFFD");

/** Splits at any of the texts, the longest first, and keeps them as the odd members. */
function alternatives(texts: readonly string[]): RegExp | null {
  const escaped = texts
    .filter((text) => text !== "")
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return escaped.length === 0 ? null : new RegExp(`(${escaped.join("|")})`, "u");
}

/**
 * Whether no token has a "▁" after another character. Merges then never cross the beginning of a word, and words can be
 * merged one by one, which is quick and lets the library remember them.
 */
function wordsMergeApart(vocabulary: readonly string[]): boolean {
  return !vocabulary.some((token) => /[^▁]▁/.test(token));
}

/** The bytes that each id stands for. */
function byteTable(vocabulary: Readonly<Record<string, number>>, byteLevel: boolean): (Uint8Array | undefined)[] {
  const table: (Uint8Array | undefined)[] = [];
  const byteOf = byteLevel ? byteLevelAlphabet() : null;
  for (const [token, id] of Object.entries(vocabulary)) {
    if (byteOf) {
      const bytes = Array.from(token, (character) => byteOf.get(character));
      table[id] = bytes.includes(undefined) ? utf8.encode(token) : Uint8Array.from(bytes, (byte) => byte ?? 0);
    } else {
      const byte = /^<0x([0-9A-F]{2})>$/.exec(token)?.[1];
      table[id] = byte ? Uint8Array.of(Number.parseInt(byte, 16)) : utf8.encode(token.replaceAll(metaspace, " "));
    }
  }
  return table;
}

/** GPT-2's printable stand-ins: visible Latin-1 characters are themselves, the other bytes follow from U+0100 on. */
function byteLevelAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    alphabet.set(String.fromCharCode(visible ? byte : next++), byte);
  }
  return alphabet;
}

/**
 * Calls back with each token's characters in `text`, found by comparing bytes. A token inside a character has that
 * whole character; the prefix has none. Throws when the tokens do not spell the text.
 */
function locate(
  ids: readonly number[],
  tokenBytes: readonly (Uint8Array | undefined)[],
  prefix: string,
  text: string,
  found: (start: number, end: number) => void,
): void {
  const whole = prefix + text;
  const expected = utf8.encode(whole);
  const place = (index: number) => Math.max(0, index - prefix.length);
  let byte = 0;
  // The character that holds `byte`: its place in the string and the bytes before and after it.
  let index = 0;
  let before = 0;
  const widthAt = (at: number) => {
    const code = whole.codePointAt(at) ?? 0;
    return { units: code > 0xffff ? 2 : 1, bytes: code < 0x80 ? 1 : code < 0x800 ? 2 : code > 0xffff ? 4 : 3 };
  };
  const mismatch = () =>
    new Error(
      `The tokenizer has no tokens for ${JSON.stringify(whole.slice(index, index + 12))}. Remove that text, or choose another model.`,
    );
  for (const id of ids) {
    const bytes = tokenBytes[id];
    if (!bytes) throw mismatch();
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== expected[byte + i]) throw mismatch();
    const start = index;
    byte += bytes.length;
    let end = index;
    while (before < byte) {
      const { units, bytes: width } = widthAt(index);
      end = index + units;
      if (before + width > byte) break;
      before += width;
      index = end;
    }
    found(place(start), place(end));
  }
  if (byte !== expected.length) throw mismatch();
}

/** Weights over the text, as intervals in its order. */
class WeightMap {
  private readonly intervals: { readonly end: number; readonly weight: number }[] = [];

  /** The text up to `end`, from where the last interval ended, weighs this much. */
  add(end: number, weight: number): void {
    const last = this.intervals.at(-1);
    if (last && last.weight === weight) this.intervals[this.intervals.length - 1] = { end, weight };
    else if (end > (last?.end ?? 0)) this.intervals.push({ end, weight });
  }

  /** The one weight of [start, end), 0 for an empty stretch, null when it holds several. */
  between(start: number, end: number): number | null {
    if (start === end) return 0;
    const first = this.intervals.findIndex((interval) => interval.end > start);
    const interval = this.intervals[first];
    if (!interval) return 0;
    return interval.end >= end ? interval.weight : null;
  }
}

/** Models: spell a word as tokens. A byte-pair model merges; for Unigram the library finds the best pieces. */

import { Tokenizer as Pipeline, Unigram } from "@huggingface/tokenizers";
import { byteToken, isByteToken, metaspace, type SpelledToken, utf8 } from "./bytes.ts";
import { isByteLevel, type Model, type TokenizerFiles } from "./files.ts";
import { mergeSymbols } from "./merge.ts";
import type { TokenIds } from "./tokenIds.ts";

/** The tokens of a word. Its pieces are in the model's own alphabet, and each is spelt separately. */
export type Spell = (pieces: readonly string[]) => SpelledToken[];

/**
 * Text never becomes a special token, even where it equals that token's name. Nor does the name of a byte token, `<0xE2>`,
 * become that token.
 *
 * A byte-pair model begins with the characters of a word, and with the bytes of a character that is no token.
 *
 * A Unigram model chooses the pieces with the highest sum of scores; of equal sums, the one whose last piece is longest.
 * An unknown character, which is no piece, scores 10 less than the lowest score. Consecutive unknown characters become byte
 * tokens where the model has byte fallback, else one unknown-token (Kudo 2018, https://arxiv.org/abs/1804.10959; ties and
 * penalty as in Hugging Face's tokenizers).
 */
export const createModel = (files: TokenizerFiles): Spell =>
  files.json.model.type === "Unigram" ? createUnigram(files, files.json.model) : createBytePair(files);

function createBytePair({ json, vocabulary, merges, special }: TokenizerFiles): Spell {
  const { model } = json;
  const ignoresMerges = model.type === "BPE" && model.ignore_merges === true;
  const byteLevel = isByteLevel(json);
  const bytes = model.byte_fallback
    ? Array.from({ length: 256 }, (_, byte) => vocabulary.get(byteToken(byte)) ?? -1)
    : null;
  const spell = (piece: string): number[] => {
    if (ignoresMerges) {
      const whole = vocabulary.get(piece);
      if (whole !== undefined && !special.has(whole)) return [whole];
    }
    const symbols: number[] = [];
    for (const character of piece) {
      const id = vocabulary.get(character);
      // A byte has no other spelling, even where a file calls its token special, as "!" for padding.
      if (id !== undefined && (byteLevel || !special.has(id))) symbols.push(id);
      else if (bytes) for (const byte of utf8.encode(character)) symbols.push(bytes[byte] ?? -1);
      else symbols.push(-1);
    }
    return merges ? mergeSymbols(symbols, merges) : symbols;
  };
  return (pieces) => pieces.flatMap((piece) => spell(piece).map((id) => ({ id })));
}

function createUnigram(
  { json, vocabulary, special }: TokenizerFiles,
  model: Extract<Model, { type: "Unigram" }>,
): Spell {
  const hidden = (token: string, id: number) => special.has(id) || (model.byte_fallback === true && isByteToken(token));
  const { model: library } = new Pipeline(
    {
      model: { ...model, vocab: model.vocab.map(([piece, score], id) => [hidden(piece, id) ? "" : piece, score]) },
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
    },
    {},
  );
  if (!(library instanceof Unigram)) throw new Error("tokenizer.json: no model.");
  const ids = library.tokens_to_ids;
  ids.delete("");
  const bytes = model.byte_fallback ? byteIds(vocabulary) : null;
  const byteLevel = isByteLevel(json);
  const bytesIn = (text: string) => (byteLevel ? text.length : utf8.encode(text.replaceAll(metaspace, " ")).length);
  return (pieces) => {
    const tokens: SpelledToken[] = [];
    let unknown = "";
    const endUnknown = () => {
      if (unknown === "") return;
      if (!bytes) tokens.push({ id: model.unk_id ?? -1, unknown: bytesIn(unknown) });
      else for (const byte of utf8.encode(unknown)) tokens.push({ id: bytes[byte] ?? -1 });
      unknown = "";
    };
    for (const piece of pieces) {
      for (const token of library.tokenize(piece)) {
        const id = ids.get(token);
        if (id === undefined) unknown += token;
        else {
          endUnknown();
          tokens.push({ id });
        }
      }
      endUnknown();
    }
    return tokens;
  };
}

/** Ids of the 256 byte tokens; null if any is missing. */
function byteIds(vocabulary: TokenIds): number[] | null {
  const ids = Array.from({ length: 256 }, (_, byte) => vocabulary.get(byteToken(byte)));
  return ids.every((id) => id !== undefined) ? ids : null;
}

/** Models: spell a word as tokens. The library merges (byte-pair encoding) and finds the best pieces (Unigram). */

import { Tokenizer as Pipeline, Unigram } from "@huggingface/tokenizers";
import { byteToken, isByteToken, metaspace, type SpelledToken, utf8 } from "./bytes.ts";
import { isByteLevel, type TokenizerFiles } from "./files.ts";

/** The tokens of a word. Its pieces are in the model's own alphabet, and each is spelt separately. */
export type Spell = (pieces: readonly string[]) => SpelledToken[];

/**
 * Text never becomes a special token, even where it equals that token's name. Nor does the name of a byte token, `<0xE2>`,
 * become that token.
 *
 * A Unigram model chooses the pieces with the highest sum of scores; of equal sums, the one whose last piece is longest.
 * An unknown character, which is no piece, scores 10 less than the lowest score. Consecutive unknown characters become byte
 * tokens where the model has byte fallback, else one unknown-token (Kudo 2018, https://arxiv.org/abs/1804.10959; ties and
 * penalty as in Hugging Face's tokenizers).
 */
export function createModel({ json, vocabulary, special }: TokenizerFiles): Spell {
  const { model } = json;
  const hidden = (token: string, id: number) =>
    special.has(id) || (model.type === "Unigram" && model.byte_fallback === true && isByteToken(token));
  const { model: library } = new Pipeline(
    {
      model:
        model.type === "Unigram"
          ? { ...model, vocab: model.vocab.map(([piece, score], id) => [hidden(piece, id) ? "" : piece, score]) }
          : model,
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
    },
    {},
  );
  if (!library) throw new Error("tokenizer.json: no model.");
  const ids = library.tokens_to_ids;

  if (model.type === "BPE" || !(library instanceof Unigram)) {
    for (const [token, id] of vocabulary) if (special.has(id)) ids.delete(token);
    return (pieces) => library.encode([...pieces]).map((token) => ({ id: ids.get(token) ?? -1 }));
  }

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
function byteIds(vocabulary: ReadonlyMap<string, number>): number[] | null {
  const ids = Array.from({ length: 256 }, (_, byte) => vocabulary.get(byteToken(byte)));
  return ids.every((id) => id !== undefined) ? ids : null;
}

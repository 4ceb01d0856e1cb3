/** Decodes token ids, and knows which of them are special. Runs no pattern of a model's files. */

import { createTokenBytes, showBytes, type TokenBytes, utf8 } from "./bytes.ts";
import { isByteLevel, type SpecialToken, type TokenizerFiles } from "./files.ts";
import { findPrefix } from "./words.ts";

export interface StreamDecoder {
  /** The text that the next token completes; "" while a character is still incomplete. */
  push(id: number): string;
  /** The text left at the end: U+FFFD for an incomplete character, else "". */
  end(): string;
}

export interface Vocabulary {
  readonly bos: SpecialToken | null;
  /** Whether every sequence starts with BOS. */
  readonly addBos: boolean;
  readonly eos: SpecialToken | null;
  /** One more than the greatest id. */
  readonly size: number;
  /** One more than the greatest id of the model's own vocabulary, without tokens that the files only add. */
  readonly ownSize: number;
  /** The id of an added token, undefined for any other text. */
  addedToken(text: string): number | undefined;
  /** Text → id of every added token. */
  readonly addedTokens: ReadonlyMap<string, number>;
  /** Whether decoding skips the id: true for the end of a turn, usually false for `<think>`. */
  isSpecial(id: number): boolean;
  /** Omits special tokens, and the space that the tokenizer adds after an added token. */
  decode(ids: Iterable<number>): string;
  /** As `decode`, token by token. `after`: the id before the first one, as the last one of a prompt. */
  createStreamDecoder(after?: number): StreamDecoder;
  /**
   * A token for people: its text, with bytes that are not a complete character as `<0xE2>`; the name of a special token;
   * `<unused 5000>` for an id without a token. White space is unchanged.
   */
  show(id: number): string;
}

/** Bytes of each id. */
export const tokenBytesOf = ({ json, vocabulary, names }: TokenizerFiles): TokenBytes =>
  createTokenBytes(names, vocabulary, {
    byteLevel: isByteLevel(json),
    byteFallback: json.model.byte_fallback === true,
  });

/** The vocabulary of checked files. */
export function createVocabulary(files: TokenizerFiles, bytesOf: TokenBytes = tokenBytesOf(files)): Vocabulary {
  const { json, vocabulary, names, added, addedTokens, special, bos, addBos, eos } = files;
  const prefix = findPrefix(json);
  const opening = new Set(addedTokens.filter(({ normalized }) => prefix?.at !== "section" || !normalized).map(idOf));

  const createStreamDecoder = (after?: number): StreamDecoder => {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let before = after;
    let count = 0;
    /** Whether a text that begins here has the prefix. */
    const hasPrefix = () => {
      if (prefix === null || before === undefined) return false;
      return prefix.at === "start" ? after === undefined && count === 1 && before === bos?.id : opening.has(before);
    };
    return {
      push(id) {
        const text = special.has(id) ? "" : decoder.decode(bytesOf(id) ?? unknownBytes, { stream: true });
        const own = text.startsWith(" ") && hasPrefix() ? text.slice(1) : text;
        before = id;
        count++;
        return own;
      },
      end: () => decoder.decode(),
    };
  };

  return {
    bos,
    addBos,
    eos,
    size: names.length,
    ownSize: 1 + names.findLastIndex((name, id) => name !== undefined && vocabulary.get(name) === id),
    addedToken: (text) => added.get(text),
    addedTokens: added,
    isSpecial: (id) => special.has(id),
    createStreamDecoder,

    decode(ids) {
      const decoder = createStreamDecoder();
      return Array.from(ids, (id) => decoder.push(id)).join("") + decoder.end();
    },

    show(id) {
      const name = names[id];
      if (name === undefined) return `<unused ${id}>`;
      const bytes = bytesOf(id);
      return bytes && !special.has(id) ? showBytes(bytes) : name;
    },
  };
}

const idOf = ({ id }: { readonly id: number }) => id;

/** The text of an id without a token, which exists because models pad their embedding. */
const unknownBytes = utf8.encode("\uFFFD");

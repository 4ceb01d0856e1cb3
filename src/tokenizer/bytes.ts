/** Tokens as bytes: the byte tables of both alphabets, and the places of tokens in a text. */

import type { TokenIds } from "./tokenIds.ts";

/** SentencePiece writes this for a space. */
export const metaspace = "▁";

export const utf8 = new TextEncoder();

/** The bytes of an id; undefined where it has no token. */
export type TokenBytes = (id: number) => Uint8Array | undefined;

/** Creates the bytes of an id at its first use: a vocabulary has up to half a million tokens, a text uses few. */
export function createTokenBytes(
  names: readonly (string | undefined)[],
  vocabulary: TokenIds,
  spelling: { readonly byteLevel: boolean; readonly byteFallback: boolean },
): TokenBytes {
  const spaced = (token: string) => utf8.encode(token.replaceAll(metaspace, " "));
  const bytesOf = (token: string, id: number): Uint8Array => {
    // A token of the vocabulary may also be an added one, as Gemma's "▁▁": its bytes are those that it spells.
    const isSpelt = vocabulary.get(token) === id;
    if (!spelling.byteLevel) {
      const byte = isSpelt && spelling.byteFallback ? /^<0x([0-9A-F]{2})>$/.exec(token)?.[1] : undefined;
      return byte ? Uint8Array.of(Number.parseInt(byte, 16)) : spaced(token);
    }
    const bytes = isSpelt ? Array.from(token, (character) => byteOf.get(character)) : [undefined];
    return bytes.includes(undefined) ? utf8.encode(token) : Uint8Array.from(bytes, (byte) => byte ?? 0);
  };
  const known = new Map<number, Uint8Array>();
  return (id) => {
    const token = names[id];
    if (token === undefined) return undefined;
    let bytes = known.get(id);
    if (!bytes) {
      bytes = bytesOf(token, id);
      known.set(id, bytes);
    }
    return bytes;
  };
}

/** Whether a token is SentencePiece's token of one byte, such as `<0xE2>`. */
export const isByteToken = (token: string): boolean => /^<0x[0-9A-F]{2}>$/.test(token);

export const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;

/** GPT-2's printable character for each byte: visible Latin-1 is unchanged, the other bytes are U+0100 and following. */
export const byteAlphabet: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(visible ? byte : next++);
  });
})();
const byteOf = new Map(byteAlphabet.map((character, byte) => [character, byte]));

/** A text in GPT-2's byte alphabet. */
export function spellBytes(text: string): string {
  let spelt = "";
  for (const byte of utf8.encode(text)) spelt += byteAlphabet[byte];
  return spelt;
}

/** Bytes as text; bytes that are not a complete character as `<0xE2>`. */
export function showBytes(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i] ?? 0;
    const width = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    try {
      text += strict.decode(bytes.subarray(i, i + width));
      i += width;
    } catch {
      text += byteToken(first);
      i++;
    }
  }
  return text;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A token of a word, without its place. */
export interface SpelledToken {
  /** Negative where the vocabulary has no such token. */
  readonly id: number;
  /** Bytes of the text that an unknown-token replaces; undefined for a token that spells its text. */
  readonly unknown?: number;
}

/**
 * The id and the UTF-16 offsets in `text` of each token: [id, start, end, id, …]. Compares bytes, except for
 * unknown-tokens, which have the offsets of the text that they replace. A token with a part of a character has that
 * whole character. Where the tokens do not spell the text, returns the offset at which they begin to differ.
 */
export function locate(tokens: readonly SpelledToken[], bytesOf: TokenBytes, text: string): number[] | number {
  const expected = utf8.encode(text);
  const located: number[] = [];
  let byte = 0;
  // The character that contains `byte`: its index in the string, and the bytes before it.
  let index = 0;
  let before = 0;
  for (const { id, unknown } of tokens) {
    const bytes = bytesOf(id);
    if (!bytes) return index;
    if (unknown === undefined) {
      for (let i = 0; i < bytes.length; i++) if (bytes[i] !== expected[byte + i]) return index;
    }
    const start = index;
    byte += unknown ?? bytes.length;
    let end = index;
    while (before < byte) {
      const code = text.codePointAt(index) ?? 0;
      const width = code < 0x80 ? 1 : code < 0x800 ? 2 : code > 0xffff ? 4 : 3;
      end = index + (code > 0xffff ? 2 : 1);
      if (before + width > byte) break;
      before += width;
      index = end;
    }
    located.push(id, start, end);
  }
  return byte === expected.length ? located : index;
}

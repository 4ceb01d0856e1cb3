/** A byte-level BPE tokenizer with a given number of entries, made without training: its pieces are letter combinations. */

import { byteAlphabet } from "../../src/tokenizer/bytes.ts";

/** The special tokens have the last ids. */
export const specialTokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] as const;

const [endOfText, turnStart, turnEnd] = specialTokens;
const letters = [..."abcdefghijklmnopqrstuvwxyz"];
/** A space in GPT-2's byte alphabet. */
const space = "Ġ";
/** Without a common factor with 26⁴, so its multiples reach every combination of two pairs. */
const stride = 7919;

/** Merges in order of rank: a space and a letter, two letters, these with a space, then four letters in turns with and without. */
function* mergesInOrder(): Generator<readonly [string, string]> {
  const pairs = letters.flatMap((first) => letters.map((second) => first + second));
  for (const letter of letters) yield [space, letter];
  for (const pair of pairs) yield [pair.charAt(0), pair.charAt(1)];
  for (const pair of pairs) yield [space + pair.charAt(0), pair.charAt(1)];
  const all = pairs.length ** 2;
  for (let i = 0; i < all; i++) {
    const at = (i * stride) % all;
    const [first = "", second = ""] = [pairs[Math.floor(at / pairs.length)], pairs[at % pairs.length]];
    yield [first, second];
    yield [space + first, second];
  }
}

const template =
  `{% for message in messages %}${turnStart}{{ message['role'] }}\n{{ message['content'] }}${turnEnd}\n{% endfor %}` +
  `{% if add_generation_prompt %}${turnStart}assistant\n{% endif %}`;

/**
 * `tokenizer.json` and `tokenizer_config.json` with `vocabulary` entries: 256 bytes, merges, and three special tokens of
 * ChatML. Throws when the number is too small or above what four letters give.
 */
export function makeTokenizer(vocabulary: number): { readonly json: object; readonly config: object } {
  const merges: string[] = [];
  const pieces = [...byteAlphabet];
  const wanted = vocabulary - specialTokens.length;
  for (const [left, right] of mergesInOrder()) {
    if (pieces.length >= wanted) break;
    pieces.push(left + right);
    merges.push(`${left} ${right}`);
  }
  if (pieces.length !== wanted) {
    throw new Error(
      `A tokenizer of ${vocabulary} entries cannot be made: choose a number from ${byteAlphabet.length + specialTokens.length} to ${pieces.length + specialTokens.length}.`,
    );
  }
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    json: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: specialTokens.map((content, i) => ({
        ...{ id: wanted + i, content, special: true },
        ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
      })),
      normalizer: null,
      pre_tokenizer: bytes,
      post_processor: null,
      decoder: bytes,
      model: {
        ...{ type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null },
        ...{ fuse_unk: false, byte_fallback: false, ignore_merges: false },
        vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
        merges,
      },
    },
    config: {
      tokenizer_class: "PreTrainedTokenizerFast",
      add_bos_token: false,
      bos_token: null,
      eos_token: turnEnd,
      pad_token: endOfText,
      clean_up_tokenization_spaces: false,
      chat_template: template,
    },
  };
}

/** Trains a byte-level BPE tokenizer on texts and writes it as `tokenizer.json` and `tokenizer_config.json`. */

import { byteAlphabet, spellBytes, utf8 } from "../../src/tokenizer/bytes.ts";
import { readTokenizerFiles } from "../../src/tokenizer/files.ts";
import { createWords } from "../../src/tokenizer/words.ts";

export interface TokenizerOptions {
  /** Total number of entries, the model's vocab_size: 256 bytes, then merges, then special tokens. */
  readonly vocabularySize: number;
  /** Texts of the special tokens, `<|endoftext|>` among them. They have the last ids, in this order. */
  readonly special: readonly string[];
  /** The model's context in tokens, for model_max_length; without it the field is left out. */
  readonly contextLength?: number;
}

/**
 * Byte-pair encoding (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909) over UTF-8 bytes, so that every text can be
 * encoded (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"). Byte b has the id b. Repeatedly, the
 * most frequent pair of neighbouring pieces inside words becomes a piece; overlapping occurrences all count ("aaa" has two
 * pairs). Of equally frequent pairs the one comes first whose joined piece, in GPT-2's byte alphabet, is first by UTF-16 code
 * unit. So the same texts in any order give the same files, byte for byte.
 *
 * No piece has the text of a special token. The texts are content only: a special token's text in them is ordinary text, as
 * in `createTokenizer`. The special tokens are only in `added_tokens`, so merging never creates one.
 *
 * Throws when the options contradict each other, and when the texts have too few pairs for the size.
 */
export function trainTokenizer(
  texts: Iterable<string>,
  options: TokenizerOptions,
): { tokenizerJson: object; tokenizerConfig: object } {
  const { vocabularySize, special, contextLength } = options;
  check(options);
  // Both spellings: the text in the byte alphabet, and the plain text, which a reader would confuse with the added token.
  const forbidden = new Set(special.flatMap((text) => [text, spellBytes(text)]));
  const { pieces, merges } = learnMerges(countWords(texts), vocabularySize - special.length, forbidden, options);
  return {
    tokenizerJson: writeTokenizer(pieces, merges, special),
    tokenizerConfig: {
      tokenizer_class: "PreTrainedTokenizerFast",
      add_bos_token: false,
      eos_token: endOfText,
      pad_token: endOfText,
      // Otherwise Hugging Face's decoding removes spaces before punctuation marks.
      clean_up_tokenization_spaces: false,
      ...(contextLength !== undefined && { model_max_length: contextLength }),
    },
  };
}

const endOfText = "<|endoftext|>";

/**
 * GPT-2's words, each with the space before it, with three changes. Digits are single words, so numbers are encoded digit by
 * digit. Line breaks stay together. "'s" is an ending only at the end of a word, so a quoted 'so is not split.
 */
const wordPattern =
  "'(?:[dmst]|ll|re|ve)(?!\\p{L})| ?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

function check({ vocabularySize, special }: TokenizerOptions): void {
  const least = byteAlphabet.length + special.length;
  if (!Number.isInteger(vocabularySize) || vocabularySize < least) {
    throw new Error(
      `vocabularySize is ${vocabularySize}, but 256 bytes and ${special.length} special tokens need ${least}. Choose a whole number from ${least} on.`,
    );
  }
  if (!special.includes(endOfText)) {
    throw new Error(`special names ${special.length} tokens, but not "${endOfText}", which ends a text. Add it.`);
  }
  const wrong = special.find((text, i) => text === "" || byteAlphabet.includes(text) || special.indexOf(text) !== i);
  if (wrong !== undefined) {
    throw new Error(
      `special has ${JSON.stringify(wrong)}, which is empty, there twice, or the name of one of the 256 bytes. Choose a text of two characters or more, once.`,
    );
  }
}

/** Counts each word, with the same code that splits words when the tokenizer is used. */
function countWords(texts: Iterable<string>): Map<string, number> {
  const { json } = readTokenizerFiles(writeTokenizer(byteAlphabet, [], []), null);
  const words = createWords(json, new Map(), true);
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of words.split(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

interface Word {
  tokens: readonly number[];
  readonly count: number;
}

/** Two neighbouring tokens in words. */
interface Pair {
  readonly left: number;
  readonly right: number;
  /** Both joined, in the byte alphabet. */
  readonly piece: string;
  count: number;
  /** Its count when it entered the queue. */
  queued: number;
  /** The words in which it occurs, or did before another merge. */
  readonly words: Set<Word>;
}

/**
 * Pieces by id, and the merges as lines. All pieces differ: a piece arises only where no token crosses its ends, and there its
 * bytes merge in only one way.
 */
function learnMerges(
  wordCounts: ReadonlyMap<string, number>,
  size: number,
  forbidden: ReadonlySet<string>,
  { vocabularySize, special }: TokenizerOptions,
): { pieces: readonly string[]; merges: readonly string[] } {
  const pieces = [...byteAlphabet];
  const merges: string[] = [];
  const pairs = new Map<number, Pair>();
  const queue = new PairQueue();
  let fresh: Pair[] = [];

  const pairOf = (left: number, right: number): Pair => {
    const key = left * vocabularySize + right;
    const known = pairs.get(key);
    if (known) return known;
    const piece = `${pieces[left]}${pieces[right]}`;
    const pair: Pair = { left, right, piece, count: 0, queued: 0, words: new Set() };
    pairs.set(key, pair);
    fresh.push(pair);
    return pair;
  };
  const countPairs = (word: Word, sign: 1 | -1) => {
    const { tokens } = word;
    for (let i = 1; i < tokens.length; i++) {
      const pair = pairOf(tokens[i - 1] ?? 0, tokens[i] ?? 0);
      pair.count += sign * word.count;
      if (sign > 0) pair.words.add(word);
    }
  };
  const queueFresh = () => {
    for (const pair of fresh) queue.push(pair);
    fresh = [];
  };

  for (const [text, count] of wordCounts) {
    const word: Word = { tokens: [...utf8.encode(text)], count };
    countPairs(word, 1);
  }
  queueFresh();

  while (pieces.length < size) {
    const pair = queue.pop();
    if (!pair) {
      throw new Error(
        `The texts give ${pieces.length} pieces, but a vocabularySize of ${vocabularySize} with ${special.length} special tokens needs ${size}. Give more and more varied texts, or a vocabularySize of at most ${pieces.length + special.length}.`,
      );
    }
    if (forbidden.has(pair.piece)) continue;
    const id = pieces.push(pair.piece) - 1;
    merges.push(`${pieces[pair.left]} ${pieces[pair.right]}`);
    for (const word of pair.words) {
      const merged = merge(word.tokens, pair, id);
      if (merged.length === word.tokens.length) continue;
      countPairs(word, -1);
      word.tokens = merged;
      countPairs(word, 1);
    }
    pairs.delete(pair.left * vocabularySize + pair.right);
    queueFresh();
  }
  return { pieces, merges };
}

/** Replaces the pair by one token, from left to right. */
function merge(tokens: readonly number[], { left, right }: Pair, id: number): number[] {
  const merged: number[] = [];
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i] === left && tokens[i + 1] === right) {
      merged.push(id);
      i++;
    } else merged.push(tokens[i] ?? 0);
  }
  return merged;
}

/**
 * A heap whose first pair is the next to merge. A queued pair's count can only fall, because a merge adds only pairs with the
 * new token. So it is enough to check the count when a pair leaves the heap.
 */
class PairQueue {
  private readonly heap: Pair[] = [];

  push(pair: Pair): void {
    pair.queued = pair.count;
    const { heap } = this;
    let at = heap.length;
    for (let above = (at - 1) >> 1; at > 0; above = (at - 1) >> 1) {
      const parent = heap[above];
      if (!parent || !goesBefore(pair, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = pair;
  }

  /** Undefined when no remaining pair occurs. */
  pop(): Pair | undefined {
    for (;;) {
      const pair = this.takeFirst();
      if (!pair || (pair.count > 0 && pair.count === pair.queued)) return pair;
      if (pair.count > 0) this.push(pair);
    }
  }

  private takeFirst(): Pair | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (!last || last === first) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      const [left, right] = [heap[below], heap[below + 1]];
      if (left && right && goesBefore(right, left)) below++;
      const child = heap[below];
      if (!child || !goesBefore(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

const goesBefore = (a: Pair, b: Pair): boolean => (a.queued === b.queued ? a.piece < b.piece : a.queued > b.queued);

/** The layout of Hugging Face's `tokenizers`, with all fields that have defaults there. */
function writeTokenizer(pieces: readonly string[], merges: readonly string[], special: readonly string[]): object {
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special.map((content, i) => ({
      id: pieces.length + i,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [{ type: "Split", pattern: { Regex: wordPattern }, behavior: "Isolated", invert: false }, bytes],
    },
    post_processor: null,
    decoder: bytes,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges,
    },
  };
}

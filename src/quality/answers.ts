/** Answers that are too short to teach much: placeholders, and single words where answers are usually sentences. */

import { ints } from "./columns.ts";
import { countWords } from "./similarity.ts";

/** Where the median answer has fewer words than this, short answers are what the data is about. */
const longMedian = 8;
/** A word that as many rows give as their answer is a label, not a slip. */
const labelRows = 3;
/** Characters beyond which one word is an address or code, and no slip either. */
const longestSlip = 40;

/** What is put where an answer is missing; punctuation alone is too. Read of at most `longestSlip` characters. */
const placeholder = /^(?:n\/?a|null|nan|undefined|todo|tbd|xx+|no ?(?:input|output|answer|response))?$/i;
const wholeAnswer = /^(?:yes|no|true|false|none|both|neither|maybe|unknown)$/i;

export interface ShortAnswer {
  /** Index of the example. */
  readonly example: number;
  readonly text: string;
}

export interface Answers {
  /** The last answer of an example, not empty. */
  add(example: number, answer: string): void;
  /** Examples in ascending order, and the median answer in words. */
  short(): { readonly medianWords: number; readonly answers: readonly ShortAnswer[] };
}

/**
 * Placeholders are short always. A single word is where the median answer has at least 8 words, unless it holds a digit, is
 * a whole answer (yes, no, true, none, …), or is a label: the answer of at least three rows.
 */
export function createAnswers(): Answers {
  const words = ints();
  const placeholders: ShortAnswer[] = [];
  /** Single words with the examples that answer so; null once they are a label. */
  const single = new Map<string, ShortAnswer[] | null>();
  return {
    add(example, answer) {
      const count = countWords(answer);
      words.push(count);
      if (count > 3 || answer.length > 4 * longestSlip) return;
      const text = answer.trim();
      if (text.length > longestSlip) return;
      const bare = text.replace(/^[\p{P}\s]+|[\p{P}\s]+$/gu, "");
      if (placeholder.test(bare)) placeholders.push({ example, text });
      else if (count === 1 && !/\p{N}/u.test(bare) && !wholeAnswer.test(bare)) {
        const key = bare.toLowerCase();
        const same = single.get(key);
        if (same === null) return;
        single.set(key, same && same.length + 1 >= labelRows ? null : [...(same ?? []), { example, text }]);
      }
    },
    short() {
      const medianWords = words.all().slice().sort()[words.length >> 1] ?? 0;
      const slips = medianWords >= longMedian ? [...single.values()].flatMap((same) => same ?? []) : [];
      const answers = [...placeholders, ...slips].sort((a, b) => a.example - b.example);
      return { medianWords, answers };
    },
  };
}

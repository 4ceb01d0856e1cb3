/** Finds answers that are too short: placeholders, and single words if most answers are sentences. */

import { ints } from "./columns.ts";
import { countWords } from "./similarity.ts";

/** Below this median length in words, short answers are normal in the data. */
const longMedian = 8;
/** A single-word answer of at least this many rows is a label, not a fault. */
const labelRows = 3;
/** A longer single word, in characters, is an address or code, not a fault. */
const longestWord = 40;

/** Placeholders for missing answers, also the empty text that remains of punctuation. */
const placeholder = /^(?:n\/?a|null|nan|undefined|todo|tbd|xx+|no ?(?:input|output|answer|response))?$/i;
const wholeAnswer = /^(?:yes|no|true|false|none|both|neither|maybe|unknown)$/i;

export interface ShortAnswer {
  /** Index of the example. */
  readonly example: number;
  readonly text: string;
}

export interface Answers {
  /** Adds the last answer of an example; it must not be empty. */
  add(example: number, answer: string): void;
  /** The short answers, in the order of their examples, and the median length of all answers. */
  short(): { readonly medianWords: number; readonly answers: readonly ShortAnswer[] };
}

/**
 * Collects answers. Placeholders are always short answers. A single word is one if the median answer has at least 8 words,
 * unless it has a digit, is a complete answer (yes, no, …) or a label (the answer of at least three rows).
 */
export function createAnswers(): Answers {
  const words = ints();
  const placeholders: ShortAnswer[] = [];
  /** Examples by their single-word answer; null for a label. */
  const single = new Map<string, ShortAnswer[] | null>();
  return {
    add(example, answer) {
      const count = countWords(answer);
      words.push(count);
      if (count > 3 || answer.length > 4 * longestWord) return;
      const text = answer.trim();
      if (text.length > longestWord) return;
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
      const singleWords = medianWords >= longMedian ? [...single.values()].flatMap((same) => same ?? []) : [];
      const answers = [...placeholders, ...singleWords].sort((a, b) => a.example - b.example);
      return { medianWords, answers };
    },
  };
}

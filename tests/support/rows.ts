/** Rows with known faults, for tests of the page: a row's number determines its fault. */

import { createRandom } from "../../src/tensor/random.ts";

const syllables = ["ba", "ke", "li", "mo", "nu", "pa", "re", "si", "to", "vu", "wa", "ze", "cho", "dri", "fla", "gre"];

/** Invented words, so that no two rows are equal. */
function sentence(random: ReturnType<typeof createRandom>, words: number): string {
  const word = () => Array.from({ length: 2 + random.below(3) }, () => syllables[random.below(16)]).join("");
  const text = Array.from({ length: words }, word).join(" ");
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

/** Row numbers start at 0. */
export const isLong = (row: number) => row % 40 === 3;
export const isEmpty = (row: number) => row % 40 === 7;
export const isRepeat = (row: number) => row % 40 === 11;

export interface Pair {
  readonly instruction: string;
  readonly input: string;
  readonly output: string;
}

/**
 * Alpaca rows. In every 40, the fourth exceeds 512 tokens, the eighth has no answer, and the twelfth repeats the row before.
 * The first row is "Name three primary colours."
 */
export function faultyRows(count: number): Pair[] {
  const random = createRandom(7);
  const rows: Pair[] = [];
  for (let row = 0; row < count; row++) {
    const before = rows.at(-1);
    if (isRepeat(row) && before) rows.push(before);
    else if (row === 0)
      rows.push({ instruction: "Name three primary colours.", input: "", output: "Red, blue and yellow." });
    else {
      const output = isEmpty(row) ? "" : sentence(random, isLong(row) ? 120 : 8);
      rows.push({ instruction: `${sentence(random, 6)} (${row})`, input: "", output });
    }
  }
  return rows;
}

/** OpenAI chats with two turns each. */
export function chatRows(count: number): { messages: { role: string; content: string }[] }[] {
  const random = createRandom(8);
  return Array.from({ length: count }, () => ({
    messages: [
      { role: "system", content: "You are a helpful assistant." },
      { role: "user", content: sentence(random, 6) },
      { role: "assistant", content: sentence(random, 8) },
      { role: "user", content: "Thank you!" },
      { role: "assistant", content: `You are welcome, ${sentence(random, 3)}` },
    ],
  }));
}

/** ROUGE-L (Lin 2004): the longest common subsequence of words as F-measure, the similarity by which Self-Instruct filters. */

/** Lower-case words of letters and digits; a character of a script without spaces is a word. */
export const wordsOf = (text: string): string[] =>
  text.toLowerCase().match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{N}]+/gu) ??
  [];

/** 2·LCS / (|a| + |b|) in [0, 1]; 0 where one has no words. */
export function rougeL(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return 0;
  let before = new Uint32Array(b.length + 1);
  for (const word of a) {
    const row = new Uint32Array(b.length + 1);
    b.forEach((other, i) => {
      row[i + 1] = word === other ? (before[i] ?? 0) + 1 : Math.max(before[i + 1] ?? 0, row[i] ?? 0);
    });
    before = row;
  }
  return (2 * (before[b.length] ?? 0)) / (a.length + b.length);
}

/** The highest ROUGE-L of a text with any of the others; 0 without others. */
export function highestRougeL(words: readonly string[], others: readonly (readonly string[])[]): number {
  let highest = 0;
  for (const other of others) {
    const [short, long] = [Math.min(words.length, other.length), Math.max(words.length, other.length)];
    // The common subsequence is at most as long as the shorter text.
    if ((2 * short) / Math.max(1, short + long) > highest) highest = Math.max(highest, rougeL(words, other));
  }
  return highest;
}

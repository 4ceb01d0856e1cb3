/** Difference of two answers, by words. */

export interface Word {
  /** The word with the white space before it. */
  readonly text: string;
  readonly isNew: boolean;
}

export interface Changes {
  readonly words: readonly Word[];
  readonly fresh: number;
  /** Number of removed words. */
  readonly gone: number;
}

const split = (text: string) => text.match(/\s*\S+/g) ?? [];

/** The words of `now`; words outside the longest common subsequence with `before` are marked. */
export function changes(before: string, now: string): Changes {
  const earlier = split(before).map((word) => word.trim());
  const texts = split(now);
  const later = texts.map((word) => word.trim());
  // common[i][j]: length of the longest common subsequence of the suffixes from i and j.
  const common = Array.from({ length: earlier.length + 1 }, () => new Uint16Array(later.length + 1));
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  for (let i = earlier.length - 1; i >= 0; i--) {
    for (let j = later.length - 1; j >= 0; j--) {
      const row = common[i] as Uint16Array;
      row[j] = earlier[i] === later[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const words: Word[] = [];
  let i = 0;
  for (let j = 0; j < later.length; j++) {
    while (i < earlier.length && earlier[i] !== later[j] && at(i + 1, j) >= at(i, j + 1)) i++;
    const unchanged = i < earlier.length && earlier[i] === later[j];
    if (unchanged) i++;
    words.push({ text: texts[j] ?? "", isNew: !unchanged });
  }
  return { words, fresh: words.filter(({ isNew }) => isNew).length, gone: earlier.length - at(0, 0) };
}

/** Finds a tokenizer's special tokens in rendered text. */

import type { Tokenizer } from "../tokenizer/tokenizer.ts";

export interface SpecialTokens {
  /** The end of a special token at `from`, after optional white space; null for none. */
  endAt(text: string, from: number): number | null;
  /** The end of the special tokens at `from`, without white space between, up to `limit`, BOS or one of `others`. */
  afterAll(text: string, from: number, limit: number, others: ReadonlySet<string>): number;
  /** The id of the special token at the end of the text. */
  last(text: string): number | undefined;
}

export function findSpecialTokens(tokenizer: Pick<Tokenizer, "addedTokens" | "isSpecial" | "bos">): SpecialTokens {
  const special = [...tokenizer.addedTokens]
    .filter(([text, id]) => text.trim() !== "" && tokenizer.isSpecial(id))
    .sort(([a], [b]) => b.length - a.length);
  const ids = new Map(special);
  const lengths = [...new Set(special.map(([text]) => text.length))].sort((a, b) => b - a);
  const pattern = special.map(([text]) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|") || "(?!)";
  const next = new RegExp(`\\s*(?:${pattern})`, "y");
  const direct = new RegExp(pattern, "y");
  return {
    endAt(text, from) {
      next.lastIndex = from;
      return next.test(text) ? next.lastIndex : null;
    },
    afterAll(text, from, limit, others) {
      let at = from;
      for (;;) {
        direct.lastIndex = at;
        const found = direct.test(text) && direct.lastIndex <= limit;
        const token = text.slice(at, direct.lastIndex);
        if (!found || token === tokenizer.bos?.text || others.has(token)) return at;
        at = direct.lastIndex;
      }
    },
    last(text) {
      const length = lengths.find((count) => ids.has(text.slice(-count)));
      return length === undefined ? undefined : ids.get(text.slice(-length));
    },
  };
}

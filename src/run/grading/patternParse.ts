/** Parses regular expressions of the regular kind: what can be matched in linear time. */

export type PatternNode =
  /** One character; `source` is a literal, an escape or a class, as written. */
  | { readonly kind: "character"; readonly source: string }
  | { readonly kind: "edge"; readonly at: "start" | "end" | "word" | "inside" }
  | { readonly kind: "sequence"; readonly parts: readonly PatternNode[] }
  | { readonly kind: "either"; readonly options: readonly PatternNode[] }
  | { readonly kind: "group"; readonly index: number; readonly body: PatternNode }
  | {
      readonly kind: "repeat";
      readonly body: PatternNode;
      readonly least: number;
      readonly most: number;
      readonly lazy: boolean;
    };

/** Groups within groups; more would need a deep stack. */
const deepest = 100;

const escaped =
  /\\(?:u\{[0-9a-fA-F]+\}|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[a-zA-Z]|[pP]\{[^}]*\}|.)/suy;
const characterClass = /\[(?:\\.|[^\]\\])*\]/suy;
const repetition = /(?:([*+?])|\{(\d+)(,(\d*))?\})(\??)/uy;

const refusals: readonly [RegExp, string][] = [
  [/\(\?<?[=!]/uy, "a lookahead or lookbehind"],
  [/\\[1-9]|\\k</uy, "a back-reference"],
  [/\(\?[a-z-]+[:)]/uy, "flags inside the pattern"],
];

/**
 * Parses a pattern that `RegExp` accepts with the flag u. Throws an Error that names a part which cannot be matched in bounded
 * time.
 */
export function parsePattern(pattern: string): PatternNode {
  let at = 0;
  let groups = 0;
  const take = (expression: RegExp): RegExpExecArray | null => {
    expression.lastIndex = at;
    const found = expression.exec(pattern);
    if (found) at += found[0].length;
    return found;
  };
  const has = (text: string) => {
    if (!pattern.startsWith(text, at)) return false;
    at += text.length;
    return true;
  };

  const alternatives = (depth: number): PatternNode => {
    if (depth > deepest) throw new Error(`has more than ${deepest} groups within each other`);
    const options = [sequence(depth)];
    while (has("|")) options.push(sequence(depth));
    const [only] = options;
    return options.length === 1 && only ? only : { kind: "either", options };
  };

  const sequence = (depth: number): PatternNode => {
    const parts: PatternNode[] = [];
    while (at < pattern.length && pattern[at] !== "|" && pattern[at] !== ")") parts.push(repeated(depth));
    return { kind: "sequence", parts };
  };

  const repeated = (depth: number): PatternNode => {
    const body = atom(depth);
    const found = take(repetition);
    if (!found) return body;
    const [, sign, from, comma, to, lazy] = found;
    const least = sign === undefined ? Number(from) : sign === "+" ? 1 : 0;
    const open = sign === undefined ? comma !== undefined && to === "" : sign !== "?";
    const most = open ? Number.POSITIVE_INFINITY : sign === "?" ? 1 : Number(to ?? from);
    return { kind: "repeat", body, least, most, lazy: lazy === "?" };
  };

  const atom = (depth: number): PatternNode => {
    for (const [refused, what] of refusals) {
      refused.lastIndex = at;
      if (refused.test(pattern)) throw new Error(`has ${what}, which can take endless time; write it without`);
    }
    if (has("(?:")) return closed(alternatives(depth + 1));
    if (take(/\((?:\?<[^>]*>)?/uy)) {
      const index = ++groups;
      return { kind: "group", index, body: closed(alternatives(depth + 1)) };
    }
    if (has("^")) return { kind: "edge", at: "start" };
    if (has("$")) return { kind: "edge", at: "end" };
    if (has("\\b")) return { kind: "edge", at: "word" };
    if (has("\\B")) return { kind: "edge", at: "inside" };
    const one = take(characterClass) ?? take(escaped) ?? take(/./suy);
    return { kind: "character", source: one?.[0] ?? "" };
  };

  const closed = (body: PatternNode): PatternNode => {
    at++;
    return body;
  };

  return alternatives(0);
}

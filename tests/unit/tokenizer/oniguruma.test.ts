/** Patterns in Oniguruma's syntax; oracle: the pieces of `Split` in the `tokenizers` library 0.23.2, which uses Oniguruma. */

import { describe, expect, test } from "vitest";
import { withLookaheads } from "../../../src/tokenizer/oniguruma.ts";
import { compile } from "../../../src/tokenizer/patterns.ts";

/** The matches and the text between them. */
function pieces(source: string, text: string): string[] {
  const pattern = compile(source);
  if (!pattern) throw new Error(`${source} was not compiled.`);
  const found: string[] = [];
  let end = 0;
  for (const { 0: match, index } of text.matchAll(pattern)) {
    if (index > end) found.push(text.slice(end, index));
    if (match !== "") found.push(match);
    end = index + match.length;
  }
  return end < text.length ? [...found, text.slice(end)] : found;
}

const rows: readonly (readonly [pattern: string, text: string, pieces: readonly string[]])[] = [
  ["a++b|a", "aaab aa", ["aaab", " ", "a", "a"]],
  ["a*+ab|.", "aab", ["a", "a", "b"]],
  ["a?+ab|.", "aab ab", ["aab", " ", "a", "b"]],
  ["(?>a+)ab|a", "aaab", ["a", "a", "a", "b"]],
  ["(?>a|ab)c|b", "abc ac", ["a", "b", "c ", "ac"]],
  ["(?:ab|a)++b|.", "abab ab", ["a", "b", "a", "b", " ", "a", "b"]],
  ["\\p{N}{1,3}+", "a1234567b", ["a", "1234567", "b"]],
  ["\\p{N}{3}?x|.", "123x1x", ["123x", "1", "x"]],
  ["[^\\r\\n[\\p{L}&&[^a]]]?+\\p{L}++", "ab -cd a\nxyz", ["ab", " ", "-cd", " a", "\n", "xyz"]],
  ["[]a]++x|.", "]a]x a]", ["]a]x", " ", "a", "]"]],
  ["[^]]++]|.", "ab]c]]", ["ab]", "c]", "]"]],
  ["\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s", "a  \n b   \n\n  ", ["a", "  \n", " ", "b", "   \n\n  "]],
  ["(?i:'s|'t|[a-z]++)x?|.", "AB'S x'T", ["AB", "'S", " ", "x", "'T"]],
  ["(?<w>a++)b|.", "aab", ["aab"]],
  ["\\p{Lu}*+\\p{L}++|.", "ABc DEF g", ["ABc", " ", "D", "E", "F", " ", "g"]],
  ["(?>(?>a+)b?)b|.", "aabb ab", ["aabb", " ", "a", "b"]],
  ["\\++x|\\?+y", "++x??y+", ["++x", "??y", "+"]],
  ["[+*?]++[a]", "+*?a+a", ["+*?a", "+a"]],
  ["x{2,}+y|.", "xxxy xy", ["xxxy", " ", "x", "y"]],
  ["x{,2}+y|.", "xxxy y", ["xxxy", " ", "y"]],
  ["\\x{61}++b|.", "aab", ["aab"]],
  ["(?=a++)aa|.", "aaab", ["aa", "a", "b"]],
  ["(?<!a)b++|.", "abb bbb", ["a", "b", "b", " ", "bbb"]],
  ["(a|b++)+c|.", "abbac bb", ["abbac", " ", "b", "b"]],
  ["[[:alpha:]]++1|.", "ab1 a2", ["ab1", " ", "a", "2"]],
];

describe("pieces", () => {
  test.each(rows)("%s in %j", (pattern, text, expected) => {
    expect(pieces(pattern, text)).toEqual(expected);
  });
});

test("a pattern without these parts is not changed", () => {
  for (const source of ["a+?b|\\p{N}{1,3}", "[+?]x", "a\\++", "(?:a|b)*?c", "\\s+(?!\\S)|\\s+"])
    expect(withLookaheads(source)).toBe(source);
});

test("a numbered backreference beside them is refused", () => {
  expect(compile("(a)\\1b++")).toBeNull();
  expect(compile("(a)\\1b")).not.toBeNull();
});

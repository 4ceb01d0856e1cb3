/** Stripping and splitting of texts as Python's `str` does it; the pieces keep their places. */

import { isSpace, spaceAfter, spaceBefore } from "./source.ts";
import { cut, plain, type Str } from "./text.ts";

/** Python's `text.strip(characters)`; without characters, white space. */
export function strip(value: Str, characters: Str | null, side: "both" | "left" | "right"): Str {
  const text = plain(value);
  let start = 0;
  let end = text.length;
  if (characters === null) {
    if (side !== "right") start = spaceBefore(text);
    if (side !== "left") end = Math.max(start, spaceAfter(text));
    return cut(value, start, end);
  }
  const set = new Set(plain(characters));
  const points = Array.from(text);
  let first = 0;
  let last = points.length;
  if (side !== "right") while (first < last && set.has(points[first] ?? "")) start += points[first++]?.length ?? 0;
  if (side !== "left") while (last > first && set.has(points[last - 1] ?? "")) end -= points[--last]?.length ?? 0;
  return cut(value, start, end);
}

/** Python's `split()` without a separator: pieces between white space. */
export function splitSpace(value: Str, most: number): Str[] {
  const text = plain(value);
  const pieces: Str[] = [];
  let at = spaceBefore(text);
  while (at < text.length) {
    if (pieces.length === most) {
      pieces.push(cut(value, at, spaceAfter(text)));
      break;
    }
    let end = at;
    while (end < text.length && !isSpace(text.charAt(end))) end++;
    pieces.push(cut(value, at, end));
    at = end;
    while (at < text.length && isSpace(text.charAt(at))) at++;
  }
  return pieces;
}

export function splitFromRight(value: Str, separator: string, most: number): Str[] {
  const text = plain(value);
  const pieces: Str[] = [];
  let end = text.length;
  while (pieces.length < most) {
    const at = end < separator.length ? -1 : text.lastIndexOf(separator, end - separator.length);
    if (at === -1) break;
    pieces.unshift(cut(value, at + separator.length, end));
    end = at;
  }
  return [cut(value, 0, end), ...pieces];
}

export function splitSpaceFromRight(value: Str, most: number): Str[] {
  const text = plain(value);
  const pieces: Str[] = [];
  let end = spaceAfter(text);
  while (end > 0) {
    if (pieces.length === most) {
      pieces.unshift(cut(value, spaceBefore(text), end));
      break;
    }
    let at = end;
    while (at > 0 && !isSpace(text.charAt(at - 1))) at--;
    pieces.unshift(cut(value, at, end));
    end = at;
    while (end > 0 && isSpace(text.charAt(end - 1))) end--;
  }
  return pieces;
}

/** The characters at which Python's `splitlines` splits. */
const lineEnd = new RegExp(`\r\n|[${["\n-\r", "\x1c-\x1e", "\x85", "\u2028", "\u2029"].join("")}]`, "g");

/** Python's `splitlines`. */
export function lines(value: Str, ends = false): Str[] {
  const text = plain(value);
  const found: Str[] = [];
  let from = 0;
  for (const match of text.matchAll(lineEnd)) {
    found.push(cut(value, from, match.index + (ends ? match[0].length : 0)));
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push(cut(value, from, text.length));
  return found;
}

/** Finds characters that a wrong encoding has changed: U+FFFD, and UTF-8 that was read as Windows-1252. Linear patterns. */

import type { ExampleBody } from "../records/formats/convert.ts";
import { entriesOf, isList, isObject, type Value } from "../records/value.ts";

const replacement = "\uFFFD";

/** `character 12, after "caf"`; null where the text has no U+FFFD. */
function findReplacement(text: string): string | null {
  const at = text.indexOf(replacement);
  if (at === -1) return null;
  const before = text.slice(Math.max(0, at - 12), at).replace(/\s+/g, " ");
  return `character ${at + 1}${before.trim() === "" ? "" : `, after "${before}"`}`;
}

/** The first text with U+FFFD in a value, keys included; null without one. Values have a bounded depth. */
function inValue(value: Value | undefined): string | null {
  if (typeof value === "string") return findReplacement(value);
  if (isList(value)) return firstOf(value, inValue);
  if (!isObject(value)) return null;
  return firstOf(entriesOf(value), ([key, own]) => findReplacement(key) ?? inValue(own));
}

function firstOf<T>(items: readonly T[], find: (item: T) => string | null): string | null {
  for (const item of items) {
    const found = find(item);
    if (found !== null) return found;
  }
  return null;
}

/**
 * Where an example has U+FFFD: `message 2 has U+FFFD at character 5, after "caf"`; null where it has none. A decoder writes
 * this character for bytes that it could not read, so the original text is lost.
 */
export function replacedIn(example: ExampleBody): string | null {
  const says = (where: string, found: string | null) => found && `${where} has U+FFFD at ${found}`;
  if (example.kind === "text") return says("the text", findReplacement(example.text));
  const messages =
    example.kind === "chat" ? example.messages : [...example.prompt, ...example.chosen, ...example.rejected];
  for (const [i, { content, structured, fields, toolCalls = [] }] of messages.entries()) {
    const found =
      findReplacement(content) ??
      inValue(structured) ??
      inValue(fields) ??
      firstOf(toolCalls, (call) => findReplacement(call.name) ?? inValue(call.whole ?? call.arguments));
    if (found !== null) return says(`message ${i + 1}`, found);
  }
  return example.kind === "chat" ? says("tools", inValue(example.tools)) : null;
}

/** The characters of Windows-1252 for the bytes 80 to 9F; five bytes have none and stay control characters. */
const upper = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008DŽ\u008F\u0090‘’“”•–—˜™š›œ\u009DžŸ";
/** Bytes 80 to BF, which continue a character in UTF-8, as Windows-1252 shows them. */
const next = `[\\u0080-\\u00BF${upper}]`;
/** Those that no text has after a letter: not quotation marks, dashes or an ellipsis. */
const strange = "[\\u0080-\\u00AA\\u00AC-\\u00B6\\u00B8-\\u00BA\\u00BC-\\u00BF€‚ƒ„†‡ˆ‰Š‹ŒŽ•˜™š›œžŸ]";
const quoting = "[‘’“”…–—]";
const character = `(?:[\\u00C2-\\u00DF]${next}|[\\u00E0-\\u00EF]${next}{2}|[\\u00F0-\\u00F4]${next}{3})`;
/** An accented Latin letter or a sign, a quotation mark, an emoji, or two characters of any script in a row. */
const mojibake = new RegExp(`[ÃÂ]${strange}|Ã${quoting}(?=\\p{Ll})|â€${next}|ðŸ${next}{2}|(?:${character}){2}`, "u");

/** What all of these begin with; a quick test, because most texts have none. */
const firstBytes = /[\u00C2-\u00F4]/;

/** A piece of UTF-8 that was read as Windows-1252, and its right text: `"Ã©" for "é"`; null if there is none. */
export function findMojibake(text: string): string | null {
  if (!firstBytes.test(text)) return null;
  const found = mojibake.exec(text)?.[0];
  if (found === undefined) return null;
  const right = fromWindows1252(found);
  return right === null ? null : `"${found}" for "${right}"`;
}

/** The text whose UTF-8 bytes Windows-1252 shows like this; null where they are no UTF-8. */
function fromWindows1252(shown: string): string | null {
  const bytes = Uint8Array.from(shown, (letter) => {
    const at = upper.indexOf(letter);
    return at === -1 ? letter.charCodeAt(0) : 0x80 + at;
  });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

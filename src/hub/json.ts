/** Parses JSON of untrusted files and servers; bounds its size and depth first. */

import { cut } from "../tensor/quote.ts";
import { ModelError } from "./error.ts";

const mebibyte = 2 ** 20;

/** Most bytes of a file of this name: several times the largest of published models. Null for weights. */
export function byteLimitOf(name: string): number | null {
  if (name === "config.json" || name === "generation_config.json") return 4 * mebibyte;
  if (name === "tokenizer_config.json") return 32 * mebibyte;
  if (name.endsWith(".jinja")) return mebibyte;
  // Gemma 3's tokenizer has 33 MB, DeepSeek's index of shards 9 MB.
  return name.endsWith(".json") ? 128 * mebibyte : null;
}

/** Throws `ModelError` for a file that is longer than its limit. */
export function requireLength(name: string, byteLength: number): void {
  const limit = byteLimitOf(name);
  if (limit === null || byteLength <= limit) return;
  throw new ModelError(
    `${cut(name)} has ${byteLength} bytes, more than the limit of ${limit} for such a file: check that it is the right file.`,
  );
}

/** Nested lists and objects; published files have up to 10. Parsing and copying of deep values overflows the stack. */
const deepest = 64;

/**
 * Values of a file; each takes a few hundred bytes of memory. Gemma 3's tokenizer has 2 million, DeepSeek's index of shards
 * 90,000.
 */
const mostValues = 1_000_000;
const mostInTokenizer = 6 * mostValues;

/** The parsed value. Throws a `ModelError` that begins with `what`, such as a file's name, and names the fault. */
export function parseJson(what: string, bytes: Uint8Array<ArrayBuffer>, bom: "skip" | "refuse" = "skip"): unknown {
  const most = what.startsWith("tokenizer") ? mostInTokenizer : mostValues;
  const excess = jsonExcess(bytes, deepest, most);
  if (excess !== null) {
    const limit =
      excess === "depth" ? `nests lists and objects more than ${deepest} deep` : `has more than ${most} values`;
    throw new ModelError(`${what} ${limit}, the limit for a model's file: check that it is the right file.`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: bom === "refuse" }).decode(bytes);
  } catch (cause) {
    throw new ModelError(`${what} is not valid JSON (no UTF-8 text): download it again.`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ModelError(`${what} is not valid JSON${whereOf(cause)}: download it again.`, { cause });
  }
}

/** The limit that JSON text exceeds, null for none; stops at the byte that exceeds it. Quoted text does not count. */
export function jsonExcess(
  bytes: Uint8Array,
  deepest: number,
  mostValues = Number.POSITIVE_INFINITY,
): "depth" | "values" | null {
  let depth = 0;
  let values = 0;
  let inText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === 0x22) inText = !inText;
    else if (inText) at += byte === 0x5c ? 1 : 0;
    else if (byte === 0x2c) values++;
    else if (byte === 0x5b || byte === 0x7b) {
      values++;
      if (++depth > deepest) return "depth";
    } else if (byte === 0x5d || byte === 0x7d) depth--;
    if (values > mostValues) return "values";
  }
  return null;
}

/** The place of the fault, if the browser's error names it; the rest of that error is not for people. */
function whereOf(error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  const position = /position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return ` (at character ${position})`;
  const line = /line (\d+) column (\d+)/.exec(message);
  if (line) return ` (at line ${line[1]}, column ${line[2]})`;
  if (/end of|unterminated/i.test(message)) return " (it ends too early)";
  const token = /token '(.)'/u.exec(message)?.[1];
  return token === undefined ? "" : ` (a misplaced ${JSON.stringify(token)})`;
}

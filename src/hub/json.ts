/** JSON of files and servers that strangers made: its size and depth are bounded before it is parsed. */

import { cut } from "../tensor/quote.ts";
import { ModelError } from "./error.ts";

const mebibyte = 2 ** 20;

/** Bytes that a file of this name may have: several times what the largest published models have. Null for weights. */
export function byteLimitOf(name: string): number | null {
  if (name === "config.json" || name === "generation_config.json") return 4 * mebibyte;
  if (name === "tokenizer_config.json") return 32 * mebibyte;
  if (name.endsWith(".jinja")) return mebibyte;
  // Gemma 3's tokenizer has 33 MB, DeepSeek's index of shards 9 MB.
  return name.endsWith(".json") ? 128 * mebibyte : null;
}

/** Throws `ModelError` for a file that is longer than its kind may be. */
export function requireLength(name: string, byteLength: number): void {
  const limit = byteLimitOf(name);
  if (limit === null || byteLength <= limit) return;
  throw new ModelError(
    `${cut(name)} has ${byteLength} bytes, more than the ${limit} that such a file may have: check that it is the right file.`,
  );
}

/** Lists and objects inside of one another; published files have up to 10. Parsing and copying deep values takes the stack. */
const deepest = 64;

/** The value. Throws `ModelError` that begins with `what`, such as a file's name, and names what is wrong. */
export function parseJson(what: string, bytes: Uint8Array<ArrayBuffer>, bom: "skip" | "refuse" = "skip"): unknown {
  if (isDeep(bytes)) {
    throw new ModelError(
      `${what} nests lists and objects more than ${deepest} deep, as no model's file does: download it again.`,
    );
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

/** Reads no further than the bracket that is one too many. */
function isDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === 0x22) inText = !inText;
    else if (inText) at += byte === 0x5c ? 1 : 0;
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > deepest) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return false;
}

/** The place of the fault, as far as the browser's error names it; its other words are not for people. */
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

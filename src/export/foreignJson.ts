/** Foreign JSON: its length and depth are bounded before it is parsed. */

import { jsonExcess } from "../hub/json.ts";
import { parseJson } from "../records/read/parseJson.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { cut } from "../tensor/quote.ts";

/** The reason of a refusal, as the end of a sentence. */
export class ForeignJsonError extends Error {
  override readonly name = "ForeignJsonError";
}

export interface JsonBounds {
  /** Longest text, in bytes. */
  readonly longest: number;
  /** Most levels of nested lists and objects. */
  readonly deepest: number;
  /** Rows are the user's own data: their members may have any name, and their numbers stay as they are written. */
  readonly areRows?: boolean;
}

/** A member with this name can change an object's prototype. */
const refusedMember = "__proto__";

/**
 * Parses a whole file; `exact` restores numbers that JSON lacks from `{"$number": "NaN"}`. Throws ForeignJsonError,
 * whose message begins with the file's name, and the source's errors.
 */
export async function readForeignJson(
  source: ByteSource,
  { longest, deepest, areRows = false }: JsonBounds,
  { exact = false, signal }: { readonly exact?: boolean; readonly signal?: AbortSignal | undefined } = {},
): Promise<unknown> {
  const file = cut(source.name, 100);
  if (source.byteLength > longest) {
    throw new ForeignJsonError(`${file} has ${source.byteLength} bytes, more than ${longest}`);
  }
  const bytes = await source.slice(0, source.byteLength, signal);
  if (jsonExcess(bytes, deepest) !== null) throw new ForeignJsonError(`${file} is nested more than ${deepest} deep`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ForeignJsonError(`${file} is no text in UTF-8`);
  }
  if (areRows) {
    const parsed = parseJson(text, deepest);
    if ("value" in parsed) return parsed.value;
    throw new ForeignJsonError(`${file} is no JSON`);
  }
  const member = (name: string, value: unknown) => {
    if (name === refusedMember) throw new ForeignJsonError(`${file} has a member named ${refusedMember}`);
    return exact ? exactNumber(value) : value;
  };
  try {
    // JSON can escape any letter of a name.
    const suspect = text.includes(refusedMember) || text.includes("\\u");
    return exact || suspect ? JSON.parse(text, member) : JSON.parse(text);
  } catch (error) {
    if (error instanceof ForeignJsonError) throw error;
    throw new ForeignJsonError(`${file} is no JSON`);
  }
}

/** Numbers that JSON lacks, by their name in a record's text. */
const named = new Map([NaN, Infinity, -Infinity].map((number) => [String(number), number]));

/** The number that `{"$number": "NaN"}` stands for; any other value unchanged. */
export function exactNumber(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("$number" in value)) return value;
  return (typeof value.$number === "string" ? named.get(value.$number) : undefined) ?? value;
}

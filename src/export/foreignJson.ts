/** JSON that a stranger wrote: its length and depth are bounded before anything parses it. */

import type { ByteSource } from "../tensor/bytes.ts";
import { cut } from "../tensor/quote.ts";

/** Why a text is not taken, as the end of a sentence. */
export class ForeignJsonError extends Error {
  override readonly name = "ForeignJsonError";
}

export interface JsonBounds {
  /** Bytes. */
  readonly longest: number;
  /** Lists and objects within each other. */
  readonly deepest: number;
  /** Rows are a person's own, whose members may have any name. */
  readonly anyMember?: boolean;
}

/** A member of this name changes what an object is. */
const refusedMember = "__proto__";

const [quote, backslash, openList, closeList, openObject, closeObject] = [...'"\\[]{}'].map((c) => c.charCodeAt(0));

/** How deep lists and objects lie within each other, counted up to `most + 1`; text in quotes does not count. */
function depthOf(bytes: Uint8Array, most: number): number {
  let depth = 0;
  let deepest = 0;
  let inText = false;
  for (let at = 0; at < bytes.length && deepest <= most; at++) {
    const byte = bytes[at];
    if (inText) {
      if (byte === backslash) at++;
      else if (byte === quote) inText = false;
    } else if (byte === quote) inText = true;
    else if (byte === openList || byte === openObject) deepest = Math.max(deepest, ++depth);
    else if (byte === closeList || byte === closeObject) depth--;
  }
  return deepest;
}

/**
 * Parses a whole file; `exact` reads numbers that JSON lacks from `{"$number": "NaN"}`. Throws ForeignJsonError, whose
 * message begins with the file's name, and what the source throws.
 */
export async function readForeignJson(
  source: ByteSource,
  { longest, deepest, anyMember = false }: JsonBounds,
  { exact = false, signal }: { readonly exact?: boolean; readonly signal?: AbortSignal | undefined } = {},
): Promise<unknown> {
  const file = cut(source.name, 100);
  if (source.byteLength > longest) {
    throw new ForeignJsonError(`${file} has ${source.byteLength} bytes, more than ${longest}`);
  }
  const bytes = await source.slice(0, source.byteLength, signal);
  if (depthOf(bytes, deepest) > deepest) throw new ForeignJsonError(`${file} is nested more than ${deepest} deep`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ForeignJsonError(`${file} is no text in UTF-8`);
  }
  const member = (name: string, value: unknown) => {
    if (name === refusedMember) throw new ForeignJsonError(`${file} has a member named ${refusedMember}`);
    return exact ? exactNumber(value) : value;
  };
  try {
    // Any letter of a name may be escaped.
    const suspect = !anyMember && (text.includes(refusedMember) || text.includes("\\u"));
    return exact || suspect ? JSON.parse(text, member) : JSON.parse(text);
  } catch (error) {
    if (error instanceof ForeignJsonError) throw error;
    throw new ForeignJsonError(`${file} is no JSON`);
  }
}

/** Numbers that JSON lacks, by how a record's text names them. */
const named = new Map([NaN, Infinity, -Infinity].map((number) => [String(number), number]));

/** The number that `{"$number": "NaN"}` stands for; any other value itself. */
export function exactNumber(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("$number" in value)) return value;
  return (typeof value.$number === "string" ? named.get(value.$number) : undefined) ?? value;
}

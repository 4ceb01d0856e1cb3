/** The Rust library's token ids and offsets as an oracle, where this machine has it for Python, and their comparison with Hone's. */

import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";

const script = fileURLToPath(new URL("./encode.py", import.meta.url));

/** Token ids; offsets are UTF-16 units of the text. */
export interface Tokens {
  readonly ids: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** Hone's tokens of a text, with the text as the tokenizer reads it. */
export interface Mine extends Tokens {
  readonly text: string;
}

interface Job {
  /** Has `tokenizer.json` and perhaps `tokenizer_config.json`. */
  readonly folder: string;
  readonly texts: readonly string[];
  /** The texts as Hone reads them, normalised, to which its offsets refer. */
  readonly shown: readonly string[];
}

export interface Theirs {
  /** The id that the post-processor writes before a text. */
  readonly begins: number | null;
  readonly plain: readonly (readonly number[])[];
  readonly shown: readonly Tokens[];
}

/** Why the Python at this path has no `tokenizers`; null where it has. */
export function tokenizersMissing(python: string): string | null {
  const { status, error } = spawnSync(python, ["-c", "import tokenizers"], { stdio: "ignore" });
  if (error) return `${python} is not installed`;
  return status === 0 ? null : `${python} has no tokenizers: install it by pip, or use --python PATH`;
}

/** Encodes each job's texts with the Rust library; an error where the library refuses the folder. */
export const encodeWithPython = (python: string, jobs: readonly Job[]): (Theirs | { readonly error: string })[] =>
  JSON.parse(
    execFileSync(python, [script], {
      input: JSON.stringify(jobs),
      encoding: "utf8",
      maxBuffer: 2 ** 30,
      stdio: "pipe",
    }),
  );

/** A text as control text of a template, which may contain every added token. */
export function encodeWithHone(tokenizer: Tokenizer, text: string): Mine | { readonly error: string } {
  const place = { role: null, message: null, answer: false, supervised: false, weight: 0 } as const;
  try {
    const { ids, starts, ends, text: shown } = tokenizer.encode([{ text, kind: "control", ...place }]);
    return { ids: [...ids], starts: [...starts], ends: [...ends], text: shown };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * How Hone's tokens differ; null where they are equal. Offsets are compared in the text as Hone reads it, if the library
 * gives that text the same ids: a normalizer may change it again.
 */
export function differenceOf(
  mine: ReturnType<typeof encodeWithHone>,
  plain: readonly number[],
  shown: Tokens,
): { readonly kind: "ids" | "offsets" | "refused"; readonly where: string } | null {
  if ("error" in mine) return { kind: "refused", where: mine.error };
  const at = firstDifference(mine.ids, plain);
  if (at !== -1) return { kind: "ids", where: `token ${at}: Hone ${around(mine.ids, at)}, Rust ${around(plain, at)}` };
  if (firstDifference(shown.ids, plain) !== -1) return null;
  const pairs = ({ starts, ends }: Tokens) => starts.map((start, i) => `${start}-${ends[i]}`);
  const place = firstDifference(pairs(mine), pairs(shown));
  if (place === -1) return null;
  return { kind: "offsets", where: `token ${place}: Hone ${pairs(mine)[place]}, Rust ${pairs(shown)[place]}` };
}

function firstDifference<T>(a: readonly T[], b: readonly T[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) if (a[i] !== b[i]) return i;
  return -1;
}

const around = (ids: readonly number[], at: number) => `[${ids.slice(Math.max(0, at - 1), at + 4).join(" ")}]`;

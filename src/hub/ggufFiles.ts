/** The GGUF files of a folder or repository: each model is one file, or parts named `-00001-of-0000N.gguf`. */

import { cut } from "../tensor/quote.ts";
import { ModelError } from "./error.ts";

/** A model of a listing. */
export interface GgufChoice {
  /** The first file's name, which names the choice. */
  readonly name: string;
  /** All files, in order. */
  readonly files: readonly string[];
}

const part = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i;

export const isGguf = (name: string): boolean => /\.gguf$/i.test(name);

/** Parts of one model: the largest published ones have fewer than 200. */
const mostParts = 1000;

/** The files of the model that a file belongs to. Throws `ModelError` for a number of parts that cannot be right. */
export function partsOf(name: string): readonly string[] {
  const [, stem, , count] = part.exec(name) ?? [];
  if (stem === undefined || count === undefined) return [name];
  const parts = Number(count);
  if (parts < 1 || parts > mostParts) {
    throw new ModelError(
      `${cut(name, 100)} names ${parts} parts, but a model has from 1 to ${mostParts}: check the file's name.`,
    );
  }
  const ending = name.slice(-5);
  return Array.from({ length: parts }, (_, i) => `${stem}-${String(i + 1).padStart(5, "0")}-of-${count}${ending}`);
}

/** Files beside a model: the vision part of a multimodal model, and statistics for quantising. */
const isOther = (name: string) => /^mmproj|imatrix/i.test(name);

/** Types in the order of preference: exact and small first. */
const preferred = ["Q8_0", "F16", "BF16", "Q4_0", "Q6_K", "Q5_K", "Q4_K", "F32"];

/** The models of a listing, the preferred type first; names of types are as published files have them. */
export function ggufChoices(listing: readonly string[]): readonly GgufChoice[] {
  const groups = new Map<string, GgufChoice>();
  for (const name of listing) {
    if (!isGguf(name) || isOther(name)) continue;
    const files = partsOf(name);
    const first = files[0] ?? name;
    groups.set(first, { name: first, files });
  }
  const rank = ({ name }: GgufChoice) => {
    const at = preferred.findIndex((type) =>
      new RegExp(`(?:^|[-_.])${type}(?![A-Za-z0-9])`, "i").test(name.replace(/_K_[SML]/i, "_K")),
    );
    return at < 0 ? preferred.length : at;
  };
  return [...groups.values()].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

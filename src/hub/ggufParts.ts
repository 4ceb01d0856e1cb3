/** The files of a GGUF model that is split into parts. */

import type { GgufHeader } from "../gguf/read.ts";
import type { GgufTensor } from "../gguf/types.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { cut } from "../tensor/quote.ts";
import { listSome, ModelError, tensorName } from "./error.ts";
import type { ModelFiles } from "./files.ts";
import type { GgufChoice } from "./ggufFiles.ts";
import type { OpenOptions } from "./url.ts";

/** The files of a choice, in order. Throws `ModelError` with the names of those that are missing. */
export async function openParts(
  files: ModelFiles,
  choice: GgufChoice,
  options: OpenOptions,
): Promise<readonly ByteSource[]> {
  const sources: ByteSource[] = [];
  const missing: string[] = [];
  for (const name of choice.files) {
    try {
      sources.push(await files.open(name, options));
    } catch (error) {
      if (!(error instanceof ModelError) || !error.absent || files.listing === null) throw error;
      missing.push(name);
    }
  }
  if (missing.length === 0) return sources;
  throw new ModelError(
    `${cut(files.place, 120)} lacks ${missing.length} of the ${choice.files.length} parts of ${cut(choice.name, 80)} ` +
      `(${listSome(missing)}): add them.`,
  );
}

/** Refuses one part of several under another name, and an adapter. */
export function requireSplit({ keys }: GgufHeader, { name, files }: GgufChoice): void {
  const count = keys.get("split.count");
  const parts = count && count.type !== "array" ? Number(count.value) : 1;
  if (parts > 1 && parts !== files.length) {
    throw new ModelError(
      `${cut(name, 100)} is one of ${parts} parts, but its name says ${files.length}: choose all parts under their own names, ` +
        "such as model-00001-of-00003.gguf.",
    );
  }
  const type = keys.get("general.type");
  if (type?.type === "string" && type.value === "adapter") {
    throw new ModelError(`${cut(name, 100)} is an adapter without its base model: open the base model.`);
  }
}

/** The tensors of all parts. Throws `ModelError` for one that is in two. */
export function allTensors(
  sources: readonly ByteSource[],
  headers: readonly GgufHeader[],
): ReadonlyMap<string, GgufTensor & { readonly source: ByteSource }> {
  const places = new Map<string, GgufTensor & { readonly source: ByteSource }>();
  for (const [i, source] of sources.entries()) {
    for (const [name, tensor] of headers[i]?.tensors ?? []) {
      const twin = places.get(name);
      if (twin) {
        throw new ModelError(
          `Tensor ${tensorName(name)} is both in ${cut(twin.source.name)} and in ${cut(source.name)}: take all parts from one model.`,
        );
      }
      places.set(name, { ...tensor, source });
    }
  }
  return places;
}

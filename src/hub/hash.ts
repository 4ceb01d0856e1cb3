/**
 * The hash that identifies a model in every run: SHA-256 of lines in UTF-8, joined by "\n", each the JSON of
 *
 *     ["hone-model",1]
 *     ["file",name,bytes,sha256]              config.json, tokenizer.json and, if present, tokenizer_config.json and
 *                                             chat_template.jinja. Other templates are left out: earlier versions did
 *                                             not read them, and their runs must find their model.
 *                                             A GGUF model has a line "GGUF" for each header of its files instead: a later
 *                                             version may make other texts of the same header.
 *     ["tensor",name,dtype,shape,[sha256,…]]  every tensor of the architecture once, names as in the files, sorted by
 *                                             UTF-16 code units;
 *                                             one digest per 4 MiB of its stored bytes, none for an empty tensor
 *
 * with digests in lower-case hexadecimal. Digests are per piece because crypto.subtle has no incremental digest, and per
 * tensor because a model's hash must not depend on how its tensors are split into files.
 */

import { ModelError } from "./error.ts";
import type { TensorEntry } from "./safetensors.ts";

export interface ModelHash {
  file(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /**
   * Begins a tensor, in any order of names. Add its stored bytes in pieces of `pieceBytes`; the last may be
   * shorter.
   */
  tensor(entry: TensorEntry): { add(piece: Uint8Array<ArrayBuffer>): Promise<void> };
  /** The hash, 64 hexadecimal digits. */
  finish(): Promise<string>;
}

export function createModelHash(): ModelHash {
  const fileLines: string[] = [];
  const tensors: { readonly entry: TensorEntry; readonly digests: readonly string[] }[] = [];
  return {
    async file(name, bytes) {
      fileLines.push(JSON.stringify(["file", name, bytes.length, await sha256(bytes)]));
    },
    tensor(entry) {
      const digests: string[] = [];
      tensors.push({ entry, digests });
      return {
        async add(piece) {
          digests.push(await sha256(piece));
        },
      };
    },
    finish() {
      tensors.sort((a, b) => (a.entry.name < b.entry.name ? -1 : 1));
      const lines = [
        JSON.stringify(["hone-model", 1]),
        ...fileLines,
        ...tensors.map(({ entry: { name, dtype, shape }, digests }) =>
          JSON.stringify(["tensor", name, dtype, shape, digests]),
        ),
      ];
      return sha256(new TextEncoder().encode(lines.join("\n")));
    },
  };
}

/** SHA-256 in lower-case hexadecimal. Throws `ModelError` where the browser has no crypto.subtle. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  // TypeScript says that it always exists, but browsers omit it on addresses that are not secure.
  const subtle: SubtleCrypto | undefined = globalThis.crypto.subtle;
  if (subtle === undefined) {
    throw new ModelError(
      "The browser computes no SHA-256 on this address because it is not secure: open Hone through https:// or localhost.",
    );
  }
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

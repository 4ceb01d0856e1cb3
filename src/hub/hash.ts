/**
 * The hash that names a model in every run: SHA-256 of a list of lines in UTF-8, joined by "\n", each the JSON of
 *
 *     ["hone-model",1]
 *     ["file",name,bytes,sha256]              config.json, tokenizer.json and, where they are, tokenizer_config.json and
 *                                             chat_template.jinja
 *     ["tensor",name,dtype,shape,[sha256,…]]  every tensor of the architecture, names sorted by UTF-16 code units;
 *                                             one digest per 4 MiB of its stored bytes, none for an empty tensor
 *
 * with digests in lower-case hexadecimal. Pieces, because crypto.subtle digests only what it is given at once; within
 * a tensor, because the same model must keep its hash however it is split into files and wherever it is read from.
 */

import { ModelError } from "./error.ts";
import type { TensorEntry } from "./safetensors.ts";

export const hashPieceBytes = 4 * 2 ** 20;

export interface ModelHash {
  file(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Begins a tensor, in any order of names; add its stored bytes in pieces of `hashPieceBytes`, the last one shorter. */
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

/** SHA-256 in lower-case hexadecimal. Throws `ModelError` where the browser withholds hashing. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  // Typed as always there, but left out by browsers on addresses that are not secure.
  const subtle: SubtleCrypto | undefined = globalThis.crypto.subtle;
  if (subtle === undefined) {
    throw new ModelError(
      "The browser computes no SHA-256 on this address, because it is not secure: open Hone through https:// or localhost.",
    );
  }
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

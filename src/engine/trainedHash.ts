/**
 * The hash that identifies trained weights: SHA-256 of lines in UTF-8, joined by "\n", each the JSON of
 *
 *     ["hone-trained",1]
 *     ["tensor",name,shape,[sha256,…]]   every trained tensor by Hone's name, sorted by UTF-16 code units; one digest per 4 MiB
 *                                        of its float32 numbers, little-endian and row-major
 */

import { sha256 } from "../hub/hash.ts";
import { pieceBytes } from "../hub/pieces.ts";
import type { TrainedTensor } from "./trained.ts";

export interface TrainedHash {
  /** Adds a tensor, in any order. */
  add(tensor: TrainedTensor): Promise<void>;
  /** 64 hexadecimal digits. */
  finish(): Promise<string>;
}

export function createTrainedHash(): TrainedHash {
  const lines = new Map<string, string>();
  return {
    async add({ name, shape, data }) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const digests: string[] = [];
      for (let at = 0; at < bytes.length; at += pieceBytes)
        digests.push(await sha256(bytes.slice(at, at + pieceBytes)));
      lines.set(name, JSON.stringify(["tensor", name, shape, digests]));
    },
    finish() {
      const sorted = [...lines].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
      return sha256(new TextEncoder().encode([JSON.stringify(["hone-trained", 1]), ...sorted].join("\n")));
    },
  };
}

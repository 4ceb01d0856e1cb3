/** Tensors in pieces, so that reading, hashing and writing them takes little memory. */

import type { ByteSource } from "../tensor/bytes.ts";
import type { TensorEntry } from "./safetensors.ts";

/** Bytes of every piece but the last. The model's hash depends on it. */
export const pieceBytes = 4 * 2 ** 20;

export interface Piece {
  /** Offset within the tensor, in bytes. */
  readonly at: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The stored bytes of a tensor, a few megabytes at a time. */
export async function* piecesOf(
  { start, end }: TensorEntry,
  source: ByteSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<Piece> {
  for (let from = start; from < end; from += pieceBytes) {
    signal?.throwIfAborted();
    yield { at: from - start, bytes: await source.slice(from, Math.min(from + pieceBytes, end), signal) };
  }
}

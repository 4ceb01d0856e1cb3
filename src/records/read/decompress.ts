/** Decompressors for Parquet pages; each writes at most the length in the page's header. */

import type { Compressors } from "hyparquet";
import { compressors, decompressLz4, decompressLz4Raw, decompressZstd } from "hyparquet-compressors";

/**
 * Snappy comes from hyparquet, without WebAssembly. Zstandard gets an output of fixed size, because its header may claim
 * 2 GiB. Hadoop's LZ4 frames are checked first, because a negative length in them would cause an endless loop.
 */
export const decompressors: Compressors = {
  ...(compressors.GZIP && { GZIP: compressors.GZIP }),
  ...(compressors.BROTLI && { BROTLI: compressors.BROTLI }),
  ZSTD: (input, length) => decompressZstd(input, new Uint8Array(length)),
  LZ4: (input, length) => (isHadoopLz4(input) ? decompressLz4(input, length) : decompressLz4Raw(input, length)),
  LZ4_RAW: decompressLz4Raw,
};

/** Whether the bytes are Hadoop's blocks: unpacked length, packed length (32 bits, big-endian), data. */
function isHadoopLz4(input: Uint8Array): boolean {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let at = 0;
  while (at + 8 <= input.length) at += 8 + view.getUint32(at + 4);
  return at === input.length;
}

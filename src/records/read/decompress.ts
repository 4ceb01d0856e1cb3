/** Decompressors for the pages of Parquet tables, each bounded by the length that the page's header tells. */

import type { Compressors } from "hyparquet";
import { compressors, decompressLz4, decompressLz4Raw, decompressZstd } from "hyparquet-compressors";

/**
 * Snappy is hyparquet's own, which is not WebAssembly. Zstandard is given its output, or a header could claim 2 GiB.
 * Hadoop's framing of LZ4 is checked first: a negative length in it would be read for ever.
 */
export const decompressors: Compressors = {
  ...(compressors.GZIP && { GZIP: compressors.GZIP }),
  ...(compressors.BROTLI && { BROTLI: compressors.BROTLI }),
  ZSTD: (input, length) => decompressZstd(input, new Uint8Array(length)),
  LZ4: (input, length) => (isHadoopLz4(input) ? decompressLz4(input, length) : decompressLz4Raw(input, length)),
  LZ4_RAW: decompressLz4Raw,
};

/** Whether the bytes are blocks, each after its length unpacked and packed, as big-endian 32-bit numbers. */
function isHadoopLz4(input: Uint8Array): boolean {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let at = 0;
  while (at + 8 <= input.length) at += 8 + view.getUint32(at + 4);
  return at === input.length;
}

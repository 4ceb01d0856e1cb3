/** CRC-32 as zip and gzip have it (RFC 1952, section 8). */

/** CRC-32 of a byte followed by 0, 1, 2 and 3 zero bytes: four bytes per step take half the time. */
const crcTables = [new Int32Array(256), new Int32Array(256), new Int32Array(256), new Int32Array(256)] as const;
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (const table of crcTables) {
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    table[byte] = crc;
  }
}

/** Continues an inverted CRC-32, which starts as −1. */
export function updateCrc(before: number, bytes: Uint8Array): number {
  const [one, two, three, four] = crcTables;
  const of = (table: Int32Array, index: number) => table[index & 0xff] as number;
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let crc = before;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    crc ^= words.getInt32(at, true);
    crc = of(four, crc) ^ of(three, crc >>> 8) ^ of(two, crc >>> 16) ^ of(one, crc >>> 24);
  }
  for (; at < bytes.length; at++) crc = of(one, crc ^ words.getUint8(at)) ^ (crc >>> 8);
  return crc;
}

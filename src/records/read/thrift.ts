/** Thrift's compact protocol, checked before it is read: the lengths in it are what its readers allocate. */

/** Levels of structs and lists within each other. */
const maxDepth = 32;

/** What does not fit the protocol, in words of ours. */
export class BrokenThrift extends Error {}

/** Place after the struct that begins at `start`. Throws where a length or a number goes beyond the bytes. */
export function thriftEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  const need = (count: number) => {
    if (count > bytes.length - at)
      throw new BrokenThrift(`a length of ${count} where ${bytes.length - at} bytes are left`);
  };
  const byte = () => {
    need(1);
    return bytes[at++] ?? 0;
  };
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const next = byte();
      value += (next & 0x7f) * 2 ** shift;
      if (next < 0x80) return value;
    }
    throw new BrokenThrift("a number of more than 64 bits");
  };
  const element = (type: number, depth: number): void => {
    if (type === 1 || type === 2) return;
    if (type === 3) byte();
    else if (type >= 4 && type <= 6) varint();
    else if (type === 7) skip(8);
    else if (type === 8) skip(varint());
    else if (type === 9) list(depth);
    else if (type === 12) struct(depth);
    else throw new BrokenThrift(`an element of the unknown type ${type}`);
  };
  const skip = (count: number) => {
    need(count);
    at += count;
  };
  const list = (depth: number) => {
    if (depth > maxDepth) throw new BrokenThrift(`lists more than ${maxDepth} deep in each other`);
    const head = byte();
    const size = head >> 4 === 15 ? varint() : head >> 4;
    need(size);
    const type = head & 15;
    // In a list, unlike in a struct, a boolean takes a byte.
    for (let i = 0; i < size; i++) element(type <= 2 ? 3 : type, depth + 1);
  };
  const struct = (depth: number) => {
    if (depth > maxDepth) throw new BrokenThrift(`structs more than ${maxDepth} deep in each other`);
    for (;;) {
      const head = byte();
      if ((head & 15) === 0) return;
      if (head >> 4 === 0) varint();
      element(head & 15, depth + 1);
    }
  };
  struct(0);
  return at;
}

/** Checks bytes of Thrift's compact protocol before hyparquet reads them, because it allocates by their lengths. */

/** Most levels of nested structs and lists. */
const maxDepth = 32;

/** Bytes that do not fit the protocol, with a message for the user. */
export class BrokenThrift extends Error {}

/** Index after the struct that begins at `start`. Throws when a length or a number exceeds the bytes. */
export function thriftEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  const need = (count: number) => {
    if (count > bytes.length - at)
      throw new BrokenThrift(`a length is ${count}, but only ${bytes.length - at} bytes are left`);
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
    throw new BrokenThrift("a number has more than 64 bits");
  };
  const element = (type: number, depth: number): void => {
    if (type === 1 || type === 2) return;
    if (type === 3) byte();
    else if (type >= 4 && type <= 6) varint();
    else if (type === 7) skip(8);
    else if (type === 8) skip(varint());
    else if (type === 9) list(depth);
    else if (type === 12) struct(depth);
    else throw new BrokenThrift(`an element has the unknown type ${type}`);
  };
  const skip = (count: number) => {
    need(count);
    at += count;
  };
  const list = (depth: number) => {
    if (depth > maxDepth) throw new BrokenThrift(`lists are nested more than ${maxDepth} levels deep`);
    const head = byte();
    const size = head >> 4 === 15 ? varint() : head >> 4;
    need(size);
    const type = head & 15;
    // A boolean is a byte in a list, but part of the field's header in a struct.
    for (let i = 0; i < size; i++) element(type <= 2 ? 3 : type, depth + 1);
  };
  const struct = (depth: number) => {
    if (depth > maxDepth) throw new BrokenThrift(`structs are nested more than ${maxDepth} levels deep`);
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

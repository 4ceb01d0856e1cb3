/** Random access to bytes: files, memory, stored copies and URLs share this interface (hyparquet's AsyncBuffer with a name). */

export interface ByteSource {
  /** The file's name without folders, for messages and storage. */
  readonly name: string;
  readonly byteLength: number;
  /**
   * Bytes from `start` up to `end` (exclusive), never fewer; the caller must not write to them.
   * Throws a RangeError outside the file, an error with the file's name when the read fails, and the signal's reason
   * after an abort.
   */
  slice(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
}

/** Throws RangeError unless 0 ≤ start ≤ end ≤ byteLength. */
export function requireRange(source: Pick<ByteSource, "name" | "byteLength">, start: number, end: number): void {
  if (
    Number.isSafeInteger(start) &&
    Number.isSafeInteger(end) &&
    0 <= start &&
    start <= end &&
    end <= source.byteLength
  )
    return;
  throw new RangeError(`Bytes ${start} to ${end} of ${source.name} are outside its ${source.byteLength} bytes.`);
}

export function bytesFromMemory(name: string, bytes: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    name,
    byteLength: bytes.byteLength,
    async slice(start, end, signal) {
      signal?.throwIfAborted();
      requireRange(this, start, end);
      return bytes.subarray(start, end);
    },
  };
}

/** Random access to bytes, so that a file, memory, a kept copy and an address are read alike (hyparquet's AsyncBuffer, named). */

export interface ByteSource {
  /** The file's name without folders, for messages and storage. */
  readonly name: string;
  readonly byteLength: number;
  /**
   * Bytes `start` to `end` (exclusive), exactly that many; not to be written to.
   * Throws RangeError outside of the file, an error that names the file when they cannot be had, the signal's reason
   * when cancelled.
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
  throw new RangeError(`Bytes ${start} to ${end} of ${source.name} are outside of its ${source.byteLength} bytes.`);
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

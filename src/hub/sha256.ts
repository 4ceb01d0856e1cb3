/** SHA-256 of a stream (FIPS 180-4): crypto.subtle takes only whole messages, and a model's file can be larger than memory. */

const blockBytes = 64;

/** The first 32 bits of the fractional part of `root(prime)` for the first `count` primes. */
function constants(count: number, root: (prime: number) => number): Uint32Array {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return Uint32Array.from(primes, (prime) => Math.floor((root(prime) % 1) * 2 ** 32));
}

const roundConstants = constants(64, Math.cbrt);
const start = constants(8, Math.sqrt);

export interface Sha256 {
  /** Adds bytes of any length. */
  add(bytes: Uint8Array): void;
  /** The digest in lower-case hexadecimal. Nothing can be added afterwards. */
  finish(): string;
}

export function createSha256(): Sha256 {
  const state = Uint32Array.from(start);
  const words = new Uint32Array(64);
  const rest = new Uint8Array(blockBytes);
  let filled = 0;
  let length = 0;

  const addWhole = (bytes: Uint8Array, from: number, to: number) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = from; at + blockBytes <= to; at += blockBytes) {
      for (let i = 0; i < 16; i++) words[i] = view.getUint32(at + 4 * i);
      compress(state, words);
    }
  };
  const add = (bytes: Uint8Array) => {
    length += bytes.length;
    let at = 0;
    if (filled > 0) {
      at = Math.min(blockBytes - filled, bytes.length);
      rest.set(bytes.subarray(0, at), filled);
      filled += at;
      if (filled < blockBytes) return;
      addWhole(rest, 0, blockBytes);
    }
    const end = bytes.length - ((bytes.length - at) % blockBytes);
    addWhole(bytes, at, end);
    rest.set(bytes.subarray(end));
    filled = bytes.length - end;
  };
  return {
    add,
    finish() {
      const bits = length * 8;
      // One bit, zeros to 8 bytes before the end of a block, and the length in bits.
      const padding = new Uint8Array(blockBytes - ((length + 8) % blockBytes) + 8);
      padding[0] = 0x80;
      const view = new DataView(padding.buffer);
      view.setUint32(padding.length - 8, Math.floor(bits / 2 ** 32));
      view.setUint32(padding.length - 4, bits >>> 0);
      add(padding);
      return Array.from(state, (word) => word.toString(16).padStart(8, "0")).join("");
    },
  };
}

/** One block: its 16 words become 64, then 64 rounds change the state (FIPS 180-4, 6.2.2). */
function compress(state: Uint32Array, w: Uint32Array): void {
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15] as number;
    const y = w[i - 2] as number;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = ((w[i - 16] as number) + s0 + (w[i - 7] as number) + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (roundConstants[i] as number) + (w[i] as number)) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  const next = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < 8; i++) state[i] = (state[i] as number) + (next[i] as number);
}

const pieceBytes = 4 * 2 ** 20;

/** SHA-256 of a blob, a few megabytes at a time. Throws the signal's reason. */
export async function sha256OfBlob(
  blob: Blob,
  { signal, onBytes }: { readonly signal?: AbortSignal | undefined; onBytes?(bytes: number): void } = {},
): Promise<string> {
  const hash = createSha256();
  for (let from = 0; from < blob.size; from += pieceBytes) {
    signal?.throwIfAborted();
    const piece = new Uint8Array(await blob.slice(from, from + pieceBytes).arrayBuffer());
    hash.add(piece);
    onBytes?.(piece.length);
  }
  signal?.throwIfAborted();
  return hash.finish();
}

/** The streamed SHA-256. Oracle: node:crypto. Lengths around each border of a block, and random cuts (fast-check). */

import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createSha256, sha256OfBlob } from "../../../src/hub/sha256.ts";
import { createRandom } from "../../../src/tensor/random.ts";

const expected = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("every length up to three blocks", () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255);
    const hash = createSha256();
    hash.add(bytes);
    expect(hash.finish(), `${length} bytes`).toBe(expected(bytes));
  }
});

test("any cuts give the hash of the whole", () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 20 });
  fc.assert(
    fc.property(pieces, (all) => {
      const hash = createSha256();
      // Parts of a longer buffer have an offset.
      for (const piece of all) hash.add(new Uint8Array([9, ...piece]).subarray(1));
      expect(hash.finish()).toBe(expected(Buffer.concat(all)));
    }),
    { numRuns: 500, seed: 18 },
  );
});

test("a blob larger than a piece, its bytes counted, and cancelled", async () => {
  const bytes = new Uint8Array(9 * 2 ** 20 + 5);
  const random = createRandom(18);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.below(256);
  let counted = 0;
  const found = await sha256OfBlob(new Blob([bytes]), { onBytes: (count) => (counted += count) });
  expect(found).toBe(expected(bytes));
  expect(counted).toBe(bytes.length);
  const signal = AbortSignal.abort(new DOMException("stop", "AbortError"));
  await expect(sha256OfBlob(new Blob([bytes]), { signal })).rejects.toThrow("stop");
});

test("a message of more than 2^32 bits has its length in two words", { timeout: 120_000 }, () => {
  const piece = new Uint8Array(2 ** 24).fill(7);
  const hash = createSha256();
  const whole = createHash("sha256");
  for (let i = 0; i < 33; i++) {
    hash.add(piece);
    whole.update(piece);
  }
  expect(hash.finish()).toBe(whole.digest("hex"));
});

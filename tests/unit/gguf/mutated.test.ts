/**
 * Mutated headers: each gives a message or a result, reads no byte outside the file, and little more than the file once. The
 * long form has 100,000 (seed 18). Oracle: the limits of issue 18, "a message or a result, no hang, no memory above twice the
 * file".
 */

import { expect, it } from "vitest";
import { readHeader, readNumbers, readTexts } from "../../../src/gguf/read.ts";
import { type GgufData, GgufError, type TensorHead } from "../../../src/gguf/types.ts";
import { layoutGguf } from "../../../src/gguf/write.ts";
import { type ByteSource, bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { createRandom, type Random } from "../../../src/tensor/random.ts";
import { isLong } from "../../support/long.ts";

/** The keys and tensors of a small Llama. */
function smallFile(): Uint8Array<ArrayBuffer> {
  const texts = Array.from({ length: 60 }, (_, i) => (i % 7 === 0 ? "" : `token ${i}`));
  const keys = new Map<string, GgufData>([
    ["general.architecture", { type: "string", value: "llama" }],
    ["general.alignment.not", { type: "uint32", value: 32 }],
    ["llama.block_count", { type: "uint32", value: 2 }],
    ["llama.context_length", { type: "uint64", value: 128 }],
    ["llama.attention.layer_norm_rms_epsilon", { type: "float32", value: 1e-5 }],
    ["tokenizer.ggml.add_bos_token", { type: "bool", value: true }],
    ["tokenizer.ggml.tokens", { type: "array", items: "string", values: texts }],
    ["tokenizer.ggml.scores", { type: "array", items: "float32", values: Float32Array.from(texts, (_, i) => -i) }],
    ["tokenizer.ggml.token_type", { type: "array", items: "int32", values: texts.map(() => 1) }],
    ["tokenizer.chat_template", { type: "string", value: "{{ messages }}".repeat(20) }],
  ]);
  const tensors = ["token_embd", "blk.0.attn_q", "blk.0.attn_k", "blk.1.ffn_up", "output"].map(
    (name, i): TensorHead => ({ name: `${name}.weight`, type: i % 2 === 0 ? "Q8_0" : "F32", shape: [2, 32] }),
  );
  const { head, byteLength } = layoutGguf(keys, tensors);
  const file = new Uint8Array(byteLength);
  file.set(head);
  return file;
}

const extremes = [0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];

/** One to four changes: bits, bytes, numbers at the limits of their types, pieces that are cut, repeated or moved. */
function mutate(file: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const below = (limit: number) => Math.floor(limit * random.next());
  let bytes = file.slice();
  for (let change = below(4); change >= 0; change--) {
    const at = below(bytes.length);
    const view = new DataView(bytes.buffer);
    const kind = below(8);
    if (kind === 0) bytes[at] = (bytes[at] as number) ^ (1 << below(8));
    else if (kind === 1) bytes[at] = below(256);
    else if (kind === 2 && at + 8 <= bytes.length) view.setBigUint64(at, extremes[below(8)] as bigint, true);
    else if (kind === 3 && at + 4 <= bytes.length) view.setUint32(at, below(64), true);
    else if (kind === 4) bytes = bytes.slice(0, at);
    else if (kind === 5) bytes = joined(bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + below(40))));
    else if (kind === 6) bytes = joined(bytes.subarray(0, at), bytes.subarray(Math.max(0, at - below(80))));
    // The first bytes have the counts, the most likely place of harm.
    else if (bytes.length >= 24) view.setBigUint64(8 * (1 + below(2)), extremes[below(8)] as bigint, true);
    if (bytes.length === 0) return bytes;
  }
  return bytes;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A source that copies, as a file does, and counts the copied bytes. */
function counted(bytes: Uint8Array<ArrayBuffer>): ByteSource & { readonly copied: () => number } {
  const inner = bytesFromMemory("mutated.gguf", bytes);
  let copied = 0;
  return {
    ...inner,
    copied: () => copied,
    async slice(start, end, signal) {
      copied += end - start;
      return (await inner.slice(start, end, signal)).slice();
    },
  };
}

it("gives a message or a result for each mutated header", async () => {
  const random = createRandom(18);
  const file = smallFile();
  const outcomes = { read: 0, refused: 0 };
  for (let i = 0; i < (isLong ? 100_000 : 6_000); i++) {
    const source = counted(mutate(file, random));
    try {
      const { keys, tensors } = await readHeader(source);
      // The window once, and the first four bytes.
      expect(source.copied()).toBeLessThanOrEqual(source.byteLength + 4);
      for (const { start, end } of tensors.values()) expect(end <= source.byteLength && start <= end).toBe(true);
      for (const [key, value] of keys) {
        if (value.type !== "array" || value.items === "bool") continue;
        const values = await (value.items === "string"
          ? readTexts(source, key, value)
          : readNumbers(source, key, value));
        expect(values.length).toBe(value.count);
      }
      outcomes.read += 1;
    } catch (error) {
      if (!(error instanceof GgufError)) throw error;
      expect(error.message.length).toBeLessThan(320);
      expect(source.copied()).toBeLessThanOrEqual(2 * source.byteLength + 4);
      outcomes.refused += 1;
    }
  }
  // Both ends are reached often: bytes of texts may change without harm.
  expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(600);
}, 600_000);

it("needs less memory than twice the file for a header of many short texts", async () => {
  const count = 1_000_000;
  const texts = Array.from({ length: count }, (_, i) => String.fromCharCode(97 + (i % 26), 97 + ((i >> 5) % 26)));
  const { head } = layoutGguf(new Map([["t", { type: "array", items: "string", values: texts }]]), []);
  const source = counted(head);
  const before = process.memoryUsage();
  const { keys } = await readHeader(source);
  const after = process.memoryUsage();
  expect(keys.get("t")).toMatchObject({ count });
  // Without a collection in between, this also counts what was free again.
  expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(2 * head.length);
  expect(source.copied()).toBeLessThan(1.01 * head.length);
});

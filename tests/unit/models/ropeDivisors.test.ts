/**
 * Divisors of rotation frequencies in GGUF. Oracle: the frequencies of the config (nn/rope.ts, compared with transformers in
 * tests/unit/models): any scaling is written as divisors and read back as the same frequencies, within 1e-5. Seed 18.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { checkpointTensors } from "../../../src/artifacts/method.ts";
import type { GgufValue } from "../../../src/gguf/types.ts";
import { defineModel } from "../../../src/models/define.ts";
import { configFromGguf } from "../../../src/models/fromGguf.ts";
import { toGguf } from "../../../src/models/toGguf.ts";
import { ropeFrequencies } from "../../../src/nn/rope.ts";
import { familyConfig } from "../../support/families.ts";

type Json = Readonly<Record<string, unknown>>;

const base = { ...familyConfig("Llama"), head_dim: 64, max_position_embeddings: 4096 } as Json;

/** Keys and small tensors of a written model. */
async function written(config: Json) {
  const model = defineModel(config);
  const { architecture, keys, extra } = await toGguf(model, checkpointTensors(model));
  const all = new Map<string, GgufValue>([["general.architecture", { type: "string", value: architecture }]]);
  for (const [name, value] of Object.entries(keys)) all.set(`${architecture}.${name}`, value as GgufValue);
  return { keys: all, extra: new Map(extra.map(({ name, values }) => [name, values])), vocabulary: model.vocabulary };
}

/** The config of a file with these divisors. */
async function read({ keys, extra, vocabulary }: Awaited<ReturnType<typeof written>>) {
  const shapes = new Map<string, readonly number[]>([
    ["token_embd.weight", [vocabulary, 1]],
    ...Array.from(extra, ([name, { length }]) => [name, [length]] as const),
  ]);
  const { config } = await configFromGguf(keys, {
    shape: (name) => shapes.get(name) ?? null,
    values: async (name) => extra.get(name) ?? new Float32Array(),
  });
  return config;
}

/** Frequencies of a config as transformers has them. */
function frequencies({ rope_scaling: scaling, rope_theta: theta }: Json): number[] {
  const own = scaling as Json | undefined;
  if (own?.rope_type === "longrope") {
    expect([own.long_factor, own.attention_factor]).toEqual([own.short_factor, 1]);
    return ropeFrequencies(64, Number(theta), { type: "divided", divisors: own.short_factor as number[] });
  }
  if (own?.rope_type !== "llama3") throw new Error(`not expected: ${JSON.stringify(own)}`);
  return ropeFrequencies(64, Number(theta), { ...own, type: "llama3" } as never);
}

function requireClose(found: readonly number[], wanted: readonly number[]) {
  expect(found).toHaveLength(wanted.length);
  wanted.forEach((frequency, i) => {
    expect(Math.abs((found[i] ?? Number.NaN) / frequency - 1)).toBeLessThan(1e-5);
  });
}

const llama3 = (factor: number, low: number, high: number, original: number) => ({
  ...{ rope_type: "llama3", factor, low_freq_factor: low, high_freq_factor: high },
  original_max_position_embeddings: original,
});

test("any scaling of Llama 3's kind is written and read back", async () => {
  const numbers = fc.record({
    theta: fc.constantFrom(10_000, 500_000, 1_000_000),
    factor: fc.double({ min: 1, max: 64, noNaN: true }),
    low: fc.double({ min: 0.01, max: 8, noNaN: true }),
    width: fc.double({ min: 0.01, max: 8, noNaN: true }),
    original: fc.constantFrom(64, 2048, 4096, 8192, 32_768),
  });
  await fc.assert(
    fc.asyncProperty(numbers, async ({ theta, factor, low, width, original }) => {
      const config = { ...base, rope_theta: theta, rope_scaling: llama3(factor, low, low + width, original) };
      const file = await written(config);
      const found = await read(file);
      requireClose(frequencies(found), frequencies(config));
      // What was read is a model that is written the same.
      const again = await written({ ...base, ...found });
      const [one, other] = [file, again].map(({ extra }) => [...(extra.get("rope_freqs.weight") ?? [])]);
      requireClose(other ?? [], one ?? []);
    }),
    { numRuns: 60, seed: 18 },
  );
}, 60_000);

test("the published scalings keep Llama 3's own numbers", async () => {
  for (const factor of [2, 8, 32]) {
    const rope_scaling = llama3(factor, 1, 4, 8192);
    const found = await read(await written({ ...base, rope_theta: 500_000, rope_scaling }));
    expect(found.rope_scaling).toEqual(rope_scaling);
  }
});

test("divisors of each pair are written and read back, bit for bit", async () => {
  const divisors = fc.array(fc.float({ min: Math.fround(0.01), max: 1000, noNaN: true }), {
    minLength: 32,
    maxLength: 32,
  });
  await fc.assert(
    fc.asyncProperty(divisors, async (list) => {
      const scaling = { rope_type: "longrope", short_factor: list, long_factor: list, attention_factor: 1 };
      const config = { ...base, rope_scaling: { ...scaling, original_max_position_embeddings: 4096 } };
      const file = await written(config);
      expect([...(file.extra.get("rope_freqs.weight") ?? [])]).toEqual(list);
      const found = (await read(file)).rope_scaling as Json;
      expect((found.short_factor as number[]).map(Math.fround)).toEqual(list);
    }),
    { numRuns: 40, seed: 18 },
  );
}, 60_000);

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e6])(
  "the divisor %d is refused by the tensor's name",
  async (wrong) => {
    const file = await written({ ...base, rope_scaling: llama3(8, 2, 4, 4096) });
    const values = file.extra.get("rope_freqs.weight");
    values?.set([wrong], 3);
    await expect(read(file)).rejects.toThrow(
      `The tensor rope_freqs.weight has the divisor ${wrong} at place 3, and a frequency's divisor is above 0 and below 1000000`,
    );
  },
);

test("a scaled rotation with other cosines is refused by its field", async () => {
  const list = Array.from({ length: 32 }, (_, i) => 1 + i);
  const scaling = { rope_type: "longrope", short_factor: list, long_factor: list, attention_factor: 1.5 };
  const rope_scaling = { ...scaling, original_max_position_embeddings: 4096 };
  await expect(written({ ...base, rope_scaling })).rejects.toThrow(/rope\.scaling\.attn_factor/);
});

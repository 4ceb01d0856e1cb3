/** Numbers of weights and of JSON. Oracles: the values that were written; Python's json module for its own numbers. */

import { describe, expect, it, test } from "vitest";
import { findNotFinite, positionOf } from "../../../src/hub/finite.ts";
import { parseJson, writePythonJson } from "../../../src/hub/json.ts";
import { float32ToBfloat16, float32ToFloat16 } from "../../../src/tensor/convert.ts";
import { configs, openFolder, tensorsFor } from "./folder.ts";
import { refusal } from "./tiny.ts";

const parse = (text: string) => parseJson("a.json", new TextEncoder().encode(text));

describe("JSON as Python reads it", () => {
  it.each<[string, unknown]>([
    ["[NaN, Infinity, -Infinity, 1e999]", [Number.NaN, Infinity, -Infinity, Infinity]],
    ['{"a": NaN, "NaN": "NaN", "b": "-Infinity, NaN"}', { a: Number.NaN, NaN: "NaN", b: "-Infinity, NaN" }],
    ['["NaN", "NaNN", NaN]', ["NaN", "NaNN", Number.NaN]],
    ['["\\"NaN\\\\", NaN, "\\u004eaN"]', ['"NaN\\', Number.NaN, "NaN"]],
    ['{"a": 1, "a": {"b": 2}, "a": 3}', { a: 3 }],
    ["\uFEFF[1]", [1]],
    ["[NaN]\n", [Number.NaN]],
  ])("%s", (text, value) => expect(parse(text)).toEqual(value));

  it.each([
    ["[nan]", "is not valid JSON"],
    ["[+Infinity]", "is not valid JSON"],
    ["[NaN", "is not valid JSON"],
    ["[Infinityy]", "is not valid JSON"],
    ['["a" /* b */]', "has a comment in line 1, which JSON does not allow: remove it."],
    ['{\n"a": 1, // why\n"b": 2}', "has a comment in line 2"],
    ['{\n"a": "// no",\n# yes\n"b": 2}', "has a comment in line 3"],
    ['{"a": "/* no */", }', "is not valid JSON"],
  ])("%s is refused", (text, message) => expect(() => parse(text)).toThrow(message));

  it("takes linear time on texts without an end", () => {
    const started = performance.now();
    expect(() => parse(`[${'"\\"'.repeat(3e5)}`)).toThrow("is not valid JSON");
    expect(() => parse(`[NaN${'\\"'.repeat(3e5)}`)).toThrow("is not valid JSON");
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it("writes what it reads", () => {
    const value = { a: Number.NaN, b: [Infinity, -Infinity, "NaN", 1], c: { Infinity: "Infinity" } };
    expect(writePythonJson(value)).toContain('"a": NaN');
    expect(parse(writePythonJson(value))).toEqual(value);
    expect(writePythonJson({ a: 1 })).toBe(JSON.stringify({ a: 1 }, null, 2));
  });

  test("a folder with such numbers opens", async () => {
    const config = `{"initializer_range": NaN, "attention_dropout": -Infinity, ${JSON.stringify(configs.llama).slice(1)}`;
    const opened = await openFolder({
      config: {},
      tensors: tensorsFor(configs.llama),
      files: { "config.json": config, "tokenizer_config.json": '{"model_max_length": Infinity, "eos_token": "</s>"}' },
    });
    expect(opened.config.initializer_range).toBeNaN();
    expect(opened.tokenizerConfig).toEqual({ model_max_length: Infinity, eos_token: "</s>" });
  });
});

describe("weights that are not finite", () => {
  const values = new Float32Array(4099).map((_, i) => (i % 2 ? -1 : 1) * 1.5 ** ((i % 40) - 20));
  const encoders = {
    F32: (from: Float32Array<ArrayBuffer>) => from.slice(),
    F16: float32ToFloat16,
    BF16: float32ToBfloat16,
    F64: (from: Float32Array<ArrayBuffer>) => new Float64Array(from),
  };
  const bytesOf = ({ buffer }: { readonly buffer: ArrayBuffer }) => new Uint8Array(buffer);
  const types = Object.keys(encoders) as (keyof typeof encoders)[];

  it.each(types)("%s: every place and sign is found, and no finite number", (dtype) => {
    const encode = encoders[dtype] as (from: Float32Array<ArrayBuffer>) => Uint16Array<ArrayBuffer>;
    for (const length of [1, 2, 3, 4098, 4099]) {
      const finite = values.slice(0, length);
      expect(findNotFinite(dtype, bytesOf(encode(finite)))).toBeNull();
      for (const index of [0, 1, length >> 1, length - 2, length - 1]) {
        if (index < 0 || index >= length) continue;
        for (const value of [Number.NaN, Infinity, -Infinity]) {
          const bad = finite.slice();
          bad[index] = value;
          expect(findNotFinite(dtype, bytesOf(encode(bad)))).toEqual({ index, value });
        }
      }
    }
  });

  it.each<[keyof typeof encoders, number]>([
    ["F32", 0x7f7fffff],
    ["BF16", 0x7f7f],
    ["F16", 0x7bff],
  ])("%s: the greatest numbers of both signs are finite, and every pattern above is not", (dtype, greatest) => {
    const wide = dtype === "F32";
    const words = (...bits: number[]) => bytesOf(wide ? Uint32Array.from(bits) : Uint16Array.from(bits));
    const sign = wide ? 0x80000000 : 0x8000;
    expect(findNotFinite(dtype, words(greatest, sign + greatest, 0, sign, 1, sign + 1))).toBeNull();
    for (const bits of [greatest + 1, greatest + 2, sign + greatest + 1, sign - 1, 2 * sign - 1]) {
      expect(findNotFinite(dtype, words(0, bits))?.index).toBe(1);
      expect(findNotFinite(dtype, words(bits, greatest))?.index).toBe(0);
    }
  });

  it("F64 above float32's range is named", () => {
    expect(findNotFinite("F64", bytesOf(Float64Array.of(1, 3.4e38, -3.5e38)))).toEqual({ index: 2, value: -3.5e38 });
  });

  it("unaligned bytes", () => {
    const bytes = new Uint8Array(1 + 8);
    bytes.set(bytesOf(Float32Array.of(1, Number.NaN)), 1);
    expect(findNotFinite("F32", bytes.subarray(1))?.index).toBe(1);
  });

  it.each([
    [0, [2, 3], "[0, 0]"],
    [5, [2, 3], "[1, 2]"],
    [23, [2, 3, 4], "[1, 2, 3]"],
    [7, [9], "[7]"],
  ] as const)("element %i of %j is at %s", (index, shape, place) => expect(positionOf(index, shape)).toBe(place));

  test.each(types)("a folder in %s is refused with tensor, place and value", async (dtype) => {
    const config = { ...configs.llama, vocab_size: 300_000 };
    const name = "model.embed_tokens.weight";
    const all = tensorsFor(config, false, dtype);
    const at = 290_000 * 16 + 5;
    const tensors = all.map((tensor) => {
      if (tensor.name !== name) return tensor;
      const numbers = new Float32Array(300_000 * 16);
      numbers[at] = -Infinity;
      return { ...tensor, data: encoders[dtype](numbers) };
    });
    const model = await openFolder({ config, tensors });
    const message = await refusal(model.readAll());
    expect(message).toBe(
      `model.safetensors: tensor "${name}" has -Infinity at [290000, 5], so every answer would be wrong: ` +
        "download the file again, or choose another checkpoint of the model.",
    );
  });

  test("weights of zeros are not refused", async () => {
    const tensors = tensorsFor(configs.llama).map((one) => ({ ...one, data: new Uint8Array(one.data.byteLength) }));
    await expect((await openFolder({ config: configs.llama, tensors })).readAll()).resolves.toMatch(/^[0-9a-f]{64}$/);
  });
});

test("F64 is read as the nearest 32-bit numbers, with a note", async () => {
  const tensors = tensorsFor(configs.llama).map((tensor) => ({
    ...tensor,
    dtype: "F64" as const,
    data: Float64Array.from(new Float32Array(tensor.data.buffer as ArrayBuffer), (value) => value + 1e-12),
  }));
  const model = await openFolder({ config: configs.llama, tensors });
  expect(model.notes).toEqual([
    `${tensors.length} tensors are stored as F64; Hone reads them as the nearest 32-bit numbers.`,
  ]);
  const read = new Map<string, Float32Array>();
  await model.readAll({ onTensor: (name, values) => void read.set(name, values) });
  for (const { name, data } of tensors) {
    expect(read.get(name)).toEqual(new Float32Array(data));
    expect(await model.read(name)).toEqual(new Float32Array(data));
  }
});

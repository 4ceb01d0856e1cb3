/**
 * GGUF files opened as models. Oracle: gguf-py, which wrote tests/golden/gguf/families.json; the same files gave transformers'
 * greedy ids in llama.cpp. The numbers follow a formula (makeFamilies.py).
 */

import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { tensorsOfConfig } from "../../../src/artifacts/method.ts";
import { readGguf } from "../../../src/engine/gguf.ts";
import { decodeBlocks, encodeBlocks, fromStored } from "../../../src/gguf/blocks.ts";
import { readHeader } from "../../../src/gguf/read.ts";
import { tensorTypes } from "../../../src/gguf/types.ts";
import { createPieceEncoder } from "../../../src/hub/encode.ts";
import { modelFromSources } from "../../../src/hub/files.ts";
import { type OpenModel, openModel } from "../../../src/hub/model.ts";
import { defineModel } from "../../../src/models/define.ts";
import { dequantise } from "../../../src/tensor/blocks.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { ggufFamilies, ggufFamily, ggufFile, ggufFileIn, weightsOf } from "../../support/ggufFamilies.ts";

const open = (files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>): Promise<OpenModel> =>
  openModel(
    modelFromSources(
      "small",
      Object.entries(files).map(([name, bytes]) => bytesFromMemory(name, bytes)),
    ),
    tensorsOfConfig,
    { gguf: readGguf },
  );

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const bitsOf = (values: Float32Array) => sha256(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));

describe.each(ggufFamilies.map((family) => [family.name, family] as const))("%s", (_name, family) => {
  it("has gguf-py's bytes where Hone places its tensors", async () => {
    const file = await ggufFile(family);
    const { tensors } = await readHeader(bytesFromMemory("small.gguf", file));
    const found = [...tensors.values()].map(({ name, start, end }) => [name, sha256(file.subarray(start, end))]);
    expect(Object.fromEntries(found)).toEqual(family.tensors);
  });

  it("opens with the config's mathematics and the same numbers, bit for bit", async () => {
    const opened = await open({ "small.gguf": await ggufFile(family) });
    expect(defineModel(opened.config).key).toBe(defineModel(family.config).key);
    expect(opened.untied).toBe(false);
    for (const [name, values] of weightsOf(family)) expect(bitsOf(await opened.read(name)), name).toBe(bitsOf(values));
    expect([...opened.tensors.keys()].sort()).toEqual([...weightsOf(family).keys()].sort());
  });
});

describe("a file's parts", () => {
  it("are config, tokenizer, template and the tokens that end an answer", async () => {
    const opened = await open({ "small.gguf": await ggufFile(ggufFamily("qwen2")) });
    expect(opened.config).toMatchObject({ model_type: "qwen2", bos_token_id: 257, eos_token_id: 258 });
    expect(opened.stopIds).toEqual([258]);
    expect(opened.tokenizerConfig).toMatchObject({ bos_token: "<s>", eos_token: "</s>", add_bos_token: false });
    expect(opened.chatTemplate).toBe(null);
    expect(opened.files.map(({ name }) => name)).toEqual(["small.gguf"]);
    expect(opened.byteLength).toBe(ggufFamily("qwen2").byteLength);
  });

  it("are hashed by the header and by the numbers, whatever the file's name", async () => {
    const file = await ggufFile(ggufFamily("llama"));
    const hash = await (await open({ "small.gguf": file })).readAll();
    expect(await (await open({ "other name.gguf": file })).readAll()).toBe(hash);
    const changed = file.slice();
    changed[file.length - 5] = (changed[file.length - 5] as number) ^ 1;
    expect(await (await open({ "small.gguf": changed })).readAll()).not.toBe(hash);
  });
});

/** Families with every kind of row order; their widths are whole blocks. */
const wide = ["llama 3.2", "gptneox"];

describe.each(wide)("%s in few bits", (name) => {
  it.each(["F16", "Q8_0", "Q4_0"] as const)("%s has the file's numbers in the model's order", async (type) => {
    const family = ggufFamily(name);
    const opened = await open({ "small.gguf": await ggufFileIn(family, type) });
    for (const [tensor, values] of weightsOf(family)) {
      const shape = opened.tensors.get(tensor)?.shape ?? [];
      const columns = shape.at(-1) ?? 1;
      const fits = shape.length === 2 && (type === "F16" || columns % 32 === 0);
      // Each row is encoded by itself, so the order of rows does not matter.
      const wanted = fits
        ? decodeBlocks(type, encodeBlocks(type, values, columns), new Float32Array(values.length))
        : values;
      expect(bitsOf(await opened.read(tensor)), tensor).toBe(bitsOf(wanted));
      expect(opened.tensors.get(tensor)?.dtype).toBe(fits && type === "F16" ? "F16" : "F32");
    }
  });

  it.each([
    ["Q8_0", "int8"],
    ["Q4_0", "int4"],
    ["Q4_0", "int8"],
  ] as const)("%s reaches a device in %s byte for byte", async (type, storage) => {
    const file = await ggufFileIn(ggufFamily(name), type);
    const opened = await open({ "small.gguf": file });
    const { tensors } = await readHeader(bytesFromMemory("small.gguf", file));
    const encode = createPieceEncoder();
    let blocks = 0;
    for (const [tensor, { shape }] of opened.tensors) {
      if (shape.length < 2 || (shape[1] ?? 0) % 32 !== 0) continue;
      const columns = shape[1] ?? 1;
      const parts: Uint8Array[] = [];
      const scales: number[] = [];
      for await (const piece of opened.devicePieces(tensor, { unit: 4 * columns, storage })) {
        expect(piece.dtype).toBe(type);
        const [data, own] = encode(piece, { storage, columns, scales: "float32" });
        parts.push((data as Uint8Array).slice());
        scales.push(...(own as Float32Array));
      }
      const stored = {
        data: new Uint8Array(Buffer.concat(parts)),
        scales: Float32Array.from(scales),
        zeroPoints: null,
      };
      expect(bitsOf(dequantise(storage, stored, columns).map((value) => value + 0)), tensor).toBe(
        bitsOf((await opened.read(tensor)).map((value) => value + 0)),
      );
      if (storage === "int8" && type === "Q4_0") continue;
      // Rows in the model's order, but the same rows: sorted, they are the file's bytes.
      const rowBytes = (columns / 32) * tensorTypes[type].bytes;
      const rows = (bytes: Uint8Array) =>
        Array.from({ length: bytes.length / rowBytes }, (_, row) =>
          Buffer.from(bytes.subarray(row * rowBytes, (row + 1) * rowBytes)).toString("hex"),
        ).sort();
      const places = [...tensors.values()].filter(
        ({ type: own, start, end }) => own === type && end - start === rowBytes * (shape[0] ?? 0),
      );
      const written = rows(fromStored(type, stored));
      expect(
        places.some(({ start, end }) => String(rows(file.subarray(start, end))) === String(written)),
        tensor,
      ).toBe(true);
      blocks += 1;
    }
    expect(blocks > 0).toBe(storage === "int4" || type === "Q8_0");
  });

  it("widens Q8_0 for a device in 4 bits", async () => {
    const opened = await open({ "small.gguf": await ggufFileIn(ggufFamily(name), "Q8_0") });
    const [tensor] = opened.tensors.keys();
    for await (const piece of opened.devicePieces(tensor ?? "", { storage: "int4" })) expect(piece.dtype).toBe("F32");
  });
});

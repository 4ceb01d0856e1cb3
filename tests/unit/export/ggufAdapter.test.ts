/**
 * GGUF LoRA. Oracle: llama.cpp's own convert_lora_to_gguf.py (February 2025) wrote the golden files from those of PEFT in
 * `golden/adapters`; both must give the same tensors, bit for bit.
 */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { adapterCases } from "../../../scripts/oracle/adapterCases.ts";
import { goldenFolder, openAdapter, openFamily } from "../../../scripts/oracle/adapters.ts";
import { readGgufAdapter } from "../../../src/export/ggufAdapter.ts";
import { readHeader } from "../../../src/gguf/read.ts";
import { defineModel } from "../../../src/models/define.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { smallFamilies } from "../../support/smallFamilies.ts";

const folder = fileURLToPath(new URL("../../golden/adaptersGguf", import.meta.url));
const place = mkdtempSync(join(tmpdir(), "hone-gguf-lora-"));
afterAll(() => rmSync(place, { recursive: true }));

const familyOf = (name: string) => adapterCases.find((row) => row.name === name)?.family ?? "";
const bytesOf = (name: string) => new Uint8Array(readFileSync(join(folder, `${name}.gguf`)));
const read = (bytes: Uint8Array<ArrayBuffer>, family: string) =>
  readGgufAdapter(bytesFromMemory("lora.gguf", bytes), defineModel(smallFamilies[family]));

test.each(["llama", "qwen2", "gptneox", "phi3", "olmo2"])("%s has the tensors of the adapter of PEFT", async (name) => {
  const wanted = await openAdapter(join(goldenFolder, name), await openFamily(familyOf(name), join(place, name)));
  const found = await read(bytesOf(name), familyOf(name));
  expect(found.tensors).toEqual(wanted.tensors);
  const { targets, ...scale } = found.method;
  const { targets: wantedTargets, ...wantedScale } = wanted.method;
  expect(scale).toEqual(wantedScale);
  expect(targets.toSorted()).toEqual(wantedTargets.toSorted());
});

/** The bytes with a text in place of another of the same length. */
function replaced(name: string, from: string, to: string): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf(name);
  const [wanted, instead] = [from, to].map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array];
  if (wanted.length !== instead.length) throw new Error("Both texts must have one length.");
  const at = bytes.findIndex((_, i) => wanted.every((byte, j) => bytes[i + j] === byte));
  if (at < 0) throw new Error(`The file has no ${from}.`);
  bytes.set(instead, at);
  return bytes;
}

/** The file with a number of a tensor changed. */
async function withNumber(name: string, tensor: string, value: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = bytesOf(name);
  const header = await readHeader(bytesFromMemory("lora.gguf", bytes));
  new DataView(bytes.buffer).setFloat32(header.tensors.get(tensor)?.start ?? 0, value, true);
  return bytes;
}

describe("refused by name", () => {
  const a = "blk.0.attn_q.weight.lora_a";
  const rows: [string, () => Promise<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer>, string, RegExp][] = [
    [
      "another architecture",
      () => bytesOf("qwen2"),
      "Llama",
      /general\.architecture is "qwen2", but must be "llama": choose/,
    ],
    [
      "a model",
      () => replaced("llama", "adapter", "modelss"),
      "Llama",
      /general\.type is "modelss", but must be "adapter"/,
    ],
    ["no pair", () => replaced("llama", a, a.replace("lora_a", "lora_c")), "Llama", /lora_b" without its other matrix/],
    [
      "a layer that the model lacks",
      () => replaced("llama", "blk.1.attn_q.weight.lora_a", "blk.7.attn_q.weight.lora_a"),
      "Llama",
      /without its other matrix|this model has 2 layers, from 0 to 1/,
    ],
    [
      "a number that is none",
      () => withNumber("llama", a, Number.NaN),
      "Llama",
      /attn_q\.weight\.lora_a" contains NaN/,
    ],
    ["a cut file", () => bytesOf("llama").slice(0, 9000), "Llama", /lora\.gguf/],
    ["no GGUF", () => new TextEncoder().encode("something else, and long enough"), "Llama", /lora\.gguf/],
    [
      "GPT-2's Conv1D, which llama.cpp's converter turns the wrong way round",
      () => bytesOf("gpt2"),
      "GPT-2",
      /has the shape \[4, 48\], but this model requires \[4, 16\]/,
    ],
    [
      "a family that llama.cpp lacks",
      () => bytesOf("llama"),
      "Granite 4",
      /llama\.cpp has no GraniteMoeHybridForCausalLM/,
    ],
  ];
  test("a model of another width", async () => {
    const wider = defineModel({ ...smallFamilies.Llama, intermediate_size: 24 });
    await expect(readGgufAdapter(bytesFromMemory("lora.gguf", bytesOf("llama")), wider)).rejects.toThrow(
      /ffn_gate\.weight\.lora_b" has the shape \[\d+, 4\], but this model requires \[24, 4\]: choose an adapter/,
    );
  });

  test.each(rows)("%s", async (_, make, family, message) => {
    await expect(read(await make(), family)).rejects.toThrow(message);
  });
});

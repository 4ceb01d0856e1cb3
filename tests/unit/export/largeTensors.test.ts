/**
 * Merged tensors of several pieces, in the layout of linear layers and transposed. Oracle: each tensor merged whole. Seed: 9.
 */

import { expect, test } from "vitest";
import { linearsOf, type Method, parametersOf } from "../../../src/artifacts/method.ts";
import { mergeAdapter } from "../../../src/export/merge.ts";
import { mergeWeights } from "../../../src/export/mergedWeights.ts";
import { encodeFloats, type FloatDType } from "../../../src/hub/elements.ts";
import { pieceBytes } from "../../../src/hub/pieces.ts";
import { readSafetensors } from "../../../src/hub/safetensors.ts";
import { defineModel } from "../../../src/models/define.ts";
import { memoryScratch } from "../../../src/storage/scratch.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { configs, openFolder, tensorsFor } from "../hub/folder.ts";
import { sameBytes } from "../hub/tiny.ts";
import { givenBy } from "./made.ts";

const large = {
  llama: { ...configs.llama, num_hidden_layers: 1, intermediate_size: 140_003 },
  gpt2: { ...configs.gpt2, n_layer: 1, n_inner: 140_003 },
};

test.each<[keyof typeof large, Method["kind"], FloatDType]>([
  ["llama", "lora", "BF16"],
  ["llama", "full", "F32"],
  ["gpt2", "lora", "F32"],
  ["gpt2", "lora", "F16"],
  ["gpt2", "full", "BF16"],
])("%s, %s, in %s", { timeout: 60_000 }, async (family, kind, dtype) => {
  const config = large[family];
  const opened = await openFolder({ config, tensors: tensorsFor(config, false, dtype) });
  const model = defineModel(config);
  const targets = linearsOf(model).map(({ name }) => name);
  const method: Method = kind === "full" ? { kind } : { kind, rank: 2, alpha: 3, targets };
  const random = createRandom(9);
  const specs = parametersOf(model, method);
  const trained = new Map(
    specs.flatMap(({ name, shape, trainable }) =>
      trainable ? [[name, Float32Array.from({ length: sizeOf(shape) }, () => random.next() - 0.5)] as const] : [],
    ),
  );
  const { file } = await mergeWeights({ opened, model, method, trained: givenBy(trained), scratch: memoryScratch() });
  const written = new Uint8Array(await file.content.arrayBuffer());
  const { tensors } = await readSafetensors(bytesFromMemory("model.safetensors", written));
  let [changed, ofSeveral] = [0, 0];
  for (const { name, source } of specs) {
    if (source.kind !== "checkpoint") continue;
    const { tensor } = source;
    const base = await opened.read(tensor.name);
    const [down, up] = ["A", "B"].map((part) => trained.get(name.replace(/weight$/, `lora_${part}.weight`)));
    const merged = () =>
      down && up && method.kind === "lora" ? mergeAdapter(tensor.toParameter(base), down, up, method) : null;
    const values = trained.get(name) ?? merged();
    const wanted = encodeFloats(dtype, values ? tensor.toFile(values) : base);
    const { start, end } = tensors.get(tensor.name) ?? { start: 0, end: 0 };
    expect(sameBytes(written.subarray(start, end), wanted), name).toBe(true);
    if (!values) continue;
    changed++;
    if (end - start > pieceBytes) ofSeveral++;
  }
  expect(changed).toBeGreaterThanOrEqual(kind === "full" ? specs.length : 4);
  expect(ofSeveral).toBeGreaterThanOrEqual(2);
});

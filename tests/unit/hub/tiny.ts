/** A made-up model of a few tensors in each stored type, whole or in shards, with the expected values. */

import type { ExpectedTensor } from "../../../src/hub/expected.ts";
import { type StoredTensor, writeSafetensors } from "../../../src/hub/safetensors.ts";
import { float32ToBfloat16, float32ToFloat16 } from "../../../src/tensor/convert.ts";
import { createRandom } from "../../../src/tensor/random.ts";

export type TinyDType = "F32" | "F16" | "BF16";

export interface TinyTensor extends StoredTensor {
  /** The expected values: multiples of 1/128 below 1, exact in all three types. */
  readonly values: Float32Array<ArrayBuffer>;
}

export const tinyConfig = { model_type: "tiny", width: 6, rows: 5 };

/** The architecture of the tiny model; refuses any other. */
export function tinyExpected(config: Readonly<Record<string, unknown>>): readonly ExpectedTensor[] {
  if (config.model_type !== "tiny") throw new Error(`model_type "${config.model_type}" is not supported; use "tiny".`);
  const width = Number(config.width);
  return [
    { name: "embed.weight", shape: [Number(config.rows), width] },
    { name: "block.weight", shape: [width, width] },
    { name: "norm.weight", shape: [width] },
  ];
}

export function tinyTensor(name: string, shape: readonly number[], dtype: TinyDType, seed: number): TinyTensor {
  const random = createRandom(seed);
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Float32Array.from({ length: size }, () => (random.below(255) - 127) / 128);
  const data = dtype === "F32" ? values : dtype === "F16" ? float32ToFloat16(values) : float32ToBfloat16(values);
  return { name, shape, dtype, data, values };
}

export const tinyTensors = (dtype: TinyDType = "F32"): TinyTensor[] =>
  tinyExpected(tinyConfig).map(({ name, shape }, i) => tinyTensor(name, shape, dtype, i + 1));

export type Files = Record<string, Uint8Array<ArrayBuffer>>;

export const jsonBytes = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));

export const tinyTexts = (): Files => ({
  "config.json": jsonBytes(tinyConfig),
  "tokenizer.json": jsonBytes({ model: { type: "BPE", vocab: { a: 0 } } }),
  "tokenizer_config.json": jsonBytes({ eos_token: "</s>" }),
});

export const tinyModel = (tensors: readonly TinyTensor[] = tinyTensors()): Files => ({
  ...tinyTexts(),
  "model.safetensors": writeSafetensors(tensors, { format: "pt" }),
});

/** The same tensors dealt out to shards in turn. */
export function tinySharded(tensors: readonly TinyTensor[] = tinyTensors(), shards = 2): Files {
  const name = (i: number) => `model-0000${i + 1}-of-0000${shards}.safetensors`;
  const files: Files = tinyTexts();
  for (let i = 0; i < shards; i++) files[name(i)] = writeSafetensors(tensors.filter((_, at) => at % shards === i));
  const weightMap = Object.fromEntries(tensors.map((tensor, at) => [tensor.name, name(at % shards)]));
  files["model.safetensors.index.json"] = jsonBytes({ metadata: {}, weight_map: weightMap });
  return files;
}

/** Like files from a folder dialog: `webkitRelativePath` begins with the chosen folder's name. */
export function asChosenFolder(files: Files, folder: string): File[] {
  return Object.entries(files).map(([name, bytes]) => {
    const file = new File([bytes], name);
    Object.defineProperty(file, "webkitRelativePath", { value: `${folder}/${name}` });
    return file;
  });
}

/** Like `toEqual`, but fast for a million elements. */
export function sameBytes(a: ArrayBufferView | undefined, b: ArrayBufferView): boolean {
  const bytes = (view: ArrayBufferView) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return a !== undefined && bytes(a).equals(bytes(b));
}

/** The message of a promise's rejection; fails when it is not a ModelError. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    (value) => new Error(`resolved with ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error(`rejected with ${String(error)}`);
  if (error.name !== "ModelError") throw error;
  return error.message;
}

/** Small GGUF files of every architecture, as gguf-py wrote them (tests/golden/gguf/makeFamilies.py): headers and a formula. */

import { readFileSync } from "node:fs";
import { checkpointTensors } from "../../src/artifacts/method.ts";
import { encodeBlocks, type WrittenType, writtenTypes } from "../../src/gguf/blocks.ts";
import { readHeader, readNumbers, readTexts } from "../../src/gguf/read.ts";
import type { GgufData, GgufTensor, TensorHead } from "../../src/gguf/types.ts";
import { layoutGguf } from "../../src/gguf/write.ts";
import { defineModel } from "../../src/models/define.ts";
import { configFromGguf, type GgufConfig } from "../../src/models/fromGguf.ts";
import { bytesFromMemory } from "../../src/tensor/bytes.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";

export interface GgufFamily {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly byteLength: number;
  /** All bytes before the data, base64. */
  readonly head: string;
  /** SHA-256 of each tensor's bytes. */
  readonly tensors: Readonly<Record<string, string>>;
  /** Bytes of tensors that follow no formula, base64. */
  readonly extra: Readonly<Record<string, string>>;
  /** Ids of transformers and of llama.cpp: seven of the prompt, then the likeliest ones. */
  readonly greedy: readonly number[];
}

/** A family of the golden file by its name. */
export function ggufFamily(name: string): GgufFamily {
  const family = ggufFamilies.find((one) => one.name === name);
  if (!family) throw new Error(`There is no family ${name}.`);
  return family;
}

export const ggufFamilies: readonly GgufFamily[] = JSON.parse(
  readFileSync(new URL("../golden/gguf/families.json", import.meta.url), "utf8"),
);

/** The formula of makeFamilies.py, for the tensor at `index` in the order of names. */
function weight(name: string, shape: readonly number[], index: number, isGemma: boolean): Float32Array<ArrayBuffer> {
  const scale = shape.length === 1 ? 1 : 2 ** -Math.round(Math.log2(Math.sqrt(shape.at(-1) ?? 1) / 1.6));
  const centre = name.endsWith("weight") && !isGemma ? 4096 : 0;
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => {
    const hashed = (Math.imul(i, 2654435761 | 0) + index * 40503) >>> 0;
    const step = ((hashed >>> 16) % 2003) - 1001;
    return shape.length === 1 ? (centre + step) / 4096 : (step / 1024) * scale;
  });
}

/** The model's tensors in Hugging Face layout. */
export function weightsOf({ config }: GgufFamily): ReadonlyMap<string, Float32Array<ArrayBuffer>> {
  const isGemma = String(config.model_type).startsWith("gemma");
  const tensors = checkpointTensors(defineModel(config)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return new Map(tensors.map(({ name, shape }, i) => [name, weight(name, shape, i, isGemma)]));
}

/** The whole file. The formula's numbers are in the order that Hone's own names state; their hashes are the oracle. */
export async function ggufFile(family: GgufFamily): Promise<Uint8Array<ArrayBuffer>> {
  const file = new Uint8Array(family.byteLength);
  file.set(Buffer.from(family.head, "base64"));
  const { keys, tensors } = await readHeader(bytesFromMemory(`${family.name}.gguf`, file));
  const extra = (name: string) => new Uint8Array(Buffer.from(family.extra[name] ?? "", "base64"));
  const read = await configFromGguf(keys, {
    shape: (name) => tensors.get(name)?.shape ?? null,
    values: async (name) => new Float32Array(extra(name).buffer),
  });
  for (const [name, values] of weightsOf(family)) place(file, read, tensors, name, values);
  for (const name of Object.keys(family.extra)) file.set(extra(name), tensors.get(name)?.start ?? 0);
  return file;
}

function place(
  file: Uint8Array,
  { names }: GgufConfig,
  tensors: ReadonlyMap<string, GgufTensor>,
  name: string,
  values: Float32Array,
): void {
  const found = names(name);
  const tensor = found && tensors.get(found.tensor);
  if (!found || !tensor) throw new Error(`The file has no tensor for ${name}.`);
  const [rows = 1, columns = 1] = tensor.shape;
  const out = new Float32Array(values.length);
  values.forEach((value, i) => {
    const at = found.transposed ? (i % rows) * columns + Math.floor(i / rows) : moved(i, columns, found.rows);
    out[at] = value - found.add;
  });
  file.set(new Uint8Array(out.buffer), tensor.start);
}

const moved = (i: number, columns: number, rows: ((row: number) => number) | null): number =>
  rows ? rows(Math.floor(i / columns)) * columns + (i % columns) : i;

interface Rewriting {
  /** The type of the embedding and of a head of its own; that of the layers by default. */
  readonly tables?: WrittenType;
  /** Further keys, which replace those of the same name. */
  readonly keys?: Readonly<Record<string, GgufData>>;
  /** The tensor's head in the file; null leaves it out. */
  readonly change?: (tensor: TensorHead) => TensorHead | null;
  /** Tensors of the first of two parts; absent for one file. */
  readonly first?: number;
}

/** The same file with every matrix of whole blocks in another type; all else stays F32. */
export async function ggufFileIn(
  family: GgufFamily,
  type: WrittenType,
  rewriting: Rewriting = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const [file] = await ggufParts(family, type, rewriting);
  return file ?? new Uint8Array(0);
}

/** As `ggufFileIn`, in two parts where `first` says how many tensors the first has. */
export async function ggufParts(
  family: GgufFamily,
  type: WrittenType,
  { tables = type, keys: more = {}, change = (tensor) => tensor, first }: Rewriting = {},
): Promise<Uint8Array<ArrayBuffer>[]> {
  const file = await ggufFile(family);
  const source = bytesFromMemory("small.gguf", file);
  const { keys, tensors } = await readHeader(source);
  const data = new Map<string, GgufData>();
  for (const [key, value] of keys) {
    if (value.type !== "array") data.set(key, value);
    else if (value.items === "string") {
      data.set(key, { type: "array", items: "string", values: await readTexts(source, key, value) });
    } else if (value.items !== "bool") {
      data.set(key, { type: "array", items: value.items, values: await readNumbers(source, key, value) });
    }
  }
  for (const [key, value] of Object.entries(more)) data.set(key, value);
  const heads = [...tensors.values()].flatMap(({ name, shape }) => {
    const wanted = /^(?:token_embd|output)\./.test(name) ? tables : type;
    const fits = shape.length === 2 && (wanted === "F16" || (shape[1] ?? 0) % 32 === 0);
    return change({ name, shape, type: fits ? wanted : "F32" }) ?? [];
  });
  const write = (own: ReadonlyMap<string, GgufData>, part: readonly TensorHead[]) => {
    const layout = layoutGguf(own, part);
    const out = new Uint8Array(layout.byteLength);
    out.set(layout.head);
    for (const { name, start, end, type: stored, shape } of layout.tensors) {
      const from = tensors.get(name);
      const values = new Float32Array(file.slice(from?.start ?? 0, from?.end ?? 0).buffer);
      const written = writtenTypes.find((one) => one === stored);
      if (written && values.length === sizeOf(shape)) out.set(encodeBlocks(written, values, shape.at(-1) ?? 1), start);
      else out.fill(1, start, end);
    }
    return out;
  };
  if (first === undefined) return [write(data, heads)];
  const split = (no: number) => [
    ["split.no", { type: "uint16", value: no }] as const,
    ["split.count", { type: "uint16", value: 2 }] as const,
    ["split.tensors.count", { type: "int32", value: heads.length }] as const,
  ];
  return [
    write(new Map<string, GgufData>([...data, ...split(0)]), heads.slice(0, first)),
    write(new Map<string, GgufData>(split(1)), heads.slice(first)),
  ];
}

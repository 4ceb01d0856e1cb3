/** Reads a GGUF LoRA as llama.cpp applies it: two matrices per tensor of the base, scaled by alpha / rank. */

import { linearsIn } from "../artifacts/method.ts";
import { decodeBlocks } from "../gguf/blocks.ts";
import { type GgufHeader, readHeader } from "../gguf/read.ts";
import { type GgufTensor, isReadable } from "../gguf/types.ts";
import { tensorName } from "../hub/error.ts";
import { showShape } from "../hub/safetensors.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { GgufNames } from "../models/ggufNames.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { sizeOf } from "../tensor/dtype.ts";
import { cut, quote } from "../tensor/quote.ts";
import { type AdapterPair, combinePairs } from "./combinePairs.ts";
import { ExportError } from "./files.ts";
import { wayOut } from "./peftConfig.ts";
import { type ReadAdapter, requireFinite } from "./readAdapter.ts";

type Numbers = Float32Array<ArrayBuffer>;

/**
 * The adapter for a model that is open. Throws GgufError for a damaged file, and ExportError with key or tensor, both values and
 * the way out for one that does not fit the model.
 */
export async function readGgufAdapter(
  source: ByteSource,
  model: ModelDefinition,
  signal?: AbortSignal,
): Promise<ReadAdapter> {
  const file = cut(source.name);
  const header = await readHeader(source, signal);
  const form = model.gguf();
  if (!form) {
    throw new ExportError(
      `${file}: llama.cpp has no ${model.architecture} as Hone reads it: open the adapter in PEFT's layout.`,
    );
  }
  const alpha = checkKeys(file, header, form.architecture);
  const rest = new Map(header.tensors);
  const take = (name: string) => {
    const found = rest.get(name) ?? null;
    rest.delete(name);
    return found;
  };
  const pairs: AdapterPair[] = [];
  const linears = linearsIn(model);
  for (const linear of linears) {
    const place = form.names(`${linear.path}.weight`);
    if (!place) continue;
    const [a, b] = [take(`${place.tensor}.lora_a`), take(`${place.tensor}.lora_b`)];
    if (!a && !b) continue;
    if (!a || !b) {
      throw new ExportError(
        `${file} has ${tensorName(`${place.tensor}.lora_${a ? "a" : "b"}`)} without its other matrix: download or convert it again.`,
      );
    }
    const [out, width] = linear.shape;
    const rank = a.shape[0] ?? 0;
    requireShape(file, a, [rank, width]);
    requireShape(file, b, [out, rank]);
    const down = await numbersOf(file, source, a, signal);
    const up = await numbersOf(file, source, b, signal);
    // As llama.cpp: an alpha of 0 is a scale of 1.
    pairs.push({ linear, rank, scale: alpha === 0 ? 1 : alpha / rank, down, up: inModelOrder(up, rank, place.rows) });
  }
  const [other] = rest.keys();
  if (other !== undefined) throw unknownTensor(file, other, linears, form.names);
  if (pairs.length === 0) throw new ExportError(`${file} has no tensor of a LoRA: choose another file.`);
  return { ...combinePairs(pairs, linears, null), baseModel: textOf(header, "general.base_model.0.name") };
}

const textOf = ({ keys }: GgufHeader, key: string): string | null => {
  const value = keys.get(key);
  return value?.type === "string" ? value.value : null;
};

/** The alpha. Throws for a file that is no LoRA, or of another architecture. */
function checkKeys(file: string, header: GgufHeader, architecture: string): number {
  const wrong = (key: string, wanted: string, way: string) => {
    const value = header.keys.get(key);
    const found = value === undefined ? "missing" : value.type === "array" ? "an array" : quote(value.value);
    return new ExportError(`${file}: ${key} is ${found}, but must be ${wanted}: ${way}.`);
  };
  if (textOf(header, "general.type") !== "adapter") {
    throw wrong("general.type", '"adapter"', "a whole GGUF model opens under Model");
  }
  if (textOf(header, "adapter.type") !== "lora") throw wrong("adapter.type", '"lora"', "choose a LoRA");
  if (textOf(header, "general.architecture") !== architecture) {
    throw wrong("general.architecture", quote(architecture), "choose the adapter's base model under Model");
  }
  const invocation = "adapter.alora.invocation_tokens";
  if (header.keys.has(invocation)) throw wrong(invocation, "left out", wayOut);
  const alpha = header.keys.get("adapter.lora.alpha");
  if (
    alpha === undefined ||
    alpha.type === "array" ||
    typeof alpha.value !== "number" ||
    !Number.isFinite(alpha.value)
  ) {
    throw wrong("adapter.lora.alpha", "a number", "convert the adapter again");
  }
  return alpha.value;
}

function requireShape(file: string, { name, shape }: GgufTensor, wanted: readonly [number, number]): void {
  if (shape.length === 2 && shape[0] === wanted[0] && shape[1] === wanted[1] && wanted[0] > 0) return;
  throw new ExportError(
    `${file}: ${tensorName(name)} has the shape ${showShape(shape)}, but this model requires ${showShape(wanted)}: choose an adapter of this base model.`,
  );
}

async function numbersOf(
  file: string,
  source: ByteSource,
  { name, type, shape, start, end }: GgufTensor,
  signal: AbortSignal | undefined,
): Promise<Numbers> {
  if (!isReadable(type)) {
    throw new ExportError(
      `${file}: ${tensorName(name)} is stored as ${type}: convert the adapter to F32, F16 or Q8_0.`,
    );
  }
  const values = decodeBlocks(type, await source.slice(start, end, signal), new Float32Array(sizeOf(shape)));
  requireFinite(file, name, values);
  return values;
}

/** The rows of B [out, rank] in the model's order, from the file's. */
function inModelOrder(up: Numbers, rank: number, rows: ((row: number) => number) | null): Numbers {
  if (!rows) return up;
  const ordered = new Float32Array(up.length);
  for (let row = 0; row < up.length / rank; row++) {
    const from = rows(row) * rank;
    ordered.set(up.subarray(from, from + rank), row * rank);
  }
  return ordered;
}

/** The error for a tensor that is beside no linear layer of the model: an embedding, a head, or a layer that it lacks. */
function unknownTensor(
  file: string,
  name: string,
  linears: ReturnType<typeof linearsIn>,
  names: GgufNames,
): ExportError {
  const base = name.replace(/\.lora_[ab]$/, "");
  const parts = (tensor: string) => tensor.replace(/^blk\.\d+\./, "").replace(/\.weight$/, "");
  const known = linears.flatMap(({ path }) => names(`${path}.weight`)?.tensor ?? []);
  if (/^(token_embd|output)\./.test(base)) {
    return new ExportError(
      `${file}: ${tensorName(name)} adapts the embedding or the head, which Hone's LoRA does not: ${wayOut}.`,
    );
  }
  const layers = known.filter((tensor) => parts(tensor) === parts(base)).length;
  const what =
    layers > 0
      ? `this model has ${layers} layers, from 0 to ${layers - 1}`
      : `this model's linear layers are ${[...new Set(known.map(parts))].join(", ")}`;
  return new ExportError(`${file} has ${tensorName(name)}, but ${what}: choose an adapter of this base model.`);
}

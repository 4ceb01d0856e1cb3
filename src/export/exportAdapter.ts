/** Exports an adapter: written, read back with the project's own reader, and compared. */

import { readSafetensors } from "../hub/safetensors.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import { type AdapterToWrite, keyOf, writeAdapter } from "./adapter.ts";
import type { AdapterTensors, LoraMethod } from "./combinePairs.ts";
import { type Bundle, type OutFile, readBackError, reopened, type TrainedTensors } from "./files.ts";
import { noBase, readAdapter, weightsName } from "./readAdapter.ts";

export interface AdapterParts {
  readonly model: ModelDefinition;
  readonly method: LoraMethod;
  /** Name or address of the base model. */
  readonly baseModel: string;
  readonly trained: TrainedTensors;
}

/** Throws when the run lacks a tensor, or when the files, read back, differ from the run. */
export async function exportAdapter({ trained, ...parts }: AdapterParts): Promise<Bundle> {
  const tensors = new Map<string, Float32Array<ArrayBuffer>>();
  await trained((name, values) => void tensors.set(name, values));
  const wanted = { ...parts, tensors };
  const files = writeAdapter(wanted);
  await requireAdapter(files, wanted);
  return { files, notes: notesOn(tensors), tensors: tensors.size };
}

/** Throws ExportError unless the files, read again, are this adapter, bit for bit. */
export async function requireAdapter(files: readonly OutFile[], wanted: AdapterToWrite): Promise<void> {
  const again = reopened("adapter", files);
  const found = await readAdapter(again, wanted.model, noBase);
  const same = (what: string, a: unknown, b: unknown) => {
    const [read, expected] = [JSON.stringify(a), JSON.stringify(b)];
    if (read !== expected) throw readBackError(what, read, expected);
  };
  const { rank, alpha, targets } = wanted.method;
  same("the base model's name", found.baseModel, wanted.baseModel);
  same("the rank", found.method.rank, rank);
  same("alpha", found.method.alpha, alpha);
  same("the list of adapted layers", found.method.targets, targets);
  same("the list of tensors", [...found.tensors.keys()].sort(), [...wanted.tensors.keys()].sort());
  const { tensors: stored } = await readSafetensors(await again.open(weightsName));
  const keys = [...wanted.tensors.keys()].map((name) => keyOf(wanted.model, name));
  same("the list of keys", [...stored.keys()].sort(), keys.sort());
  for (const [name, values] of wanted.tensors) {
    const [read, expected] = [bitsOf(found.tensors.get(name)), bitsOf(values)];
    const at = expected.findIndex((bits, i) => bits !== read[i]);
    if (at >= 0) throw readBackError(`number ${at} of ${name}`, String(found.tensors.get(name)?.[at]), `${values[at]}`);
  }
}

const bitsOf = (values: Float32Array = new Float32Array(0)) =>
  new Uint32Array(values.buffer, values.byteOffset, values.length);

function notesOn(tensors: AdapterTensors): string[] {
  const ups = [...tensors].filter(([name]) => name.endsWith(".lora_B.weight"));
  const idle = ups.filter(([, values]) => values.every((value) => value === 0));
  if (idle.length === 0) return [];
  if (idle.length === ups.length) {
    return ["The adapter changes nothing: every B is zero, as before the first step. The model answers as its base."];
  }
  return [`${idle.length} of the ${ups.length} adapted layers are unchanged: their B is zero.`];
}

/**
 * Reads a LoRA adapter in the layout of PEFT (github.com/huggingface/peft): `adapter_config.json` and
 * `adapter_model.safetensors`, whoever wrote them. PEFT ignores a key that matches no module, so an adapter with wrong keys loads
 * and has no effect: every key is checked against config and model.
 */

import { checkpointTensors } from "../artifacts/method.ts";
import { readJson } from "../hub/bytes.ts";
import { decodeFloats, encodeFloats, isFloat } from "../hub/elements.ts";
import { listSome, tensorName } from "../hub/error.ts";
import type { ModelFiles } from "../hub/files.ts";
import { readSafetensors, showShape, type TensorEntry } from "../hub/safetensors.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import { isTarget, type Linear } from "../nn/scope.ts";
import { sizeOf } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import { innerLinears, type ModulePath, modulePath, readKey, unknownModule } from "./adapterKeys.ts";
import { type AdapterPair, type CombinedAdapter, combinePairs } from "./combinePairs.ts";
import { ExportError } from "./files.ts";
import { configName, type PeftConfig, readPeftConfig, wayOut } from "./peftConfig.ts";

export interface ReadAdapter extends CombinedAdapter {
  /** Name or address of its base model; null where it names none. */
  readonly baseModel: string | null;
}

type Numbers = Float32Array<ArrayBuffer>;

/** Reads a tensor of the base model by the architecture's name, as float32. */
export type ReadBase = (tensor: string) => Promise<Numbers>;

/** For an adapter that has no whole tensor, as Hone writes it. */
export const noBase: ReadBase = async (tensor) => {
  throw new ExportError(`The adapter has the whole tensor ${tensor}, which Hone does not write: export it again.`);
};

export const weightsName = "adapter_model.safetensors";

/**
 * Reads both files and checks them against the model; whole base tensors in the file must have the base's numbers. Throws
 * ExportError or ModelError with file, field or key, both values and the way out.
 */
export async function readAdapter(
  files: ModelFiles,
  model: ModelDefinition,
  base: ReadBase,
  signal?: AbortSignal,
): Promise<ReadAdapter> {
  const options = signal ? { signal } : {};
  const config = readPeftConfig((await readJson(await files.open(configName, options), signal)).value);
  const { tensors: stored } = await readSafetensors(await files.open(weightsName, options), signal);
  const linears = innerLinears(model);
  const found = new Map<string, Sides>();
  let adapter: string | null | undefined;
  let whole = 0;
  for (const entry of stored.values()) {
    const key = readKey(weightsName, entry.name);
    if (key.kind === "copy") continue;
    if (key.kind === "whole") {
      await requireBase(entry, key.module, model, base, signal);
      whole++;
      continue;
    }
    if (adapter !== undefined && adapter !== key.adapter) {
      throw new ExportError(
        `${weightsName} has the adapters "${cut(String(adapter))}" and "${cut(String(key.adapter))}": save one of them alone.`,
      );
    }
    adapter = key.adapter;
    const linear = linears.get(key.module.inner);
    if (!linear) throw unknownModule(weightsName, entry.name, key.module, model);
    if (config.names(key.module.inModel) === false) {
      throw new ExportError(
        `${weightsName}: ${tensorName(entry.name)} is of no layer that ${configName} names, so PEFT ignores it: correct target_modules, or save the adapter again.`,
      );
    }
    const sides = found.get(linear.path) ?? { linear, module: key.module };
    if (sides[key.side]) {
      throw new ExportError(
        `${weightsName} has ${tensorName(sides[key.side]?.name ?? "")} and ${tensorName(entry.name)} for the same layer: save the adapter again.`,
      );
    }
    found.set(linear.path, { ...sides, [key.side]: entry });
  }
  requireAll(config, found, linears);
  const pairs: AdapterPair[] = [];
  for (const { path } of linears.values()) {
    const sides = found.get(path);
    if (sides) pairs.push(await readPair(sides, config, signal));
  }
  const notes = [
    ...config.notes,
    ...(whole > 0
      ? [`Whole tensors beside the adapter (${whole}) have the base model's numbers, so they are left out.`]
      : []),
  ];
  const combined = combinePairs(pairs, [...linears.values()], config.targets);
  return { ...combined, baseModel: config.baseModel, notes: [...notes, ...combined.notes] };
}

interface Sides {
  readonly linear: Linear;
  readonly module: ModulePath;
  readonly A?: TensorEntry;
  readonly B?: TensorEntry;
}

/** Throws unless the file has both matrices of each layer that the config names. */
function requireAll(config: PeftConfig, found: ReadonlyMap<string, Sides>, linears: ReadonlyMap<string, Linear>): void {
  const [example] = found.values();
  if (!example) {
    throw new ExportError(`${weightsName} has no tensor of a LoRA: save the adapter with PEFT's save_pretrained.`);
  }
  const { inModel, inner } = example.module;
  const prefix = inModel.slice(0, inModel.length - inner.length);
  const missing = [...linears].flatMap(([path, linear]) => {
    const sides = found.get(linear.path);
    if (!sides) return config.names(prefix + path) ? [`${path}.lora_A`, `${path}.lora_B`] : [];
    return (["A", "B"] as const).filter((side) => !sides[side]).map((side) => `${path}.lora_${side}`);
  });
  if (missing.length > 0) {
    throw new ExportError(
      `${weightsName} lacks tensors that ${configName} requires (${listSome(missing, 2)}): save the adapter again, or name fewer target_modules.`,
    );
  }
  const unknown = config.targets?.find(
    (target) => ![...linears.keys()].some((path) => isTarget(prefix + path, [target])),
  );
  if (unknown !== undefined) {
    const names = [...new Set([...linears.values()].map(({ path }) => path.slice(path.lastIndexOf(".") + 1)))];
    throw new ExportError(
      `${configName}: target_modules names "${cut(unknown)}", but this model's layers for an adapter are ${names.join(", ")}: choose an adapter that was trained on this model.`,
    );
  }
}

async function readPair(
  { linear, module, A, B }: Sides,
  config: PeftConfig,
  signal: AbortSignal | undefined,
): Promise<AdapterPair> {
  if (!A || !B) throw new RangeError(`Both matrices of ${linear.path} must be there.`);
  const rank = config.rankOf(module.inModel);
  const [out, width] = linear.shape;
  const read = async (entry: TensorEntry, shape: readonly [number, number]) => {
    if (String(entry.shape) === String(shape)) return readNumbers(entry, signal);
    throw new ExportError(
      `${weightsName}: ${tensorName(entry.name)} has the shape ${showShape(entry.shape)}, but this model and r ${rank} of ${configName} ` +
        `require ${showShape(shape)}: choose both files of one adapter that was trained on this model.`,
    );
  };
  return {
    linear,
    rank,
    scale: config.scaleOf(module.inModel),
    down: await read(A, [rank, width]),
    up: await read(B, [out, rank]),
  };
}

async function readNumbers({ name, dtype, shape, source, start, end }: TensorEntry, signal: AbortSignal | undefined) {
  if (!isFloat(dtype)) {
    throw new ExportError(
      `${weightsName}: ${tensorName(name)} is stored as ${dtype}: save the adapter as F32, F16 or BF16.`,
    );
  }
  const values = decodeFloats(dtype, await source.slice(start, end, signal), new Float32Array(sizeOf(shape)));
  requireFinite(weightsName, name, values);
  return values;
}

/** Throws ExportError for a number that is none. */
export function requireFinite(file: string, name: string, values: Numbers): void {
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  throw new ExportError(
    `${cut(file)}: ${tensorName(name)} contains ${values[at]}, which would spoil every answer: go back to an earlier checkpoint.`,
  );
}

/** Throws unless a whole tensor beside the adapter has the numbers of the base model's. */
async function requireBase(
  entry: TensorEntry,
  { inner }: ModulePath,
  model: ModelDefinition,
  base: ReadBase,
  signal: AbortSignal | undefined,
): Promise<void> {
  const tensors = checkpointTensors(model);
  const tied = model.tiedHead && inner === modulePath(model.headTensor).inner;
  const own = tensors.find(({ name }) => (tied ? name === model.embeddingTensor : modulePath(name).inner === inner));
  if (!own) {
    throw new ExportError(
      `${weightsName}: the key ${tensorName(entry.name)} belongs to no layer of this model: save the adapter with PEFT's save_pretrained, or choose one of this model.`,
    );
  }
  const differs = (how: string) =>
    new ExportError(
      `${weightsName}: ${tensorName(entry.name)} ${how}. A LoRA of Hone trains no whole tensor (modules_to_save, bias): ${wayOut}.`,
    );
  if (String(own.shape) !== String(entry.shape)) {
    throw differs(`has the shape ${showShape(entry.shape)}, but the base model's is ${showShape(own.shape)}`);
  }
  const { dtype, source, start, end } = entry;
  if (!isFloat(dtype)) throw differs(`is stored as ${dtype}`);
  const wanted = encodeFloats(dtype, await base(own.name));
  const bytes = await source.slice(start, end, signal);
  const at = wanted.findIndex((byte, i) => byte !== bytes[i]);
  if (at >= 0) throw differs("has other numbers than the base model's tensor");
}

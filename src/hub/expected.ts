/** The tensors that an architecture expects, compared with the tensors in the files. */

import { type Shape, sameShape, sizeOf } from "../tensor/dtype.ts";
import { cut, quote } from "../tensor/quote.ts";
import { type FloatDType, isFloat } from "./elements.ts";
import { listSome, ModelError, messageOf, tensorName } from "./error.ts";
import { showShape, type TensorEntry } from "./safetensors.ts";

/** A tensor that the architecture needs, by its name in the checkpoint. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shape: Shape;
  /** Marks the embedding, and the head's own weight where it is not tied to the embedding. */
  readonly role?: "embedding" | "head" | undefined;
}

/**
 * Maps `config.json` to the tensors that its architecture needs, and throws for an unknown architecture. With `untied` the
 * head has its own weight although the config ties it to the embedding.
 */
export type Expect = (
  config: Readonly<Record<string, unknown>>,
  variant: { readonly untied: boolean },
) => readonly ExpectedTensor[];

/** The place of a model's tensor, in a type that can be trained. */
export type ModelTensor = TensorEntry & { readonly dtype: FloatDType };

/** Numbers in one tensor: 8 GiB as float32, the longest array of today's browsers. */
const mostInTensor = 2 ** 31;

/** Numbers in a model: 512 GiB as float32, the memory of the largest desktop machines. */
const mostInModel = 2 ** 37;

/**
 * The tensors that the architecture expects. Turns its refusal into a `ModelError` with the file's name. Throws
 * `ModelError` also for sizes that are allowed one by one, but together exceed every browser's memory.
 */
export function expectedTensors(
  config: Readonly<Record<string, unknown>>,
  expected: Expect,
  { untied = false }: { readonly untied?: boolean } = {},
): readonly ExpectedTensor[] {
  let tensors: readonly ExpectedTensor[];
  try {
    tensors = expected(config, { untied });
  } catch (cause) {
    const message = messageOf(cause);
    throw new ModelError(message.includes("config.json") ? message : `config.json: ${message}`, { cause });
  }
  const total = tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const largest = tensors.find(({ shape }) => sizeOf(shape) > mostInTensor);
  if (largest) {
    throw new ModelError(
      `config.json: its sizes make tensor ${tensorName(largest.name)} ${showShape(largest.shape)}, ${sizeOf(largest.shape)} numbers, ` +
        `more than the ${mostInTensor} that fit in one array of a browser: choose a smaller model.`,
    );
  }
  if (total > mostInModel) {
    throw new ModelError(
      `config.json: its sizes make a model of ${total} numbers, more than the ${mostInModel} that a browser can load: choose a smaller model.`,
    );
  }
  return tensors;
}

/**
 * The stored tensor for each expected one, in the order of `wanted`. Throws `ModelError` with both values where the
 * number of layers or a shape differs, a tensor is missing, or its type cannot be trained. `place` is the subject of a
 * sentence.
 */
export function matchTensors(
  wanted: readonly ExpectedTensor[],
  stored: ReadonlyMap<string, TensorEntry>,
  place: string,
): ReadonlyMap<string, ModelTensor> {
  compareLayers(wanted, stored, place);
  return new Map(wanted.map((tensor) => [tensor.name, checkTensor(tensor, stored, wanted, place)]));
}

/** Matches the first number of a name, and the text before it: `model.layers` and 11 in `model.layers.11.mlp`. */
const numbered = /^(.*?)\.(\d{1,9})\./;

/** The number of layers, by the text before their number: one more than the greatest number. */
function countLayers(names: Iterable<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) {
    const [, list, number] = numbered.exec(name) ?? [];
    if (list !== undefined) counts.set(list, Math.max(counts.get(list) ?? 0, Number(number) + 1));
  }
  return counts;
}

/** Refuses another number of layers: such a model would silently compute something else. */
function compareLayers(
  wanted: readonly ExpectedTensor[],
  stored: ReadonlyMap<string, TensorEntry>,
  place: string,
): void {
  const present = countLayers(stored.keys());
  for (const [list, layers] of countLayers(wanted.map(({ name }) => name))) {
    const found = present.get(list) ?? 0;
    if (found === 0 || found === layers) continue;
    throw new ModelError(
      `${cut(place, 120)}: config.json requires ${layers} layers in ${quote(list)}, but the weights have ${found}: ` +
        "take config.json and all weights from the same model.",
    );
  }
}

function checkTensor(
  { name, shape }: ExpectedTensor,
  stored: ReadonlyMap<string, TensorEntry>,
  wanted: readonly ExpectedTensor[],
  place: string,
): ModelTensor {
  const entry = stored.get(name);
  if (entry === undefined) {
    const lacking = wanted.filter((tensor) => !stored.has(tensor.name)).length;
    throw new ModelError(
      `${cut(place, 120)} has no tensor ${tensorName(name)} of shape ${showShape(shape)}, which config.json ` +
        `requires; ${lacking} of ${wanted.length} tensors are missing, and the files have ${listSome([...stored.keys()], 2)}: ` +
        "take config.json and all weights from the same model.",
    );
  }
  const file = cut(entry.source.name);
  if (!sameShape(entry.shape, shape)) {
    throw new ModelError(
      `${file}: tensor ${tensorName(entry.name)} has shape ${showShape(entry.shape)}, but config.json requires ` +
        `${showShape(shape)}; take config.json and weights from the same model.`,
    );
  }
  const { dtype } = entry;
  if (!isFloat(dtype)) {
    const kind = dtype.startsWith("F") ? "numbers of few bits" : "whole numbers";
    throw new ModelError(
      `${file}: tensor ${tensorName(entry.name)} is stored as ${dtype}, ${kind} of a quantised model, but only F64, F32, F16 and ` +
        "BF16 can be trained: open the original, which is not quantised.",
    );
  }
  return { ...entry, dtype };
}

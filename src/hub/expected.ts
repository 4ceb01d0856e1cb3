/** What an architecture expects of a model's weights, and whether the files hold it. */

import { type Shape, sameShape, sizeOf } from "../tensor/dtype.ts";
import { cut, quote } from "../tensor/quote.ts";
import { type FloatDType, isFloat } from "./elements.ts";
import { listSome, ModelError, messageOf } from "./error.ts";
import { showShape, type TensorEntry } from "./safetensors.ts";

/** A tensor that the architecture needs, in the checkpoint's own name. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shape: Shape;
}

/** Where a tensor of a model lies, in a type that can be trained. */
export type ModelTensor = TensorEntry & { readonly dtype: FloatDType };

/** Numbers in one tensor: 8 GiB as float32, the longest array of today's browsers. */
const mostInTensor = 2 ** 31;

/** Numbers in a model: 512 GiB as float32, the memory of the largest desktop machines. */
const mostInModel = 2 ** 37;

/**
 * What the architecture asks for. Its refusal becomes the room's error, with the file's name before it. Throws `ModelError`
 * for sizes that no browser could ever hold, each of which may be fine alone.
 */
export function expectedTensors(
  config: Readonly<Record<string, unknown>>,
  expected: (config: Readonly<Record<string, unknown>>) => readonly ExpectedTensor[],
): readonly ExpectedTensor[] {
  let tensors: readonly ExpectedTensor[];
  try {
    tensors = expected(config);
  } catch (cause) {
    const message = messageOf(cause);
    throw new ModelError(message.includes("config.json") ? message : `config.json: ${message}`, { cause });
  }
  const total = tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const largest = tensors.find(({ shape }) => sizeOf(shape) > mostInTensor);
  if (largest) {
    throw new ModelError(
      `config.json: its sizes make tensor ${quote(largest.name)} ${showShape(largest.shape)}, ${sizeOf(largest.shape)} numbers, ` +
        `and a browser holds at most ${mostInTensor} in one: choose a smaller model.`,
    );
  }
  if (total > mostInModel) {
    throw new ModelError(
      `config.json: its sizes make a model of ${total} numbers, and a browser holds at most ${mostInModel}: choose a smaller model.`,
    );
  }
  return tensors;
}

/**
 * The stored tensor for each expected one, in the order of `wanted`. Throws `ModelError` with both values where the files hold
 * another number of layers, lack a tensor, or hold it in another shape or a type that cannot be trained. `place` is the subject
 * of a sentence.
 */
export function matchTensors(
  wanted: readonly ExpectedTensor[],
  stored: ReadonlyMap<string, TensorEntry>,
  place: string,
): ReadonlyMap<string, ModelTensor> {
  compareLayers(wanted, stored, place);
  return new Map(wanted.map((tensor) => [tensor.name, checkTensor(tensor, stored, wanted, place)]));
}

/** Of `model.layers.11.mlp.up_proj.weight` what stands before its first number, and the number. */
const numbered = /^(.*?)\.(\d{1,9})\./;

/** How many layers names number, by what stands before the number: one more than the greatest. */
function countLayers(names: Iterable<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) {
    const [, list, number] = numbered.exec(name) ?? [];
    if (list !== undefined) counts.set(list, Math.max(counts.get(list) ?? 0, Number(number) + 1));
  }
  return counts;
}

/** A model cut short, or one with layers more, would compute something else without a word. */
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
      `${cut(place, 120)}: config.json asks for ${layers} layers in ${quote(list)}, but the weights hold ${found}: ` +
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
      `${cut(place, 120)} has no tensor ${quote(name)} of shape ${showShape(shape)}, which config.json ` +
        `asks for; ${lacking} of ${wanted.length} tensors are missing, and the files hold ${listSome([...stored.keys()], 2)}: ` +
        "take config.json and all weights from the same model.",
    );
  }
  const file = cut(entry.source.name);
  if (!sameShape(entry.shape, shape)) {
    throw new ModelError(
      `${file}: tensor ${quote(name)} has shape ${showShape(entry.shape)}, but config.json asks for ` +
        `${showShape(shape)}; take config.json and weights from the same model.`,
    );
  }
  const { dtype } = entry;
  if (!isFloat(dtype)) {
    throw new ModelError(
      `${file}: tensor ${quote(name)} is stored as ${dtype}, but only F32, F16 and BF16 can be trained; ` +
        "open the model as it was before it was quantised or converted.",
    );
  }
  return { ...entry, dtype };
}

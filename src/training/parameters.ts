/** The model's parameters on the device: training, evaluation and generation share one copy. */

import type { ParameterSpec } from "../artifacts/contract.ts";
import type { DeviceTensor, Runtime } from "../runtime/types.ts";
import { describeType, sizeOf } from "../tensor/dtype.ts";
import { createRandom } from "../tensor/random.ts";
import { encode } from "../tensor/storage.ts";

/** Port of a parameter → its tensor on the device. */
export type ParameterTensors = ReadonlyMap<string, DeviceTensor>;

/**
 * Start values of every adapter parameter in `specs`, drawn in the order of `specs` from one seeded generator.
 *
 * As in PEFT, A [rank, in_features] is `kaiming_uniform_(a = √5)`: uniform with bound √(2 / (1 + a²)) · √(3 / fan_in)
 * = 1 / √in_features. B is zero, so training starts at the base model (He et al. 2015; Hu et al. 2021).
 */
export function initialAdapter(specs: readonly ParameterSpec[], seed: number): Map<string, Float32Array<ArrayBuffer>> {
  const random = createRandom(seed);
  const values = new Map<string, Float32Array<ArrayBuffer>>();
  for (const { name, shape, source } of specs) {
    if (source.kind === "checkpoint") continue;
    const data = new Float32Array(sizeOf(shape));
    if (source.kind === "lora_A") {
      const bound = 1 / Math.sqrt(shape[shape.length - 1] ?? 1);
      for (let i = 0; i < data.length; i++) data[i] = (2 * random.next() - 1) * bound;
    }
    values.set(name, data);
  }
  return values;
}

/** Reads a parameter from the model's files; `read` returns a tensor as float32. Throws for a parameter of an adapter. */
export async function readParameter(
  { name, source }: ParameterSpec,
  read: (tensor: string) => Promise<Float32Array<ArrayBuffer>>,
): Promise<Float32Array<ArrayBuffer>> {
  if (source.kind === "checkpoint") return source.tensor.toParameter(await read(source.tensor.name));
  throw new Error(`Parameter ${name} belongs to an adapter; the model's files do not contain it.`);
}

/**
 * Uploads `specs` to the device one tensor at a time, so that JavaScript never has the whole model in memory. Throws when a
 * value is missing or has the wrong number of elements; then nothing stays on the device.
 */
export async function uploadParameters(
  runtime: Pick<Runtime, "tensor">,
  specs: readonly ParameterSpec[],
  read: (spec: ParameterSpec) => Float32Array | undefined | Promise<Float32Array | undefined>,
): Promise<Map<string, DeviceTensor>> {
  const tensors = new Map<string, DeviceTensor>();
  try {
    for (const spec of specs) {
      const { name, shape, storage, ports } = spec;
      const data = await read(spec);
      if (data === undefined)
        throw new Error(`Parameter ${name} has no value: it is in neither the model nor the adapter.`);
      if (data.length !== sizeOf(shape)) {
        throw new Error(
          `Parameter ${name} has ${data.length} values, but the model needs ${describeType("float32", shape)}.`,
        );
      }
      const parts = encode(storage, data, shape.at(-1) ?? 1, ports[1]?.dtype === "float16" ? "float16" : "float32");
      ports.forEach((port, i) => {
        tensors.set(port.name, runtime.tensor(port.name, port.dtype, port.shape, parts[i]));
      });
    }
  } catch (error) {
    disposeAll(tensors);
    throw error;
  }
  return tensors;
}

/** Frees every tensor of a map. */
export function disposeAll(tensors: ParameterTensors): void {
  for (const tensor of tensors.values()) tensor.dispose();
}

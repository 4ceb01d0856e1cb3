/** Accumulators and AdamW moments of the trained parameters on the device, and their part of a checkpoint. */

import { accumulatorIn, firstMoment, type ParameterSpec, secondMoment } from "../artifacts/contract.ts";
import type { DeviceTensor, Runtime } from "../runtime/types.ts";
import { describeType, sameShape, sizeOf } from "../tensor/dtype.ts";
import { disposeAll, type ParameterTensors } from "./parameters.ts";
import type { TrainingProgram } from "./program.ts";

export interface OptimizerState extends Pick<TrainingProgram, "tensors" | "restore" | "forget" | "dispose"> {
  /** Every parameter, accumulator and moment by port name. */
  readonly bindings: ReadonlyMap<string, DeviceTensor>;
}

/**
 * Creates zero accumulators and moments for every trainable parameter of `specs`. `parameters` are those of the whole model;
 * the caller frees them. Throws when no parameter is trainable or one has no tensor; then nothing stays on the device.
 */
export function createOptimizerState(
  runtime: Pick<Runtime, "tensor">,
  parameters: ParameterTensors,
  specs: readonly Pick<ParameterSpec, "name" | "shape" | "trainable">[],
): OptimizerState {
  const trainable = specs.filter((spec) => spec.trainable);
  if (trainable.length === 0) throw new Error("Nothing would be trained: choose at least one layer for the adapter.");
  const owned = new Map<string, DeviceTensor>();
  const moments: DeviceTensor[] = [];
  /** The tensors of a checkpoint, in a fixed order. */
  const checkpointed = new Map<string, DeviceTensor>();
  try {
    for (const { name, shape } of trainable) {
      const parameter = parameters.get(name);
      if (parameter === undefined) throw new Error(`Parameter ${name} should be trained but is not on the device.`);
      checkpointed.set(name, parameter);
      owned.set(accumulatorIn(name), runtime.tensor(accumulatorIn(name), "float32", shape));
      for (const port of [firstMoment(name), secondMoment(name)]) {
        const moment = runtime.tensor(port, "float32", shape);
        owned.set(port, moment);
        checkpointed.set(port, moment);
        moments.push(moment);
      }
    }
  } catch (error) {
    disposeAll(owned);
    throw error;
  }

  return {
    bindings: new Map([...parameters, ...owned]),

    tensors: () =>
      Array.from(checkpointed, ([name, tensor]) => ({
        name,
        dtype: tensor.dtype,
        shape: tensor.shape,
        read: () => tensor.read(),
      })),

    async restore(load) {
      const missing = new Set(checkpointed.keys());
      const result = await load(async ({ name, dtype, shape }, read) => {
        const tensor = checkpointed.get(name);
        if (tensor === undefined) throw new Error(`The checkpoint has ${name}, which this run does not train.`);
        if (dtype !== tensor.dtype || !sameShape(shape, tensor.shape)) {
          const trained = describeType(tensor.dtype, tensor.shape);
          throw new Error(`The checkpoint's ${name} is ${describeType(dtype, shape)}, but this run trains ${trained}.`);
        }
        const bytes = await read();
        tensor.write(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4));
        missing.delete(name);
      });
      const [first] = missing;
      if (first !== undefined) throw new Error(`The checkpoint has no tensor ${first}, which this run trains.`);
      return result;
    },

    forget() {
      for (const tensor of moments) tensor.write(new Float32Array(sizeOf(tensor.shape)));
    },

    dispose: () => disposeAll(owned),
  };
}

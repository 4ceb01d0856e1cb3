/** Reads the trained tensors of a run from one of its checkpoints. */

import { type Method, parametersOf } from "../artifacts/method.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { Storage } from "../storage/storage.ts";
import { describeType, sameShape, sizeOf } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";

export interface TrainedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Row-major, in a buffer of its own. */
  readonly data: Float32Array<ArrayBuffer>;
}

export interface TrainedChoice {
  readonly model: ModelDefinition;
  readonly method: Method;
  readonly runId: string;
  /** Step of the checkpoint; null means the newest. */
  readonly checkpoint: number | null;
}

/**
 * Calls `visit` with every trained tensor in turn and returns the checkpoint's step; the optimizer's tensors are not
 * read. Throws as `Checkpoints.load` does, with the available steps, and where a tensor does not match the run's.
 */
export async function readTrained(
  storage: Storage,
  { model, method, runId, checkpoint }: TrainedChoice,
  visit: (tensor: TrainedTensor) => void | Promise<void>,
): Promise<number> {
  const specs = parametersOf(model, method).filter(({ trainable }) => trainable);
  const missing = new Map(specs.map(({ name, shape }) => [name, shape]));
  const { manifest } = await storage.checkpoints.load(runId, checkpoint ?? "latest", async (tensor, read) => {
    const { name, dtype } = tensor;
    const shape = missing.get(name);
    if (!shape) return;
    if (dtype !== "float32" || !sameShape(tensor.shape, shape)) {
      const [found, wanted] = [describeType(dtype, tensor.shape), describeType("float32", shape)];
      throw new Error(
        `${cut(name)} of the checkpoint is ${cut(found)}, but the run trains ${cut(wanted)}. Choose another checkpoint.`,
      );
    }
    missing.delete(name);
    const bytes = await read();
    await visit({ name, shape, data: new Float32Array(bytes.buffer, bytes.byteOffset, sizeOf(shape)) });
  });
  const [first] = missing.keys();
  if (first !== undefined) {
    throw new Error(
      `The checkpoint of step ${manifest.step} has no ${cut(first)}, which the run trains. Choose another checkpoint.`,
    );
  }
  return manifest.step;
}

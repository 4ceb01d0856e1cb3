/** What training changed of a model, read from one of a run's checkpoints. */

import { type Method, parametersOf } from "../artifacts/method.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { Storage } from "../storage/storage.ts";
import { sizeOf } from "../tensor/dtype.ts";

export interface TrainedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Row-major, of its own. */
  readonly data: Float32Array<ArrayBuffer>;
}

export interface TrainedChoice {
  readonly model: ModelDefinition;
  readonly method: Method;
  readonly runId: string;
  /** Step of the checkpoint; null takes the newest. */
  readonly checkpoint: number | null;
}

/**
 * Gives every trained tensor to `visit`, one after another, and the checkpoint's step; what only training needs is not read.
 * Throws as `Checkpoints.load` does, naming the steps that there are.
 */
export async function readTrained(
  storage: Storage,
  { model, method, runId, checkpoint }: TrainedChoice,
  visit: (tensor: TrainedTensor) => void | Promise<void>,
): Promise<number> {
  const specs = parametersOf(model, method).filter(({ trainable }) => trainable);
  const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
  const { manifest } = await storage.checkpoints.load(runId, checkpoint ?? "latest", async ({ name }, read) => {
    const shape = shapes.get(name);
    if (!shape) return;
    const bytes = await read();
    await visit({ name, shape, data: new Float32Array(bytes.buffer, bytes.byteOffset, sizeOf(shape)) });
  });
  return manifest.step;
}

/** A model's files to the device, with progress in bytes. */

import type { ParameterSpec } from "../artifacts/contract.ts";
import type { EngineEvent } from "../protocol/engine.ts";
import { beforeTasks } from "../run/beforeTasks.ts";
import type { Runtime } from "../runtime/types.ts";
import { fileTensorOf, type ParameterTensors, parameterPieces, uploadParameters } from "../training/parameters.ts";
import type { LoadedModel } from "./library.ts";
import { progressEvents } from "./progress.ts";

/** Throws the signal's reason between two pieces of a few megabytes; then nothing stays on the device. */
export async function uploadModel(
  runtime: Pick<Runtime, "tensor">,
  { opened }: Pick<LoadedModel, "opened">,
  specs: readonly ParameterSpec[],
  emit: (event: EngineEvent) => void,
  signal: AbortSignal | undefined,
): Promise<ParameterTensors> {
  signal?.throwIfAborted();
  const onProgress = progressEvents(emit, beforeTasks.weights);
  const total = specs.reduce((sum, spec) => {
    const entry = opened.tensors.get(fileTensorOf(spec).name);
    return sum + (entry ? entry.end - entry.start : 0);
  }, 0);
  let done = 0;
  onProgress(0, total);
  return uploadParameters(
    runtime,
    specs,
    (spec) => parameterPieces(spec, opened.devicePieces, signal),
    (bytes) => {
      done += bytes;
      onProgress(done, total);
    },
  );
}

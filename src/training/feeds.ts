/** Feeds of an artifact's ports: batches, scalars and device tensors. */

import { type Artifact, batchPorts, lossSum, noClipping, optimizerScalars, tokenLoss } from "../artifacts/contract.ts";
import type { Batch } from "../batching/batch.ts";
import type { Recipe } from "../run/recipe.ts";
import type { DeviceTensor, HostTensor, Runtime } from "../runtime/types.ts";
import type { BatchLosses, Update } from "./program.ts";

/** The six batch inputs of the training and the eval artifact. */
export function batchFeeds(batch: Batch): Record<string, HostTensor> {
  const { rows, length, supervised } = batch.shape;
  const grid = [rows, length];
  const list = [supervised];
  return {
    [batchPorts.inputIds]: { dtype: "int32", shape: grid, data: batch.inputIds },
    [batchPorts.positionIds]: { dtype: "int32", shape: grid, data: batch.positionIds },
    [batchPorts.segmentIds]: { dtype: "int32", shape: grid, data: batch.segmentIds },
    [batchPorts.supervisedIndex]: { dtype: "int32", shape: list, data: batch.supervisedIndex },
    [batchPorts.targets]: { dtype: "int32", shape: list, data: batch.targets },
    [batchPorts.lossWeights]: { dtype: "float32", shape: list, data: batch.lossWeights },
  };
}

/** A float32 [1] input. */
export function scalarFeed(value: number): HostTensor {
  return { dtype: "float32", shape: [1], data: Float32Array.of(value) };
}

/** The scalar inputs of an update by port name. */
export const optimizerValues = (
  { t, learningRate, denominator }: Update,
  { beta1, beta2, maxGradNorm }: Pick<Recipe, "beta1" | "beta2" | "maxGradNorm">,
): Record<string, number> => ({
  [optimizerScalars.learningRate]: learningRate,
  [optimizerScalars.biasCorrection1]: 1 - beta1 ** t,
  [optimizerScalars.biasCorrection2]: 1 - beta2 ** t,
  [optimizerScalars.denominator]: denominator,
  [optimizerScalars.maxNorm]: maxGradNorm ?? noClipping,
});

/** The only element of a float32 output such as `loss_sum`. */
export function scalarOf(outputs: Readonly<Record<string, HostTensor>>, name: string): number {
  const tensor = outputs[name];
  if (tensor === undefined || tensor.data.length !== 1) {
    throw new Error(`The artifact gave ${tensor?.data.length ?? "no"} values for ${name}; 1 was expected.`);
  }
  return Number(tensor.data[0]);
}

/** The device tensors of an artifact by port name: its inputs, and the outputs that it writes in place. */
export function bindTensors(
  artifact: Artifact,
  tensors: ReadonlyMap<string, DeviceTensor>,
): { inputs: Record<string, DeviceTensor>; outputs: Record<string, DeviceTensor> } {
  const inputs: Record<string, DeviceTensor> = {};
  const outputs: Record<string, DeviceTensor> = {};
  for (const { name } of artifact.inputs) {
    const tensor = tensors.get(name);
    if (tensor !== undefined) inputs[name] = tensor;
  }
  for (const [output, input] of Object.entries(artifact.aliases)) {
    const tensor = tensors.get(input);
    if (tensor === undefined)
      throw new Error(`${artifact.kind} artifact: no tensor is bound to ${input}, which ${output} updates.`);
    outputs[output] = tensor;
  }
  return { inputs, outputs };
}

/** Compiles the artifacts of each shape once, because tracing the model for their ports takes milliseconds. */
export function perShape<Shape extends object, Compiled = Artifact>(
  compile: (shape: Shape) => Compiled,
): (shape: Shape) => Compiled {
  const compiled = new Map<string, Compiled>();
  return (shape) => {
    const key = JSON.stringify(shape);
    let artifact = compiled.get(key);
    if (artifact === undefined) {
      artifact = compile(shape);
      compiled.set(key, artifact);
    }
    return artifact;
  };
}

/** Builds the sessions of artifacts, each once; `onProgress` receives the number that are ready, and of all. */
export async function prepareAll(
  runtime: Pick<Runtime, "prepare">,
  artifacts: readonly Artifact[],
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<void> {
  const all = [...new Set(artifacts)];
  for (const [ready, artifact] of all.entries()) {
    onProgress(ready, all.length);
    await runtime.prepare(artifact);
  }
  onProgress(all.length, all.length);
}

/** The losses of a batch from the outputs of an eval artifact, or of the head's. */
export function lossesOf(outputs: Readonly<Record<string, HostTensor>>, batch: Batch): BatchLosses {
  const perToken = outputs[tokenLoss]?.data;
  if (!(perToken instanceof Float32Array)) throw new Error(`The eval artifact gave no float32 ${tokenLoss}.`);
  return { lossSum: scalarOf(outputs, lossSum), perToken: perToken.subarray(0, batch.supervised) };
}

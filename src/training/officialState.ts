/** The state of a run on official artifacts: from ONNX Runtime's checkpoint to the device, and back. */

import { firstMoment, secondMoment } from "../artifacts/contract.ts";
import type { FeedShapes, OfficialSet } from "../artifacts/official.ts";
import { widenedTensor } from "../onnx/foreignTensor.ts";
import type { CheckpointTensor, OrtCheckpoint } from "../onnx/ortCheckpoint.ts";
import type { DeviceTensor, Runtime, TensorData } from "../runtime/types.ts";
import { cut } from "../tensor/quote.ts";
import { disposeAll, type ParameterTensors } from "./parameters.ts";
import type { TrainingProgram } from "./program.ts";

/** ONNX Runtime's names: it has one group, and two states per parameter. */
const groupName = "group0";
const stateNames = ["momentum0", "momentum1"] as const;
const float32 = 1;

/** Uploads every parameter of a checkpoint. Throws when one does not fit; then nothing stays on the device. */
export function uploadOfficial(
  runtime: Pick<Runtime, "tensor">,
  set: OfficialSet,
  checkpoint: OrtCheckpoint,
): Map<string, DeviceTensor> {
  const stored = new Map([...checkpoint.trainable, ...checkpoint.frozen].map((tensor) => [tensor.name, tensor]));
  const tensors = new Map<string, DeviceTensor>();
  try {
    for (const { name, dtype, shape } of set.parameters) {
      const tensor = stored.get(name);
      if (!tensor) throw new Error(`The checkpoint has no parameter ${cut(name)}.`);
      tensors.set(name, runtime.tensor(name, dtype, shape, widenedTensor(tensor.type, tensor.bytes)));
    }
  } catch (error) {
    disposeAll(tensors);
    throw error;
  }
  return tensors;
}

type Program = Pick<TrainingProgram<never, FeedShapes>, "tensors" | "restore">;

/**
 * Restores the optimizer's state from a checkpoint and returns its number of updates: 0 where the checkpoint has no optimizer.
 * The parameters must be those of `uploadOfficial`.
 */
export async function restoreOfficial(program: Program, checkpoint: OrtCheckpoint): Promise<number> {
  const group = checkpoint.groups.find(({ name }) => name === groupName) ?? checkpoint.groups[0];
  if (!group || group.states.length === 0) return group?.step ?? 0;
  const states = new Map(group.states.map(({ name, optimizerMoments }) => [name, optimizerMoments]));
  await program.restore(async (restore) => {
    for (const parameter of checkpoint.trainable) {
      const { name } = parameter;
      const of = (state: string): CheckpointTensor => {
        const found = states.get(name)?.find((tensor) => tensor.name === state);
        if (!found) throw new Error(`The checkpoint's optimizer has no ${state} of ${cut(name)}.`);
        return found;
      };
      const tensors: readonly (readonly [string, CheckpointTensor])[] = [
        [name, parameter],
        [firstMoment(name), of(stateNames[0])],
        [secondMoment(name), of(stateNames[1])],
      ];
      for (const [port, { type, shape, bytes }] of tensors) {
        const data = widenedTensor(type, bytes);
        await restore({ name: port, dtype: "float32", shape }, async () => bytesOf(data));
      }
    }
  });
  return group.step;
}

/**
 * The run's state as a checkpoint of ONNX Runtime: the trained parameters and both states of each; frozen parameters and
 * properties as in `start`. Trained parameters are float32, whatever `start` had.
 */
export async function saveOfficial(
  program: Program,
  parameters: ParameterTensors,
  start: OrtCheckpoint,
  { step, learningRate }: { readonly step: number; readonly learningRate: number },
): Promise<OrtCheckpoint> {
  const tensors = new Map(program.tensors().map((tensor) => [tensor.name, tensor]));
  const read = async (port: string, name: string, shape: readonly number[]): Promise<CheckpointTensor> => {
    const tensor = tensors.get(port) ?? parameters.get(port);
    if (!tensor) throw new Error(`The run has no tensor ${cut(port)}.`);
    const data = (await tensor.read()) as TensorData;
    return { name, type: float32, shape, bytes: bytesOf(data) };
  };
  const trainable: CheckpointTensor[] = [];
  const states = [];
  for (const { name, shape } of start.trainable) {
    trainable.push(await read(name, name, shape));
    const optimizerMoments = [
      await read(firstMoment(name), stateNames[0], shape),
      await read(secondMoment(name), stateNames[1], shape),
    ];
    states.push({ name, optimizerMoments });
  }
  return { ...start, nominal: false, trainable, groups: [{ name: groupName, step, learningRate, states }] };
}

/** A copy of the bytes, so that a later run cannot change them. */
const bytesOf = (data: TensorData): Uint8Array<ArrayBuffer> =>
  new Uint8Array(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));

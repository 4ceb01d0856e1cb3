/** One loaded ONNX model, as a session runs it; how its inputs reach it differs between the providers. */

import type * as Ort from "onnxruntime-web";
import type { Port } from "../artifacts/contract.ts";
import type { DType } from "../tensor/dtype.ts";
import { RuntimeError } from "./errors.ts";
import { type DeviceMemory, isDeviceDType, type OrtModule, viewAs } from "./provider.ts";
import type { HostTensor, TensorData } from "./types.ts";

/** Of one provider: every memory that it is given was allocated by that provider. */
export interface Inference {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Computes all outputs: into `held` where they are named there, else to JavaScript. The caller holds the mutex. */
  run(
    feeds: ReadonlyMap<string, DeviceMemory | HostTensor>,
    held: ReadonlyMap<string, DeviceMemory>,
  ): Promise<Record<string, HostTensor>>;
  release(): Promise<void>;
}

/** Memory that ONNX Runtime's JavaScript takes as a tensor. */
export interface OrtMemory extends DeviceMemory {
  /** The tensor as ONNX Runtime takes it as an input. */
  feed(): Ort.Tensor;
  /** Where ONNX Runtime is to write an output; null lets it allocate, and `adopt` then gets the result. */
  fetch(): Ort.Tensor | null;
  adopt(result: Ort.Tensor): void;
}

/** What ONNX Runtime would print, it also throws. */
const quiet: Ort.InferenceSession.RunOptions = { logSeverityLevel: 4 };

/** Through ONNX Runtime's own JavaScript; `Memory` is what the provider allocates. */
export async function loadThroughOrt(
  ort: OrtModule,
  model: Uint8Array,
  options: Ort.InferenceSession.SessionOptions,
): Promise<Inference> {
  const session = await ort.InferenceSession.create(model, options);
  const outputs = session.outputMetadata.map(portOf);
  return {
    inputs: session.inputMetadata.map(portOf),
    outputs,
    async run(feeds, held) {
      const given: Record<string, Ort.Tensor> = {};
      for (const [name, feed] of feeds) {
        given[name] = isHost(feed)
          ? new ort.Tensor(feed.dtype as Ort.Tensor.Type, feed.data, [...feed.shape])
          : ortMemory(feed).feed();
      }
      const memories = new Map(Array.from(held, ([name, memory]) => [name, ortMemory(memory)]));
      const wanted = Object.fromEntries(outputs.map(({ name }) => [name, memories.get(name)?.fetch() ?? null]));
      const results = await session.run(given, wanted, quiet);
      const host: Record<string, HostTensor> = {};
      for (const { name, dtype, shape } of outputs) {
        const result = results[name];
        if (!result) throw new RuntimeError(`output ${name} did not come back`);
        const memory = memories.get(name);
        if (memory) memory.adopt(result);
        else host[name] = { dtype, shape, data: hostData(dtype, result.data as TensorData) };
      }
      return host;
    },
    release: () => session.release(),
  };
}

export const isHost = (feed: DeviceMemory | HostTensor): feed is HostTensor => "data" in feed;

function ortMemory(memory: DeviceMemory): OrtMemory {
  if ("feed" in memory) return memory as OrtMemory;
  throw new RuntimeError("A tensor's memory is another provider's.");
}

/** Where JavaScript has Float16Array, onnxruntime-web gives that; the contract wants the bits. */
function hostData(dtype: DType, data: TensorData): TensorData {
  return isDeviceDType(dtype) ? viewAs(dtype, data) : data;
}

/** An input or output as the loaded model itself declares it. */
export function portOf(metadata: Ort.InferenceSession.ValueMetadata): Port {
  if (!metadata.isTensor) throw new RuntimeError(`${metadata.name} of an artifact is not a tensor.`);
  return { name: metadata.name, dtype: metadata.type as DType, shape: metadata.shape.map(Number) };
}

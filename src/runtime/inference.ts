/** One loaded ONNX model; each provider passes inputs to it in its own way. */

import type * as Ort from "onnxruntime-web";
import type { Port } from "../artifacts/contract.ts";
import type { DType } from "../tensor/dtype.ts";
import { RuntimeError } from "./errors.ts";
import { type DeviceMemory, isDeviceDType, type OrtModule, viewAs } from "./provider.ts";
import type { HostTensor, TensorData } from "./types.ts";

/** A loaded model of one provider; all memory passed to it must be allocated by that provider. */
export interface Inference {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Computes all outputs, into `bound` memory where the output is named there, else to JavaScript. Needs the mutex. */
  run(
    feeds: ReadonlyMap<string, DeviceMemory | HostTensor>,
    bound: ReadonlyMap<string, DeviceMemory>,
  ): Promise<Record<string, HostTensor>>;
  release(): Promise<void>;
}

/** Memory that ONNX Runtime's JavaScript accepts as a tensor. */
export interface OrtMemory extends DeviceMemory {
  /** The tensor as an input for ONNX Runtime. */
  feed(): Ort.Tensor;
  /** The tensor that ONNX Runtime writes an output to. Null: ONNX Runtime allocates, and `adopt` gets the result. */
  fetch(): Ort.Tensor | null;
  adopt(result: Ort.Tensor): void;
}

/** Fatal messages only: ONNX Runtime also throws what it would log. */
const quiet: Ort.InferenceSession.RunOptions = { logSeverityLevel: 4 };

/** Loads a model through ONNX Runtime's own JavaScript; `Memory` is the provider's class of memory. */
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
    async run(feeds, bound) {
      const given: Record<string, Ort.Tensor> = {};
      for (const [name, feed] of feeds) {
        given[name] = isHost(feed)
          ? new ort.Tensor(feed.dtype as Ort.Tensor.Type, feed.data, [...feed.shape])
          : ortMemory(feed).feed();
      }
      const memories = new Map(Array.from(bound, ([name, memory]) => [name, ortMemory(memory)]));
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
  throw new RuntimeError("A tensor's memory belongs to another provider.");
}

/** Host data by contract: onnxruntime-web returns a Float16Array where JavaScript has it, the contract uses the bits. */
function hostData(dtype: DType, data: TensorData): TensorData {
  return isDeviceDType(dtype) ? viewAs(dtype, data) : data;
}

/** An input or output as the loaded model declares it. */
export function portOf(metadata: Ort.InferenceSession.ValueMetadata): Port {
  if (!metadata.isTensor) throw new RuntimeError(`${metadata.name} of an artifact is not a tensor.`);
  return { name: metadata.name, dtype: metadata.type as DType, shape: metadata.shape.map(Number) };
}

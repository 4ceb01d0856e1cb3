/**
 * A session outside Hone's runtime whose inputs and outputs are all buffers that ONNX Runtime allocated, as graph capture needs
 * it: a captured session replays its commands with the buffers of its first run, and runs that one twice.
 */

import type { Artifact, Port } from "../../src/artifacts/contract.ts";
import { GraphBuilder } from "../../src/onnx/builder.ts";
import type { Value } from "../../src/onnx/graph.ts";
import { writeModel } from "../../src/onnx/model.ts";
import type { OrtModule } from "../../src/runtime/provider.ts";
import type { TensorData } from "../../src/runtime/types.ts";
import { findAdapter, requestDevice } from "../../src/runtime/webgpuProvider.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";

type OrtTensor = InstanceType<OrtModule["Tensor"]>;
type Tensors = Readonly<Record<string, OrtTensor>>;

export interface BoundSession {
  run(): Promise<void>;
  /** Replaces an input's contents; the buffer must not be smaller. */
  write(name: string, data: TensorData): void;
  /** A float32 output; waits for all commands before. */
  read(name: string): Promise<Float32Array>;
  release(): Promise<void>;
}

/** A device as Hone opens it. */
export async function openDevice(): Promise<GPUDevice> {
  const adapter = await findAdapter();
  if (typeof adapter === "string") throw new Error(`${adapter}.`);
  return requestDevice(adapter);
}

const optionsOf = (device: GPUDevice, captured: boolean) => ({
  executionProviders: [
    {
      name: "webgpu" as const,
      device,
      validationMode: "basic" as const,
      // A captured session must find its buffers again; Hone's sessions free them.
      storageBufferCacheMode: captured ? ("bucket" as const) : ("lazyRelease" as const),
    },
  ],
  graphOptimizationLevel: "all" as const,
  logSeverityLevel: 4 as const,
  enableGraphCapture: captured,
  preferredOutputLocation: "gpu-buffer" as const,
  extra: { session: { disable_cpu_ep_fallback: "1" } },
});

interface Allocation {
  readonly tensors: Tensors;
  release(): Promise<void>;
}

/** One tensor per port, as outputs of a session that must outlive them: only such buffers stay registered after a run. */
async function allocate(ort: OrtModule, device: GPUDevice, ports: readonly Port[]): Promise<Allocation> {
  const b = new GraphBuilder("allocate");
  const x = b.input("x", "float32", [1]);
  const outputs: Record<string, Value> = {};
  ports.forEach(({ dtype, shape }, i) => {
    const own = b.add(x, b.constant("float32", [1], Float32Array.of(i)));
    const shaped = shape.length === 0 ? b.reshape(own, []) : sizeOf(shape) === 1 ? own : b.expand(own, shape);
    const sized = shape.length > 1 && sizeOf(shape) === 1 ? b.reshape(shaped, shape) : shaped;
    outputs[`y${i}`] = dtype === "float32" ? sized : b.cast(sized, dtype);
  });
  const session = await ort.InferenceSession.create(writeModel(b.finish(outputs)), optionsOf(device, false));
  const made = await session.run({ x: new ort.Tensor("float32", new Float32Array(1), [1]) });
  const tensors = Object.fromEntries(ports.map(({ name }, i) => [name, made[`y${i}`] as OrtTensor]));
  return {
    tensors,
    async release() {
      for (const tensor of Object.values(tensors)) tensor.dispose();
      await session.release();
    },
  };
}

/** Builds the artifact's session with tensors of its own; aliased outputs use their inputs' buffers. */
export async function openBound(
  ort: OrtModule,
  device: GPUDevice,
  artifact: Artifact,
  captured: boolean,
): Promise<BoundSession> {
  const given = await allocate(ort, device, artifact.inputs);
  const inputs = given.tensors;
  // Without accumulation the artifact has no input for the accumulator that an output replaces.
  const sharedWith = ({ name }: Port) => inputs[artifact.aliases[name] ?? ""];
  const own = await allocate(
    ort,
    device,
    artifact.outputs.filter((port) => sharedWith(port) === undefined),
  );
  const outputs: Tensors = Object.fromEntries(
    artifact.outputs.map((port) => [port.name, sharedWith(port) ?? (own.tensors[port.name] as OrtTensor)]),
  );
  const session = await ort.InferenceSession.create(artifact.bytes(), optionsOf(device, captured));
  const bufferOf = (tensor: OrtTensor | undefined) => tensor?.gpuBuffer as unknown as GPUBuffer;
  return {
    async run() {
      await session.run(inputs, outputs);
    },
    write(name, data) {
      const padded = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
      padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      device.queue.writeBuffer(bufferOf(inputs[name]), 0, padded);
    },
    async read(name) {
      const port = artifact.outputs.find((output) => output.name === name);
      const size = 4 * sizeOf(port?.shape ?? []);
      const staging = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(bufferOf(outputs[name]), 0, staging, 0, size);
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const values = new Float32Array(staging.getMappedRange().slice(0));
      staging.destroy();
      return values;
    },
    async release() {
      await session.release();
      for (const allocation of [given, own]) await allocation.release();
    },
  };
}

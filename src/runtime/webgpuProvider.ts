/** The GPU provider: ONNX Runtime's WebGPU provider on our own device, whose buffers all sessions share. */

import type * as Ort from "onnxruntime-web";
import { byteSizeOf, bytesPerElement, type Shape } from "../tensor/dtype.ts";
import { DeviceLostError, messageOf, RuntimeError } from "./errors.ts";
import { loadThroughOrt, type OrtMemory } from "./inference.ts";
import { countBuffers } from "./memoryUse.ts";
import { type DeviceDType, type OrtEntry, type OrtModule, type Provider, viewAs } from "./provider.ts";
import type { DeviceLost, ProviderReport, TensorData } from "./types.ts";

/** Limits that ONNX Runtime's kernels use; a limit that is not requested stays at WebGPU's small default. */
const limits = [
  "maxBindGroups",
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
] as const satisfies readonly (keyof GPUSupportedLimits)[];

const features = ["shader-f16", "subgroups", "timestamp-query"] as const satisfies readonly GPUFeatureName[];

/** The subject of a sentence about WebGPU; under Node it comes from dawnEntries.ts. */
const here = () => ("document" in globalThis || "WorkerGlobalScope" in globalThis ? "This browser" : "Node");

/** An adapter, or the reason why there is none, as the first half of a sentence. */
export async function findAdapter(): Promise<GPUAdapter | string> {
  if (typeof navigator === "undefined" || !navigator.gpu) {
    return globalThis.isSecureContext === false
      ? "WebGPU is shut off because the page came neither over https nor from localhost"
      : "This browser has no WebGPU";
  }
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  return adapter ?? `${here()} offers no WebGPU adapter`;
}

/** A device with the adapter's limits and features that the kernels use. Throws a RuntimeError where the GPU gives none. */
export async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits = Object.fromEntries(limits.map((name) => [name, adapter.limits[name]]));
  const requiredFeatures = features.filter((name) => adapter.features.has(name));
  try {
    return await adapter.requestDevice({ label: "hone", requiredLimits, requiredFeatures });
  } catch (cause) {
    throw new RuntimeError("The GPU gave no device; close other pages that use it, or choose the processor instead.", {
      cause,
    });
  }
}

/** A storage buffer and the tensor over it. */
class BufferMemory implements OrtMemory {
  readonly #device: GPUDevice;
  readonly #buffer: GPUBuffer;
  readonly #tensor: Ort.Tensor;
  readonly #dtype: DeviceDType;
  readonly #byteLength: number;

  constructor(ort: OrtModule, device: GPUDevice, label: string, dtype: DeviceDType, shape: Shape) {
    this.#device = device;
    this.#dtype = dtype;
    this.#byteLength = byteSizeOf(dtype, shape);
    this.#buffer = device.createBuffer({
      label,
      // ONNX Runtime's kernels bind vectors of 16 bytes; a buffer that ends inside a vector is a validation error.
      size: Math.max(16, Math.ceil(this.#byteLength / 16) * 16),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    this.#tensor = ort.Tensor.fromGpuBuffer(this.#buffer, { dataType: dtype, dims: [...shape] });
  }

  feed(): Ort.Tensor {
    return this.#tensor;
  }

  fetch(): Ort.Tensor {
    return this.#tensor;
  }

  /** The result is already in the buffer. */
  adopt(): void {}

  write(data: TensorData, at: number): void {
    const offset = at * bytesPerElement[this.#dtype];
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    if (bytes.length % 4 === 0) {
      this.#device.queue.writeBuffer(this.#buffer, offset, bytes);
    } else {
      const padded = new Uint8Array(roundUp4(bytes.length));
      padded.set(bytes);
      this.#device.queue.writeBuffer(this.#buffer, offset, padded);
    }
  }

  async read(): Promise<TensorData> {
    const size = roundUp4(this.#byteLength);
    const staging = this.#device.createBuffer({
      label: `read ${this.#buffer.label}`,
      size,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    });
    try {
      const encoder = this.#device.createCommandEncoder();
      encoder.copyBufferToBuffer(this.#buffer, 0, staging, 0, size);
      this.#device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      return viewAs(this.#dtype, new Uint8Array(staging.getMappedRange().slice(0, this.#byteLength)));
    } finally {
      staging.destroy();
    }
  }

  free(): void {
    this.#buffer.destroy();
  }
}

const roundUp4 = (bytes: number) => Math.ceil(bytes / 4) * 4;

/** The WebGPU provider on an adapter. With `strictPlacement` it refuses artifacts with nodes that would run on the CPU. */
export async function createWebGpuProvider(
  entry: OrtEntry,
  adapter: GPUAdapter,
  strictPlacement: boolean,
): Promise<Provider> {
  const ort = await entry.load();
  const device = await requestDevice(adapter);
  const meter = countBuffers(device);
  if (entry.files) ort.env.wasm.wasmPaths = entry.files;
  // The processor does only bookkeeping.
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "fatal";

  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const name = description || [vendor, architecture].filter(Boolean).join(" ") || "an adapter that gives no name";
  const report: ProviderReport = {
    provider: "webgpu",
    reason: isFallbackAdapter
      ? `WebGPU was chosen, but the processor emulates it here (${name}), which is slower than the processor itself.`
      : `${here()} offers WebGPU (${name}), so Hone runs on the GPU.`,
    threads: 1,
    crossOriginIsolated: globalThis.crossOriginIsolated,
    adapter: {
      vendor,
      architecture,
      description,
      maxBufferSize: device.limits.maxBufferSize,
      maxStorageBufferBindingSize: device.limits.maxStorageBufferBindingSize,
      shaderF16: device.features.has("shader-f16"),
    },
  };

  let destroyed = false;
  let lossError: DeviceLostError | null = null;
  const waiting = new Set<(error: DeviceLostError) => void>();
  const lost = new Promise<DeviceLost>((resolve) => {
    device.lost.then((info) => {
      if (destroyed) return;
      const loss = { reason: info.reason, message: info.message };
      lossError = new DeviceLostError(loss);
      for (const reject of waiting) reject(lossError);
      waiting.clear();
      resolve(loss);
    });
  });

  // GPU errors outside a run, mostly missing memory; the next run or read throws them.
  const reported: string[] = [];
  device.onuncapturederror = (event) => {
    event.preventDefault();
    reported.push(event.error.message);
  };

  const check = () => {
    if (lossError) throw lossError;
  };

  return {
    report,
    meter,
    maxTensorBytes: device.limits.maxBufferSize,
    lost,
    load: (model) =>
      loadThroughOrt(ort, model, {
        // `basic` wraps each run in an error scope, so a run throws its GPU errors before it ends.
        // `lazyRelease` frees unused buffers: a cache would collect the buffers of every batch shape.
        executionProviders: [
          { name: "webgpu", device, validationMode: "basic", storageBufferCacheMode: "lazyRelease" },
        ],
        graphOptimizationLevel: "all",
        logSeverityLevel: 4,
        ...(strictPlacement && { extra: { session: { disable_cpu_ep_fallback: "1" } } }),
      }),
    allocate: (label, dtype, shape) => {
      device.pushErrorScope("out-of-memory");
      const memory = new BufferMemory(ort, device, label, dtype, shape);
      device.popErrorScope().then(
        (error) => {
          if (!error) return;
          const bytes = byteSizeOf(dtype, shape);
          reported.push(
            `the GPU has no memory for ${label} (${bytes} bytes); lower the batch size or the length, or use a ` +
              "smaller model",
          );
        },
        () => {},
      );
      return memory;
    },
    check,
    untilLost: (work) =>
      new Promise((resolve, reject) => {
        if (lossError) reject(lossError);
        waiting.add(reject);
        work.then(resolve, reject).finally(() => waiting.delete(reject));
      }),
    watched: async (work) => {
      const [outcome] = await Promise.allSettled([work()]);
      check();
      const failures = reported.splice(0);
      if (outcome.status === "rejected") failures.unshift(messageOf(outcome.reason));
      else if (failures.length === 0) return outcome.value;
      throw new Error(failures.join("; "));
    },
    destroy: () => {
      destroyed = true;
      device.destroy();
    },
  };
}

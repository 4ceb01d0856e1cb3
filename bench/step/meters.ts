/** Measures an engine's memory from outside: bytes of live GPU buffers and of WebAssembly memories. */

export interface Meters {
  /** Peak bytes of GPU buffers that were created and not yet destroyed. */
  gpuPeakBytes(): number;
  gpuBytes(): number;
  /** Bytes of all WebAssembly memories that JavaScript created; they never shrink. */
  wasmBytes(): number;
}

/**
 * Skips all later GPU computations. Buffers are still created, and commands are recorded and submitted, so only the
 * processor's part of a step remains.
 */
export function leaveOutKernels(): void {
  GPUComputePassEncoder.prototype.dispatchWorkgroups = () => undefined;
  GPUComputePassEncoder.prototype.dispatchWorkgroupsIndirect = () => undefined;
}

/** Wraps the constructors; call it before loading an engine. A buffer that is never destroyed stays counted. */
export function installMeters(): Meters {
  let live = 0;
  let peak = 0;
  if (typeof GPUDevice !== "undefined") {
    const sizes = new WeakMap<GPUBuffer, number>();
    const create = GPUDevice.prototype.createBuffer;
    GPUDevice.prototype.createBuffer = function (descriptor) {
      const buffer = create.call(this, descriptor);
      sizes.set(buffer, descriptor.size);
      live += descriptor.size;
      peak = Math.max(peak, live);
      return buffer;
    };
    const destroy = GPUBuffer.prototype.destroy;
    GPUBuffer.prototype.destroy = function () {
      live -= sizes.get(this) ?? 0;
      sizes.delete(this);
      return destroy.call(this);
    };
  }
  const memories: WebAssembly.Memory[] = [];
  WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
    construct(target, parameters: [WebAssembly.MemoryDescriptor]) {
      const memory = new target(...parameters);
      memories.push(memory);
      return memory;
    },
  });
  return {
    gpuPeakBytes: () => peak,
    gpuBytes: () => live,
    wasmBytes: () => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0),
  };
}

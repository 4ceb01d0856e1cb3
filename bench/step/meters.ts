/** Counts what an engine holds, from outside of it: bytes in live GPU buffers, and bytes of its WebAssembly memories. */

export interface Meters {
  /** Peak of the bytes in GPU buffers that were created and not yet destroyed. */
  gpuPeakBytes(): number;
  gpuBytes(): number;
  /** Bytes of all WebAssembly memories that JavaScript made, which only ever grow. */
  wasmBytes(): number;
}

/**
 * Leaves out all that the GPU would compute from here on. Buffers are made, and work is recorded and handed over, as ever: what
 * is left is what an engine asks of the processor.
 */
export function leaveOutKernels(): void {
  GPUComputePassEncoder.prototype.dispatchWorkgroups = () => undefined;
  GPUComputePassEncoder.prototype.dispatchWorkgroupsIndirect = () => undefined;
}

/** Wraps the constructors before an engine is loaded. A buffer that is dropped without `destroy` stays counted. */
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

/** Measures the memory in use on the device, whether Hone or ONNX Runtime allocated it. */

export interface MemoryUse {
  readonly bytes: number;
  /** Largest `bytes` since the start or the last `restart`. */
  readonly peakBytes: number;
}

export interface Meter {
  /** Null where the memory cannot be measured. */
  read(): MemoryUse | null;
  /** Restarts the peak at the current use; has no effect for a heap, which never shrinks. */
  restart(): void;
}

/** Counts the bytes of a device's live buffers, starting with the next one created. */
export function countBuffers(device: GPUDevice): Meter {
  let bytes = 0;
  let peakBytes = 0;
  const { createBuffer } = device;
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer.call(device, descriptor);
    bytes += descriptor.size;
    peakBytes = Math.max(peakBytes, bytes);
    const { destroy } = buffer;
    let alive = true;
    buffer.destroy = () => {
      if (alive) bytes -= descriptor.size;
      alive = false;
      return destroy.call(buffer);
    };
    return buffer;
  };
  return {
    read: () => ({ bytes, peakBytes }),
    restart: () => {
      peakBytes = bytes;
    },
  };
}

/**
 * Counts the filled part of ONNX Runtime's WebAssembly heap, up to the last byte that is not 0; captureModule.mjs provides
 * the module. The heap grows ahead of need, by up to a fifth, and never shrinks, but unwritten pages take no memory. A count
 * scans only what was unfilled at the last count, which takes milliseconds.
 */
export function countHeap(): Meter {
  let filled = 0;
  return {
    read() {
      const module: unknown = Reflect.get(globalThis, Symbol.for("hone.onnxruntime"));
      if (!isModule(module)) return null;
      // Refreshes the view after the memory has grown.
      module.getValue(0, "i32");
      const { buffer } = module.HEAPU8;
      const words = new Uint32Array(buffer, 0, buffer.byteLength >>> 2);
      let end = words.length;
      while (4 * end > filled && words[end - 1] === 0) end--;
      filled = 4 * end;
      return { bytes: filled, peakBytes: filled };
    },
    restart: () => {},
  };
}

const isModule = (
  value: unknown,
): value is { readonly HEAPU8: Uint8Array; getValue(address: number, type: "i32"): number } =>
  typeof value === "object" && value !== null && "HEAPU8" in value && "getValue" in value;

/** What memory the device really holds, seen beneath ONNX Runtime, whoever of both asked for it. */

export interface Held {
  readonly bytes: number;
  /** The most that there was at once. */
  readonly peakBytes: number;
}

export interface Meter {
  /** Null where there is nothing to be seen. */
  read(): Held | null;
  /** From now on the peak is that of what comes; of a heap, which never shrinks, it stays what it was. */
  restart(): void;
}

/** Counts the buffers that are made of a device from now on, until they are destroyed. */
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
 * Counts the filled part of ONNX Runtime's WebAssembly heap, where captureModule.mjs has left the module: all up to the last
 * byte that is not 0. The heap grows ahead of need, by up to a fifth, and never shrinks; what was never written is no memory
 * of the machine's. A count reads what was not filled at the one before it, which takes milliseconds.
 */
export function countHeap(): Meter {
  let filled = 0;
  return {
    read() {
      const module: unknown = Reflect.get(globalThis, Symbol.for("hone.onnxruntime"));
      if (!isModule(module)) return null;
      // Refreshes the view where the memory has grown.
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

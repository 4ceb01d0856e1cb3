/** Counts a page's WebGPU calls and records its waits, by wrapping WebGPU's methods. */

export interface GpuCounts {
  readonly dispatches: number;
  readonly passes: number;
  readonly submits: number;
  /** Number of created buffers; buffers from ONNX Runtime's cache do not count. */
  readonly buffers: number;
  readonly bufferBytes: number;
  /** Bytes from JavaScript or WebAssembly, through `writeBuffer` or a buffer mapped at creation. */
  readonly uploadedBytes: number;
  /** Bytes mapped for reading. */
  readonly downloadedBytes: number;
  /** Bytes copied from buffer to buffer; all uploads and downloads count here again. */
  readonly copiedBytes: number;
}

/** Begin and end in milliseconds of `performance.now()`. */
export type Interval = readonly [began: number, ended: number];

export interface GpuMeter {
  counts(): GpuCounts;
  /** Waits that ended since the last call, ordered by their end. */
  takeWaits(): Interval[];
}

export const zeroCounts: GpuCounts = {
  dispatches: 0,
  passes: 0,
  submits: 0,
  buffers: 0,
  bufferBytes: 0,
  uploadedBytes: 0,
  downloadedBytes: 0,
  copiedBytes: 0,
};

/** The difference between two readings. */
export function difference(later: GpuCounts, earlier: GpuCounts): GpuCounts {
  const names = Object.keys(zeroCounts) as (keyof GpuCounts)[];
  return Object.fromEntries(names.map((name) => [name, later[name] - earlier[name]])) as unknown as GpuCounts;
}

type Method = (this: never, ...given: never[]) => unknown;

/** Calls `note` with the object, the arguments and the result of each call of a method. */
function observe<Target extends object, Name extends keyof Target>(
  target: Target,
  name: Name,
  note: Target[Name] extends (...given: infer Given) => infer Result
    ? (given: Given, result: Result, on: Target) => void
    : never,
): void {
  const original = target[name] as Method;
  const see = note as (given: unknown[], result: unknown, on: Target) => void;
  const observed = function (this: Target, ...given: unknown[]): unknown {
    const result = Reflect.apply(original, this, given);
    see(given, result, this);
    return result;
  };
  target[name] = observed as Target[Name];
}

/** Wraps WebGPU's methods permanently. Call it once, before a device is requested. Null without WebGPU. */
export function installGpuMeter(): GpuMeter | null {
  if (typeof GPUDevice === "undefined") return null;
  const counts: { -readonly [name in keyof GpuCounts]: number } = { ...zeroCounts };
  const waits: Interval[] = [];
  const wait = (answer: Promise<unknown>) => {
    const began = performance.now();
    const end = () => {
      waits.push([began, performance.now()]);
    };
    answer.then(end, end);
  };
  const pass = GPUComputePassEncoder.prototype;
  observe(pass, "dispatchWorkgroups", () => counts.dispatches++);
  observe(pass, "dispatchWorkgroupsIndirect", () => counts.dispatches++);
  observe(GPUCommandEncoder.prototype, "beginComputePass", () => counts.passes++);
  // Either (source, offset, target, offset, size) or (source, target, size); without a size the whole buffer is copied.
  observe(GPUCommandEncoder.prototype, "copyBufferToBuffer", (given: readonly unknown[]) => {
    const [source] = given as [GPUBuffer];
    const size = typeof given[1] === "number" ? given[4] : given[2];
    counts.copiedBytes += typeof size === "number" ? size : source.size;
  });
  observe(GPUQueue.prototype, "submit", () => counts.submits++);
  observe(GPUQueue.prototype, "onSubmittedWorkDone", (_given, answer) => wait(answer));
  observe(GPUQueue.prototype, "writeBuffer", ([, , data, offset = 0, size]) => {
    const width = ArrayBuffer.isView(data) && "BYTES_PER_ELEMENT" in data ? Number(data.BYTES_PER_ELEMENT) : 1;
    counts.uploadedBytes += size === undefined ? data.byteLength - offset * width : size * width;
  });
  observe(GPUDevice.prototype, "createBuffer", ([{ size, mappedAtCreation }]) => {
    counts.buffers++;
    counts.bufferBytes += size;
    if (mappedAtCreation) counts.uploadedBytes += size;
  });
  observe(GPUDevice.prototype, "popErrorScope", (_given, answer) => wait(answer));
  observe(GPUBuffer.prototype, "mapAsync", ([mode, offset = 0, size], answer, buffer) => {
    if (mode & GPUMapMode.READ) counts.downloadedBytes += size ?? buffer.size - offset;
    wait(answer);
  });
  return { counts: () => ({ ...counts }), takeWaits: () => waits.splice(0) };
}

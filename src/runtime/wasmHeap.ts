/**
 * Tensors in the memory of ONNX Runtime's WebAssembly module, whose kernels read and write them in place.
 *
 * onnxruntime-web copies every input into that memory at each run, and every output out of it. A training step binds the
 * whole model several times, so copies took a fifth of a step, and generation copied all weights for each token.
 * onnxruntime-web still creates the session; a run calls the module's functions directly, as onnxruntime-web's JavaScript does.
 */

import type * as Ort from "onnxruntime-web";
import { byteSizeOf, bytesPerElement, type DType, type Shape } from "../tensor/dtype.ts";
import { RuntimeError } from "./errors.ts";
import { type Inference, isHost, portOf } from "./inference.ts";
import { type DeviceDType, type DeviceMemory, isDeviceDType, type OrtModule, viewAs } from "./provider.ts";
import type { HostTensor, TensorData } from "./types.ts";

/** The functions that we use of ONNX Runtime's Emscripten module; addresses are byte offsets in its memory. */
interface WasmModule {
  readonly HEAPU8: Uint8Array<ArrayBuffer>;
  /** Also refreshes the views, such as HEAPU8, after the memory has grown. */
  getValue(address: number, type: "i32" | "*"): number;
  setValue(address: number, value: number, type: "i32" | "*"): void;
  UTF8ToString(address: number): string;
  stringToUTF8(text: string, address: number, bytes: number): void;
  lengthBytesUTF8(text: string): number;
  stackSave(): number;
  stackRestore(stack: number): void;
  stackAlloc(bytes: number): number;
  _malloc(bytes: number): number;
  _free(address: number): void;
  _OrtCreateTensor(type: number, data: number, bytes: number, dims: number, rank: number, location: number): number;
  _OrtReleaseTensor(tensor: number): number;
  _OrtGetTensorData(tensor: number, type: number, data: number, dims: number, rank: number): number;
  _OrtFree(address: number): number;
  _OrtCreateRunOptions(severity: number, verbosity: number, terminate: boolean, tag: number): number;
  _OrtRun(
    session: number,
    inputNames: number,
    inputs: number,
    inputCount: number,
    outputNames: number,
    outputCount: number,
    outputs: number,
    options: number,
  ): number | Promise<number>;
  _OrtGetLastError(code: number, message: number): number;
}

/** ONNX's codes of the element types. */
const typeNumbers: { readonly [dtype in DeviceDType]: number } = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};
/** ONNX Runtime's code for memory of the processor. */
const onProcessor = 1;
/** Log level of runs: fatal messages only, because other errors are also thrown. */
const quiet = 4;

const isWasmModule = (value: unknown): value is WasmModule =>
  typeof value === "object" &&
  value !== null &&
  ["HEAPU8", "_malloc", "_free", "_OrtRun", "_OrtCreateTensor", "_OrtGetTensorData"].every((name) => name in value);

export interface WasmHeap {
  /** Allocates zeros. Throws when the memory is exhausted. */
  allocate(label: string, dtype: DeviceDType, shape: Shape): DeviceMemory;
  load(ort: OrtModule, model: Uint8Array, options: Ort.InferenceSession.SessionOptions): Promise<Inference>;
  /** Bytes of the module's memory; it grows and never shrinks. */
  readonly bytes: number;
}

/** The memory of the module that captureModule.mjs stored in this realm; null if there is none or its layout is unknown. */
export function capturedHeap(): WasmHeap | null {
  const module: unknown = Reflect.get(globalThis, Symbol.for("hone.onnxruntime"));
  return isWasmModule(module) ? new Heap(module) : null;
}

/** A tensor in the module's memory: its elements, and ONNX Runtime's value (a tensor handle) over them. */
class HeapTensor implements DeviceMemory {
  readonly #heap: Heap;
  readonly #dtype: DeviceDType;
  readonly #bytes: number;
  readonly #address: number;
  readonly value: number;

  constructor(heap: Heap, label: string, dtype: DeviceDType, shape: Shape) {
    this.#heap = heap;
    this.#dtype = dtype;
    this.#bytes = byteSizeOf(dtype, shape);
    this.#address = heap.reserve(label, this.#bytes);
    heap.view(this.#address, this.#bytes).fill(0);
    this.value = heap.valueOver(this.#address, this.#bytes, dtype, shape);
  }

  write(data: TensorData, at: number): void {
    this.#heap.view(this.#address, this.#bytes).set(bytesOf(data), at * bytesPerElement[this.#dtype]);
  }

  async read(): Promise<TensorData> {
    return viewAs(this.#dtype, this.#heap.view(this.#address, this.#bytes).slice());
  }

  view(): TensorData {
    return viewAs(this.#dtype, this.#heap.view(this.#address, this.#bytes));
  }

  free(): void {
    this.#heap.release(this.value);
    this.#heap.module._free(this.#address);
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: TensorData) => new Uint8Array(buffer, byteOffset, byteLength);

class Heap implements WasmHeap {
  readonly module: WasmModule;
  #options = 0;

  constructor(module: WasmModule) {
    this.module = module;
  }

  get bytes(): number {
    this.module.getValue(0, "i32");
    return this.module.HEAPU8.length;
  }

  allocate(label: string, dtype: DeviceDType, shape: Shape): DeviceMemory {
    return new HeapTensor(this, label, dtype, shape);
  }

  /** The current bytes at an address; use the view at once, because it is invalid after the memory grows. */
  view(address: number, bytes: number): Uint8Array<ArrayBuffer> {
    this.module.getValue(0, "i32");
    return this.module.HEAPU8.subarray(address, address + bytes);
  }

  reserve(label: string, bytes: number): number {
    const address = this.module._malloc(Math.max(1, bytes));
    if (address !== 0) return address;
    throw new RuntimeError(
      `WebAssembly has no memory for ${label}: ${bytes} bytes beside the ${this.bytes} in use, of at most ${2 ** 32}. ` +
        "Lower the batch size or the length, or use a smaller model.",
    );
  }

  /** Creates ONNX Runtime's value over elements in the memory; the caller releases it. */
  valueOver(address: number, bytes: number, dtype: DeviceDType, shape: Shape): number {
    return this.onStack(4 * Math.max(1, shape.length), (dims) => {
      this.setAddresses(dims, shape);
      const value = this.module._OrtCreateTensor(typeNumbers[dtype], address, bytes, dims, shape.length, onProcessor);
      if (value === 0) this.fail("A tensor could not be created");
      return value;
    });
  }

  /** Writes consecutive 32-bit numbers. */
  setAddresses(address: number, numbers: readonly number[]): void {
    for (const [i, number] of numbers.entries()) this.module.setValue(address + 4 * i, number, "i32");
  }

  release(value: number): void {
    if (this.module._OrtReleaseTensor(value) !== 0) this.fail("A tensor could not be released");
  }

  /** The options of every run, created once. */
  get runOptions(): number {
    if (this.#options === 0) this.#options = this.module._OrtCreateRunOptions(quiet, 0, false, 0);
    if (this.#options === 0) this.fail("The options of a run could not be created");
    return this.#options;
  }

  onStack<Result>(bytes: number, work: (address: number) => Result): Result {
    const before = this.module.stackSave();
    try {
      return work(this.module.stackAlloc(bytes));
    } finally {
      this.module.stackRestore(before);
    }
  }

  /** Throws ONNX Runtime's last error. */
  fail(what: string): never {
    const reason = this.onStack(8, (address) => {
      this.module._OrtGetLastError(address, address + 4);
      const message = this.module.getValue(address + 4, "*");
      return message ? this.module.UTF8ToString(message) : "no reason given";
    });
    throw new RuntimeError(`${what}: ${reason}`);
  }

  async load(ort: OrtModule, model: Uint8Array, options: Ort.InferenceSession.SessionOptions): Promise<Inference> {
    const session = await ort.InferenceSession.create(model, options);
    const handle = handleOf(session);
    if (handle === null) {
      await session.release();
      throw new RuntimeError("This build of onnxruntime-web stores its sessions in an unknown way.");
    }
    return new HeapInference(this, session, handle);
  }
}

/** The module's handle of a session, from a field that the package's types do not declare; null if it is missing. */
function handleOf(session: Ort.InferenceSession): number | null {
  const handler: unknown = Reflect.get(session, "handler");
  const handle: unknown = typeof handler === "object" && handler ? Reflect.get(handler, "sessionId") : null;
  return typeof handle === "number" ? handle : null;
}

class HeapInference implements Inference {
  readonly inputs;
  readonly outputs;
  readonly #heap: Heap;
  readonly #session: Ort.InferenceSession;
  readonly #handle: number;
  /** Consecutive addresses: values of the inputs and the outputs, then their names. */
  readonly #table: number;
  readonly #names: readonly number[];

  constructor(heap: Heap, session: Ort.InferenceSession, handle: number) {
    const { module } = heap;
    this.#heap = heap;
    this.#session = session;
    this.#handle = handle;
    this.inputs = session.inputMetadata.map(portOf);
    this.outputs = session.outputMetadata.map(portOf);
    const ports = [...this.inputs, ...this.outputs];
    this.#names = ports.map(({ name }) => {
      const bytes = module.lengthBytesUTF8(name) + 1;
      const address = heap.reserve(name, bytes);
      module.stringToUTF8(name, address, bytes);
      return address;
    });
    this.#table = heap.reserve("a session's ports", 8 * ports.length);
  }

  async run(
    feeds: ReadonlyMap<string, DeviceMemory | HostTensor>,
    bound: ReadonlyMap<string, DeviceMemory>,
  ): Promise<Record<string, HostTensor>> {
    const { module } = this.#heap;
    const [inputs, outputs] = [this.inputs.length, this.outputs.length];
    const values = this.#table;
    const names = values + 4 * (inputs + outputs);
    const copies: { readonly address: number; readonly value: number }[] = [];
    const results: number[] = [];
    try {
      const given = this.inputs.map(({ name }) => {
        const feed = feeds.get(name);
        if (!feed) throw new RuntimeError(`input ${name} is missing`);
        return isHost(feed) ? this.#copyIn(name, feed, copies) : heapValue(feed);
      });
      const wanted = this.outputs.map(({ name }) => {
        const memory = bound.get(name);
        return memory ? heapValue(memory) : 0;
      });
      this.#heap.setAddresses(values, [...given, ...wanted, ...this.#names]);
      const code = await module._OrtRun(
        this.#handle,
        names,
        values,
        inputs,
        names + 4 * inputs,
        outputs,
        values + 4 * inputs,
        this.#heap.runOptions,
      );
      const host: Record<string, HostTensor> = {};
      // A failed run has allocated no output values, so there is nothing to release.
      if (code !== 0) this.#heap.fail("the run failed");
      this.outputs.forEach(({ name, dtype, shape }, i) => {
        if (bound.has(name)) return;
        const value = module.getValue(values + 4 * (inputs + i), "*");
        results.push(value);
        host[name] = { dtype, shape, data: this.#copyOut(name, dtype, shape, value) };
      });
      return host;
    } finally {
      for (const value of results) this.#heap.release(value);
      for (const { address, value } of copies) {
        this.#heap.release(value);
        module._free(address);
      }
    }
  }

  /** Copies a JavaScript tensor into the memory for one run. */
  #copyIn(name: string, { dtype, shape, data }: HostTensor, copies: { address: number; value: number }[]): number {
    if (!isDeviceDType(dtype))
      throw new RuntimeError(`input ${name} is ${dtype}, which onnxruntime-web does not support`);
    const bytes = bytesOf(data);
    const address = this.#heap.reserve(name, bytes.length);
    this.#heap.view(address, bytes.length).set(bytes);
    const value = this.#heap.valueOver(address, bytes.length, dtype, shape);
    copies.push({ address, value });
    return value;
  }

  #copyOut(name: string, dtype: DType, shape: Shape, value: number): TensorData {
    const { module } = this.#heap;
    if (!isDeviceDType(dtype)) throw new RuntimeError(`output ${name} is ${dtype}, which has no JavaScript array here`);
    return this.#heap.onStack(16, (address) => {
      if (module._OrtGetTensorData(value, address, address + 4, address + 8, address + 12) !== 0) {
        this.#heap.fail(`output ${name} could not be read`);
      }
      module._OrtFree(module.getValue(address + 8, "*"));
      return viewAs(dtype, this.#heap.view(module.getValue(address + 4, "*"), byteSizeOf(dtype, shape)).slice());
    });
  }

  async release(): Promise<void> {
    for (const address of [this.#table, ...this.#names]) this.#heap.module._free(address);
    await this.#session.release();
  }
}

function heapValue(memory: DeviceMemory): number {
  if (memory instanceof HeapTensor) return memory.value;
  throw new RuntimeError("A tensor's memory belongs to another provider.");
}

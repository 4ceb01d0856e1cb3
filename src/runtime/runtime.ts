/** The runtime: chooses a provider, caches sessions, counts tensors, and calls ONNX Runtime one call at a time. */

import type { Artifact } from "../artifacts/contract.ts";
import { byteSizeOf, type DType, describeType, type Shape, sizeOf } from "../tensor/dtype.ts";
import { messageOf, RuntimeError } from "./errors.ts";
import { countHeap, type MemoryUse } from "./memoryUse.ts";
import { Mutex } from "./mutex.ts";
import { createNativeProvider } from "./nativeProvider.ts";
import { checkData, isDeviceDType, type OrtEntries, type Provider } from "./provider.ts";
import type { OrtSession, SessionOwner } from "./session.ts";
import { type SessionBudget, SessionCache, sessionBudget } from "./sessionCache.ts";
import { type TensorOwner, TrackedTensor } from "./trackedTensor.ts";
import type { ArtifactName, DeviceTensor, MemoryAccount, Runtime, Session, TensorData } from "./types.ts";
import { createWasmProvider } from "./wasmProvider.ts";
import { createWebGpuProvider, findAdapter } from "./webgpuProvider.ts";

export interface RuntimeOptions {
  /** `browserEntries` in a page or worker; `nodeEntries` or the result of `processorEntries` under Node. */
  readonly entries: OrtEntries;
  /** Processor threads; by default chosen for the machine. Ignored where threads are unavailable. */
  readonly threads?: number;
  /** On WebGPU: refuse an artifact if any of its nodes would run on the CPU. True by default. */
  readonly strictPlacement?: boolean;
  /** `sessionBudget` by default. */
  readonly sessionBudget?: SessionBudget;
}

/** One lock for all runtimes of a page or worker, because they share ONNX Runtime's module. */
const ortMutex = new Mutex();

/**
 * Creates a runtime. `auto` chooses WebGPU if there is a real adapter, else wasm; the report has the reason. Throws
 * `RuntimeError` when WebGPU is chosen but unavailable.
 */
export async function createRuntime(choice: "auto" | "webgpu" | "wasm", options: RuntimeOptions): Promise<Runtime> {
  return new OrtRuntime(
    await ortMutex.run(() => chooseProvider(choice, options)),
    options.sessionBudget ?? sessionBudget,
  );
}

async function chooseProvider(
  choice: "auto" | "webgpu" | "wasm",
  { entries, threads, strictPlacement = true }: RuntimeOptions,
): Promise<Provider> {
  const { wasm } = entries;
  const onProcessor = async (why: string): Promise<Provider> =>
    "native" in wasm
      ? createNativeProvider(wasm, why, threads)
      : { ...(await createWasmProvider(wasm, why, threads)), meter: countHeap() };
  if (choice === "wasm") return onProcessor("The processor was chosen");
  const adapter = entries.webgpu ? await findAdapter() : "There is no WebGPU outside a browser";
  if (!entries.webgpu || typeof adapter === "string") {
    if (choice === "auto") return onProcessor(String(adapter));
    throw new RuntimeError(
      `${adapter}; choose the processor instead, or use a browser with WebGPU and hardware acceleration switched on.`,
    );
  }
  if (choice === "auto" && adapter.info.isFallbackAdapter) {
    return onProcessor("WebGPU is only emulated on the processor here, which is slower than the processor itself");
  }
  return createWebGpuProvider(entries.webgpu, adapter, strictPlacement);
}

class OrtRuntime implements Runtime, SessionOwner, TensorOwner {
  readonly provider: Provider;
  readonly mutex = ortMutex;
  readonly #sessions: SessionCache;
  readonly #tensors = new Set<TrackedTensor>();
  #bytes = 0;
  #peakBytes = 0;
  #disposed = false;
  #lost = false;

  constructor(provider: Provider, budget: SessionBudget) {
    this.provider = provider;
    this.#sessions = new SessionCache(this, budget);
    void provider.lost.then(() => {
      this.#lost = true;
    });
  }

  get isLost() {
    return this.#lost;
  }

  get report() {
    return this.provider.report;
  }

  get lost() {
    return this.provider.lost;
  }

  async session(artifact: Artifact): Promise<Session> {
    this.check();
    return this.#sessions.get(artifact, true);
  }

  async prepare(artifact: Artifact): Promise<void> {
    this.check();
    await this.#sessions.get(artifact, false);
  }

  releaseSessions(test: (artifact: ArtifactName) => boolean = () => true): Promise<void> {
    return this.#sessions.release(test);
  }

  forgetSession(session: OrtSession): void {
    this.#sessions.forget(session);
  }

  tensor(label: string, dtype: DType, shape: Shape, data?: TensorData): DeviceTensor {
    this.check();
    const bytes = byteSizeOf(dtype, shape);
    const limit = this.provider.maxTensorBytes;
    if (bytes > limit) {
      throw new RuntimeError(
        `Tensor ${label}, ${describeType(dtype, shape)}, takes ${bytes} bytes, but this device allows ${limit} per ` +
          "tensor; lower the batch size or the length, or use a smaller model.",
      );
    }
    if (!isDeviceDType(dtype)) {
      throw new RuntimeError(
        `Tensor ${label} is ${dtype}, which no provider supports; convert it to float32 or float16.`,
      );
    }
    if (data) checkData(`Tensor ${label}`, dtype, shape, sizeOf(shape), data);
    const memory = this.provider.allocate(label, dtype, shape);
    if (data) memory.write(data, 0);
    const tensor = new TrackedTensor(this, label, dtype, shape, memory);
    this.#tensors.add(tensor);
    this.#bytes += bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#bytes);
    return tensor;
  }

  forget(tensor: TrackedTensor): void {
    this.#tensors.delete(tensor);
    this.#bytes -= tensor.byteLength;
  }

  read(tensor: TrackedTensor): Promise<TensorData> {
    const work = this.mutex.run(async () => {
      this.check();
      try {
        return await this.provider.watched(() => tensor.memory.read());
      } catch (cause) {
        this.check();
        throw new RuntimeError(`Tensor ${tensor.label} could not be read: ${messageOf(cause)}`, { cause });
      }
    });
    return this.provider.untilLost(work);
  }

  own(tensor: DeviceTensor): TrackedTensor {
    if (!(tensor instanceof TrackedTensor)) throw new RuntimeError(`${tensor.label} is not a tensor of this runtime.`);
    tensor.checkAlive();
    if (this.#tensors.has(tensor)) return tensor;
    throw new RuntimeError(`Tensor ${tensor.label} belongs to another runtime; copy it with read() and tensor().`);
  }

  memory(): MemoryAccount {
    return {
      tensors: this.#tensors.size,
      bytes: this.#bytes,
      peakBytes: this.#peakBytes,
      sessions: this.#sessions.sessions,
      sessionBytes: this.#sessions.bytes,
    };
  }

  memoryUse(): MemoryUse | null {
    return this.provider.meter?.read() ?? null;
  }

  restartPeak(): void {
    this.provider.meter?.restart();
  }

  check(): void {
    if (this.#disposed) throw new RuntimeError("This runtime has been disposed of; create a new one.");
    this.provider.check();
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.releaseSessions();
    for (const tensor of [...this.#tensors]) tensor.free();
    this.provider.destroy();
  }
}

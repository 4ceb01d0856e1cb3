/** The runtime: picks a provider, keeps sessions and tensors, and lets one call at a time into ONNX Runtime. */

import type { Artifact } from "../artifacts/contract.ts";
import { byteSizeOf, type DType, describeType, type Shape, sizeOf } from "../tensor/dtype.ts";
import { messageOf, RuntimeError } from "./errors.ts";
import { countHeap, type Held } from "./held.ts";
import { Mutex } from "./mutex.ts";
import { createNativeProvider } from "./nativeProvider.ts";
import { checkData, isDeviceDType, type OrtEntries, type Provider } from "./provider.ts";
import { OrtSession, type SessionOwner } from "./session.ts";
import { type TensorOwner, TrackedTensor } from "./trackedTensor.ts";
import type { DeviceTensor, MemoryAccount, Runtime, Session, TensorData } from "./types.ts";
import { createWasmProvider } from "./wasmProvider.ts";
import { createWebGpuProvider, findAdapter } from "./webgpuProvider.ts";

export interface RuntimeOptions {
  /** `browserEntries` in a page or worker, `nodeEntries` under Node, or what `processorEntries` finds there. */
  readonly entries: OrtEntries;
  /** Threads of the processor; chosen from the machine when left out. Ignored where threads are not to be had. */
  readonly threads?: number;
  /** On WebGPU: refuse an artifact of which any node would run on the CPU. True when left out. */
  readonly strictPlacement?: boolean;
}

/** One lock for all runtimes of a page or worker, since they share ONNX Runtime's module. */
const ortMutex = new Mutex();

/**
 * Creates a runtime. `auto` takes WebGPU where there is a real adapter, else wasm; the report says which and why.
 * Throws `RuntimeError` when WebGPU is asked for and cannot be had.
 */
export async function createRuntime(choice: "auto" | "webgpu" | "wasm", options: RuntimeOptions): Promise<Runtime> {
  return new OrtRuntime(await ortMutex.run(() => chooseProvider(choice, options)));
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

/** The cached session; throws when the artifact is another one than the session was built from. */
function sameModel(session: OrtSession, artifact: Artifact): OrtSession {
  const { kind, key } = session.artifact;
  const ports = ({ inputs, outputs }: Artifact) =>
    [...inputs, ...outputs].map(({ name, dtype, shape }) => `${name} ${describeType(dtype, shape)}`);
  const [built, asked] = [ports(session.artifact), ports(artifact)];
  const other = asked.find((port, i) => port !== built[i]) ?? built[asked.length];
  if (kind === artifact.kind && other === undefined) return session;
  throw new RuntimeError(
    `Two artifacts have the key ${key}, ${kind} and ${artifact.kind}, ` +
      `${other === undefined ? "with the same ports" : `which differ in ${other}`}; a key must name one model.`,
  );
}

class OrtRuntime implements Runtime, SessionOwner, TensorOwner {
  readonly provider: Provider;
  readonly mutex = ortMutex;
  readonly #sessions = new Map<string, Promise<OrtSession>>();
  readonly #live = new Set<OrtSession>();
  readonly #tensors = new Set<TrackedTensor>();
  #bytes = 0;
  #peakBytes = 0;
  #disposed = false;
  #lost = false;

  constructor(provider: Provider) {
    this.provider = provider;
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
    const cached = this.#sessions.get(artifact.key);
    if (cached) {
      const session = await cached;
      if (!session.released) return sameModel(session, artifact);
      if (this.#sessions.get(artifact.key) === cached) this.#sessions.delete(artifact.key);
      return this.session(artifact);
    }
    const created = this.provider.untilLost(this.mutex.run(() => this.#create(artifact)));
    this.#sessions.set(artifact.key, created);
    created.catch(() => {
      if (this.#sessions.get(artifact.key) === created) this.#sessions.delete(artifact.key);
    });
    return created;
  }

  async #create(artifact: Artifact): Promise<OrtSession> {
    this.check();
    const session = await OrtSession.create(this, artifact);
    this.#live.add(session);
    return session;
  }

  async releaseSessions(test: (key: string) => boolean = () => true): Promise<void> {
    const leaving = [...this.#sessions].filter(([key]) => test(key));
    for (const [key] of leaving) this.#sessions.delete(key);
    // A session that could not be built has told its caller so; there is nothing to release.
    const built = await Promise.allSettled(leaving.map(([, session]) => session));
    const sessions = built.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    await this.mutex.run(async () => {
      for (const session of sessions) await session.release();
    });
  }

  forgetSession(session: OrtSession): void {
    this.#live.delete(session);
  }

  tensor(label: string, dtype: DType, shape: Shape, data?: TensorData): DeviceTensor {
    this.check();
    const bytes = byteSizeOf(dtype, shape);
    const limit = this.provider.maxTensorBytes;
    if (bytes > limit) {
      throw new RuntimeError(
        `Tensor ${label}, ${describeType(dtype, shape)}, takes ${bytes} bytes and this device allows ${limit} in one ` +
          "tensor; lower the batch size or the length, or take a smaller model.",
      );
    }
    if (!isDeviceDType(dtype)) {
      throw new RuntimeError(`Tensor ${label} is ${dtype}, which no provider holds; convert it to float32 or float16.`);
    }
    if (data) checkData(`Tensor ${label}`, dtype, shape, sizeOf(shape), data);
    const memory = this.provider.allocate(label, dtype, shape);
    if (data) memory.write(data);
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
      sessions: this.#live.size,
    };
  }

  held(): Held | null {
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

/** The runtime's interface: tensors on a device, sessions over artifacts, and the memory of both. */

import type { Artifact } from "../artifacts/contract.ts";
import type { DType, Shape } from "../tensor/dtype.ts";
import type { MemoryUse } from "./memoryUse.ts";

export type TensorData = Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor in JavaScript's memory; float16 as bits in a Uint16Array, bool as bytes. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: TensorData;
}

/** A tensor in the provider's memory: a GPU buffer, or memory of the processor. */
export interface DeviceTensor {
  readonly label: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteLength: number;
  /**
   * Replaces the contents, or the elements from `at` on: those must begin at a multiple of 4 bytes, and end at one or with the
   * tensor. Throws when the length differs or exceeds the tensor.
   */
  write(data: TensorData, at?: number): void;
  /** Copies the contents out. */
  read(): Promise<TensorData>;
  /** The contents themselves, to use at once; null where they are not in the processor's memory. Throws while a run uses them. */
  view(): TensorData | null;
  /** Frees the buffer; further use throws. */
  dispose(): void;
}

export interface Session {
  readonly artifact: Artifact;
  /**
   * Runs the artifact once, with every input. An output named in `outputs` is written to that device tensor, which may be
   * the tensor of the input that it aliases; every other output is returned as a host tensor. Throws `RunError` with the
   * artifact's name; the session is then released, and a later `session()` builds a new one.
   */
  run(
    inputs: Readonly<Record<string, DeviceTensor | HostTensor>>,
    outputs?: Readonly<Record<string, DeviceTensor>>,
  ): Promise<Record<string, HostTensor>>;
}

export interface ProviderReport {
  readonly provider: "webgpu" | "wasm";
  /** The reason for this provider, in one sentence for the page. */
  readonly reason: string;
  /** Number of threads of the wasm provider; 1 without cross-origin isolation. */
  readonly threads: number;
  readonly crossOriginIsolated: boolean;
  readonly adapter: {
    readonly vendor: string;
    readonly architecture: string;
    readonly description: string;
    readonly maxBufferSize: number;
    readonly maxStorageBufferBindingSize: number;
    readonly shaderF16: boolean;
  } | null;
}

export interface MemoryAccount {
  /** Number of live device tensors. */
  readonly tensors: number;
  readonly bytes: number;
  readonly peakBytes: number;
  /** Number of live sessions. */
  readonly sessions: number;
  /** Estimated bytes of their constants, nodes, names and kernels. */
  readonly sessionBytes: number;
}

/** The name of a cached session. */
export type ArtifactName = Pick<Artifact, "kind" | "key">;

export interface Runtime {
  readonly report: ProviderReport;
  /**
   * A session for one run of the artifact, cached by `artifact.key`. It is not released before that run has ended. After the
   * run the cache may release it at any time, so call this before each run.
   */
  session(artifact: Artifact): Promise<Session>;
  /** Builds the artifact's session ahead of time, so that a later run only computes. */
  prepare(artifact: Artifact): Promise<void>;
  /** Releases the cached sessions whose artifact passes the test, once their runs have ended; all sessions without a test. */
  releaseSessions(test?: (artifact: ArtifactName) => boolean): Promise<void>;
  /** Creates a device tensor, with zeros if `data` is missing. Throws when it exceeds the device's limit. */
  tensor(label: string, dtype: DType, shape: Shape, data?: TensorData): DeviceTensor;
  memory(): MemoryAccount;
  /**
   * The measured memory in use, sessions included: bytes of GPU buffers, or on wasm the filled part of the WebAssembly heap,
   * which never shrinks. Null where it cannot be measured.
   */
  memoryUse(): MemoryUse | null;
  /** Restarts the peak of `memoryUse`; has no effect on wasm. */
  restartPeak(): void;
  /** Resolves with the reason when the device is lost; never settles otherwise, and never on wasm. */
  readonly lost: Promise<DeviceLost>;
  /** Releases sessions, tensors and the device. */
  dispose(): Promise<void>;
}

export interface DeviceLost {
  readonly reason: string;
  readonly message: string;
}

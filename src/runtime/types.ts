/** The runtime as the rooms below see it: tensors on a device, sessions over artifacts, and an account of both. */

import type { Artifact } from "../artifacts/contract.ts";
import type { DType, Shape } from "../tensor/dtype.ts";
import type { Held } from "./held.ts";

export type TensorData = Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor in JavaScript's memory; float16 as bits in a Uint16Array, bool as bytes. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: TensorData;
}

/** A tensor that stays where the provider computes: a GPU buffer, or on wasm a typed array. */
export interface DeviceTensor {
  readonly label: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteLength: number;
  /** Replaces the contents. Throws when the length differs. */
  write(data: TensorData): void;
  /** Copies the contents out. */
  read(): Promise<TensorData>;
  /** Frees the buffer; further use throws. */
  dispose(): void;
}

export interface Session {
  readonly artifact: Artifact;
  /**
   * Runs the artifact once. Every input must be given. An output named in `outputs` is written to that device
   * tensor (which may be the very tensor of the input it aliases); every other output comes back as a host tensor.
   * Throws `RunError` naming the artifact; the session is then discarded and a later `session()` builds a new one.
   */
  run(
    inputs: Readonly<Record<string, DeviceTensor | HostTensor>>,
    outputs?: Readonly<Record<string, DeviceTensor>>,
  ): Promise<Record<string, HostTensor>>;
}

export interface ProviderReport {
  readonly provider: "webgpu" | "wasm";
  /** Why this one, in one sentence for the page. */
  readonly reason: string;
  /** Threads of the wasm provider; 1 without cross-origin isolation. */
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
  /** Device tensors alive. */
  readonly tensors: number;
  readonly bytes: number;
  readonly peakBytes: number;
  /** Sessions alive. */
  readonly sessions: number;
  /** Estimate of what they keep between runs: constants, nodes, names and kernels. */
  readonly sessionBytes: number;
}

/** What a cached session is known by. */
export type ArtifactName = Pick<Artifact, "kind" | "key">;

export interface Runtime {
  readonly report: ProviderReport;
  /**
   * A session for one run of the artifact: cached by `artifact.key`, built when missing or released. It is not released
   * before that run has ended; after it the cache may release it at any time, so ask again before each run.
   */
  session(artifact: Artifact): Promise<Session>;
  /** Builds the artifact's session ahead, so that a later run takes the time of computing alone. */
  prepare(artifact: Artifact): Promise<void>;
  /** Releases the cached sessions whose artifact passes the test, in use or not; all without one. */
  releaseSessions(test?: (artifact: ArtifactName) => boolean): Promise<void>;
  /** A device tensor; zeros when `data` is left out. Throws when it is larger than the device's limit. */
  tensor(label: string, dtype: DType, shape: Shape, data?: TensorData): DeviceTensor;
  memory(): MemoryAccount;
  /**
   * What the device really holds, sessions included: bytes of GPU buffers, or on wasm the filled part of the WebAssembly heap,
   * which never shrinks. Null where it cannot be seen.
   */
  held(): Held | null;
  /** From now on `held` gives the peak of what comes; on wasm it stays what it was. */
  restartPeak(): void;
  /** Settles when the device is lost, with the reason; never settles otherwise (on wasm, never). */
  readonly lost: Promise<DeviceLost>;
  /** Releases sessions, tensors and the device. */
  dispose(): Promise<void>;
}

export interface DeviceLost {
  readonly reason: string;
  readonly message: string;
}

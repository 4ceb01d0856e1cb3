/** A session over an artifact: it checks inputs, binds outputs, and is released when a run fails. */

import { sessionBytes } from "../artifacts/activations.ts";
import type { Artifact } from "../artifacts/contract.ts";
import { messageOf, RunError, RuntimeError } from "./errors.ts";
import type { Inference } from "./inference.ts";
import type { Mutex } from "./mutex.ts";
import { checkInputs, checkModel, checkOutputs } from "./ports.ts";
import type { DeviceMemory, Provider } from "./provider.ts";
import type { TrackedTensor } from "./trackedTensor.ts";
import type { DeviceTensor, HostTensor, Session } from "./types.ts";

/** The part of the runtime that a session uses. */
export interface SessionOwner {
  readonly provider: Provider;
  readonly mutex: Mutex;
  check(): void;
  /** Returns a live tensor of this runtime; throws for any other. */
  own(tensor: DeviceTensor): TrackedTensor;
  /** Removes a released session from the account. */
  forgetSession(session: OrtSession): void;
}

/** Whether a session is needed: a requested run has not begun, or a run has not ended. */
export class SessionUse {
  #expected = 0;
  #running = 0;

  get inUse(): boolean {
    return this.#expected + this.#running > 0;
  }

  /** Counts a caller who requested the session for a run. */
  expectRun(): void {
    this.#expected++;
  }

  /** Begins the requested run; the returned function ends it. */
  begin(): () => void {
    this.#expected = Math.max(0, this.#expected - 1);
    this.#running++;
    return () => {
      this.#running--;
    };
  }
}

export class OrtSession implements Session {
  readonly artifact: Artifact;
  /** Estimated bytes between runs. */
  readonly bytes: number;
  readonly #owner: SessionOwner;
  readonly #inference: Inference;
  readonly #use: SessionUse;
  /** True once it can no longer run; a cache must then build another session. */
  released = false;

  private constructor(
    owner: SessionOwner,
    artifact: Artifact,
    inference: Inference,
    { use, bytes }: { readonly use: SessionUse; readonly bytes: number },
  ) {
    this.#owner = owner;
    this.artifact = artifact;
    this.#inference = inference;
    this.#use = use;
    this.bytes = bytes;
  }

  /**
   * Builds a session after `makeRoom` has freed enough of the budget; the caller holds the mutex. Throws `RuntimeError` when the
   * artifact does not load.
   */
  static async create(
    owner: SessionOwner,
    artifact: Artifact,
    use: SessionUse,
    makeRoom: (bytes: number) => Promise<void>,
  ): Promise<OrtSession> {
    owner.check();
    let inference: Inference;
    let bytes: number;
    try {
      const model = artifact.bytes();
      bytes = sessionBytes(model);
      await makeRoom(bytes);
      inference = await owner.provider.load(model);
    } catch (cause) {
      owner.check();
      throw new RuntimeError(
        `No session could be built for the ${artifact.kind} artifact ${artifact.key}: ${messageOf(cause)}`,
        { cause },
      );
    }
    try {
      checkModel(artifact, "input", inference.inputs);
      checkModel(artifact, "output", inference.outputs);
    } catch (error) {
      await inference.release();
      throw error;
    }
    return new OrtSession(owner, artifact, inference, { use, bytes });
  }

  async run(
    inputs: Readonly<Record<string, DeviceTensor | HostTensor>>,
    outputs: Readonly<Record<string, DeviceTensor>> = {},
  ): Promise<Record<string, HostTensor>> {
    const ended = this.#use.begin();
    try {
      return await this.#run(inputs, outputs);
    } finally {
      ended();
    }
  }

  async #run(
    inputs: Readonly<Record<string, DeviceTensor | HostTensor>>,
    outputs: Readonly<Record<string, DeviceTensor>>,
  ): Promise<Record<string, HostTensor>> {
    const { provider, mutex } = this.#owner;
    this.#owner.check();
    checkInputs(this.artifact, inputs);
    checkOutputs(this.artifact, inputs, outputs);
    const used: TrackedTensor[] = [];
    const memoryOf = (tensor: DeviceTensor): DeviceMemory => {
      const own = this.#owner.own(tensor);
      used.push(own);
      return own.memory;
    };
    const bound = new Map(Object.entries(outputs).map(([name, tensor]) => [name, memoryOf(tensor)]));
    const feeds = new Map(
      Object.entries(inputs).map(([name, given]) => [name, "data" in given ? given : memoryOf(given)]),
    );
    const release = used.map((tensor) => tensor.use());
    const work = mutex.run(() => this.#runAlone(feeds, bound));
    // Tensors stay in use until ONNX Runtime has finished, even when the caller learns of a lost device earlier.
    const releaseAll = () => {
      for (const end of release) end();
    };
    work.then(releaseAll, releaseAll);
    return provider.untilLost(work);
  }

  /** One run; needs the mutex. */
  async #runAlone(
    feeds: ReadonlyMap<string, DeviceMemory | HostTensor>,
    bound: ReadonlyMap<string, DeviceMemory>,
  ): Promise<Record<string, HostTensor>> {
    const { provider } = this.#owner;
    this.#owner.check();
    if (this.released) {
      throw new RuntimeError(
        `This session of the ${this.artifact.kind} artifact ${this.artifact.key} has been released; request a new one.`,
      );
    }
    try {
      return await provider.watched(() => this.#inference.run(feeds, bound));
    } catch (cause) {
      // After a failed run the session's state may be invalid.
      await this.release().catch(() => {});
      this.#owner.check();
      throw new RunError(this.artifact, cause);
    }
  }

  /** Frees the session; the caller holds the mutex. A second call has no effect. */
  async release(): Promise<void> {
    if (this.released) return;
    this.released = true;
    this.#owner.forgetSession(this);
    await this.#inference.release();
  }
}

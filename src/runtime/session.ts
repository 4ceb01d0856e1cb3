/** A session over an artifact: checked inputs, bound outputs, and thrown away when a run fails. */

import type { Artifact } from "../artifacts/contract.ts";
import { messageOf, RunError, RuntimeError } from "./errors.ts";
import type { Inference } from "./inference.ts";
import type { Mutex } from "./mutex.ts";
import { checkInputs, checkModel, checkOutputs } from "./ports.ts";
import type { DeviceMemory, Provider } from "./provider.ts";
import type { TrackedTensor } from "./trackedTensor.ts";
import type { DeviceTensor, HostTensor, Session } from "./types.ts";

/** What a session needs of its runtime. */
export interface SessionOwner {
  readonly provider: Provider;
  readonly mutex: Mutex;
  check(): void;
  /** The tensor as one of this runtime's own that is alive; throws otherwise. */
  own(tensor: DeviceTensor): TrackedTensor;
  /** A session has been released. */
  forgetSession(session: OrtSession): void;
}

export class OrtSession implements Session {
  readonly artifact: Artifact;
  readonly #owner: SessionOwner;
  readonly #inference: Inference;
  /** True once it can run no more: a cache must then build another. */
  released = false;

  private constructor(owner: SessionOwner, artifact: Artifact, inference: Inference) {
    this.#owner = owner;
    this.artifact = artifact;
    this.#inference = inference;
  }

  /** Builds a session; the caller holds the mutex. Throws `RuntimeError` when the artifact does not load. */
  static async create(owner: SessionOwner, artifact: Artifact): Promise<OrtSession> {
    let inference: Inference;
    try {
      inference = await owner.provider.load(artifact.bytes());
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
    return new OrtSession(owner, artifact, inference);
  }

  async run(
    inputs: Readonly<Record<string, DeviceTensor | HostTensor>>,
    outputs: Readonly<Record<string, DeviceTensor>> = {},
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
    const held = new Map(Object.entries(outputs).map(([name, tensor]) => [name, memoryOf(tensor)]));
    const feeds = new Map(
      Object.entries(inputs).map(([name, given]) => [name, "data" in given ? given : memoryOf(given)]),
    );
    const release = used.map((tensor) => tensor.use());
    const work = mutex.run(() => this.#runAlone(feeds, held));
    // The tensors stay held until ONNX Runtime has let go of them, even when the caller hears of a loss earlier.
    const letGo = () => {
      for (const end of release) end();
    };
    work.then(letGo, letGo);
    return provider.untilLost(work);
  }

  /** One run, with the mutex held. */
  async #runAlone(
    feeds: ReadonlyMap<string, DeviceMemory | HostTensor>,
    held: ReadonlyMap<string, DeviceMemory>,
  ): Promise<Record<string, HostTensor>> {
    const { provider } = this.#owner;
    this.#owner.check();
    if (this.released) {
      throw new RuntimeError(
        `This session of the ${this.artifact.kind} artifact ${this.artifact.key} has been released; ask for a new one.`,
      );
    }
    try {
      return await provider.watched(() => this.#inference.run(feeds, held));
    } catch (cause) {
      // After a failed run the session's state is not to be trusted.
      await this.release().catch(() => {});
      this.#owner.check();
      throw new RunError(this.artifact, cause);
    }
  }

  /** Frees the session; the caller holds the mutex. A second call does nothing. */
  async release(): Promise<void> {
    if (this.released) return;
    this.released = true;
    this.#owner.forgetSession(this);
    await this.#inference.release();
  }
}

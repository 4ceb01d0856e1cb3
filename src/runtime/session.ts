/** A session over an artifact: checked inputs, bound outputs, and thrown away when a run fails. */

import { sessionBytes } from "../artifacts/activations.ts";
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

/** Whether somebody still needs a session: it was asked for and not yet run, or runs of it have not ended. */
export class SessionUse {
  #asked = 0;
  #running = 0;

  get inUse(): boolean {
    return this.#asked + this.#running > 0;
  }

  /** Somebody has asked for the session to run it. */
  expectRun(): void {
    this.#asked++;
  }

  /** The run that was asked for begins; the returned function ends it. */
  begin(): () => void {
    this.#asked = Math.max(0, this.#asked - 1);
    this.#running++;
    return () => {
      this.#running--;
    };
  }
}

export class OrtSession implements Session {
  readonly artifact: Artifact;
  /** Estimate of what it keeps between runs. */
  readonly bytes: number;
  readonly #owner: SessionOwner;
  readonly #inference: Inference;
  readonly #use: SessionUse;
  /** True once it can run no more: a cache must then build another. */
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
   * Builds a session after `makeRoom` has made room for so many bytes; the caller holds the mutex. Throws `RuntimeError` when
   * the artifact does not load.
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

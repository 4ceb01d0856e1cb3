/** A session over an artifact: checked inputs, bound outputs, and thrown away when a run fails. */

import type * as Ort from "onnxruntime-web";
import type { Artifact, Port } from "../artifacts/contract.ts";
import type { DType } from "../tensor/dtype.ts";
import { messageOf, RunError, RuntimeError } from "./errors.ts";
import type { Mutex } from "./mutex.ts";
import { checkInputs, checkModel, checkOutputs } from "./ports.ts";
import { isDeviceDType, type Provider, viewAs } from "./provider.ts";
import { TrackedTensor } from "./trackedTensor.ts";
import type { DeviceTensor, HostTensor, Session, TensorData } from "./types.ts";

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

/** What ONNX Runtime would print, it also throws. */
const quiet: Ort.InferenceSession.RunOptions = { logSeverityLevel: 4 };

export class OrtSession implements Session {
  readonly artifact: Artifact;
  readonly #owner: SessionOwner;
  readonly #inference: Ort.InferenceSession;
  /** True once it can run no more: a cache must then build another. */
  released = false;

  private constructor(owner: SessionOwner, artifact: Artifact, inference: Ort.InferenceSession) {
    this.#owner = owner;
    this.artifact = artifact;
    this.#inference = inference;
  }

  /** Builds a session; the caller holds the mutex. Throws `RuntimeError` when the artifact does not load. */
  static async create(owner: SessionOwner, artifact: Artifact): Promise<OrtSession> {
    const { ort, sessionOptions } = owner.provider;
    let inference: Ort.InferenceSession;
    try {
      inference = await ort.InferenceSession.create(artifact.bytes, sessionOptions());
    } catch (cause) {
      owner.check();
      throw new RuntimeError(
        `No session could be built for the ${artifact.kind} artifact ${artifact.key}: ${messageOf(cause)}`,
        { cause },
      );
    }
    try {
      checkModel(artifact, "input", inference.inputMetadata.map(portOf));
      checkModel(artifact, "output", inference.outputMetadata.map(portOf));
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
    const held = new Map<string, TrackedTensor>();
    for (const [name, tensor] of Object.entries(outputs)) held.set(name, this.#owner.own(tensor));
    const feeds: Record<string, Ort.Tensor | TrackedTensor> = {};
    const used = [...held.values()];
    for (const { name } of this.artifact.inputs) {
      const given = inputs[name];
      if (given && "data" in given) {
        feeds[name] = new provider.ort.Tensor(given.dtype as Ort.Tensor.Type, given.data, [...given.shape]);
      } else if (given) {
        const tensor = this.#owner.own(given);
        feeds[name] = tensor;
        used.push(tensor);
      }
    }
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
    feeds: Readonly<Record<string, Ort.Tensor | TrackedTensor>>,
    held: ReadonlyMap<string, TrackedTensor>,
  ): Promise<Record<string, HostTensor>> {
    const { provider } = this.#owner;
    this.#owner.check();
    if (this.released) {
      throw new RuntimeError(
        `This session of the ${this.artifact.kind} artifact ${this.artifact.key} has been released; ask for a new one.`,
      );
    }
    // On wasm a tensor's memory may be another one after each run, so it is asked for only now.
    const given = Object.entries(feeds).map(([name, feed]) => [
      name,
      feed instanceof TrackedTensor ? feed.memory.feed() : feed,
    ]);
    const wanted = this.artifact.outputs.map(({ name }) => [name, held.get(name)?.memory.fetch() ?? null]);
    let results: Ort.InferenceSession.ReturnType;
    try {
      results = await provider.watched(() =>
        this.#inference.run(Object.fromEntries(given), Object.fromEntries(wanted), quiet),
      );
    } catch (cause) {
      // After a failed run the session's state is not to be trusted.
      await this.release().catch(() => {});
      this.#owner.check();
      throw new RunError(this.artifact, cause);
    }
    const host: Record<string, HostTensor> = {};
    for (const port of this.artifact.outputs) {
      const result = results[port.name];
      if (!result) throw new RunError(this.artifact, `output ${port.name} did not come back`);
      const tensor = held.get(port.name);
      if (tensor) tensor.memory.adopt(result);
      else host[port.name] = hostTensor(port, result);
    }
    return host;
  }

  /** Frees the session; the caller holds the mutex. A second call does nothing. */
  async release(): Promise<void> {
    if (this.released) return;
    this.released = true;
    this.#owner.forgetSession(this);
    await this.#inference.release();
  }
}

function hostTensor({ dtype, shape }: Port, result: Ort.Tensor): HostTensor {
  // Where JavaScript has Float16Array, onnxruntime-web gives that; the contract wants the bits.
  const data = isDeviceDType(dtype) ? viewAs(dtype, result.data as TensorData) : (result.data as TensorData);
  return { dtype, shape, data };
}

function portOf(metadata: Ort.InferenceSession.ValueMetadata): Port {
  if (!metadata.isTensor) throw new RuntimeError(`${metadata.name} of an artifact is not a tensor.`);
  return { name: metadata.name, dtype: metadata.type as DType, shape: metadata.shape.map(Number) };
}

/** Parameters on the device: shared copies of base models, and the tuned tensors of one checkpoint. */

import { type Method, parametersOf } from "../artifacts/method.ts";
import type { EngineEvent } from "../protocol/engine.ts";
import type { RunStart } from "../run/origin.ts";
import type { DeviceTensor, Runtime } from "../runtime/types.ts";
import type { Storage } from "../storage/storage.ts";
import { disposeAll, initialAdapter, type ParameterTensors, uploadParameters } from "../training/parameters.ts";
import { createBases } from "./bases.ts";
import type { LoadedModel } from "./library.ts";
import { readStart } from "./start.ts";
import { readTrained, type TrainedTensor } from "./trained.ts";
import { uploadModel } from "./upload.ts";

/** Parameters that the caller may use until it releases them, once. */
export interface LoadedParameters {
  readonly all: ParameterTensors;
  release(): void;
}

export interface Weights {
  /** The base model's tensors in the precision of its definition. They are shared, so nobody may write to them. */
  base(model: LoadedModel, signal?: AbortSignal): Promise<LoadedParameters>;
  /**
   * Tensors of a training run: for LoRA the shared base and a new adapter, else a copy of all weights. With a start, what the run
   * trains has that start's numbers. Throws as `readStart` does.
   */
  trainable(
    model: LoadedModel,
    method: Method,
    begin: { readonly seed: number; readonly start: RunStart | null },
    signal?: AbortSignal,
  ): Promise<LoadedParameters>;
  /**
   * The tensors of a run's checkpoint, and its step; null takes the newest. Those of the checkpoint stay until the next one is
   * loaded. Throws when there is no such checkpoint, naming the steps that there are.
   */
  tuned(
    model: LoadedModel,
    method: Method,
    runId: string,
    checkpoint: number | null,
    signal?: AbortSignal,
  ): Promise<LoadedParameters & { readonly step: number }>;
  /** Frees the base and tuned tensors of all models but these; bases in use when they are released. */
  releaseExcept(hashes: readonly string[]): Promise<void>;
}

export function createWeights(runtime: Runtime, storage: Storage, emit: (event: EngineEvent) => void): Weights {
  const upload = (model: LoadedModel, method: Method | null, signal: AbortSignal | undefined) =>
    uploadModel(runtime, model, parametersOf(model.definition, method), emit, signal);
  const bases = createBases((model, signal) => upload(model, null, signal));
  let loaded: {
    readonly runId: string;
    readonly step: number;
    readonly model: string;
    readonly own: ParameterTensors;
  } | null = null;

  /** `own` on the shared base. */
  async function onBase(model: LoadedModel, own: ParameterTensors, signal: AbortSignal | undefined) {
    const base = await bases.use(model, signal);
    return { all: new Map([...base.all, ...own]), release: base.release };
  }

  /** What a run trains, at its start. */
  async function ownOf(
    model: LoadedModel,
    method: Method,
    seed: number,
    start: RunStart | null,
    signal: AbortSignal | undefined,
  ): Promise<ParameterTensors> {
    if (start) {
      return tensorsOf((visit) => readStart(storage, start, model.definition, method, visit));
    }
    if (method.kind === "full") return upload(model, method, signal);
    const specs = parametersOf(model.definition, method).filter(({ trainable }) => trainable);
    const initial = initialAdapter(specs, seed);
    return uploadParameters(runtime, specs, ({ name }) => initial.get(name));
  }

  /** The tensors that `read` visits, on the device; after an error none stays there. */
  async function tensorsOf(
    read: (visit: (tensor: TrainedTensor) => void) => Promise<unknown>,
  ): Promise<Map<string, DeviceTensor>> {
    const own = new Map<string, DeviceTensor>();
    try {
      await read(({ name, shape, data }) => void own.set(name, runtime.tensor(name, "float32", shape, data)));
      return own;
    } catch (error) {
      disposeAll(own);
      throw error;
    }
  }

  return {
    base: bases.use,

    async trainable(model, method, { seed, start }, signal) {
      const own = await ownOf(model, method, seed, start, signal);
      if (method.kind === "full") return { all: own, release: () => disposeAll(own) };
      try {
        const { all, release } = await onBase(model, own, signal);
        return {
          all,
          release() {
            disposeAll(own);
            release();
          },
        };
      } catch (error) {
        disposeAll(own);
        throw error;
      }
    },

    async tuned(model, method, runId, checkpoint, signal) {
      const wanted = checkpoint ?? (await storage.checkpoints.steps(runId))[0];
      if (loaded?.runId !== runId || loaded.step !== wanted) {
        if (loaded) disposeAll(loaded.own);
        loaded = null;
        const choice = { model: model.definition, method, runId, checkpoint };
        let step = 0;
        const own = await tensorsOf(async (visit) => {
          step = await readTrained(storage, choice, visit);
        });
        loaded = { runId, step, model: model.summary.hash, own };
      }
      const { step, own } = loaded;
      if (method.kind === "full") return { all: own, step, release: () => undefined };
      return { ...(await onBase(model, own, signal)), step };
    },

    async releaseExcept(hashes) {
      bases.releaseExcept(hashes);
      if (!loaded || hashes.includes(loaded.model)) return;
      disposeAll(loaded.own);
      loaded = null;
    },
  };
}

/** Parameters on the device: one copy of a base model that all share, and the tuned ones that are asked. */

import type { ParameterSpec } from "../artifacts/contract.ts";
import { type Method, parametersOf } from "../artifacts/method.ts";
import type { DeviceTensor, Runtime } from "../runtime/types.ts";
import type { Storage } from "../storage/storage.ts";
import { untilAborted } from "../training/control.ts";
import {
  disposeAll,
  initialAdapter,
  type ParameterTensors,
  readParameter,
  uploadParameters,
} from "../training/parameters.ts";
import type { LoadedModel } from "./library.ts";
import { readTrained } from "./trained.ts";

export interface Weights {
  /** The base model's tensors; shared, never to be written. */
  base(model: LoadedModel, signal?: AbortSignal): Promise<ParameterTensors>;
  /**
   * Tensors to be trained: the shared base with an adapter of its own, or a copy of everything. `own` are those that the
   * caller frees with `disposeAll`.
   */
  trainable(
    model: LoadedModel,
    method: Method,
    seed: number,
    signal?: AbortSignal,
  ): Promise<{ all: ParameterTensors; own: ParameterTensors }>;
  /**
   * The tensors of a run's checkpoint, and its step; null takes the newest. Kept until another checkpoint's are asked for.
   * Throws, naming the steps that there are, when this one is not kept.
   */
  tuned(
    model: LoadedModel,
    method: Method,
    runId: string,
    checkpoint: number | null,
  ): Promise<{ all: ParameterTensors; step: number }>;
  /** Frees every base model but these, and tuned tensors of others. */
  keepOnly(hashes: readonly string[]): Promise<void>;
}

const fromFiles =
  (model: LoadedModel, signal?: AbortSignal) =>
  (spec: ParameterSpec): ReturnType<typeof readParameter> => {
    signal?.throwIfAborted();
    return readParameter(spec, (name) => model.read(name, signal));
  };

export function createWeights(runtime: Runtime, storage: Storage): Weights {
  const bases = new Map<string, Promise<ParameterTensors>>();
  let asked: { runId: string; step: number; model: string; own: ParameterTensors; all: ParameterTensors } | null = null;

  /** Several calls share the upload, so it goes on when one of them is cancelled. */
  const base = (model: LoadedModel, signal?: AbortSignal) => untilAborted(sharedBase(model), signal);
  const sharedBase = (model: LoadedModel): Promise<ParameterTensors> => {
    const { hash } = model.summary;
    const present = bases.get(hash);
    if (present) return present;
    const uploading = uploadParameters(runtime, parametersOf(model.definition, null), fromFiles(model));
    bases.set(hash, uploading);
    uploading.catch(() => bases.delete(hash));
    return uploading;
  };

  return {
    base,

    async trainable(model, method, seed, signal) {
      const specs = parametersOf(model.definition, method);
      if (method.kind === "full") {
        const own = await uploadParameters(runtime, specs, fromFiles(model, signal));
        return { all: own, own };
      }
      const shared = await base(model, signal);
      const start = initialAdapter(specs, seed);
      const own = await uploadParameters(
        runtime,
        specs.filter((spec) => spec.trainable),
        ({ name }) => start.get(name),
      );
      return { all: new Map([...shared, ...own]), own };
    },

    async tuned(model, method, runId, checkpoint) {
      const wanted = checkpoint ?? (await storage.checkpoints.steps(runId))[0];
      if (asked?.runId === runId && asked.step === wanted) return asked;
      if (asked) disposeAll(asked.own);
      asked = null;
      const own = new Map<string, DeviceTensor>();
      try {
        const choice = { model: model.definition, method, runId, checkpoint };
        const step = await readTrained(storage, choice, ({ name, shape, data }) => {
          own.set(name, runtime.tensor(name, "float32", shape, data));
        });
        const all = method.kind === "full" ? own : new Map([...(await base(model)), ...own]);
        asked = { runId, step, model: model.summary.hash, own, all };
        return asked;
      } catch (error) {
        disposeAll(own);
        throw error;
      }
    },

    async keepOnly(hashes) {
      for (const [other, uploading] of [...bases]) {
        if (hashes.includes(other)) continue;
        bases.delete(other);
        disposeAll(await uploading);
      }
      if (!asked || hashes.includes(asked.model)) return;
      disposeAll(asked.own);
      asked = null;
    },
  };
}

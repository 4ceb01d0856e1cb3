/** Parameters on the device: one shared copy of each base model, and the tuned tensors of one checkpoint. */

import type { ParameterSpec } from "../artifacts/contract.ts";
import { type Method, parametersOf } from "../artifacts/method.ts";
import type { DeviceTensor, Runtime } from "../runtime/types.ts";
import type { Storage } from "../storage/storage.ts";
import { byteSizeOf } from "../tensor/dtype.ts";
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

type OnProgress = (done: number, total: number) => void;

export interface Weights {
  /** The base model's tensors. They are shared, so nobody may write to them. */
  base(model: LoadedModel, signal?: AbortSignal): Promise<ParameterTensors>;
  /**
   * Tensors of a training run: for LoRA the shared base and a new adapter, else a copy of all weights. The caller frees `own`
   * with `disposeAll`. `onProgress` receives the bytes that were read from the files, as float32, unless they are on the
   * device or another call reads them.
   */
  trainable(
    model: LoadedModel,
    method: Method,
    seed: number,
    signal?: AbortSignal,
    onProgress?: OnProgress,
  ): Promise<{ all: ParameterTensors; own: ParameterTensors }>;
  /**
   * The tensors of a run's checkpoint, and its step; null takes the newest. They stay until the next checkpoint is loaded.
   * Throws when there is no such checkpoint, naming the steps that there are.
   */
  tuned(
    model: LoadedModel,
    method: Method,
    runId: string,
    checkpoint: number | null,
  ): Promise<{ all: ParameterTensors; step: number }>;
  /** Frees the base and tuned tensors of all models but these. */
  releaseExcept(hashes: readonly string[]): Promise<void>;
  /** Frees the base and tuned tensors of this model in other precisions than its own and those of `others`. */
  releaseOtherPrecisions(model: LoadedModel, others: readonly LoadedModel[]): Promise<void>;
}

/** Uploads parameters from the model's files. */
function uploadFiles(
  runtime: Runtime,
  model: LoadedModel,
  specs: readonly ParameterSpec[],
  { signal, onProgress }: { readonly signal?: AbortSignal | undefined; readonly onProgress?: OnProgress | undefined },
): Promise<ParameterTensors> {
  const bytesOf = ({ shape }: ParameterSpec) => byteSizeOf("float32", shape);
  const total = specs.reduce((sum, spec) => sum + bytesOf(spec), 0);
  let done = 0;
  return uploadParameters(runtime, specs, async (spec) => {
    signal?.throwIfAborted();
    const values = await readParameter(spec, (name) => model.read(name, signal));
    done += bytesOf(spec);
    onProgress?.(done, total);
    return values;
  });
}

/** Names a copy of a base model's tensors: the model, and how it is stored. */
const copyOf = ({ summary: { hash }, definition: { precision } }: LoadedModel): string =>
  JSON.stringify([hash, precision]);
const isOf = (hash: string, copy: string) => copy.startsWith(JSON.stringify([hash]).slice(0, -1));

export function createWeights(runtime: Runtime, storage: Storage): Weights {
  const bases = new Map<string, Promise<ParameterTensors>>();
  let loaded: { runId: string; step: number; copy: string; own: ParameterTensors; all: ParameterTensors } | null = null;

  /** Several calls share the upload, so cancelling one of them does not end it. */
  const base = (model: LoadedModel, signal?: AbortSignal, onProgress?: OnProgress) =>
    untilAborted(sharedBase(model, onProgress), signal);
  const sharedBase = (model: LoadedModel, onProgress?: OnProgress): Promise<ParameterTensors> => {
    const copy = copyOf(model);
    const present = bases.get(copy);
    if (present) return present;
    const uploading = uploadFiles(runtime, model, parametersOf(model.definition, null), { onProgress });
    bases.set(copy, uploading);
    uploading.catch(() => bases.delete(copy));
    return uploading;
  };

  async function release(unwanted: (copy: string) => boolean): Promise<void> {
    const leaving = [...bases].filter(([copy]) => unwanted(copy));
    // Removed at once, so that no later call gets tensors that are being freed.
    for (const [copy] of leaving) bases.delete(copy);
    if (loaded && unwanted(loaded.copy)) {
      disposeAll(loaded.own);
      loaded = null;
    }
    for (const [, uploading] of leaving) disposeAll(await uploading);
  }

  return {
    base,

    async trainable(model, method, seed, signal, onProgress) {
      const specs = parametersOf(model.definition, method);
      if (method.kind === "full") {
        const own = await uploadFiles(runtime, model, specs, { signal, onProgress });
        return { all: own, own };
      }
      const shared = await base(model, signal, onProgress);
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
      const copy = copyOf(model);
      if (loaded?.runId === runId && loaded.step === wanted && loaded.copy === copy) return loaded;
      if (loaded) disposeAll(loaded.own);
      loaded = null;
      const own = new Map<string, DeviceTensor>();
      try {
        const choice = { model: model.definition, method, runId, checkpoint };
        const step = await readTrained(storage, choice, ({ name, shape, data }) => {
          own.set(name, runtime.tensor(name, "float32", shape, data));
        });
        const all = method.kind === "full" ? own : new Map([...(await base(model)), ...own]);
        loaded = { runId, step, copy, own, all };
        return loaded;
      } catch (error) {
        disposeAll(own);
        throw error;
      }
    },

    releaseExcept: (hashes) => release((copy) => !hashes.some((hash) => isOf(hash, copy))),

    async releaseOtherPrecisions(model, others) {
      const used = [model, ...others].map(copyOf);
      await release((copy) => isOf(model.summary.hash, copy) && !used.includes(copy));
    },
  };
}

/** The base models on the device: one copy of each model and precision, shared by all that use it. */

import { untilAborted } from "../training/control.ts";
import { disposeAll, type ParameterTensors } from "../training/parameters.ts";
import type { LoadedModel } from "./library.ts";

export interface Bases {
  /**
   * The base's tensors, until `release`. Calls share one upload: it ends early when all of them have been cancelled. A model's
   * only copy stays after its last release; of two precisions a copy that nobody uses is freed.
   */
  use(
    model: LoadedModel,
    signal?: AbortSignal,
  ): Promise<{ readonly all: ParameterTensors; readonly release: () => void }>;
  /** Frees all models but these, at once or at their last release. */
  releaseExcept(hashes: readonly string[]): void;
}

interface Base {
  readonly hash: string;
  readonly tensors: Promise<ParameterTensors>;
  readonly ending: AbortController;
  /** Calls that use it or wait for it. */
  users: number;
  /** Whether all of it is on the device. */
  ready: boolean;
  /** Whether it is freed at its last release. */
  leaving: boolean;
}

export function createBases(upload: (model: LoadedModel, signal: AbortSignal) => Promise<ParameterTensors>): Bases {
  const bases = new Map<string, Base>();
  /** Settles when all copies that are being freed are gone. */
  let freeing: Promise<unknown> = Promise.resolve();

  /** A model's copies in different precisions. */
  const copiesOf = (hash: string) => [...bases].filter(([, base]) => base.hash === hash);

  function free(key: string, base: Base): void {
    if (bases.get(key) === base) bases.delete(key);
    base.ending.abort();
    // A runtime that was disposed of has freed them already.
    const freed = base.tensors.then(disposeAll).catch(() => undefined);
    freeing = Promise.all([freeing, freed]);
  }

  function load(key: string, model: LoadedModel): Base {
    const { hash } = model.summary;
    for (const [other, base] of copiesOf(hash)) if (base.users === 0) free(other, base);
    const ending = new AbortController();
    const tensors = freeing.then(() => upload(model, ending.signal));
    const base: Base = { hash, tensors, ending, users: 0, ready: false, leaving: false };
    bases.set(key, base);
    tensors.then(
      () => {
        base.ready = true;
      },
      () => {
        if (bases.get(key) === base) bases.delete(key);
      },
    );
    return base;
  }

  return {
    async use(model, signal) {
      signal?.throwIfAborted();
      const key = JSON.stringify([model.summary.hash, model.definition.precision]);
      const base = bases.get(key) ?? load(key, model);
      base.users++;
      base.leaving = false;
      let used = true;
      const release = () => {
        if (!used) return;
        used = false;
        base.users--;
        const spare = base.leaving || !base.ready || copiesOf(base.hash).length > 1;
        if (base.users === 0 && spare) free(key, base);
      };
      try {
        return { all: await untilAborted(base.tensors, signal), release };
      } catch (error) {
        release();
        throw error;
      }
    },

    releaseExcept(hashes) {
      for (const [key, base] of bases) {
        if (hashes.includes(base.hash)) continue;
        base.leaving = true;
        if (base.users === 0) free(key, base);
      }
    },
  };
}

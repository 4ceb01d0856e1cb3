/** What a run gives to take away: from its newest checkpoint to one archive, read back and compared. */

import { parametersOf } from "../artifacts/method.ts";
import { zipFiles } from "../export/archive.ts";
import { exportAdapter } from "../export/exportAdapter.ts";
import type { Bundle, TrainedTensors } from "../export/files.ts";
import { exportMerged } from "../export/merged.ts";
import type { RunRecord } from "../storage/run.ts";
import type { Storage } from "../storage/storage.ts";
import { sizeOf } from "../tensor/dtype.ts";
import type { Library, LoadedModel } from "./library.ts";
import { methodOf } from "./prepare.ts";
import type { EngineEvent, Exported } from "./protocol.ts";

export interface Exports {
  /** Throws for a run that trained every parameter. */
  adapter(run: RunRecord, signal?: AbortSignal): Promise<Exported>;
  merged(run: RunRecord, signal?: AbortSignal): Promise<Exported>;
}

export function createExports(storage: Storage, library: Library, emit: (event: EngineEvent) => void): Exports {
  /** The tensors of the newest checkpoint that training changed; what only training needs is not read. */
  function newest({ config }: LoadedModel, run: RunRecord, signal: AbortSignal | undefined) {
    const specs = parametersOf(config, methodOf(run.recipe)).filter(({ trainable }) => trainable);
    const sizes = new Map(specs.map(({ name, shape }) => [name, sizeOf(shape)]));
    const notes: string[] = [];
    const trained: TrainedTensors = async (visit) => {
      const { manifest } = await storage.checkpoints.load(run.id, "latest", async ({ name }, read) => {
        signal?.throwIfAborted();
        const size = sizes.get(name);
        if (size === undefined) return;
        const bytes = await read();
        await visit(name, new Float32Array(bytes.buffer, bytes.byteOffset, size));
      });
      if (manifest.step !== run.step) {
        notes.push(
          `These are the weights of step ${manifest.step}, the newest checkpoint; the run has reached ${run.step}.`,
        );
      }
    };
    return { trained, notes };
  }

  async function pack({ files, notes }: Bundle, more: readonly string[], signal?: AbortSignal): Promise<Exported> {
    return {
      archive: await zipFiles(files, signal),
      files: files.map(({ name, content }) => ({ name, byteLength: content.size })),
      notes: [...more, ...notes],
    };
  }

  return {
    async adapter(run, signal) {
      const method = methodOf(run.recipe);
      if (method.kind !== "lora") {
        throw new Error(`Run "${run.name}" trained every parameter, so it has no adapter: export the merged model.`);
      }
      const model = await library.model(run.model.hash);
      const { trained, notes } = newest(model, run, signal);
      const bundle = await exportAdapter({ config: model.config, method, baseModel: run.model.name, trained });
      return pack(bundle, notes, signal);
    },

    async merged(run, signal) {
      const model = await library.model(run.model.hash);
      const { trained, notes } = newest(model, run, signal);
      const { config, tokenizer, opened } = model;
      const { template: choice, systemPrompt } = run.recipe;
      const task = "Writing the merged model";
      const bundle = await exportMerged({
        opened,
        config,
        tokenizer,
        method: methodOf(run.recipe),
        trained,
        template: { choice, systemPrompt },
        onProgress: (done, total) => emit({ type: "progress", task, done, total }),
        signal,
      });
      emit({ type: "progress", task: "Packing the merged model", done: 0, total: null });
      return pack(bundle, notes, signal);
    },
  };
}

/**
 * Exports of a run: files on disk where the browser can write there, read back and compared, then packed into one
 * archive.
 */

import { compileEvaluation, compileTraining } from "../artifacts/compile.ts";
import { compileGeneration } from "../artifacts/generation.ts";
import { compileOptimizer } from "../artifacts/optimizer.ts";
import { zipFiles } from "../export/archive.ts";
import { writeArtifact } from "../export/artifacts.ts";
import { exportAdapter } from "../export/exportAdapter.ts";
import { exportGgufAdapter } from "../export/exportGgufAdapter.ts";
import type { Bundle, TrainedTensors } from "../export/files.ts";
import { exportGguf } from "../export/gguf.ts";
import { lineageFile } from "../export/lineage.ts";
import { exportMerged } from "../export/merged.ts";
import type { WrittenType } from "../gguf/blocks.ts";
import type { EngineEvent, Exported, ExportedArtifacts } from "../protocol/engine.ts";
import { bestOf } from "../run/heldOut.ts";
import type { RunRecord } from "../run/record.ts";
import type { Scratch, ScratchFile } from "../storage/scratch.ts";
import type { Storage } from "../storage/storage.ts";
import { templateIfAny, withCard, withTemplate } from "./exportCard.ts";
import { type HandOverWork, handOverBundle } from "./handOver.ts";
import type { Library, LoadedModel } from "./library.ts";
import { methodOf, type Plan } from "./prepare.ts";
import type { TextService } from "./textService.ts";
import { readTrained } from "./trained.ts";

/** Files of an export. */
interface Places {
  /** The archive. */
  readonly out: ScratchFile;
  /** For the contents of the archive; deleted at the end of the export. */
  readonly scratch: Scratch;
}

export interface Exports {
  /** The adapter of the checkpoint of a step; null means the newest. Throws for a run that trained every parameter. */
  adapter(run: RunRecord, checkpoint: number | null, signal?: AbortSignal): Promise<Exported>;
  /** The merged model of the checkpoint of a step; null means the newest. */
  merged(run: RunRecord, checkpoint: number | null, signal?: AbortSignal): Promise<Exported>;
  /** The merged model as a GGUF file of a type, with its Modelfile. */
  gguf(run: RunRecord, checkpoint: number | null, type: WrittenType, signal?: AbortSignal): Promise<Exported>;
  /** The adapter alone as a GGUF LoRA. Throws for a run that trained every parameter. */
  ggufAdapter(run: RunRecord, checkpoint: number | null, signal?: AbortSignal): Promise<Exported>;
  /** A run, or a recipe before its run (null), for other trainers, with the checkpoint of a step if there is one. */
  handOver(
    run: RunRecord | null,
    work: HandOverWork,
    checkpoint: number | null,
    signal?: AbortSignal,
  ): Promise<Exported>;
  artifacts(run: RunRecord, model: LoadedModel, plan: Plan, signal?: AbortSignal): Promise<ExportedArtifacts>;
  /**
   * Runs `work`, which writes an archive. The last archive of each kind stays until the next one or until the tab
   * closes.
   */
  pack<T extends Exported>(kind: string, work: (places: Places) => Promise<T>): Promise<T>;
}

/** Most positions of the key/value cache in the generation artifact. */
const longestCache = 512;

export function createExports(
  storage: Storage,
  library: Library,
  texts: Pick<TextService, "templates">,
  scratch: Scratch,
  emit: (event: EngineEvent) => void,
): Exports {
  const archives = new Map<string, ScratchFile>();

  /** The trained tensors of a checkpoint, without the optimizer's state; null means the newest. */
  async function checkpointOf(
    { definition }: LoadedModel,
    run: RunRecord,
    checkpoint: number | null,
    signal: AbortSignal | undefined,
  ) {
    const [newest = null] = await storage.checkpoints.steps(run.id);
    const step = checkpoint ?? newest;
    const trained: TrainedTensors = async (visit) => {
      const choice = { model: definition, method: methodOf(run.recipe), runId: run.id, checkpoint: step };
      await readTrained(storage, choice, async ({ name, data }) => {
        signal?.throwIfAborted();
        await visit(name, data);
      });
    };
    const notes = step === null ? [] : [weightsNote(run, step, newest)];
    return { trained, step, notes: [...notes, ...storageNote(run)] };
  }

  async function pack<T extends Exported>(kind: string, work: (places: Places) => Promise<T>): Promise<T> {
    const temporary: ScratchFile[] = [];
    const create = async (what: string) => {
      const file = await scratch.create(what);
      temporary.push(file);
      return file;
    };
    const out = await scratch.create("The archive");
    try {
      const exported = await work({ out, scratch: { create } });
      await archives.get(kind)?.discard();
      archives.set(kind, out);
      return exported;
    } catch (error) {
      await out.discard();
      throw error;
    } finally {
      for (const file of temporary) await file.discard();
    }
  }

  async function zipped(
    { files, notes, tensors, card }: Bundle & { readonly card?: string },
    more: readonly string[],
    { out }: Places,
    signal: AbortSignal | undefined,
  ): Promise<Exported> {
    return {
      archive: await zipFiles(files, out, signal),
      files: files.map(({ name, content }) => ({ name, byteLength: content.size })),
      notes: [...more, ...notes],
      tensors,
      step: null,
      ...(card !== undefined && { card }),
    };
  }

  return {
    pack,

    async adapter(run, checkpoint, signal) {
      const method = methodOf(run.recipe);
      if (method.kind !== "lora") {
        throw new Error(`Run "${run.name}" trained every parameter, so it has no adapter: export the merged model.`);
      }
      const model = await library.model(run.model.hash);
      const { trained, step, notes } = await checkpointOf(model, run, checkpoint, signal);
      return pack("adapter", async (places) => {
        const adapter = await exportAdapter({ model: model.definition, method, baseModel: run.model.name, trained });
        const { template: choice, systemPrompt } = run.recipe;
        const template = await templateIfAny(texts.templates(model, { choice, systemPrompt }, signal), signal);
        const lineage = lineageFile({ runId: run.id, step: step ?? 0 });
        const bundle = withTemplate({ ...adapter, files: [...adapter.files, lineage] }, template);
        const carded = await withCard(storage, bundle, { form: "adapter", run, model, step, template });
        return { ...(await zipped(carded, notes, places, signal)), step };
      });
    },

    async merged(run, checkpoint, signal) {
      const model = await library.model(run.model.hash);
      const { trained, step, notes } = await checkpointOf(model, run, checkpoint, signal);
      const { definition, vocabulary, opened } = model;
      const { template: choice, systemPrompt } = run.recipe;
      const task = "Writing the merged model";
      return pack("model", async (places) => {
        const bundle = await exportMerged({
          opened,
          model: definition,
          vocabulary,
          method: methodOf(run.recipe),
          trained,
          templates: texts.templates(model, { choice, systemPrompt }, signal),
          scratch: places.scratch,
          onProgress: (done, total) => emit({ type: "progress", task, done, total }),
          signal,
        });
        emit({ type: "progress", task: "Packing the merged model", done: 0, total: null });
        return {
          ...(await zipped(
            await withCard(storage, bundle, { form: "model", run, model, step }),
            notes,
            places,
            signal,
          )),
          step,
        };
      });
    },

    async gguf(run, checkpoint, type, signal) {
      const model = await library.model(run.model.hash);
      const { trained, step, notes } = await checkpointOf(model, run, checkpoint, signal);
      const { definition, vocabulary, opened } = model;
      const { template: choice, systemPrompt } = run.recipe;
      const task = `Writing the GGUF file in ${type}`;
      return pack("gguf", async (places) => {
        const bundle = await exportGguf({
          ...{ opened, model: definition, vocabulary, method: methodOf(run.recipe), trained, type, systemPrompt },
          name: run.name,
          templates: texts.templates(model, { choice, systemPrompt }, signal),
          scratch: places.scratch,
          onProgress: (done, total) => emit({ type: "progress", task, done, total }),
          signal,
        });
        emit({ type: "progress", task: "Packing the GGUF file", done: 0, total: null });
        const carded = await withCard(storage, bundle, { form: "gguf", run, model, step, type });
        return { ...(await zipped(carded, notes, places, signal)), step };
      });
    },

    async ggufAdapter(run, checkpoint, signal) {
      const method = methodOf(run.recipe);
      if (method.kind !== "lora") {
        throw new Error(`Run "${run.name}" trained every parameter, so it has no adapter: export the whole model.`);
      }
      const model = await library.model(run.model.hash);
      const { trained, step, notes } = await checkpointOf(model, run, checkpoint, signal);
      const { definition, vocabulary, opened } = model;
      const { template: choice, systemPrompt } = run.recipe;
      return pack("gguf-adapter", async (places) => {
        const bundle = await exportGgufAdapter({
          ...{ model: definition, method, trained, vocabulary, systemPrompt },
          tensors: Array.from(opened.tensors, ([name, { shape }]) => ({ name, shape })),
          templates: texts.templates(model, { choice, systemPrompt }, signal),
          ...{ name: run.name, baseModel: run.model.name },
        });
        return {
          ...(await zipped(
            await withCard(storage, bundle, { form: "gguf-adapter", run, model, step }),
            notes,
            places,
            signal,
          )),
          step,
        };
      });
    },

    async handOver(run, work, checkpoint, signal) {
      const { model, recipe } = work;
      const steps = run === null ? [] : await storage.checkpoints.steps(run.id);
      const step = checkpoint ?? steps[0] ?? null;
      const weights = run === null || step === null ? null : await checkpointOf(model, run, step, signal);
      const { template: choice, systemPrompt } = recipe;
      return pack("hand-over", async (places) => {
        const bundle = await handOverBundle(
          work,
          weights && step !== null ? { step, trained: weights.trained } : null,
          {
            templates: texts.templates(model, { choice, systemPrompt }, signal),
            scratch: places.scratch,
            onProgress: (task, done, total) => emit({ type: "progress", task, done, total }),
            signal,
          },
        );
        // A recipe before its run has none to go back to.
        const lineage = run === null ? [] : [lineageFile({ runId: run.id, step: step ?? 0 })];
        const whole = { ...bundle, files: [...bundle.files, ...lineage] };
        return { ...(await zipped(whole, weights?.notes ?? [], places, signal)), step };
      });
    },

    async artifacts(run, { definition }, { method, buckets }, signal) {
      const shape = buckets.at(-1);
      if (!shape) throw new Error("The run has no batch shape to compile an artifact for.");
      const capacity = Math.min(definition.contextLength, longestCache);
      const compilers = {
        "training_model.onnx": () => compileTraining(definition, method, shape),
        "optimizer_model.onnx": () => compileOptimizer(definition, method, run.recipe),
        "eval_model.onnx": () => compileEvaluation(definition, method, shape),
        "generation_model.onnx": () => compileGeneration(definition, method, { tokens: 1, capacity }),
      };
      return pack("artifacts", async (places) => {
        const artifacts = [];
        for (const [name, compile] of Object.entries(compilers)) {
          signal?.throwIfAborted();
          emit({ type: "progress", task: `Compiling ${name}`, done: artifacts.length, total: 4 });
          artifacts.push(await writeArtifact(name, compile()));
        }
        return { ...(await zipped({ files: artifacts, notes: [], tensors: 0 }, [], places, signal)), artifacts };
      });
    },
  };
}

/** An adapter compensates for the rounding of the weights that it was trained beside. */
function storageNote({ recipe: { method, weights } }: RunRecord): string[] {
  if (method === "full" || weights === "float32" || weights === "float16" || weights === "auto") return [];
  const bits = weights === "int8" ? 8 : 4;
  return [`The adapter was trained beside base weights in ${bits} bits; the base model's files have more.`];
}

/** The checkpoint of the weights, and the alternatives. */
function weightsNote(run: RunRecord, step: number, newest: number | null): string {
  if (run.origin) return `Weights of ${run.origin.file}, as they were opened.`;
  const best = bestOf(run);
  const which = [
    ...(step === newest ? ["the newest checkpoint"] : []),
    ...(best?.step === step
      ? [`the lowest loss on ${best.set?.name ?? "all held-out rows"}, ${best.loss.toFixed(4)}`]
      : []),
    ...(step === newest ? [] : [`the newest checkpoint is step ${newest}`]),
    ...(step === newest && run.step !== step ? [`the run has reached step ${run.step}`] : []),
  ];
  return `Weights of step ${step}: ${which.join("; ")}.`;
}

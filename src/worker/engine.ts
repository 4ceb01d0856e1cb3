/** The engine behind the page: answers every call of the protocol, and owns runtime, storage and what is open. */

import { compileEvaluation, compileGeneration, compileTraining } from "../artifacts/compile.ts";
import { parametersOf } from "../artifacts/method.ts";
import { compileOptimizer } from "../artifacts/optimizer.ts";
import type { SourceChoice } from "../data/settings.ts";
import { answer } from "../generation/answer.ts";
import { Mutex } from "../runtime/mutex.ts";
import type { OrtEntries } from "../runtime/provider.ts";
import { createRuntime } from "../runtime/runtime.ts";
import type { Runtime } from "../runtime/types.ts";
import { acquireTrainingLock, trainingElsewhere } from "../storage/lock.ts";
import type { Recipe, RunRecord } from "../storage/run.ts";
import { openStorage } from "../storage/storage.ts";
import { sizeOf } from "../tensor/dtype.ts";
import { type ControlSwitch, createControl } from "../training/control.ts";
import { answererOf, type Respondent, takeExam } from "./asking.ts";
import type { DataApi } from "./dataProtocol.ts";
import { createExports } from "./export.ts";
import { createLibrary, type LoadedModel } from "./library.ts";
import { checkLength, methodOf, type Plan, planRun, specOf } from "./prepare.ts";
import type {
  EngineApi,
  EngineEvent,
  EngineReport,
  ExportedFile,
  ProviderChoice,
  RunRequest,
  Subject,
} from "./protocol.ts";
import { train } from "./train.ts";
import { createWeights, type Weights } from "./weights.ts";

interface Device {
  readonly runtime: Runtime;
  readonly weights: Weights;
}

/** Rows looked through for sample questions: of plain text none has any. */
const questionsFrom = 50;

/**
 * Makes an engine. `entries` are those of onnxruntime-web for the place where it runs; `data` gives the desk that knows
 * the rows, when it is there.
 */
export async function createEngine(
  entries: OrtEntries,
  emit: (event: EngineEvent) => void,
  data: () => Promise<DataApi>,
): Promise<EngineApi> {
  const storage = await openStorage();
  const library = createLibrary(storage, emit);
  const exports = createExports(storage, library, emit);
  let choice: ProviderChoice = "auto";
  let opening: Promise<Device> | null = null;
  let active: { readonly modelHash: string } | null = null;
  /** Of the run that trains, and of calls that still wait for the right to. */
  const controls = new Set<ControlSwitch>();
  /** Questions take turns: they share the tuned weights. */
  const asking = new Mutex();
  let asked: Subject | null = null;

  async function openDevice(): Promise<Device> {
    const runtime = await createRuntime(choice, { entries });
    void runtime.lost.then(({ message }) => {
      opening = null;
      emit({ type: "deviceLost", message });
    });
    return { runtime, weights: createWeights(runtime, storage) };
  }

  /** The device in use; a new one after a loss, and after a choice. */
  function device(): Promise<Device> {
    if (opening === null) {
      const opened = openDevice();
      opening = opened;
      opened.catch(() => {
        if (opening === opened) opening = null;
      });
    }
    return opening;
  }

  async function report(): Promise<EngineReport> {
    const { runtime } = await device();
    const listed = [await storage.runs.list(), await storage.models.list(), await storage.datasets.list()];
    const problems = [...storage.problems, ...listed.flatMap((list) => list.problems)];
    return { ...runtime.report, storage: await storage.report(), problems };
  }

  /** Everything a run trains on; the same again from what a record keeps. */
  async function plan(
    modelHash: string,
    sources: readonly SourceChoice[],
    recipe: Recipe,
  ): Promise<{ model: LoadedModel; plan: Plan }> {
    const model = await library.model(modelHash);
    checkLength(model, recipe);
    const desk = await data();
    await desk.tellModel(model.files);
    const spec = specOf(modelHash, sources, recipe);
    const planned = planRun(model, await desk.prepare(spec), sources, recipe);
    const { validation, training } = planned;
    const asked = (validation.length > 0 ? validation : training).slice(0, questionsFrom);
    const questions = recipe.samplePrompts > 0 ? await desk.questions(spec, asked.map(placeOf)) : [];
    return { model, plan: { ...planned, questions: questions.slice(0, recipe.samplePrompts) } };
  }

  /** Holds the right to train while `work` trains with the control that `pauseRun` and `cancelRun` reach from now on. */
  async function training(modelHash: () => Promise<string>, work: (control: ControlSwitch) => Promise<RunRecord>) {
    const control = createControl();
    controls.add(control);
    try {
      const release = await acquireTrainingLock();
      if (!release) throw new Error(trainingElsewhere);
      try {
        active = { modelHash: await modelHash() };
        return await work(control);
      } finally {
        active = null;
        release();
      }
    } finally {
      controls.delete(control);
    }
  }

  async function getRun(runId: string): Promise<RunRecord> {
    const record = await storage.runs.get(runId);
    if (!record) throw new Error(`There is no run ${runId} in this browser. It may have been deleted in another tab.`);
    return record;
  }

  /** Has `work` question the base model or the run, once every question before it is answered. */
  function inTurn<T>(subject: Subject, work: (respondent: Respondent) => Promise<T>): Promise<T & { seconds: number }> {
    return asking.run(async () => {
      const started = performance.now();
      asked = subject;
      try {
        const { runtime, weights } = await device();
        const model = await library.model(subject.modelHash);
        const run = subject.runId === null ? null : await getRun(subject.runId);
        const method = run && methodOf(run.recipe);
        const parameters = run && method ? await weights.tuned(model, method, run.id) : await weights.base(model);
        const given = await work({ runtime, model, method, parameters });
        return { ...given, seconds: (performance.now() - started) / 1000 };
      } finally {
        asked = null;
      }
    });
  }

  return {
    async start(next) {
      if (active) throw new Error("A run is training. Pause or cancel it before the provider is changed.");
      const before = opening;
      opening = null;
      choice = next;
      // One that could not be opened has nothing to dispose of.
      await before?.then(({ runtime }) => runtime.dispose()).catch(() => undefined);
      return report();
    },

    report,

    async openModel(source, signal) {
      const { summary } = await library.openModel(source, signal);
      const keep = [summary.hash, ...[active, asked].flatMap((busy) => busy?.modelHash ?? [])];
      await (await opening)?.weights.keepOnly(keep);
      return summary;
    },
    listModels: () => library.listModels(),
    deleteModel: (hash) => library.deleteModel(hash),

    tokenizerFiles: async (hash) => (await library.model(hash)).files,

    startRun: (request) =>
      training(
        async () => request.modelHash,
        async (control) => {
          const { runtime, weights } = await device();
          const { model, plan: planned } = await plan(request.modelHash, request.sources, request.recipe);
          const record = newRecord(request, model, planned, runtime);
          await storage.runs.put(record);
          emit({ type: "run", record });
          return train(record, false, { runtime, storage, weights, model, plan: planned, control, emit });
        },
      ),

    resumeRun: (runId) =>
      training(
        async () => (await getRun(runId)).model.hash,
        async (control) => {
          const before = await getRun(runId);
          if (before.status === "finished") throw new Error(`Run "${before.name}" has finished; start a new one.`);
          const { runtime, weights } = await device();
          const { model, plan: planned } = await plan(before.model.hash, before.sources, before.recipe);
          const record: RunRecord = { ...before, status: "running", reason: null, provider: runtime.report.provider };
          await storage.runs.put(record);
          return train(record, true, { runtime, storage, weights, model, plan: planned, control, emit });
        },
      ),

    async pauseRun() {
      for (const control of controls) control.pause();
    },
    async cancelRun() {
      for (const control of controls) control.cancel();
    },

    async listRuns() {
      const { runs } = await storage.runs.list();
      return runs;
    },
    deleteRun: (runId) => storage.runs.delete(runId),

    ask: (request, signal) =>
      inTurn(request, (respondent) => {
        const { temperature, topK, topP, maxTokens, seed } = request.sampling;
        return answer(answererOf(respondent, request), [{ role: "user", content: request.question }], {
          maxTokens,
          seed,
          sampling: { temperature, topK, topP },
          onText: (text) => emit({ type: "token", requestId: request.requestId, text }),
          ...(signal && { signal }),
        });
      }),

    examine: (request, signal) =>
      inTurn(request, async (respondent) => {
        try {
          return await takeExam(respondent, request, emit, signal);
        } finally {
          // A run that trains evaluates too, and gives its sessions back at its own end.
          if (!active) await respondent.runtime.releaseSessions((key) => key.startsWith("eval")).catch(() => undefined);
        }
      }),

    exportAdapter: async (runId, signal) => exports.adapter(await getRun(runId), signal),
    exportModel: async (runId, signal) => exports.merged(await getRun(runId), signal),

    async exportArtifacts(runId) {
      const record = await getRun(runId);
      const { model, plan: planned } = await plan(record.model.hash, record.sources, record.recipe);
      const shape = planned.buckets.at(-1);
      if (!shape) throw new Error("The run has no batch shape to compile an artifact for.");
      const { method } = planned;
      const capacity = Math.min(model.config.max_position_embeddings, 512);
      const file = (name: string, { bytes }: { bytes: Uint8Array }): ExportedFile => ({
        name,
        bytes: new Uint8Array(bytes),
      });
      return [
        file("training_model.onnx", compileTraining(model.config, method, shape)),
        file("optimizer_model.onnx", compileOptimizer(model.config, method, record.recipe)),
        file("eval_model.onnx", compileEvaluation(model.config, method, shape)),
        file("generation_model.onnx", compileGeneration(model.config, method, { tokens: 1, capacity })),
      ];
    },
  };
}

const placeOf = ({ source, row }: { readonly source: number; readonly row: number }) => ({ source, row });

/** The record of a run that begins. */
function newRecord(request: RunRequest, model: LoadedModel, plan: Plan, runtime: Runtime): RunRecord {
  const now = new Date().toISOString();
  const { name, hash, parameters } = model.summary;
  const trainable = parametersOf(model.config, plan.method).filter((spec) => spec.trainable);
  return {
    id: crypto.randomUUID(),
    name: request.name,
    createdAt: now,
    updatedAt: now,
    status: "running",
    reason: null,
    model: { name, hash, parameters },
    sources: request.sources.map((source, i) => ({ ...source, name: plan.sourceNames[i] ?? "" })),
    recipe: request.recipe,
    provider: runtime.report.provider,
    trainable: trainable.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    examples: { training: plan.training.length, validation: plan.validation.length },
    totalSteps: plan.totalSteps,
    step: 0,
    seconds: 0,
    metrics: [],
    evaluations: [],
    best: null,
    samples: [],
  };
}

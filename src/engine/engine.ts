/** The engine behind the page: answers every call of the protocol, and owns runtime, storage and what is open. */

import { answer } from "../generation/answer.ts";
import type { DataApi, PreparedData } from "../protocol/datasets.ts";
import type { EngineApi, EngineEvent, EngineReport, ProviderChoice, Subject } from "../protocol/engine.ts";
import { alone, followOthers, type Tabs, tellAll } from "../protocol/tabs.ts";
import { dataSpecOf } from "../run/dataSpec.ts";
import type { Recipe } from "../run/recipe.ts";
import type { RunRecord } from "../run/record.ts";
import type { SourceChoice } from "../run/source.ts";
import { Mutex } from "../runtime/mutex.ts";
import type { OrtEntries } from "../runtime/provider.ts";
import { createRuntime } from "../runtime/runtime.ts";
import type { Runtime } from "../runtime/types.ts";
import { acquireTrainingLock, trainingElsewhere } from "../storage/lock.ts";
import { openScratch } from "../storage/scratch.ts";
import { openStorage } from "../storage/storage.ts";
import { type ControlSwitch, createControl } from "../training/control.ts";
import { answererOf, type Respondent, takeExam } from "./asking.ts";
import { createExports } from "./export.ts";
import { createLibrary, type LoadedModel } from "./library.ts";
import { budgetOf, createMeasuring, requireDisk } from "./measure.ts";
import { newRecord } from "./newRecord.ts";
import { checkRecipe, inFileOrder, methodOf, type Plan, planRun } from "./prepare.ts";
import { createResultCalls } from "./results.ts";
import { createRunDesk } from "./runs.ts";
import { train } from "./train.ts";
import { planWatch } from "./watch.ts";
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
  tellPage: (event: EngineEvent) => void,
  data: () => Promise<DataApi>,
  tabs: Tabs = alone,
): Promise<EngineApi> {
  const emit = tellAll(tabs, tellPage);
  const storage = await openStorage();
  const library = createLibrary(storage, emit);
  const exports = createExports(storage, library, openScratch(), emit);
  const { get: getRun, follow, calls: runCalls } = createRunDesk(storage, exports, emit);
  let choice: ProviderChoice = "auto";
  let opening: Promise<Device> | null = null;
  let active: { readonly modelHash: string } | null = null;
  /** Of the run that trains, and of calls that still wait for the right to. */
  const controls = new Set<ControlSwitch>();
  /** Questions take turns: they share the tuned weights. */
  const asking = new Mutex();
  let asked: Subject | null = null;
  const others = followOthers(tabs, emit, () => controls.size > 0, storage.runs.recover);
  const measuring = createMeasuring();
  /** Rows as a budget went through them, so that the start of the same run need not go through them again. */
  let kept: { readonly key: string; readonly rows: PreparedData } | null = null;

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
    const kinds = [storage.runs, storage.models, storage.fetches, storage.datasets];
    const listed = await Promise.all(kinds.map((kind) => kind.list()));
    const problems = [...storage.problems, ...listed.flatMap((list) => list.problems)];
    return { ...runtime.report, storage: await storage.report(), problems };
  }

  /**
   * Everything a run trains on, and the question that it is watched with; the same again from what a record keeps. A budget
   * gives its signal, and has the rows kept.
   */
  async function plan(
    modelHash: string,
    sources: readonly SourceChoice[],
    recipe: Recipe,
    budget: AbortSignal | null = null,
  ): Promise<{ model: LoadedModel; plan: Plan; question: string | null }> {
    const model = await library.model(modelHash);
    checkRecipe(model, recipe);
    const desk = await data();
    await desk.tellModel(model.files);
    const spec = dataSpecOf(modelHash, sources, recipe);
    const key = JSON.stringify(spec);
    const rows = kept?.key === key ? kept.rows : await desk.prepare(spec, ...(budget ? [budget] : []));
    kept = budget ? { key, rows } : null;
    const planned = planRun(model, rows, recipe);
    const { heldOut, validation, training } = planned;
    const chats = heldOut.find(({ objective }) => objective === "chat")?.examples ?? validation;
    const asked = (chats.length > 0 ? chats : inFileOrder(training)).slice(0, questionsFrom);
    const wanted = recipe.samplePrompts > 0 || recipe.watchEvery !== null;
    const questions = wanted
      ? await desk.questions(
          spec,
          asked.map(({ origin }) => placeOf(origin)),
        )
      : [];
    return {
      model,
      plan: { ...planned, questions: questions.slice(0, recipe.samplePrompts) },
      question: questions[0]?.prompt ?? null,
    };
  }

  /** Holds the right to train while `work` trains with the control that `pauseRun` and `cancelRun` reach from now on. */
  async function training(modelHash: () => Promise<string>, work: (control: ControlSwitch) => Promise<RunRecord>) {
    const control = createControl();
    controls.add(control);
    try {
      const release = await acquireTrainingLock();
      if (!release) throw new Error(trainingElsewhere);
      try {
        await measuring.end();
        active = { modelHash: await modelHash() };
        return await work(control);
      } finally {
        active = null;
        release();
      }
    } finally {
      controls.delete(control);
      // Refused because another tab trains, the page is to know of it.
      void others.look();
    }
  }

  /** Has `work` question the base model or the run, once every question before it is answered; adds who answered, and how long. */
  function inTurn<T>(
    subject: Subject,
    work: (respondent: Respondent) => Promise<T>,
  ): Promise<T & { step: number | null; seconds: number }> {
    void measuring.end();
    return asking.run(async () => {
      const started = performance.now();
      asked = subject;
      try {
        const { runtime, weights } = await device();
        const model = await library.model(subject.modelHash);
        const run = subject.runId === null ? null : await getRun(subject.runId);
        const method = run && methodOf(run.recipe);
        const tuned = run && method ? await weights.tuned(model, method, run.id, subject.checkpoint) : null;
        const parameters = tuned?.all ?? (await weights.base(model));
        const given = await work({ runtime, model, method, parameters });
        return { ...given, step: tuned?.step ?? null, seconds: (performance.now() - started) / 1000 };
      } finally {
        asked = null;
      }
    });
  }

  const examine: EngineApi["examine"] = (request, signal) =>
    inTurn(request, async (respondent) => {
      try {
        return await takeExam(respondent, request, emit, signal);
      } finally {
        // A run that trains evaluates too, and gives its sessions back at its own end.
        if (!active) await respondent.runtime.releaseSessions(({ kind }) => kind === "eval").catch(() => undefined);
      }
    });

  return {
    async start(next) {
      if (active) throw new Error("A run is training. Pause or cancel it before the provider is changed.");
      await measuring.end();
      const before = opening;
      opening = null;
      choice = next;
      // One that could not be opened has nothing to dispose of.
      await before?.then(({ runtime }) => runtime.dispose()).catch(() => undefined);
      void others.look();
      return report();
    },

    report,

    async openModel(source, signal) {
      const { summary } = await library.openModel(source, signal);
      const keep = [summary.hash, ...[active, asked, measuring].flatMap((busy) => busy?.modelHash ?? [])];
      await (await opening)?.weights.keepOnly(keep);
      return summary;
    },
    inspectModel: (source, signal) => library.inspect(source, signal),
    listModels: () => library.listModels(),
    async deleteModel(hash) {
      await library.deleteModel(hash);
      await storage.results.forgetModel(hash);
    },
    modelDetails: (hash) => library.details(hash),
    listFetches: () => library.listFetches(),
    discardFetch: (address) => library.discardFetch(address),
    catalogue: async () => library.catalogue(),

    tokenizerFiles: async (hash) => (await library.model(hash)).files,

    async budget(request, signal) {
      if (controls.size > 0)
        throw new Error("A run is training, so nothing can be measured beside it: wait for its end.");
      const { modelHash, sources, recipe } = request;
      const measure = (own: AbortSignal) =>
        asking.run(async () => {
          own.throwIfAborted();
          const { runtime, weights } = await device();
          const { model, plan: planned, question } = await plan(modelHash, sources, recipe, own);
          const onProgress = (done: number, total: number) =>
            emit({ type: "progress", task: "Trying a step", done, total });
          const asks = recipe.watchEvery !== null || recipe.samplePrompts > 0;
          const parts = { runtime, weights, model, plan: planned, recipe, signal: own, onProgress };
          return budgetOf(storage, { ...parts, question: asks ? question : null });
        });
      return measuring.run(modelHash, measure, signal);
    },

    startRun: (request) =>
      training(
        async () => request.modelHash,
        async (control) => {
          const { runtime, weights } = await device();
          const { model, plan: planned, question } = await plan(request.modelHash, request.sources, request.recipe);
          await requireDisk(storage, model, request.recipe, planned.totalSteps);
          const watch =
            request.recipe.watchEvery === null
              ? null
              : planWatch(planned, model, question, request.watch ?? { prompt: null, place: null });
          const record = newRecord(request, model, planned, runtime.report.provider, watch);
          await storage.runs.put(record);
          emit({ type: "run", record });
          return train(record, false, { runtime, storage, weights, model, plan: planned, control, emit, follow });
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
          return train(record, true, { runtime, storage, weights, model, plan: planned, control, emit, follow });
        },
      ),

    async saveCheckpointNow() {
      if (!active) throw new Error("No run is training, so there is nothing to save.");
      for (const control of controls) control.save();
    },
    async pauseRun() {
      for (const control of controls) control.pause();
    },
    async cancelRun() {
      for (const control of controls) control.cancel();
    },

    ...runCalls,

    ask: (request, signal) =>
      inTurn(request, (respondent) => {
        const { temperature, topK, topP, maxTokens, seed } = request.sampling;
        return answer(answererOf(respondent, request), request.messages, {
          maxTokens,
          seed,
          sampling: { temperature, topK, topP },
          onText: (text) => emit({ type: "token", requestId: request.requestId, text }),
          ...(signal && { signal }),
        });
      }),

    examine,
    ...createResultCalls(storage, examine),

    exportAdapter: async (runId, step, signal) => exports.adapter(await getRun(runId), step, signal),
    exportModel: async (runId, step, signal) => exports.merged(await getRun(runId), step, signal),

    async exportArtifacts(runId, signal) {
      const record = await getRun(runId);
      const { model, plan: planned } = await plan(record.model.hash, record.sources, record.recipe);
      return exports.artifacts(record, model, planned, signal);
    },
  };
}

const placeOf = ({ source, row }: { readonly source: number; readonly row: number }) => ({ source, row });

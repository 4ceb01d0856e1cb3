/** The engine behind the page: answers every call of the protocol, and owns runtime, storage and what is open. */

import { answer } from "../generation/answer.ts";
import type { Prompt } from "../generation/prompt.ts";
import type { DataApi, PreparedData } from "../protocol/datasets.ts";
import type { EngineApi, EngineEvent, EngineReport, ProviderChoice, RunRequest, Subject } from "../protocol/engine.ts";
import { alone, followOthers, type Tabs, tellAll } from "../protocol/tabs.ts";
import { dataSpecOf } from "../run/dataSpec.ts";
import type { RunRecord } from "../run/record.ts";
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
import { createTextService } from "./textService.ts";
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
  const texts = createTextService(data);
  const exports = createExports(storage, library, texts, openScratch(), emit);
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
  /** Rows of the last budget, for the start of the same run. */
  let cachedRows: { readonly key: string; readonly rows: PreparedData } | null = null;

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
   * Everything a run trains on, and the question that it is watched with; the same again from a stored record. `keepRows`
   * lets the start of the run reuse the rows of its budget. Throws the signal's reason when cancelled.
   */
  async function plan(
    modelHash: string,
    { sources, recipe }: Pick<RunRequest, "sources" | "recipe">,
    signal?: AbortSignal,
    keepRows = false,
  ): Promise<{ model: LoadedModel; plan: Plan; question: string | null }> {
    const model = await library.model(modelHash, signal);
    checkRecipe(model, recipe);
    const spec = dataSpecOf(modelHash, sources, recipe);
    const key = JSON.stringify(spec);
    const rows =
      cachedRows?.key === key
        ? cachedRows.rows
        : await texts.use(model, (service) => service.prepare(spec, signal), signal);
    signal?.throwIfAborted();
    cachedRows = keepRows ? { key, rows } : null;
    const planned = planRun(rows, recipe);
    const { heldOut, validation, training } = planned;
    const chats = heldOut.find(({ objective }) => objective === "chat")?.examples ?? validation;
    const candidates = (chats.length > 0 ? chats : inFileOrder(training)).slice(0, questionsFrom);
    const wanted = recipe.samplePrompts > 0 || recipe.watchEvery !== null;
    const places = candidates.map(({ origin }) => placeOf(origin));
    const questions = wanted
      ? await texts.use(model, (service) => service.questions(spec, places, signal), signal)
      : [];
    return {
      model,
      plan: { ...planned, questions: questions.slice(0, recipe.samplePrompts) },
      question: questions[0]?.prompt ?? null,
    };
  }

  /** Prompts of all that a run answers while it trains: rendered before it, so that no template can stop it later. */
  const promptsOf = (
    model: LoadedModel,
    { questions }: Plan,
    { recipe, watch }: Pick<RunRecord, "recipe" | "watch">,
    signal: AbortSignal,
  ) => {
    const prompts = [...questions.map(({ prompt }) => prompt), ...(watch?.prompt ? [watch.prompt] : [])];
    return texts.asQuestions(model, recipe, prompts, signal);
  };

  /** Trains with the right to, and with the control that `pauseRun`, `cancelRun` and the signal reach from now on. */
  async function training(signal: AbortSignal | undefined, work: (control: ControlSwitch) => Promise<RunRecord>) {
    const control = createControl();
    controls.add(control);
    if (signal?.aborted) control.cancel();
    signal?.addEventListener("abort", control.cancel);
    try {
      const release = await acquireTrainingLock();
      if (!release) throw new Error(trainingElsewhere);
      try {
        await measuring.end();
        control.cancelSignal.throwIfAborted();
        return await work(control);
      } finally {
        active = null;
        release();
      }
    } finally {
      signal?.removeEventListener("abort", control.cancel);
      controls.delete(control);
      // When another tab's run refused this one, the page shows that run.
      void others.look();
    }
  }

  /** Has `work` question the base model or the run, once every question before it is answered; adds who answered, and how long. */
  function inTurn<T>(
    subject: Subject,
    signal: AbortSignal | undefined,
    work: (respondent: Respondent) => Promise<T>,
  ): Promise<T & { step: number | null; seconds: number }> {
    void measuring.end();
    return asking.run(async () => {
      signal?.throwIfAborted();
      const started = performance.now();
      asked = subject;
      try {
        const { runtime, weights } = await device();
        const model = await library.model(subject.modelHash, signal);
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
    inTurn(request, signal, async (respondent) => {
      const { model } = respondent;
      const exam = {
        questions: await texts.questions(model, request, request.questions, signal),
        texts: await texts.use(model, (service) => service.encodeTexts(request.modelHash, request.texts, signal)),
      };
      try {
        return await takeExam(respondent, exam, emit, signal);
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
      const { modelHash, recipe } = request;
      const measure = (own: AbortSignal) =>
        asking.run(async () => {
          own.throwIfAborted();
          const { runtime, weights } = await device();
          const { model, plan: planned, question } = await plan(modelHash, request, own, true);
          const onProgress = (done: number, total: number) =>
            emit({ type: "progress", task: "Trying a step", done, total });
          const asks = recipe.watchEvery !== null || recipe.samplePrompts > 0;
          const parts = { runtime, weights, model, plan: planned, recipe, signal: own, onProgress };
          const prompts = asks && question ? await texts.asQuestions(model, recipe, [question], own) : null;
          return budgetOf(storage, { ...parts, question: prompts?.get(question ?? "") ?? null });
        });
      return measuring.run(modelHash, measure, signal);
    },

    startRun: (request, signal) =>
      training(signal, async (control) => {
        const { modelHash, recipe } = request;
        active = { modelHash };
        const { runtime, weights } = await device();
        const { model, plan: planned, question } = await plan(modelHash, request, control.cancelSignal);
        await requireDisk(storage, model, recipe, planned.totalSteps);
        const watch =
          recipe.watchEvery === null
            ? null
            : planWatch(planned, model, question, request.watch ?? { prompt: null, place: null });
        const record = newRecord(request, model, planned, runtime.report.provider, watch);
        const prompts = await promptsOf(model, planned, record, control.cancelSignal);
        control.cancelSignal.throwIfAborted();
        await storage.runs.put(record);
        emit({ type: "run", record });
        return train(record, false, {
          runtime,
          storage,
          weights,
          model,
          plan: planned,
          prompts,
          control,
          emit,
          follow,
        });
      }),

    resumeRun: (runId, signal) =>
      training(signal, async (control) => {
        const before = await getRun(runId);
        const modelHash = before.model.hash;
        active = { modelHash };
        if (before.status === "finished") throw new Error(`Run "${before.name}" has finished; start a new one.`);
        const { runtime, weights } = await device();
        const { model, plan: planned } = await plan(modelHash, before, control.signal);
        const prompts = await promptsOf(model, planned, before, control.signal);
        control.signal.throwIfAborted();
        const record: RunRecord = { ...before, status: "running", reason: null, provider: runtime.report.provider };
        await storage.runs.put(record);
        return train(record, true, { runtime, storage, weights, model, plan: planned, prompts, control, emit, follow });
      }),

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
      inTurn(request, signal, async (respondent) => {
        const { temperature, topK, topP, maxTokens, seed } = request.sampling;
        const [prompt] = await texts.prompts(respondent.model, request, [request.messages], signal);
        return answer(answererOf(respondent), prompt as Prompt, {
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
      const { model, plan: planned } = await plan(record.model.hash, record, signal);
      return exports.artifacts(record, model, planned, signal);
    },
  };
}

const placeOf = ({ source, row }: { readonly source: number; readonly row: number }) => ({ source, row });

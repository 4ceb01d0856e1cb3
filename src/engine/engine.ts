/** The engine service: implements every call of `EngineApi`, and owns the runtime, the storage and the open models. */

import { answer } from "../generation/answer.ts";
import type { Prompt } from "../generation/prompt.ts";
import type { DataApi } from "../protocol/datasets.ts";
import type { EngineApi, EngineEvent, EngineReport, ProviderChoice, RunRequest, Subject } from "../protocol/engine.ts";
import { alone, broadcast, followOthers, type Tabs } from "../protocol/tabs.ts";
import type { RunRecord } from "../run/record.ts";
import { Mutex } from "../runtime/mutex.ts";
import type { OrtEntries } from "../runtime/provider.ts";
import { createRuntime } from "../runtime/runtime.ts";
import type { Runtime } from "../runtime/types.ts";
import { acquireTrainingLock, trainingElsewhere } from "../storage/lock.ts";
import { openScratch } from "../storage/scratch.ts";
import { openStorage, type Storage } from "../storage/storage.ts";
import { type ControlSwitch, createControl } from "../training/control.ts";
import { measureBaseLoss } from "./baseLoss.ts";
import { createExports } from "./export.ts";
import { createHandOverCalls } from "./handOverCalls.ts";
import { createLibrary, type LoadedModel } from "./library.ts";
import { createMakeCalls } from "./make.ts";
import { budgetOf, createMeasuring, requireDisk } from "./measure.ts";
import { drawExam } from "./midExam.ts";
import { newRecord } from "./newRecord.ts";
import { openTuned } from "./openTuned.ts";
import { writeOwnTexts } from "./ownText.ts";
import { createPlanning } from "./planning.ts";
import { modelOfBase, modelOfRequest, modelOfRun, type SettledRequest } from "./precision.ts";
import { methodOf, type Plan } from "./prepare.ts";
import { createPushCalls } from "./push.ts";
import { answererOf, type Respondent, takeExam } from "./respondent.ts";
import { createResultCalls } from "./results.ts";
import { createRowLossCalls } from "./rowLosses.ts";
import { createRunService } from "./runs.ts";
import { startOf } from "./start.ts";
import { createTextService } from "./textService.ts";
import { train } from "./train.ts";
import { planWatch } from "./watch.ts";
import { createWeights, type Weights } from "./weights.ts";

/** Whose weights answer. */
type SubjectWeights = Pick<Subject, "modelHash" | "runId" | "checkpoint" | "beside">;

interface Device {
  readonly runtime: Runtime;
  readonly weights: Weights;
}

/**
 * Makes an engine. `entries`: onnxruntime-web's modules for this platform; `data` resolves to the dataset service; `open` opens
 * its storage.
 */
export async function createEngine(
  entries: OrtEntries,
  emitToPage: (event: EngineEvent) => void,
  data: () => Promise<DataApi>,
  tabs: Tabs = alone,
  open: () => Promise<Storage> = openStorage,
): Promise<EngineApi> {
  const emit = broadcast(tabs, emitToPage);
  const storage = await open();
  const library = createLibrary(storage, emit);
  const texts = createTextService(data);
  const exports = createExports(storage, library, texts, openScratch(), emit);
  const { get: getRun, follow, calls: runCalls } = createRunService(storage, exports, emit);
  let choice: ProviderChoice = "auto";
  let opening: Promise<Device> | null = null;
  let active: { readonly modelHash: string } | null = null;
  /** Of the run that trains, and of calls that wait for the training lock. */
  const controls = new Set<ControlSwitch>();
  /** Calls that answer run one at a time, because they share the tuned weights. */
  const answering = new Mutex();
  let subjectInTurn: SubjectWeights | null = null;
  const others = followOthers(tabs, emit, () => controls.size > 0, storage.runs.recover);
  const measuring = createMeasuring();
  const plan = createPlanning(texts);

  async function openDevice(): Promise<Device> {
    const runtime = await createRuntime(choice, { entries });
    void runtime.lost.then(({ message }) => {
      opening = null;
      emit({ type: "deviceLost", message });
    });
    return { runtime, weights: createWeights(runtime, storage, emit) };
  }

  /** The device in use; a new one after it was lost, or after another provider was chosen. */
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

  /** Prompts of the sample questions and the watch: rendered before training, so that no template can stop it later. */
  const promptsOf = (
    model: LoadedModel,
    { questions }: Plan,
    { recipe, watch }: Pick<RunRecord, "recipe" | "watch">,
    signal: AbortSignal,
  ) => {
    const prompts = [...questions.map(({ prompt }) => prompt), ...(watch?.prompt ? [watch.prompt] : [])];
    return texts.asQuestions(model, recipe, prompts, signal);
  };

  /** The questions of a run's exam during training. */
  const examOf = async (model: LoadedModel, { recipe, exam }: RunRecord, signal: AbortSignal) =>
    exam ? texts.questions(model, recipe, exam.questions, signal) : [];

  /** Does `work` under the training lock, with a control for `pauseRun`, `cancelRun` and the signal. */
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
      // If the lock was another tab's, the page shows that tab's run.
      void others.check();
    }
  }

  /** Does `work` with the subject's weights, after the calls before it; adds the checkpoint's step and the seconds. */
  function inTurn<T>(
    subject: SubjectWeights,
    signal: AbortSignal | undefined,
    work: (respondent: Respondent) => Promise<T>,
  ): Promise<T & { step: number | null; seconds: number }> {
    void measuring.end();
    return answering.run(async () => {
      signal?.throwIfAborted();
      const started = performance.now();
      subjectInTurn = subject;
      try {
        const { runtime, weights } = await device();
        const run = subject.runId === null ? null : await getRun(subject.runId);
        const storedLike = run ?? (subject.beside ? await getRun(subject.beside).catch(() => null) : null);
        const model =
          storedLike?.model.hash === subject.modelHash && (run || storedLike.recipe.method === "lora")
            ? await modelOfRun(library, storedLike, runtime.report, signal)
            : await modelOfBase(library, subject.modelHash, runtime.report, signal);
        const method = run && methodOf(run.recipe);
        const tuned = run && method ? await weights.tuned(model, method, run.id, subject.checkpoint, signal) : null;
        const { all, release } = tuned ?? (await weights.base(model, signal));
        try {
          const given = await work({ runtime, model, method, parameters: all });
          return { ...given, step: tuned?.step ?? null, seconds: (performance.now() - started) / 1000 };
        } finally {
          release();
        }
      } finally {
        subjectInTurn = null;
      }
    });
  }

  /** Plans a request and measures something of it, alone on the device. */
  async function measured<T>(
    request: RunRequest,
    signal: AbortSignal | undefined,
    work: (parts: Device & SettledRequest & { plan: Plan; signal: AbortSignal }, question: string | null) => Promise<T>,
  ): Promise<T> {
    if (controls.size > 0) throw new Error("A run is training, so nothing can be measured: wait until it ends.");
    const measure = (own: AbortSignal) =>
      answering.run(async () => {
        own.throwIfAborted();
        const { runtime, weights } = await device();
        const settled = await modelOfRequest(library, request, runtime.report, own);
        const { plan: planned, question } = await plan(
          settled.model,
          { ...request, recipe: settled.recipe },
          own,
          true,
        );
        return work({ runtime, weights, ...settled, plan: planned, signal: own }, question);
      });
    return measuring.run(request.modelHash, measure, signal);
  }

  const examine: EngineApi["examine"] = (request, signal) =>
    inTurn(request, signal, async (respondent) => {
      const { model } = respondent;
      const { grader, sampling } = request;
      const exam = {
        ...(grader && { grader }),
        ...(sampling && { sampling, seed: sampling.seed }),
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

  const answerOf: EngineApi["answer"] = (request, signal) =>
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
    });

  return {
    async start(next) {
      if (active) throw new Error("A run is training. Pause or cancel it before the provider is changed.");
      await measuring.end();
      const before = opening;
      opening = null;
      choice = next;
      // A device that failed to open needs no disposal.
      await before?.then(({ runtime }) => runtime.dispose()).catch(() => undefined);
      void others.check();
      return report();
    },

    report,

    async openModel(source, signal) {
      const { summary } = await library.openModel(source, signal);
      const inUse = [summary.hash, ...[active, subjectInTurn, measuring].flatMap((busy) => busy?.modelHash ?? [])];
      await (await opening)?.weights.releaseExcept(inUse);
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

    budget: (request, signal) =>
      measured(request, signal, async (parts, question) => {
        const { model, recipe, signal: own } = parts;
        const onProgress = (done: number, total: number) =>
          emit({ type: "progress", task: "Trying a step", done, total });
        const answers = recipe.watchEvery !== null || recipe.samplePrompts > 0;
        const prompts = answers && question ? await texts.asQuestions(model, recipe, [question], own) : null;
        return budgetOf(storage, { ...parts, onProgress, question: prompts?.get(question ?? "") ?? null });
      }),

    baseLoss: (request, signal) =>
      measured(request, signal, (parts) =>
        measureBaseLoss({
          ...parts,
          onProgress: (task, done, total) => emit({ type: "progress", task, done, total }),
        }),
      ),

    startRun: (request, signal) =>
      training(signal, async (control) => {
        active = { modelHash: request.modelHash };
        const { runtime, weights } = await device();
        const { model, recipe } = await modelOfRequest(library, request, runtime.report, control.cancelSignal);
        const { plan: planned, question } = await plan(model, { ...request, recipe }, control.cancelSignal);
        await requireDisk(storage, model, recipe, planned.totalSteps);
        const start = await startOf(storage, { ...request, recipe }, model.definition);
        const watch =
          recipe.watchEvery === null
            ? null
            : planWatch(planned, model, question, request.watch ?? { prompt: null, place: null });
        const exam = drawExam({ ...request, recipe });
        const record = newRecord({ ...request, recipe }, model, planned, runtime.report.provider, watch, start, exam);
        const prompts = await promptsOf(model, planned, record, control.cancelSignal);
        const questions = await examOf(model, record, control.cancelSignal);
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
          questions,
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
        const model = await modelOfRun(library, before, runtime.report, control.signal);
        const { plan: planned } = await plan(model, before, control.signal);
        const prompts = await promptsOf(model, planned, before, control.signal);
        const questions = await examOf(model, before, control.signal);
        control.signal.throwIfAborted();
        const record: RunRecord = {
          ...before,
          // This device may not multiply in float16.
          recipe: { ...before.recipe, compute: model.definition.precision.compute },
          status: "running",
          reason: null,
          provider: runtime.report.provider,
        };
        await storage.runs.put(record);
        const parts = { runtime, storage, weights, model, plan: planned, prompts, questions, control, emit, follow };
        return train(record, true, parts);
      }),

    async saveCheckpointNow() {
      if (!active) throw new Error("No run is training, so there is nothing to save.");
      for (const control of controls) control.save();
    },
    async skipBefore() {
      for (const control of controls) control.skipBefore();
    },
    async pauseRun() {
      for (const control of controls) control.pause();
    },
    async cancelRun() {
      for (const control of controls) control.cancel();
    },

    ...runCalls,

    answer: answerOf,
    ...createMakeCalls({ answer: answerOf, emit }),

    async writeTexts(request, signal) {
      const onProgress = (done: number, total: number) =>
        emit({ type: "progress", task: "The base model writes texts", done, total });
      const subject = { modelHash: request.modelHash, runId: null, checkpoint: null };
      const { texts: written } = await inTurn(subject, signal, async (respondent) => ({
        texts: await writeOwnTexts(respondent, request, onProgress, signal),
      }));
      return written;
    },

    examine,
    ...createResultCalls(storage, examine),
    ...createPushCalls(emit),
    ...createRowLossCalls({
      storage,
      library,
      plan,
      getRun,
      device: async () => (await device()).runtime.report,
      inTurn,
      isTraining: () => active !== null,
      emit,
    }),
    ...createHandOverCalls({
      storage,
      library,
      texts,
      exports,
      plan,
      getRun,
      device: async () => (await device()).runtime.report,
    }),

    async openTuned(files, signal) {
      const { runtime } = await device();
      const onProgress = (task: string, done: number, total: number | null) =>
        emit({ type: "progress", task, done, total });
      const opened = await openTuned({ storage, library, device: runtime.report, onProgress }, files, signal);
      if (opened.added) emit({ type: "runsChanged" });
      return opened;
    },

    exportAdapter: async (runId, step, signal) => exports.adapter(await getRun(runId), step, signal),
    exportGguf: async (runId, step, type, signal) => exports.gguf(await getRun(runId), step, type, signal),
    exportGgufAdapter: async (runId, step, signal) => exports.ggufAdapter(await getRun(runId), step, signal),
    exportModel: async (runId, step, signal) => exports.merged(await getRun(runId), step, signal),

    async exportArtifacts(runId, signal) {
      const record = await getRun(runId);
      const model = await modelOfRun(library, record, null, signal);
      const { plan: planned } = await plan(model, record, signal);
      return exports.artifacts(record, model, planned, signal);
    },
  };
}

/** An engine without a model, for tests of the page: it answers as the contracts say, with made-up figures. */

import type { EngineWorker, WorkerStarters } from "../../src/client/client.ts";
import type { DataApi } from "../../src/protocol/datasets.ts";
import type {
  AskRequest,
  EngineApi,
  EngineEvent,
  EngineReport,
  ExamAnswer,
  ModelSummary,
  ReadPrompt,
  RunRequest,
  UnfinishedFetch,
} from "../../src/protocol/engine.ts";
import { type Callable, emitTo, serve } from "../../src/protocol/rpc.ts";
import type { Message } from "../../src/records/example.ts";
import type { SourceSummary } from "../../src/records/source.ts";
import { progressOf } from "../../src/run/curves.ts";
import type { EvaluationMetrics, StepMetrics } from "../../src/run/metrics.ts";
import type { RunRecord } from "../../src/run/record.ts";
import { lastStage } from "../../src/run/stage.ts";
import { createFakeData, fakeSource } from "./fakeData.ts";
import { createFakeLibrary, fakeModel } from "./fakeLibrary.ts";
import { createFakeRuns, type FakeRun, recordOf } from "./fakeRuns.ts";
import { fakeBudget, fakeMoment, fakeWatch } from "./fakeTraining.ts";

export { fakeModel };

export interface FakeSettings {
  /** Milliseconds of a step and of a token. */
  readonly pace: number;
  readonly report?: Partial<EngineReport>;
  readonly models?: readonly ModelSummary[];
  /** Left by an earlier visit. */
  readonly fetches?: readonly UnfinishedFetch[];
  readonly sources?: readonly SourceSummary[];
  readonly runs?: readonly FakeRun[];
  /** Methods that reject, each with its error. */
  readonly failing?: Partial<Record<keyof EngineApi, Error>>;
  readonly dataFailing?: Partial<Record<keyof DataApi, Error>>;
  /** Whether the preflight check of stop tokens fails. */
  readonly noStop?: boolean;
}

const report: EngineReport = {
  provider: "wasm",
  reason: "This browser offers no WebGPU adapter, so WebAssembly computes on the processor.",
  threads: 4,
  crossOriginIsolated: true,
  adapter: null,
  storage: { available: true, reason: null, usage: 12_400_000, quota: 42_000_000_000 },
  problems: [],
};

/** A record as a tab leaves it that was killed in step `step` of `total`. */
export function fakeRun(request: RunRequest, step: number, total: number, created = "2026-03-01T10:00:00.000Z") {
  const metrics = Array.from({ length: step }, (_, index) => fakeStep(index + 1));
  const evaluations = Array.from({ length: Math.floor(step / 10) + 1 }, (_, index) => fakeEvaluation(index * 10));
  const record: FakeRun = {
    id: `run-${created}`,
    name: request.name,
    note: "",
    createdAt: created,
    updatedAt: created,
    status: "running",
    reason: null,
    model: { name: fakeModel.name, hash: request.modelHash, parameters: fakeModel.parameters },
    sources: request.sources.map((source) => ({ ...source, name: fakeSource.name })),
    recipe: request.recipe,
    provider: "wasm",
    trainable: 51_200,
    examples: { training: 898, validation: 100 },
    stages: [{ objective: "mixed", steps: total, examples: 898, supervisedTokens: 52_700 }],
    totalSteps: total,
    step,
    seconds: step * 0.6,
    metrics,
    evaluations,
    progress: progressOf(metrics, evaluations),
    best: evaluations.at(-1) ?? null,
    samples: [],
    watch: fakeWatch(request, step),
    slowdowns: [],
    resumeFrom: null,
  };
  return record;
}

function fakeStep(step: number): StepMetrics {
  return {
    step,
    loss: 1.4 + 2.8 * Math.exp(-step / 40) + 0.12 * Math.sin(step * 12.9898),
    gradientNorm: 0.4 + 1.2 * Math.exp(-step / 30),
    learningRate: 2e-4 * Math.min(1, step / 5),
    tokens: 1830,
    supervisedTokens: 940,
    examples: 16,
    seconds: 0.6,
  };
}

function fakeEvaluation(step: number): EvaluationMetrics {
  const loss = 1.6 + 2.5 * Math.exp(-step / 45);
  return { step, loss, sets: { validation: loss } };
}

/** Each turn between two marks, a word a token. */
function fakePrompt(messages: AskRequest["messages"]): ReadPrompt {
  const pieces: { text: string; role: Message["role"] | null; special: boolean }[] = [];
  for (const { role, content } of messages) {
    pieces.push({ text: `<|${role}|>`, role: null, special: true });
    for (const text of content.split(/(?= )/)) pieces.push({ text, role, special: false });
    pieces.push({ text: "<|end|>", role: null, special: true }, { text: "\n", role: null, special: false });
  }
  pieces.push({ text: "<|assistant|>", role: null, special: true });
  let end = 0;
  const ends = pieces.map(({ text, role }) => {
    end += text.length;
    return { end, role };
  });
  return {
    text: pieces.map(({ text }) => text).join(""),
    // A stretch is as long as it is one speaker's.
    stretches: ends.filter(({ role }, index) => ends[index + 1]?.role !== role || index === ends.length - 1),
    tokens: pieces.map(({ text, role, special }, index) => ({ id: 100 + index, text, special, role })),
  };
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function createFakeEngine(emit: (event: EngineEvent) => void, settings: FakeSettings): EngineApi {
  const models = new Map((settings.models ?? []).map((model) => [model.hash, model]));
  const runs = new Map((settings.runs ?? []).map((run) => [run.id, run]));
  let stopping: "paused" | "cancelled" | null = null;
  let training = false;
  let saveAsked = false;
  let current = { ...report, ...settings.report };

  const update = (run: FakeRun, change: Partial<RunRecord>) => {
    const next = { ...run, ...change, updatedAt: new Date().toISOString() };
    runs.set(next.id, next);
    emit({ type: "run", record: recordOf(next) });
    return next;
  };

  const train = async (start: FakeRun) => {
    stopping = null;
    training = true;
    emit({ type: "progress", task: "Compiling the training artifact", done: 1, total: 4 });
    await wait(settings.pace);
    let run = update(start, { status: "running", reason: null });
    emit({ type: "dropped", runId: run.id, problems: [{ line: 41, message: "712 tokens, 512 fit." }] });
    while (run.step < run.totalSteps && !stopping) {
      await wait(settings.pace);
      const metrics = fakeStep(run.step + 1);
      emit({ type: "step", runId: run.id, metrics, memory: 6_200_000 });
      run = { ...run, step: metrics.step, seconds: run.seconds + metrics.seconds, metrics: [...run.metrics, metrics] };
      if (run.step % 10 === 0) {
        const evaluation = fakeEvaluation(run.step);
        emit({ type: "evaluation", runId: run.id, metrics: evaluation });
        run = { ...run, evaluations: [...run.evaluations, evaluation], best: evaluation };
      }
      if (run.step % 10 === 0 || saveAsked) {
        saveAsked = false;
        emit({ type: "checkpoint", runId: run.id, step: run.step });
      }
      const { watchEvery } = run.recipe;
      if (run.watch && watchEvery !== null && (run.step % watchEvery === 0 || run.step === run.totalSteps)) {
        const earlier = run.watch.moments.filter(({ step }) => step < run.step);
        const watch = { ...run.watch, moments: [...earlier, fakeMoment(run.step)] };
        run = { ...run, watch };
        emit({ type: "watch", runId: run.id, watch });
      }
      runs.set(run.id, run);
    }
    const samples = [
      {
        prompt: "Name three primary colours.",
        reference: "Red, blue and yellow.",
        before: "Once upon a time there was a little girl",
        after: stopping ? null : "Red, yellow and blue.",
      },
    ];
    training = false;
    const predicted = fakeBudget(run).memory.total;
    const memory = { predicted, peak: 1.04 * predicted };
    return recordOf(update(run, { status: stopping ?? "finished", samples, memory }));
  };

  const api: EngineApi = {
    async start(choice) {
      await wait(settings.pace);
      current = { ...current, ...(choice === "wasm" && { provider: "wasm", reason: "WebAssembly was asked for." }) };
      return current;
    },
    report: async () => current,
    ...createFakeLibrary(emit, settings, models),
    listModels: async () => [...models.values()],
    deleteModel: async (hash) => void models.delete(hash),
    async tokenizerFiles(hash) {
      const model = models.get(hash);
      if (!model) throw new Error(`There is no model ${hash}. Open it again.`);
      const chatTemplate = model.chatTemplate ? "{{ messages }}" : null;
      return {
        modelHash: hash,
        tokenizerJson: {},
        tokenizerConfig: {},
        chatTemplate,
        contextLength: model.contextLength,
      };
    },
    async budget(request, signal) {
      if (training) throw new Error("A run is training, so nothing can be measured beside it: wait for its end.");
      for (let done = 0; done < 4; done++) {
        emit({ type: "progress", task: "Trying a step", done, total: 4 });
        await wait(settings.pace);
        signal?.throwIfAborted();
      }
      return fakeBudget(request);
    },
    async saveCheckpointNow() {
      if (!training) throw new Error("No run is training, so there is nothing to save.");
      saveAsked = true;
    },
    startRun: (request) => train(fakeRun(request, 0, lastStage(request.recipe).steps ?? 160, new Date().toISOString())),
    async resumeRun(runId) {
      const run = runs.get(runId);
      if (!run) throw new Error(`There is no run ${runId}.`);
      return train(run);
    },
    async pauseRun() {
      stopping = "paused";
    },
    async cancelRun() {
      stopping = "cancelled";
    },
    ...createFakeRuns(runs, settings.pace, emit),
    async checkpointsOf(runId) {
      const step = runs.get(runId)?.step ?? 0;
      return [step, step - 10].filter((kept) => kept > 0).map((kept) => ({ step: kept, best: kept !== step }));
    },
    async ask({ requestId, runId, checkpoint, messages }, signal) {
      const words =
        runId === null
          ? ["Once", " upon", " a", " time,", " a", " cat", "…"]
          : checkpoint === null
            ? ["Red", ", yellow", " and", " blue."]
            : ["Red", " and", " green."];
      const prompt = fakePrompt(messages);
      const step = runId === null ? null : (checkpoint ?? runs.get(runId)?.step ?? 0);
      const given = (count: number) => ({
        text: words.slice(0, count).join(""),
        prompt,
        written: words.slice(0, count).map((text, index) => ({ id: 300 + index, text, special: false })),
        step,
        seconds: 0.4,
      });
      for (const [index, text] of words.entries()) {
        await wait(settings.pace);
        if (signal?.aborted) return { ...given(index), finish: "cancelled" };
        emit({ type: "token", requestId, text });
      }
      return { ...given(words.length), finish: runId ? "stop" : "length" };
    },
    async examine({ runId, questions, texts }, signal) {
      const who = runId === null ? "The base model" : "The tuned model";
      const answers: ExamAnswer[] = [];
      for (const [index, { expected }] of questions.entries()) {
        emit({ type: "progress", task: `${who} answers the questions`, done: index, total: questions.length });
        await wait(settings.pace);
        signal?.throwIfAborted();
        const correct = runId === null ? index % 6 === 0 : index % 5 !== 4;
        answers.push({ text: correct ? expected : "Once upon a time", finish: correct ? "stop" : "length", correct });
      }
      const step = runId === null ? null : (runs.get(runId)?.step ?? 0);
      return { answers, textLoss: texts.length > 0 ? (runId === null ? 2.1 : 2.25) : null, step, seconds: 1 };
    },
  };

  for (const [method, error] of Object.entries(settings.failing ?? {}))
    Object.assign(api, { [method]: () => Promise.reject(error) });
  return api;
}

type FakeWorker = EngineWorker & { crash(): void };

/** An API behind a real message channel, in the shape of a worker; `crash` plays an uncaught exception. */
function workerOf<Api extends Callable<Api>>(make: (port: MessagePort) => Api): FakeWorker {
  const { port1, port2 } = new MessageChannel();
  port1.start();
  port2.start();
  serve(make(port2), port2);
  return Object.assign(port1, {
    terminate() {
      port1.close();
      port2.close();
    },
    crash: () => void port1.dispatchEvent(new Event("error")),
  });
}

/** Both workers of the page; `crash` ends the engine that was started last, `tell` has it tell the page something. */
export function fakeWorkers(
  settings: FakeSettings,
): WorkerStarters & { crash(): void; tell(event: EngineEvent): void } {
  let engine: FakeWorker | null = null;
  let tell: (event: EngineEvent) => void = () => undefined;
  const { pace, sources = [], dataFailing = {}, noStop = false } = settings;
  return {
    engine() {
      engine = workerOf<EngineApi>((port) => {
        tell = emitTo(port);
        return createFakeEngine(tell, settings);
      });
      return engine;
    },
    data: () =>
      workerOf<DataApi>((port) => createFakeData(emitTo(port), { pace, sources, failing: dataFailing, noStop })),
    crash: () => engine?.crash(),
    tell: (event) => tell(event),
  };
}

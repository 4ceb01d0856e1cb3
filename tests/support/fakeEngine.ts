/** An engine without a model, for tests of the page: it answers as the contracts say, with made-up figures. */

import type { EvaluationMetrics, RunRecord, StepMetrics } from "../../src/storage/run.ts";
import type { EngineWorker, WorkerStarters } from "../../src/worker/client.ts";
import type { DataApi, SourceSummary } from "../../src/worker/dataProtocol.ts";
import type {
  EngineApi,
  EngineEvent,
  EngineReport,
  ExamAnswer,
  ModelSummary,
  RunRequest,
} from "../../src/worker/protocol.ts";
import { type Callable, emitTo, serve } from "../../src/worker/rpc.ts";
import { createFakeData, fakeSource } from "./fakeData.ts";

export interface FakeSettings {
  /** Milliseconds of a step and of a token. */
  readonly pace: number;
  readonly report?: Partial<EngineReport>;
  readonly models?: readonly ModelSummary[];
  readonly sources?: readonly SourceSummary[];
  readonly runs?: readonly RunRecord[];
  /** Methods that reject, each with its error. */
  readonly failing?: Partial<Record<keyof EngineApi, Error>>;
  readonly dataFailing?: Partial<Record<keyof DataApi, Error>>;
  /** Whether the preflight check of stop tokens fails. */
  readonly noStop?: boolean;
}

export const fakeModel: ModelSummary = {
  name: "stories260K",
  hash: "9f2c77aa01b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d",
  architecture: "LlamaForCausalLM",
  parameters: 260_032,
  layers: 5,
  hiddenSize: 64,
  vocabulary: 512,
  contextLength: 512,
  chatTemplate: true,
  byteLength: 1_064_960,
  stored: true,
  notes: ["The output head is tied to the embedding, so LoRA leaves it alone."],
};

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
  const record: RunRecord = {
    id: `run-${created}`,
    name: request.name,
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
    totalSteps: total,
    step,
    seconds: step * 0.6,
    metrics,
    evaluations,
    best: evaluations.at(-1) ?? null,
    samples: [],
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
    seconds: 0.6,
  };
}

function fakeEvaluation(step: number): EvaluationMetrics {
  return { step, loss: 1.6 + 2.5 * Math.exp(-step / 45) };
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function createFakeEngine(emit: (event: EngineEvent) => void, settings: FakeSettings): EngineApi {
  const models = new Map((settings.models ?? []).map((model) => [model.hash, model]));
  const runs = new Map((settings.runs ?? []).map((run) => [run.id, run]));
  let stopping: "paused" | "cancelled" | null = null;
  let current = { ...report, ...settings.report };

  const update = (run: RunRecord, change: Partial<RunRecord>) => {
    const next = { ...run, ...change, updatedAt: new Date().toISOString() };
    runs.set(next.id, next);
    emit({ type: "run", record: { ...next, metrics: [], evaluations: [] } });
    return next;
  };

  const train = async (start: RunRecord) => {
    stopping = null;
    emit({ type: "progress", task: "Compiling the training artifact", done: 1, total: 4 });
    await wait(settings.pace);
    let run = update(start, { status: "running", reason: null });
    emit({ type: "dropped", runId: run.id, problems: [{ line: 41, message: "712 tokens, 512 fit." }] });
    while (run.step < run.totalSteps && !stopping) {
      await wait(settings.pace);
      const metrics = fakeStep(run.step + 1);
      emit({ type: "step", runId: run.id, metrics });
      run = { ...run, step: metrics.step, seconds: run.seconds + metrics.seconds, metrics: [...run.metrics, metrics] };
      if (run.step % 10 === 0) {
        const evaluation = fakeEvaluation(run.step);
        emit({ type: "evaluation", runId: run.id, metrics: evaluation });
        run = { ...run, evaluations: [...run.evaluations, evaluation], best: evaluation };
        emit({ type: "checkpoint", runId: run.id, step: run.step });
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
    return update(run, { status: stopping ?? "finished", samples });
  };

  const api: EngineApi = {
    async start(choice) {
      await wait(settings.pace);
      current = { ...current, ...(choice === "wasm" && { provider: "wasm", reason: "WebAssembly was asked for." }) };
      return current;
    },
    report: async () => current,
    async openModel(source, signal) {
      for (let done = 1; done <= 5; done++) {
        emit({ type: "progress", task: "Reading model.safetensors", done, total: 5 });
        await wait(settings.pace);
        signal?.throwIfAborted();
      }
      if (source.kind === "files" && !source.files.some(({ name }) => name === "config.json"))
        throw new Error("The files hold no config.json. Choose the whole model folder, as Hugging Face lays it out.");
      const model = source.kind === "url" && source.name ? { ...fakeModel, name: source.name } : fakeModel;
      models.set(model.hash, model);
      return model;
    },
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
    startRun: (request) => train(fakeRun(request, 0, request.recipe.steps ?? 160, new Date().toISOString())),
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
    listRuns: async () => [...runs.values()],
    deleteRun: async (runId) => void runs.delete(runId),
    async ask({ requestId, runId }, signal) {
      const words = runId
        ? ["Red", ", yellow", " and", " blue."]
        : ["Once", " upon", " a", " time,", " a", " cat", "…"];
      for (const [index, text] of words.entries()) {
        await wait(settings.pace);
        if (signal?.aborted)
          return { text: words.slice(0, index).join(""), tokens: index, finish: "cancelled", seconds: 1 };
        emit({ type: "token", requestId, text });
      }
      return { text: words.join(""), tokens: words.length, finish: runId ? "stop" : "length", seconds: 0.4 };
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
      return { answers, textLoss: texts.length > 0 ? (runId === null ? 2.1 : 2.25) : null, seconds: 1 };
    },
    async exportAdapter(runId, signal) {
      await wait(settings.pace);
      signal?.throwIfAborted();
      const notes = runs.get(runId)?.step === 0 ? ["The adapter changes nothing: every B is zero."] : [];
      return { archive: new Blob(["adapter"]), files: [{ name: "adapter_config.json", byteLength: 7 }], notes };
    },
    async exportModel(_runId, signal) {
      for (let done = 1; done <= 5; done++) {
        emit({ type: "progress", task: "Writing the merged model", done, total: 5 });
        await wait(settings.pace);
        signal?.throwIfAborted();
      }
      return { archive: new Blob(["model"]), files: [{ name: "model.safetensors", byteLength: 5 }], notes: [] };
    },
    exportArtifacts: async () =>
      ["training.onnx", "optimizer.onnx", "eval.onnx", "generation.onnx"].map((name) => ({
        name,
        bytes: new Uint8Array(40_000),
      })),
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

/** Both workers of the page; `crash` ends the engine that was started last. */
export function fakeWorkers(settings: FakeSettings): WorkerStarters & { crash(): void } {
  let engine: FakeWorker | null = null;
  const { pace, sources = [], dataFailing = {}, noStop = false } = settings;
  return {
    engine() {
      engine = workerOf<EngineApi>((port) => createFakeEngine(emitTo(port), settings));
      return engine;
    },
    data: () =>
      workerOf<DataApi>((port) => createFakeData(emitTo(port), { pace, sources, failing: dataFailing, noStop })),
    crash: () => engine?.crash(),
  };
}

/** What the page may ask of the engine, and what the engine tells the page. Plain data both ways. */

import type { RowProblem } from "../data/example.ts";
import type { SourceChoice, TemplateChoice } from "../data/settings.ts";
import type { ExamAnswer, ExamQuestion } from "../generation/examine.ts";
import type { ProviderReport } from "../runtime/types.ts";
import type { StorageReport } from "../storage/quota.ts";
import type { EvaluationMetrics, Recipe, RunRecord, StepMetrics } from "../storage/run.ts";
import type { TokenizerFiles } from "./dataProtocol.ts";

export type { ExamAnswer, ExamQuestion, RowProblem };

export type ProviderChoice = "auto" | "webgpu" | "wasm";

export interface EngineReport extends ProviderReport {
  readonly storage: StorageReport;
  /** What is kept in this browser but cannot be read, a sentence each. */
  readonly problems: readonly string[];
}

export type ModelSource =
  /** A folder or single files in Hugging Face layout. */
  | {
      readonly kind: "files";
      readonly files: readonly File[];
      /** The folder's name, where a folder was chosen: a File that crosses to the worker no longer knows it. */
      readonly name?: string;
    }
  /** A folder's address; `config.json` and the rest are asked for below it. */
  | {
      readonly kind: "url";
      readonly base: string;
      /** What to call the model; its folder's name where left out. */
      readonly name?: string;
      /** Names of its files, where they are known: no other is asked for. */
      readonly files?: readonly string[];
    }
  /** A model kept in this browser by an earlier `openModel`. */
  | { readonly kind: "stored"; readonly hash: string };

export interface ModelSummary {
  readonly name: string;
  /** SHA-256 over config, tokenizer and tensors; names the model in every run. */
  readonly hash: string;
  readonly architecture: string;
  readonly parameters: number;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabulary: number;
  readonly contextLength: number;
  /** Whether it brings a chat template of its own. */
  readonly chatTemplate: boolean;
  readonly byteLength: number;
  /** Whether a copy is kept in this browser, so that a run can go on after a reload. */
  readonly stored: boolean;
  /** What a user should know, a sentence each. */
  readonly notes: readonly string[];
}

export interface RunRequest {
  readonly name: string;
  readonly modelHash: string;
  readonly sources: readonly SourceChoice[];
  readonly recipe: Recipe;
}

export interface SamplingSettings {
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topK: number | null;
  readonly topP: number | null;
  readonly maxTokens: number;
  readonly seed: number;
}

/** Who is asked, and in which words. */
export interface Subject {
  readonly modelHash: string;
  /** The run whose latest checkpoint answers; null asks the base model. */
  readonly runId: string | null;
  readonly template: TemplateChoice;
  readonly systemPrompt: string | null;
}

export interface AskRequest extends Subject {
  /** Chosen by the caller; comes back in `token` events. */
  readonly requestId: string;
  readonly question: string;
  readonly sampling: SamplingSettings;
}

export interface Answer {
  readonly text: string;
  readonly tokens: number;
  /** Whether the model stopped by itself, ran into `maxTokens` or the end of its context, or was cancelled. */
  readonly finish: "stop" | "length" | "context" | "cancelled";
  readonly seconds: number;
}

export interface ExamineRequest extends Subject {
  readonly questions: readonly ExamQuestion[];
  /** General text, held out from training. */
  readonly texts: readonly string[];
}

export interface Examination {
  /** In the order of the questions. */
  readonly answers: readonly ExamAnswer[];
  /** Mean cross-entropy per token of the texts in nats; null without a text. */
  readonly textLoss: number | null;
  readonly seconds: number;
}

export interface ExportedFile {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Files of a run as one zip. They were read back and compared with what was to be written. */
export interface Exported {
  readonly archive: Blob;
  /** What the archive holds. */
  readonly files: readonly { readonly name: string; readonly byteLength: number }[];
  /** What a user should know, a sentence or two each. */
  readonly notes: readonly string[];
}

/** Every method returns a promise; `signal` cancels it with an AbortError. */
export interface EngineApi {
  /** Chooses the provider anew (releasing the previous one) and reports it. Refused while a run trains. */
  start(choice: ProviderChoice): Promise<EngineReport>;
  report(): Promise<EngineReport>;
  openModel(source: ModelSource, signal?: AbortSignal): Promise<ModelSummary>;
  listModels(): Promise<ModelSummary[]>;
  deleteModel(hash: string): Promise<void>;
  /** What the data worker needs of a model; the page hands it over. */
  tokenizerFiles(hash: string): Promise<TokenizerFiles>;
  /** Trains; resolves when the run has finished, paused, been cancelled or failed (see the record's status). */
  startRun(request: RunRequest): Promise<RunRecord>;
  /** Goes on from the last whole checkpoint. */
  resumeRun(runId: string): Promise<RunRecord>;
  /** Stops after the current step, with a checkpoint. */
  pauseRun(): Promise<void>;
  /** Stops after the current step; the checkpoints made so far stay. */
  cancelRun(): Promise<void>;
  listRuns(): Promise<RunRecord[]>;
  deleteRun(runId: string): Promise<void>;
  ask(request: AskRequest, signal?: AbortSignal): Promise<Answer>;
  /** Asks every question greedily, each by itself, and measures the loss on the texts; also while a run trains. */
  examine(request: ExamineRequest, signal?: AbortSignal): Promise<Examination>;
  /** The four artifacts of a run as `.onnx` files. */
  exportArtifacts(runId: string): Promise<ExportedFile[]>;
  /** The adapter of a LoRA run's newest checkpoint, in PEFT's layout. */
  exportAdapter(runId: string, signal?: AbortSignal): Promise<Exported>;
  /** The model of a run's newest checkpoint in Hugging Face layout, an adapter merged in, with template and stop tokens. */
  exportModel(runId: string, signal?: AbortSignal): Promise<Exported>;
}

export type EngineEvent =
  /** Progress of a long call that is not training; `total` null where it is not known. */
  | { readonly type: "progress"; readonly task: string; readonly done: number; readonly total: number | null }
  /** Status, counts and samples of a run changed; `metrics` and `evaluations` are left to their own events. */
  | { readonly type: "run"; readonly record: RunRecord }
  | { readonly type: "step"; readonly runId: string; readonly metrics: StepMetrics }
  | { readonly type: "evaluation"; readonly runId: string; readonly metrics: EvaluationMetrics }
  | { readonly type: "checkpoint"; readonly runId: string; readonly step: number }
  | { readonly type: "token"; readonly requestId: string; readonly text: string }
  /** Rows left out of a run, with the reason. */
  | { readonly type: "dropped"; readonly runId: string; readonly problems: readonly RowProblem[] }
  | { readonly type: "deviceLost"; readonly message: string };

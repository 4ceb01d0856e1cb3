/** What the page may ask of the engine, and what the engine tells the page. Plain data both ways. */

import type { ArtifactFile } from "../export/artifacts.ts";
import type { GeneratedAnswer, ReadPrompt, ShownToken } from "../generation/answer.ts";
import type { ExamAnswer, ExamQuestion } from "../generation/examine.ts";
import type { Message, RowProblem } from "../records/example.ts";
import type { Curves } from "../run/curves.ts";
import type { EvaluationMetrics, RowPlace, StepMetrics, Watch } from "../run/metrics.ts";
import type { Recipe } from "../run/recipe.ts";
import type { RunRecord } from "../run/record.ts";
import type { ExamResult, VoteRecord, WholeExamResult } from "../run/results.ts";
import type { SourceChoice } from "../run/source.ts";
import type { ProviderReport } from "../runtime/types.ts";
import type { StorageReport } from "../storage/quota.ts";
import type { RunWords } from "../storage/runs.ts";
import type { TemplateChoice } from "../templates/choice.ts";
import type { Exam, TokenizerFiles } from "./datasets.ts";

export type { ArtifactFile, ExamAnswer, ExamQuestion, ReadPrompt, RowProblem, ShownToken };

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
  /** A model on Hugging Face, as an inspection names it: `revision` is a commit, so that it always means the same bytes. */
  | { readonly kind: "hub"; readonly id: string; readonly revision: string; readonly folder: string }
  /** A model kept in this browser by an earlier `openModel`. */
  | { readonly kind: "stored"; readonly hash: string };

/** A source that has to be fetched. */
export type RemoteSource = Extract<ModelSource, { readonly kind: "url" | "hub" }>;

export interface FileSize {
  readonly name: string;
  readonly byteLength: number;
}

/** Bytes on the device that training takes before any row does: weights, gradients and AdamW's moments. */
export interface ModelNeeds {
  /** With the usual adapter. */
  readonly lora: number;
  readonly full: number;
}

/** What opening a model would fetch; nothing of its weights was. */
export interface ModelInspection
  extends Pick<
    ModelSummary,
    "name" | "architecture" | "parameters" | "layers" | "hiddenSize" | "vocabulary" | "contextLength"
  > {
  /** What to open: always these very bytes. */
  readonly source: RemoteSource;
  /** For people: a model's page, or an address. */
  readonly place: string;
  /** Null lengths where a server does not tell. */
  readonly files: readonly { readonly name: string; readonly byteLength: number | null }[];
  /** Of all files; null where a server does not tell. */
  readonly byteLength: number | null;
  /** Bytes of it that an unfinished fetch left here. */
  readonly fetched: number;
  /** Hash of a copy that is kept from this very place; null when there is none. */
  readonly kept: string | null;
  /** Bytes that the browser still gives; null where it does not say. */
  readonly free: number | null;
  readonly needs: ModelNeeds;
}

/** A fetch that was cut off, or cancelled. */
export interface UnfinishedFetch {
  /** Names it. */
  readonly address: string;
  readonly name: string;
  /** To be opened again, to go on. */
  readonly source: RemoteSource;
  readonly fetched: number;
  readonly byteLength: number;
  readonly startedAt: string;
}

/** A model of the short catalogue. */
export interface CatalogueEntry {
  /** As Hugging Face names it. */
  readonly id: string;
  readonly parameters: number;
  readonly contextLength: number;
  /** To be fetched. */
  readonly byteLength: number;
  readonly gated: boolean;
  /** Whether it was already taught to answer. */
  readonly instructed: boolean;
  readonly purpose: string;
  readonly needs: ModelNeeds;
}

/** What a summary leaves out. */
export interface ModelDetails {
  readonly hash: string;
  readonly files: readonly FileSize[];
  /** Its own chat template in Jinja; null when it brings none. */
  readonly template: string | null;
  readonly bos: string | null;
  readonly eos: string | null;
  /** Control tokens, bos and eos among them, in the order of their ids. */
  readonly specialTokens: readonly string[];
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly intermediateSize: number;
  /** Last names of the linear layers that may carry an adapter, in order. */
  readonly linears: readonly string[];
  /** Whether the output head is the embedding. */
  readonly tiedHead: boolean;
  readonly needs: ModelNeeds;
}

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
  /** Where it was fetched from; null for files from disk. */
  readonly address: string | null;
  /** When the copy was kept; null when there is none. */
  readonly savedAt: string | null;
}

export interface RunRequest {
  readonly name: string;
  readonly modelHash: string;
  readonly sources: readonly SourceChoice[];
  readonly recipe: Recipe;
  /** What to look at where `recipe.watchEvery` is set; left out: the first held-out question and row. */
  readonly watch?: WatchChoice;
}

/** What a person chose to look at while a run trains; null is the first held-out one. */
export interface WatchChoice {
  readonly prompt: string | null;
  readonly place: RowPlace | null;
}

/** What a run will need, before it starts. Bytes and seconds. */
export interface Budget {
  /** On the device, at the longest batch. */
  readonly memory: {
    /** Weights that stay as they are. */
    readonly frozen: number;
    /** Weights that are trained. */
    readonly trained: number;
    /** The sum of gradients of a step. */
    readonly gradients: number;
    /** AdamW's two averages of each trained number. */
    readonly moments: number;
    /** What the hungriest run of an artifact takes for its intermediate results, as ONNX Runtime allocates them. */
    readonly activations: number;
    /** What ONNX Runtime keeps for its sessions, and on wasm for itself. */
    readonly engine: number;
    readonly total: number;
    /** What the engine can take at all; null where it is not known. */
    readonly limit: number | null;
  };
  readonly disk: {
    readonly perCheckpoint: number;
    /** Checkpoints that are kept at the end. */
    readonly kept: number;
    /** These and the curves. While the newest is written, one more is there. */
    readonly total: number;
    /** What the browser still gives, by its estimate; null where it does not say. */
    readonly left: number | null;
  };
  readonly steps: number;
  /** As measured; null where the run does not fit and so nothing was measured. */
  readonly time: {
    readonly secondsPerStep: number;
    /** All steps, validations, answers and looks; compiling and writing checkpoints come on top. */
    readonly total: number;
  } | null;
  readonly fits: boolean;
  /** Why it does not fit, and the setting with which it would; null when it fits. */
  readonly advice: string | null;
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
  /** The run that answers; null asks the base model. */
  readonly runId: string | null;
  /** Step of the run's checkpoint that answers; null is its newest. */
  readonly checkpoint: number | null;
  readonly template: TemplateChoice;
  readonly systemPrompt: string | null;
}

export interface AskRequest extends Subject {
  /** Chosen by the caller; comes back in `token` events. */
  readonly requestId: string;
  /** A conversation whose last message is a user's. */
  readonly messages: readonly Pick<Message, "role" | "content">[];
  readonly sampling: SamplingSettings;
}

/** What was written, and exactly what was read before it. */
export interface Answer extends GeneratedAnswer {
  /** Step of the checkpoint that answered; null is the base model. */
  readonly step: number | null;
  readonly seconds: number;
}

/** A checkpoint that is kept of a run. */
export interface KeptCheckpoint {
  readonly step: number;
  /** Null where its manifest cannot be read. */
  readonly savedAt: string | null;
  /** Loss on the held-out set that chooses the best; null where this step was not evaluated. */
  readonly loss: number | null;
  /** Whether that loss is the run's best. */
  readonly best: boolean;
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
  /** As of an answer. */
  readonly step: number | null;
  readonly seconds: number;
}

/** Who takes which exam; its result is stored. */
export interface ExamRequest extends Subject {
  readonly exam: Exam;
}

/** A stored examination as a list has it. */
export interface ListedExam extends ExamResult {
  /** Whether it is of the base model and came in the file of a run: it was not measured here. */
  readonly fromFile: boolean;
}

export interface ExportedFile {
  readonly name: string;
  readonly content: Blob;
}

/** Files of a run as one zip. They were read back and compared with what was to be written. */
export interface Exported {
  readonly archive: Blob;
  /** What the archive holds. */
  readonly files: readonly { readonly name: string; readonly byteLength: number }[];
  /** What a user should know, a sentence or two each. */
  readonly notes: readonly string[];
  /** Tensors that were read back and found equal, bit for bit. */
  readonly tensors: number;
  /** Step of the checkpoint whose weights it holds; null where it holds those of none or of several. */
  readonly step: number | null;
}

/** The artifacts of a run, in the archive and by themselves. */
export interface ExportedArtifacts extends Exported {
  readonly artifacts: readonly ArtifactFile[];
}

/** A run that came in a file. */
export interface ImportedRun {
  readonly record: RunRecord;
  /** False where it was here already. */
  readonly added: boolean;
  readonly notes: readonly string[];
}

/** Every method returns a promise; `signal` cancels it with an AbortError. */
export interface EngineApi {
  /** Chooses the provider anew (releasing the previous one) and reports it. Refused while a run trains. */
  start(choice: ProviderChoice): Promise<EngineReport>;
  report(): Promise<EngineReport>;
  /** What would be fetched, and whether it could be trained. */
  inspectModel(source: RemoteSource, signal?: AbortSignal): Promise<ModelInspection>;
  /** What was fetched stays when it is cancelled or fails: opening the same source goes on from there. */
  openModel(source: ModelSource, signal?: AbortSignal): Promise<ModelSummary>;
  listModels(): Promise<ModelSummary[]>;
  deleteModel(hash: string): Promise<void>;
  modelDetails(hash: string): Promise<ModelDetails>;
  listFetches(): Promise<UnfinishedFetch[]>;
  discardFetch(address: string): Promise<void>;
  /** Models that are known to train here, from small to large. */
  catalogue(): Promise<CatalogueEntry[]>;
  /** What the data worker needs of a model; the page hands it over. */
  tokenizerFiles(hash: string): Promise<TokenizerFiles>;
  /**
   * Plans the run, and measures by trying: one step on its most common batch, with weights of its own that are freed again.
   * Refused while a run trains; a run that starts meanwhile ends it with an AbortError.
   */
  budget(request: RunRequest, signal?: AbortSignal): Promise<Budget>;
  /**
   * Trains; resolves when the run has finished, paused, been cancelled or failed (see the record's status). `signal` cancels
   * it: before the first step, while rows are prepared, with an AbortError and without a record.
   */
  startRun(request: RunRequest, signal?: AbortSignal): Promise<RunRecord>;
  /** Continues from the last whole checkpoint; `signal` as for `startRun`. */
  resumeRun(runId: string, signal?: AbortSignal): Promise<RunRecord>;
  /** Has the run that trains save a checkpoint after the current step, and go on. Refused when none trains. */
  saveCheckpointNow(): Promise<void>;
  /** Stops after the current step, with a checkpoint. */
  pauseRun(): Promise<void>;
  /** Stops after the current step; the checkpoints made so far stay. */
  cancelRun(): Promise<void>;
  /** Their curves are not read. */
  listRuns(): Promise<RunRecord[]>;
  /** The curves of a run as they were last saved: of one that trains, up to its newest checkpoint. */
  curvesOf(runId: string): Promise<Curves>;
  /** Changes what its owner calls a run and wrote of it, also while it trains here. */
  editRun(runId: string, change: RunWords): Promise<RunRecord>;
  deleteRun(runId: string): Promise<void>;
  /** Bytes that the checkpoints of each run take, by its id. */
  runSizes(): Promise<Readonly<Record<string, number>>>;
  /** The checkpoints that are kept of a run, newest first. */
  checkpointsOf(runId: string): Promise<readonly KeptCheckpoint[]>;
  ask(request: AskRequest, signal?: AbortSignal): Promise<Answer>;
  /** Asks every question greedily, each by itself, and measures the loss on the texts; also while a run trains. */
  examine(request: ExamineRequest, signal?: AbortSignal): Promise<Examination>;
  /**
   * Examines and stores the result, under its run or under the base model. Refused for an exam of more than `mostQuestions`.
   * Nothing is stored of an exam that is cancelled or fails.
   */
  takeExam(request: ExamRequest, signal?: AbortSignal): Promise<WholeExamResult>;
  /** The stored examinations of a base model and, where it is given, of a run of it: newest first, and what cannot be read. */
  examsOf(
    modelHash: string,
    runId: string | null,
  ): Promise<{ readonly exams: readonly ListedExam[]; readonly problems: readonly string[] }>;
  /** One of them with its questions. */
  examResult(modelHash: string, runId: string | null, id: string): Promise<WholeExamResult>;
  deleteExam(modelHash: string, runId: string | null, id: string): Promise<void>;
  /** Stores a vote. Refused when its run was deleted. */
  castVote(vote: VoteRecord): Promise<void>;
  /** The stored votes on a run, in the order in which they were cast. */
  votesOf(runId: string): Promise<readonly VoteRecord[]>;
  deleteVotes(runId: string, ids: readonly string[]): Promise<void>;
  /** The four artifacts of a run as `.onnx` files. */
  exportArtifacts(runId: string, signal?: AbortSignal): Promise<ExportedArtifacts>;
  /** The adapter of a LoRA run in PEFT's layout, from the checkpoint of a step; null is the newest. */
  exportAdapter(runId: string, checkpoint: number | null, signal?: AbortSignal): Promise<Exported>;
  /**
   * The model of a run in Hugging Face layout, an adapter merged in, with template and stop tokens, from the checkpoint of a
   * step; null is the newest.
   */
  exportModel(runId: string, checkpoint: number | null, signal?: AbortSignal): Promise<Exported>;
  /** The record with its curves as JSON that loses nothing. */
  exportRecord(runId: string): Promise<ExportedFile>;
  /** The run with newest and best checkpoint, its results and its rows, everything but the base model, as one file. */
  exportRun(runId: string, signal?: AbortSignal): Promise<Exported>;
  /** Takes in such a file. Checks all of it first; what is damaged or of a newer version is refused, and changes nothing. */
  importRun(file: File, signal?: AbortSignal): Promise<ImportedRun>;
}

/** How runs go; other tabs of this browser hear it too. */
export type RunEvent =
  /** Status, counts and samples of a run changed. */
  | { readonly type: "run"; readonly record: RunRecord }
  /** `memory`: bytes of tensors on the device. */
  | { readonly type: "step"; readonly runId: string; readonly metrics: StepMetrics; readonly memory: number }
  | { readonly type: "evaluation"; readonly runId: string; readonly metrics: EvaluationMetrics }
  /** A look was taken at the model in training. */
  | { readonly type: "watch"; readonly runId: string; readonly watch: Watch }
  | { readonly type: "checkpoint"; readonly runId: string; readonly step: number }
  /** Runs were renamed, deleted or taken in: who shows the list asks for it again. */
  | { readonly type: "runsChanged" };

export type EngineEvent =
  | RunEvent
  /** What another tab's engine tells. */
  | { readonly type: "elsewhere"; readonly event: RunEvent }
  /** Whether another tab trains a run. */
  | { readonly type: "othersTraining"; readonly training: boolean }
  /** Progress of a long call that is not training; `total` null where it is not known. */
  | { readonly type: "progress"; readonly task: string; readonly done: number; readonly total: number | null }
  | { readonly type: "token"; readonly requestId: string; readonly text: string }
  /** Rows left out of a run, with the reason. */
  | { readonly type: "dropped"; readonly runId: string; readonly problems: readonly RowProblem[] }
  | { readonly type: "deviceLost"; readonly message: string };

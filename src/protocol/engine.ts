/** The engine's contract: the calls of the page and the events of the engine. Plain data both ways. */

import type { ArtifactFile } from "../export/artifacts.ts";
import type { GeneratedAnswer, ReadPrompt, ShownToken } from "../generation/answer.ts";
import type { ExamAnswer, ExamQuestion } from "../generation/examine.ts";
import type { MadeOutcome, MakeSettings } from "../generation/make/make.ts";
import type { WrittenType } from "../gguf/blocks.ts";
import type { FloatDType } from "../hub/elements.ts";
import type { HalfCount } from "../hub/half.ts";
import type { Pushed } from "../hub/push.ts";
import type { Message, RowProblem } from "../records/example.ts";
import type { Curves } from "../run/curves.ts";
import type { Grader } from "../run/grading/grader.ts";
import type { DocumentPassage, Example } from "../run/made.ts";
import type { EvaluationMetrics, RowPlace, StepMetrics, Watch } from "../run/metrics.ts";
import type { Recipe } from "../run/recipe.ts";
import type { RunExam, RunRecord } from "../run/record.ts";
import type { ExamResult, ExamSampling, VoteRecord, WholeExamResult } from "../run/results.ts";
import type { ExampleLosses } from "../run/rowLosses.ts";
import type { SourceChoice } from "../run/source.ts";
import type { ProviderReport } from "../runtime/types.ts";
import type { StorageReport } from "../storage/quota.ts";
import type { RunWords } from "../storage/runs.ts";
import type { TemplateChoice } from "../templates/choice.ts";
import type { WeightStorage } from "../tensor/storage.ts";
import type { Exam, TokenizerFiles } from "./datasets.ts";

export type { ArtifactFile, ExamAnswer, ExamQuestion, Pushed, ReadPrompt, RowProblem, ShownToken, WrittenType };

export type ProviderChoice = "auto" | "webgpu" | "wasm";

export interface EngineReport extends ProviderReport {
  readonly storage: StorageReport;
  /** Stored entries that cannot be read, a sentence each. */
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
  /** A folder's address, which has `config.json` and the other files. */
  | {
      readonly kind: "url";
      readonly base: string;
      /** The model's name; left out, the folder's name. */
      readonly name?: string;
      /** Names of its files, where they are known: no other file is requested. */
      readonly files?: readonly string[];
    }
  /** A model on Hugging Face; `revision` is a commit, so that the bytes never change. */
  | {
      readonly kind: "hub";
      readonly id: string;
      readonly revision: string;
      readonly folder: string;
      /** The first file of a GGUF model, where the folder has several. */
      readonly file?: string;
    }
  /** A model that an earlier `openModel` stored in this browser. */
  | { readonly kind: "stored"; readonly hash: string };

/** A source that has to be fetched. */
export type RemoteSource = Extract<ModelSource, { readonly kind: "url" | "hub" }>;

export interface FileSize {
  readonly name: string;
  readonly byteLength: number;
}

/** The storages of base weights for which needs are listed. */
export type NeedsStorage = Exclude<WeightStorage, "uint4">;

/** Bytes on the device for training without activations: weights, gradients and AdamW's moments. */
export interface ModelNeeds {
  /** With the usual adapter, by the storage of the base weights. */
  readonly lora: Readonly<Record<NeedsStorage, number>>;
  readonly full: number;
  /** Bytes of the largest tensor, which a GPU must have in one buffer, by that storage. */
  readonly largestTensor: Readonly<Record<NeedsStorage, number>>;
}

/** What opening a remote model would fetch, read without its weights. */
export interface ModelInspection
  extends Pick<
    ModelSummary,
    "name" | "architecture" | "parameters" | "layers" | "hiddenSize" | "vocabulary" | "contextLength"
  > {
  /** The source to open; on Hugging Face its revision is a commit. */
  readonly source: RemoteSource;
  /** For people: a model's page, or an address. */
  readonly place: string;
  /** A length is null where the server does not send it. */
  readonly files: readonly { readonly name: string; readonly byteLength: number | null }[];
  /** The first files of the folder's GGUF models, the inspected one first; empty for Hugging Face layout. */
  readonly choices: readonly string[];
  /** Of all files; null where the server does not send a length. */
  readonly byteLength: number | null;
  /** Bytes that an unfinished fetch stored. */
  readonly fetched: number;
  /** Hash of the stored copy from this address; null when there is none. */
  readonly copyHash: string | null;
  /** Bytes that this browser can still store; null where it does not say. */
  readonly free: number | null;
  readonly needs: ModelNeeds;
}

/** A fetch that was interrupted or cancelled. */
export interface UnfinishedFetch {
  /** Names it. */
  readonly address: string;
  readonly name: string;
  /** Opening it again resumes the fetch. */
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
  /** Bytes to fetch. */
  readonly byteLength: number;
  /** An SPDX identifier, or the licence's own name. */
  readonly licence: string;
  /** Whose conditions an account must accept before it can download the files; null where anyone can. */
  readonly gatedBy: string | null;
  /** The form of its own chat template; null without one. */
  readonly template: string | null;
  /** Whether it is instruction-tuned. */
  readonly instructed: boolean;
  readonly purpose: string;
  readonly needs: ModelNeeds;
}

/** Facts of a model that its summary does not have. */
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
  /** Whether the head has its own weight although `config.json` ties it. */
  readonly untied: boolean;
  readonly byteLength: number;
  /** Types of its tensors in the files; empty where an earlier version stored the model. */
  readonly types: readonly FloatDType[];
  /** Numbers of its matrices that float16 cannot have; null where an earlier version stored the model. */
  readonly half: HalfCount | null;
  /** Whether a copy is stored in this browser, so that a run can resume after a reload. */
  readonly stored: boolean;
  /** Notes for the user, a sentence each. */
  readonly notes: readonly string[];
  /** Where it was fetched from; null for files from disk. */
  readonly address: string | null;
  /** When the copy was stored; null when there is none. */
  readonly savedAt: string | null;
}

export interface RunRequest {
  readonly name: string;
  readonly modelHash: string;
  readonly sources: readonly SourceChoice[];
  readonly recipe: Recipe;
  /** What to watch where `recipe.watchEvery` is set; left out: the first held-out question and row. */
  readonly watch?: WatchChoice;
  /** The checkpoint whose weights it starts from, null for the newest; left out: the base model. Method and LoRA are that run's. */
  readonly from?: StartChoice;
  /** The exam from which the questions of an exam during training are drawn; its texts are not needed. */
  readonly exam?: RunExam;
}

export interface StartChoice {
  readonly runId: string;
  readonly checkpoint: number | null;
}

/** Another tool's trained weights for a base model: the files of a folder, a zip, or single files. */
export interface TunedFiles {
  readonly modelHash: string;
  /** Name of the folder, or of the first file. */
  readonly name: string;
  /** A path counts from the folder; a File in a worker no longer has one. */
  readonly files: readonly { readonly path: string; readonly file: File }[];
  /** Template and system prompt of its answers, where its files have no template. */
  readonly template: TemplateChoice;
  readonly systemPrompt: string | null;
}

/** The prompt and row that a person chose to watch while a run trains; null is the first held-out one. */
export interface WatchChoice {
  readonly prompt: string | null;
  readonly place: RowPlace | null;
}

/** The predicted needs of a run, in bytes and seconds. */
export interface Budget {
  /** On the device, with the longest batch. */
  readonly memory: {
    /** Weights that are not trained. */
    readonly frozen: number;
    /** Weights that are trained. */
    readonly trained: number;
    /** The sum of gradients of a step. */
    readonly gradients: number;
    /** AdamW's two moments of each trained weight. */
    readonly optimizer: number;
    /** Peak bytes of intermediate results over all artifacts, as ONNX Runtime allocates them. */
    readonly activations: number;
    /** Bytes of ONNX Runtime's sessions, and on wasm of ONNX Runtime itself. */
    readonly engine: number;
    readonly total: number;
    /** Most bytes that the engine can address; null where it is not known. */
    readonly limit: number | null;
  };
  readonly disk: {
    readonly perCheckpoint: number;
    /** Number of checkpoints at the end of the run. */
    readonly checkpoints: number;
    /** Bytes of the checkpoints and the curves, without the checkpoint that is being written. */
    readonly total: number;
    /** Bytes that this browser can still store, by its estimate; null where it does not say. */
    readonly left: number | null;
  };
  readonly steps: number;
  /** Measured; null where the run does not fit. */
  readonly time: {
    readonly secondsPerStep: number;
    /** All steps, validations, answers and snapshots, without compiling and without writing checkpoints. */
    readonly total: number;
  } | null;
  readonly fits: boolean;
  /** Why it does not fit, and the setting with which it would; null when it fits. */
  readonly advice: string | null;
  /** Settings with which it fits; null when it fits, or where no setting is enough. */
  readonly proposal: Proposal | null;
  /** Why automatic settings are not the usual ones, in a sentence; null where they are. */
  readonly note: string | null;
  /** How the run is stored and computed, without "auto". */
  readonly device: Pick<Recipe, "weights" | "compute" | "program">;
}

/** Settings that make a run fit. */
export type RecipeChange = Partial<
  Pick<Recipe, "method" | "weights" | "program" | "batchSize" | "accumulation" | "maxLength" | "keepLast">
>;

/** Settings with which a run fits, and what they cost in quality or time, a sentence each. */
export interface Proposal {
  readonly changes: RecipeChange;
  readonly costs: readonly string[];
}

/** The base model's loss on some of a run's rows, with the run's storage of weights and as the model's files have them. */
export interface BaseLoss {
  /** Held-out rows, else the first training rows. */
  readonly rows: number;
  readonly weights: WeightStorage;
  /** Mean cross-entropy per supervised token. */
  readonly loss: number;
  /** Null where the weights do not fit the device as the files have them. */
  readonly reference: { readonly weights: "float32" | "float16"; readonly loss: number } | null;
}

export interface SamplingSettings {
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topK: number | null;
  readonly topP: number | null;
  readonly maxTokens: number;
  readonly seed: number;
}

/** The model or run that answers, and how its prompt is rendered. */
export interface Subject {
  readonly modelHash: string;
  /** The run that answers; null is the base model. */
  readonly runId: string | null;
  /** For the base model: a LoRA run whose storage of weights it has, so that both share one copy. */
  readonly beside?: string | null;
  /** Step of the run's checkpoint that answers; null is its newest. */
  readonly checkpoint: number | null;
  readonly template: TemplateChoice;
  readonly systemPrompt: string | null;
}

export interface AnswerRequest extends Subject {
  /** Chosen by the caller; comes back in `token` events. */
  readonly requestId: string;
  /** A conversation; its last message is a user's. */
  readonly messages: readonly Pick<Message, "role" | "content">[];
  readonly sampling: SamplingSettings;
}

/** Text that a base model writes by itself. */
export interface OwnTextRequest {
  readonly modelHash: string;
  readonly texts: number;
  /** Most tokens of a text. */
  readonly tokens: number;
  readonly seed: number;
}

/** The answer, and exactly the prompt that the model read. */
export interface Answer extends GeneratedAnswer {
  /** Step of the checkpoint that answered; null is the base model. */
  readonly step: number | null;
  readonly seconds: number;
}

/** A checkpoint of a run in this browser. */
export interface StoredCheckpoint {
  readonly step: number;
  /** Null where its manifest cannot be read. */
  readonly savedAt: string | null;
  /** Loss on the held-out set that chooses the best; null where this step was not evaluated. */
  readonly loss: number | null;
  /** Whether that loss is the run's best. */
  readonly best: boolean;
}

/** How an exam's answers are drawn and judged. */
export interface ExamSettings {
  /** For questions without a grader of their own; by default exact match. */
  readonly grader?: Grader;
  /** Greedy by default. */
  readonly sampling?: ExamSampling;
}

export interface ExamineRequest extends Subject, ExamSettings {
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

/** Rows to make: the teacher, what it makes them from, and how. */
export interface MakeRequest extends Subject {
  readonly from:
    | { readonly kind: "examples"; readonly examples: readonly Example[]; readonly attempts: number }
    | { readonly kind: "documents"; readonly passages: readonly DocumentPassage[]; readonly perPassage: number };
  readonly settings: MakeSettings;
}

/** Who takes which exam; its result is stored. */
export interface ExamRequest extends Subject, ExamSettings {
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

/** Files of a run as one zip, read back and compared with what was to be written. */
export interface Exported {
  readonly archive: Blob;
  /** The files in the archive. */
  readonly files: readonly { readonly name: string; readonly byteLength: number }[];
  /** Notes for the user, a sentence or two each. */
  readonly notes: readonly string[];
  /** Tensors that were read back and found equal, bit for bit. */
  readonly tensors: number;
  /** Step of the checkpoint whose weights it holds; null where it holds those of none or of several. */
  readonly step: number | null;
  /** The model card in the archive, where it has one. */
  readonly card?: string;
}

/** What is pushed to Hugging Face, where to, and with which token. */
export interface PushToHub {
  /** An export's archive. */
  readonly archive: Blob;
  /** In memory for this call alone: it is not stored, and in no event or error. */
  readonly token: string;
  /** "name", of the token's owner, or "owner/name". */
  readonly repository: string;
  readonly visibility: "private" | "public";
  /** The model card, README.md of the repository. */
  readonly card: string;
  /** Title of the commit. */
  readonly title: string;
}

/** The artifacts of a run, in the archive and by themselves. */
export interface ExportedArtifacts extends Exported {
  readonly artifacts: readonly ArtifactFile[];
}

/** A run that was imported from a file. */
export interface ImportedRun {
  readonly record: RunRecord;
  /** False where this browser had the run already. */
  readonly added: boolean;
  readonly notes: readonly string[];
}

/** Every method returns a promise; `signal` cancels it with an AbortError. */
export interface EngineApi {
  /** Replaces the provider, and reports the new one. Refused while a run trains. */
  start(choice: ProviderChoice): Promise<EngineReport>;
  report(): Promise<EngineReport>;
  /** What would be fetched, and whether it could be trained. */
  inspectModel(source: RemoteSource, signal?: AbortSignal): Promise<ModelInspection>;
  /** When it is cancelled or fails, the fetched bytes stay: opening the same source resumes from them. */
  openModel(source: ModelSource, signal?: AbortSignal): Promise<ModelSummary>;
  listModels(): Promise<ModelSummary[]>;
  deleteModel(hash: string): Promise<void>;
  modelDetails(hash: string): Promise<ModelDetails>;
  listFetches(): Promise<UnfinishedFetch[]>;
  discardFetch(address: string): Promise<void>;
  /** Models that are known to train in Hone, from small to large. */
  catalogue(): Promise<CatalogueEntry[]>;
  /** What the dataset service needs of a model; the page passes it to `DataApi.addModel`. */
  tokenizerFiles(hash: string): Promise<TokenizerFiles>;
  /**
   * Plans the run, and measures one step on its most common batch, with weights of its own that are then freed. Refused
   * while a run trains; a run that starts meanwhile ends it with an AbortError.
   */
  budget(request: RunRequest, signal?: AbortSignal): Promise<Budget>;
  /** Measures what the run's storage of base weights costs in quality. Refused and ended as `budget` is. */
  baseLoss(request: RunRequest, signal?: AbortSignal): Promise<BaseLoss>;
  /**
   * Trains; resolves when the run has finished, paused, been cancelled or failed (see the record's status). `signal` cancels
   * it: while rows are prepared, the call rejects with an AbortError and leaves no record.
   */
  startRun(request: RunRequest, signal?: AbortSignal): Promise<RunRecord>;
  /** Continues from the last whole checkpoint; `signal` as for `startRun`. */
  resumeRun(runId: string, signal?: AbortSignal): Promise<RunRecord>;
  /** Makes the run that trains save a checkpoint after the current step. Refused when none trains. */
  saveCheckpointNow(): Promise<void>;
  /**
   * Makes the run that trains take its first step at once: answers, validation and snapshot before it end, or are left out. The
   * steps are the same. Has no effect after the first step, and not on a validation that early stopping counts.
   */
  skipBefore(): Promise<void>;
  /** Stops after the current step, with a checkpoint. */
  pauseRun(): Promise<void>;
  /** Stops after the current step; the checkpoints made so far stay. */
  cancelRun(): Promise<void>;
  /** Without their curves. */
  listRuns(): Promise<RunRecord[]>;
  /** The saved curves of a run; of one that trains, up to its newest checkpoint. */
  curvesOf(runId: string): Promise<Curves>;
  /** Changes the name and the note of a run, also while it trains in this tab. */
  editRun(runId: string, change: RunWords): Promise<RunRecord>;
  deleteRun(runId: string): Promise<void>;
  /** Bytes that the checkpoints of each run take, by its id. */
  runSizes(): Promise<Readonly<Record<string, number>>>;
  /** The checkpoints of a run in this browser, newest first. */
  checkpointsOf(runId: string): Promise<readonly StoredCheckpoint[]>;
  answer(request: AnswerRequest, signal?: AbortSignal): Promise<Answer>;
  /** Makes rows and stores none: each kept row, and each dropped text with its reason, comes as a `made` event. */
  makeRows(request: MakeRequest, signal?: AbortSignal): Promise<void>;
  /** Texts that the base model writes from an empty beginning, each sampled with a seed of its own. The same request gives the same. */
  writeTexts(request: OwnTextRequest, signal?: AbortSignal): Promise<readonly string[]>;
  /** Answers each question in its own conversation, and measures the loss on the texts; also while a run trains. */
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
  /**
   * The stored losses of a run's training rows under a checkpoint (null is the newest) and under its base model; null where they
   * were not measured. Losses of a measurement that was stopped are NaN where they are missing.
   */
  rowLosses(runId: string, checkpoint: number | null): Promise<ExampleLosses | null>;
  /** Measures what is missing of these losses, and stores it; also what was measured before `signal` stopped it. */
  measureRowLosses(runId: string, checkpoint: number | null, signal?: AbortSignal): Promise<ExampleLosses>;
  /** The four artifacts of a run as `.onnx` files. */
  exportArtifacts(runId: string, signal?: AbortSignal): Promise<ExportedArtifacts>;
  /** The adapter of a LoRA run in PEFT's layout, from the checkpoint of a step; null is the newest. */
  exportAdapter(runId: string, checkpoint: number | null, signal?: AbortSignal): Promise<Exported>;
  /**
   * The model of a run in Hugging Face layout, an adapter merged in, with template and stop tokens, from the checkpoint of a
   * step; null is the newest.
   */
  exportModel(runId: string, checkpoint: number | null, signal?: AbortSignal): Promise<Exported>;
  /**
   * A run for other trainers: rows, template, weights of the checkpoint of a step (null is the newest, if there is one), and
   * the configs of TRL, Axolotl, LLaMA-Factory and Unsloth.
   */
  exportHandOver(runId: string, checkpoint: number | null, signal?: AbortSignal): Promise<Exported>;
  /** A recipe before its run, in the same form. */
  handOverRecipe(request: RunRequest, signal?: AbortSignal): Promise<Exported>;
  /**
   * The model of a run as a GGUF file of a type, an adapter merged in, with a Modelfile, from the checkpoint of a step; null is
   * the newest. Refused for a model or a tokenizer that llama.cpp does not have.
   */
  exportGguf(runId: string, checkpoint: number | null, type: WrittenType, signal?: AbortSignal): Promise<Exported>;
  /** The adapter of a run as a GGUF LoRA. */
  exportGgufAdapter(runId: string, checkpoint: number | null, signal?: AbortSignal): Promise<Exported>;
  /**
   * Sends an export to a model repository of Hugging Face, and compares what the hub then lists. Rejects with a PushError. The same
   * call after a break sends only what is missing.
   */
  pushToHub(request: PushToHub, signal?: AbortSignal): Promise<Pushed>;
  /** The record with its curves as JSON that loses nothing. */
  exportRecord(runId: string): Promise<ExportedFile>;
  /** The run with newest and best checkpoint, its results and its rows, everything but the base model, as one file. */
  exportRun(runId: string, signal?: AbortSignal): Promise<Exported>;
  /** Imports such a file after checking all of it. A damaged file, or one of a newer version, is refused and changes nothing. */
  importRun(file: File, signal?: AbortSignal): Promise<ImportedRun>;
  /**
   * Opens an adapter or a whole model that another tool trained, as a run with one checkpoint. What Hone cannot hold exactly, and
   * what does not fit the base model, is refused by name, and changes nothing.
   */
  openTuned(files: TunedFiles, signal?: AbortSignal): Promise<ImportedRun>;
}

/** Events of runs; the other tabs of this browser receive them too. */
export type RunEvent =
  /** Status, counts and samples of a run changed. */
  | { readonly type: "run"; readonly record: RunRecord }
  /** `memory`: bytes of tensors on the device. */
  | { readonly type: "step"; readonly runId: string; readonly metrics: StepMetrics; readonly memory: number }
  | { readonly type: "evaluation"; readonly runId: string; readonly metrics: EvaluationMetrics }
  /** A snapshot of the watched prompt and row was added. */
  | { readonly type: "watch"; readonly runId: string; readonly watch: Watch }
  | { readonly type: "checkpoint"; readonly runId: string; readonly step: number }
  /** Runs were renamed, deleted or imported: a list of runs on the page is out of date. */
  | { readonly type: "runsChanged" };

export type EngineEvent =
  | RunEvent
  /** An event of another tab's engine. */
  | { readonly type: "elsewhere"; readonly event: RunEvent }
  /** Whether another tab trains a run. */
  | { readonly type: "othersTraining"; readonly training: boolean }
  /** Progress of a long call that is not training; `total` null where it is not known. */
  | { readonly type: "progress"; readonly task: string; readonly done: number; readonly total: number | null }
  | { readonly type: "token"; readonly requestId: string; readonly text: string }
  /** Rows left out of a run, with the reason. */
  | { readonly type: "dropped"; readonly runId: string; readonly problems: readonly RowProblem[] }
  /** A row that `makeRows` made, or a text that it dropped. */
  | { readonly type: "made"; readonly outcome: MadeOutcome }
  | { readonly type: "deviceLost"; readonly message: string };

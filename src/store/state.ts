/** The page's state by topic: serialisable facts only. */

import type { Exam, PreviewRow, PreviewView } from "../protocol/datasets.ts";
import type {
  BaseLoss,
  Budget,
  CatalogueEntry,
  EngineReport,
  ListedExam,
  ModelDetails,
  ModelInspection,
  ModelSummary,
  ProviderChoice,
  StoredCheckpoint,
  UnfinishedFetch,
} from "../protocol/engine.ts";
import type { DataReport } from "../quality/report.ts";
import type { RowProblem } from "../records/example.ts";
import type { SourceSummary } from "../records/source.ts";
import { exactGrader, type Grader } from "../run/grading/grader.ts";
import type { Recipe } from "../run/recipe.ts";
import type { RunRecord } from "../run/record.ts";
import type { WholeExamResult } from "../run/results.ts";
import type { ExampleLosses } from "../run/rowLosses.ts";
import type { RowEdit, WeightedSource } from "../run/source.ts";
import type { TemplateChoice } from "../templates/choice.ts";
import type { ContestFacts } from "./contestVote.ts";
import type { Conversation, OtherChoice } from "./conversation.ts";
import type { CurveFacts } from "./examCurve.ts";
import { type MakeFacts, noMade } from "./makeFacts.ts";
import type { SampledFacts } from "./sampled.ts";
import type { VoteFacts } from "./vote.ts";

/** An error as the page shows it. */
export interface Failure {
  readonly name: string;
  readonly message: string;
}

export function toFailure(thrown: unknown): Failure {
  return thrown instanceof Error
    ? { name: thrown.name, message: thrown.message }
    : { name: "Error", message: String(thrown) };
}

/** Progress of a long call of a worker. */
export interface CallProgress {
  readonly task: string;
  readonly done: number;
  readonly total: number | null;
}

/** Progress of the present long calls, apart from the rest because it changes many times a second. */
export interface ProgressFacts {
  /** Not of training, which reports steps. */
  readonly engine: CallProgress | null;
  /** Of reading files, or of the check of all rows. */
  readonly data: CallProgress | null;
}

export interface EngineFacts {
  readonly status: "starting" | "ready" | "failed";
  readonly choice: ProviderChoice;
  readonly report: EngineReport | null;
  readonly failure: Failure | null;
}

export interface ModelFacts {
  /** Stored in this browser or open in the engine. */
  readonly list: readonly ModelSummary[];
  /** Hashes of the models that are open in the engine. */
  readonly open: readonly string[];
  readonly selected: string | null;
  readonly opening: boolean;
  /** Origin of the last opened model: progress and failure are shown there. */
  readonly from: "page" | "disk" | "network" | "kept" | null;
  readonly failure: Failure | null;
  /** Inspection of a model before its download. */
  readonly lookup: LookupFacts;
  /** Interrupted downloads, the newest first. */
  readonly fetches: readonly UnfinishedFetch[];
  /** Null until it is loaded. */
  readonly catalogue: readonly CatalogueEntry[] | null;
  /** Of the selected model; null until they are loaded. */
  readonly details: ModelDetails | null;
}

/** Inspection of a model before its download. */
export interface LookupFacts {
  readonly looking: boolean;
  readonly found: ModelInspection | null;
  readonly failure: Failure | null;
}

/** Rows that were excluded together, and can be included again together. */
export interface Exclusion {
  /** Common reason of the rows. */
  readonly title: string;
  /** Row numbers by the hash of their source; only rows that this exclusion added. */
  readonly rows: Readonly<Record<string, readonly number[]>>;
}

export interface DataFacts {
  /** Stored in this browser, or read since the page was opened. */
  readonly list: readonly SourceSummary[];
  /** Sources of the next run, in the order of choice. */
  readonly chosen: readonly WeightedSource[];
  readonly opening: boolean;
  /** Files that could not be read, each with the reason. */
  readonly failures: readonly { readonly name: string; readonly message: string }[];
  readonly failure: Failure | null;
  /** Exclusions of this session that can be undone, the newest last. */
  readonly exclusions: readonly Exclusion[];
  /** Hash of the model whose tokenizer the data worker has. */
  readonly model: string | null;
  /** The template that suits that model: its own, or one whose marks its tokenizer knows. */
  readonly suggested: TemplateChoice | null;
  readonly modelFailure: Failure | null;
}

/** A row that is being edited. */
export interface RowDraft {
  /** The row's JSON text when its draft was opened; an empty row where it could not be read. */
  readonly base: string;
  /** The draft as JSON text, always valid. */
  readonly text: string;
  /** Typed texts that are not valid JSON yet, by the path of their field; "" is the whole row. */
  readonly pending: Readonly<Record<string, string>>;
}

/** Key of a row's draft. */
export const draftKey = (hash: string, row: number) => `${hash} ${row}`;

/** Whether a draft differs from its row. */
export const isChanged = ({ base, text, pending }: RowDraft) => text !== base || Object.keys(pending).length > 0;

/** Rows of a dataset that were changed together; null is the file's value. */
export interface EditStep {
  readonly hash: string;
  readonly changes: readonly { readonly row: number; readonly before: string | null; readonly after: string | null }[];
}

export interface EditFacts {
  /** Saved edits by the hash of their dataset, also of datasets that are not chosen. */
  readonly saved: Readonly<Record<string, readonly RowEdit[]>>;
  /** Open drafts by `draftKey`. */
  readonly drafts: Readonly<Record<string, RowDraft>>;
  /** Steps of this session that can be undone, the newest last. */
  readonly done: readonly EditStep[];
  /** Undone steps that can be repeated, the last undone last. */
  readonly undone: readonly EditStep[];
  readonly failure: Failure | null;
}

export interface PreviewFacts {
  /** Hash of the shown source; null is the first one. */
  readonly source: string | null;
  /** Index of the record, from 0. */
  readonly row: number;
  readonly problemsOnly: boolean;
  readonly view: PreviewView;
  readonly shown: PreviewRow | null;
  readonly loading: boolean;
  readonly failure: Failure | null;
}

export interface ReportFacts {
  readonly report: DataReport | null;
  /** Key of the report's spec; the report is out of date where the present key differs. */
  readonly key: string | null;
  readonly checking: boolean;
  readonly failure: Failure | null;
}

export interface RecipeFacts {
  readonly name: string;
  readonly method: Recipe["method"];
  /** Entries by field, as text; a field without an entry has the method's default. */
  readonly entries: Readonly<Record<string, string>>;
}

export interface RunsFacts {
  /** Newest first. */
  readonly list: readonly RunRecord[];
  readonly failure: Failure | null;
  /** Bytes of each run's checkpoints by run id, as last measured. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Removed from the list; can still be restored. */
  readonly leaving: RunRecord | null;
  readonly importing: boolean;
  /** Result of the last import; `added` is false where the run existed already. */
  readonly imported: {
    readonly runId: string;
    readonly name: string;
    readonly added: boolean;
    readonly notes: readonly string[];
  } | null;
  /** Opening of another tool's files, and its last result; `added` is false where the weights were open before. */
  readonly tuned: {
    readonly opening: boolean;
    readonly opened: RunsFacts["imported"];
    readonly failure: Failure | null;
  };
  /** The run of the Take away screen; null is the newest run with a step. */
  readonly takeAway: string | null;
  /** Whether storage is persistent; null where the browser does not report it. */
  readonly persistent: boolean | null;
  /** Whether this page requested persistent storage. */
  readonly persistenceRequested: boolean;
}

export interface GeneralFacts {
  /** Whether general text is being read from a file, or written by the model. */
  readonly busy: "reading" | "writing" | null;
  readonly failure: Failure | null;
}

export interface StartingFacts {
  /** The run whose newest weights the next run starts from; null is the base model. */
  readonly runId: string | null;
}

export interface BudgetFacts {
  /** The last measured budget; null before the first. */
  readonly budget: Budget | null;
  /** Key of the budget's run (`budgetKey`); the budget is out of date where the present key differs. */
  readonly key: string | null;
  /** Key of the run that is being measured. */
  readonly measuring: string | null;
  readonly failure: Failure | null;
  /** Key of the run whose measurement failed. */
  readonly failedKey: string | null;
}

export interface BaseLossFacts {
  /** By `baseLossKey`. */
  readonly results: Readonly<Record<string, BaseLoss>>;
  /** Key of the run whose base is measured. */
  readonly measuring: string | null;
  readonly failure: Failure | null;
  readonly failedKey: string | null;
}

/** As typed; each may be empty. */
export interface WatchingFacts {
  readonly prompt: string;
  /** From 1. */
  readonly row: string;
  /** Hash of the source that the row is of; null is the first chosen one. */
  readonly source: string | null;
}

export interface NoticeFacts {
  /** Whether a notification is shown at the end of a run. */
  readonly wanted: boolean;
  /** Whether the browser refused the last request. */
  readonly refused: boolean;
}

/** A part of a run before its first step. */
export interface BeforePart extends CallProgress {
  /** Milliseconds of a monotonic clock. */
  readonly startedAt: number;
  /** Null until it ends. */
  readonly seconds: number | null;
}

export interface TrainingFacts {
  readonly phase: "idle" | "preparing" | "running" | "pausing" | "cancelling";
  /** Between Start and the first step, in order; the list stays until the next start. */
  readonly before: readonly BeforePart[];
  /** Whether the rest before the first step is being skipped. */
  readonly skipping: boolean;
  /** The run that the page shows; null before the first. */
  readonly runId: string | null;
  readonly failure: Failure | null;
  /** Rows left out of the run. */
  readonly dropped: readonly RowProblem[];
  /** Step of the newest checkpoint written in this session. */
  readonly checkpoint: number | null;
  /** Whether a requested checkpoint is still pending. */
  readonly saving: boolean;
  /** Whether another tab of this browser trains a run: this tab then starts none. */
  readonly elsewhere: boolean;
}

export interface CompareFacts {
  readonly question: string;
  /** The run that answers beside the base model; "" is none, null is the newest that can answer. */
  readonly runId: string | null;
  /** Another checkpoint that answers; null is none. */
  readonly other: OtherChoice | null;
  /** Stored checkpoints by run id, where loaded. */
  readonly checkpoints: Readonly<Record<string, readonly StoredCheckpoint[]>>;
  /** Sampling settings as typed, by field. */
  readonly entries: Readonly<Record<string, string>>;
  readonly answering: boolean;
  /** All conversations, the newest first; they outlive the page. */
  readonly conversations: readonly Conversation[];
  /** Id of the shown conversation; null before its first question. */
  readonly present: string | null;
  /** Removed in this session, the last one last; each can be restored. */
  readonly removed: readonly Conversation[];
  readonly failure: Failure | null;
}

/** The exam that comes with the page, or one that was read from files. */
export type ExamChoice = "demo" | "own";

/** Whose results: a base model, and the run that is compared with it; null is none. */
export interface ExamOwner {
  readonly modelHash: string;
  readonly runId: string | null;
}

/** What an exam showed, and of whom. */
export interface ExamResults {
  readonly owner: ExamOwner;
  /** The base model's name. */
  readonly model: string;
  /** The run that takes or has taken it. */
  readonly run: { readonly id: string; readonly name: string } | null;
  /** Null where its answers are not stored. */
  readonly base: WholeExamResult | null;
  /** Null without a run, and until it has answered. */
  readonly tuned: WholeExamResult | null;
}

/** How an exam's answers are judged and drawn. */
export interface ExamDraws {
  /** Of questions without their own. */
  readonly grader: Grader;
  /** Number of results of each checkpoint on the curve; above 1, answers are drawn at `temperature`. */
  readonly seeds: number;
  readonly temperature: number;
}

export interface ExamFacts {
  readonly settings: ExamDraws;
  /** Null until one is chosen: the page's own where its data are learnt. */
  readonly choice: ExamChoice | null;
  /** As read; null before. */
  readonly demo: Exam | null;
  readonly own: Exam | null;
  /** Who answers now. */
  readonly phase: "idle" | "reading" | "base" | "tuned" | "curve";
  /** Of the exam that is shown. */
  readonly results: ExamResults | null;
  /** All that are stored of a run and its base model, newest first; null until they are listed. */
  readonly stored: {
    readonly owner: ExamOwner;
    readonly exams: readonly ListedExam[];
    readonly problems: readonly string[];
  } | null;
  readonly failure: Failure | null;
}

export interface RowLossFacts {
  /** The run and checkpoint that are shown; a null checkpoint is the newest. */
  readonly of: { readonly runId: string; readonly checkpoint: number | null } | null;
  /** Null where none are measured. */
  readonly losses: ExampleLosses | null;
  /** A line of text for each row of each source of the run; empty until it is loaded. */
  readonly texts: readonly (readonly string[])[];
  readonly measuring: boolean;
  readonly failure: Failure | null;
}

/** The screens of the page. */
export type PageName =
  | "model"
  | "data"
  | "template"
  | "train"
  | "compare"
  | "take-away"
  | "runs"
  | "machine"
  | "glossary";

export interface PlaceFacts {
  readonly page: PageName;
  /** Id of the part to scroll to. Compared by identity: set a new object to scroll again. */
  readonly part: string | null;
}

export interface WelcomeFacts {
  /** Whether the first visit's model and data are loaded, or not needed. */
  readonly settled: boolean;
  /** Whether this browser loaded them once; saved across reloads. */
  readonly done: boolean;
}

export interface UpdateFacts {
  /** Gain of a reload: a new version, or threads on a host without isolation headers. */
  readonly reload: "version" | "threads" | null;
}

export interface HoneState {
  readonly place: PlaceFacts;
  readonly welcome: WelcomeFacts;
  readonly update: UpdateFacts;
  readonly progress: ProgressFacts;
  readonly engine: EngineFacts;
  readonly model: ModelFacts;
  readonly data: DataFacts;
  readonly edits: EditFacts;
  readonly preview: PreviewFacts;
  readonly report: ReportFacts;
  readonly recipe: RecipeFacts;
  readonly runs: RunsFacts;
  readonly starting: StartingFacts;
  readonly general: GeneralFacts;
  readonly budget: BudgetFacts;
  readonly baseLoss: BaseLossFacts;
  readonly watching: WatchingFacts;
  readonly notice: NoticeFacts;
  readonly training: TrainingFacts;
  readonly compare: CompareFacts;
  readonly exam: ExamFacts;
  readonly rowLosses: RowLossFacts;
  readonly make: MakeFacts;
  readonly curve: CurveFacts;
  readonly contest: ContestFacts;
  readonly vote: VoteFacts;
  readonly sampled: SampledFacts;
}

export const initialState: HoneState = {
  place: { page: "train", part: null },
  welcome: { settled: false, done: false },
  update: { reload: null },
  progress: { engine: null, data: null },
  engine: { status: "starting", choice: "auto", report: null, failure: null },
  model: {
    list: [],
    open: [],
    selected: null,
    opening: false,
    from: null,
    failure: null,
    lookup: { looking: false, found: null, failure: null },
    fetches: [],
    catalogue: null,
    details: null,
  },
  data: {
    list: [],
    chosen: [],
    opening: false,
    failures: [],
    failure: null,
    exclusions: [],
    model: null,
    suggested: null,
    modelFailure: null,
  },
  edits: { saved: {}, drafts: {}, done: [], undone: [], failure: null },
  preview: { source: null, row: 0, problemsOnly: false, view: "training", shown: null, loading: false, failure: null },
  report: { report: null, key: null, checking: false, failure: null },
  recipe: { name: "", method: "lora", entries: {} },
  runs: {
    list: [],
    failure: null,
    sizes: {},
    leaving: null,
    importing: false,
    imported: null,
    tuned: { opening: false, opened: null, failure: null },
    takeAway: null,
    persistent: null,
    persistenceRequested: false,
  },
  starting: { runId: null },
  general: { busy: null, failure: null },
  budget: { budget: null, key: null, measuring: null, failure: null, failedKey: null },
  baseLoss: { results: {}, measuring: null, failure: null, failedKey: null },
  watching: { prompt: "", row: "", source: null },
  notice: { wanted: false, refused: false },
  training: {
    phase: "idle",
    before: [],
    skipping: false,
    runId: null,
    failure: null,
    dropped: [],
    checkpoint: null,
    saving: false,
    elsewhere: false,
  },
  compare: {
    question: "",
    runId: null,
    other: null,
    checkpoints: {},
    entries: {},
    answering: false,
    conversations: [],
    present: null,
    removed: [],
    failure: null,
  },
  exam: {
    settings: { grader: exactGrader, seeds: 1, temperature: 0.7 },
    choice: null,
    demo: null,
    own: null,
    phase: "idle",
    results: null,
    stored: null,
    failure: null,
  },
  curve: { runs: null, shown: null, going: null, failure: null },
  contest: { votes: null, ballot: null, complete: false, failure: null },
  rowLosses: { of: null, losses: null, texts: [], measuring: false, failure: null },
  make: noMade,
  vote: { round: null, stored: null, failure: null },
  sampled: { pairs: [], prompts: "", drawing: null, alike: 0, used: null, failure: null },
};

/** What may be asked of the data worker, by the page and by the engine, and what it tells. Plain data both ways. */

import type { ExportedTemplate, TrainedTemplate, WrittenTemplate } from "../export/template.ts";
import type { ExamQuestion } from "../generation/examine.ts";
import type { Prompt } from "../generation/prompt.ts";
import type { DataReport } from "../quality/report.ts";
import type { DataSettings } from "../quality/tokenize.ts";
import type { Message, Role, RowProblem } from "../records/example.ts";
import type { Mapping } from "../records/formats/mapping.ts";
import type { SourceSummary } from "../records/source.ts";
import type { DataSpec } from "../run/dataSpec.ts";
import type { TemplateChoice } from "../templates/choice.ts";
import type { SpanProof } from "../templates/template.ts";

/** What a data worker needs of a model: its tokenizer and its own template. */
export interface TokenizerFiles {
  readonly modelHash: string;
  readonly tokenizerJson: unknown;
  readonly tokenizerConfig: unknown;
  /** Jinja, from chat_template.jinja or tokenizer_config.json; null when the model brings none. */
  readonly chatTemplate: string | null;
  readonly contextLength: number;
}

/** One line of the list of rows. */
export interface RowHead {
  readonly row: number;
  /** The beginning of the row's text. */
  readonly text: string;
  readonly tokens: number;
  readonly supervised: number;
  /** Supervised tokens that truncation cuts away. */
  readonly lost: number;
  readonly state: "used" | "excluded" | "left out" | "kept for later";
  /** Why it is left out. */
  readonly problem: string | null;
}

/** An example as the model will see it. Offsets are UTF-16 offsets in `text`. */
export interface PreviewExample {
  /** What the row says, message by message; plain text is one message without a role. */
  readonly messages: readonly { readonly role: Role | null; readonly content: string; readonly weight: number }[];
  /** The rendered template, as the tokenizer reads it. */
  readonly text: string;
  readonly spans: readonly {
    readonly start: number;
    readonly end: number;
    readonly role: Role | null;
    /** Index into `messages`, null for the template's own text between turns. */
    readonly message: number | null;
    readonly kind: "control" | "content";
    readonly supervised: boolean;
  }[];
  readonly tokens: readonly {
    readonly id: number;
    /** Its bytes as text; what is no character by itself is shown as <0xE2>. */
    readonly text: string;
    readonly start: number;
    readonly end: number;
    /** Loss weight; 0 where it is not supervised. */
    readonly weight: number;
    /** Whether it lies over a border of the mask, and so is masked. */
    readonly straddles: boolean;
    /** Whether the length limit cuts it away. */
    readonly cut: boolean;
  }[];
  readonly proof: SpanProof;
  readonly supervised: number;
  readonly lost: number;
  /** Why this example is left out, null when it is used. */
  readonly problem: string | null;
}

/**
 * A row as a run learns from it, or the prompt that asks for its last answer: up to there, with the header of the answer
 * that is to be generated, and nothing learnt.
 */
export type PreviewView = "learnt" | "asked";

export interface PreviewRow {
  readonly source: number;
  readonly row: number;
  readonly line: number;
  /** The row as its file has it, as indented JSON (or the text itself). */
  readonly raw: string;
  /** Usually one; the threads of a tree of replies are several. */
  readonly examples: readonly PreviewExample[];
  /** Why it gives no example. */
  readonly problem: string | null;
}

/** Tokens, mask and weights of all usable examples, flat; example i holds tokens offsets[i] to offsets[i+1]. */
export interface TokenTable {
  /** int32 [tokens] */
  readonly ids: Int32Array<ArrayBuffer>;
  /** uint8 [tokens]; 1 where the token is supervised */
  readonly mask: Uint8Array<ArrayBuffer>;
  /** float32 [tokens]; loss weights of supervised tokens */
  readonly weights: Float32Array<ArrayBuffer>;
  /** float64 [examples + 1], as tokens may be more than 2³¹ */
  readonly offsets: Float64Array<ArrayBuffer>;
  /** int32 [examples]; index into the sources of the spec */
  readonly sources: Int32Array<ArrayBuffer>;
  /** int32 [examples]; index of the record in its source */
  readonly rows: Int32Array<ArrayBuffer>;
  /** int32 [examples]; line of the source's file on which the record begins, from 1 */
  readonly lines: Int32Array<ArrayBuffer>;
  /** int8 [examples]; 0 where the row names no split, 1 training, 2 validation */
  readonly splits: Int8Array<ArrayBuffer>;
  /** int8 [examples]; 0 for plain text, 1 for a chat */
  readonly kinds: Int8Array<ArrayBuffer>;
}

/** What the engine trains on. */
export interface PreparedData {
  readonly table: TokenTable;
  readonly report: DataReport;
  readonly sourceNames: readonly string[];
}

export interface OpenedFiles {
  readonly sources: readonly SourceSummary[];
  /** Files that could not be read at all, each with the reason; the others are there. */
  readonly failures: readonly { readonly name: string; readonly message: string }[];
}

export interface ExamItem extends ExamQuestion {
  /** What of the exam it belongs to, such as "held-out tasks"; null where the row names none. */
  readonly group: string | null;
  readonly task: string | null;
}

/** Questions with known answers, and general text that shows what a model forgets. */
export interface Exam {
  readonly name: string;
  /** SHA-256 over questions and texts. */
  readonly hash: string;
  readonly questions: readonly ExamItem[];
  readonly texts: readonly string[];
  /** Rows that are neither, with the reason. */
  readonly problems: readonly RowProblem[];
}

/** How a template reads on a short conversation of ours, while it is being written. */
export type TemplateTrial =
  | { readonly ok: true; readonly example: PreviewExample; readonly stop: string }
  | {
      readonly ok: false;
      readonly message: string;
      readonly place: { readonly line: number; readonly column: number } | null;
    };

/** Name of the error for a model that `addModel` has not brought: a worker that was ended takes its models with it. */
export const unknownModel = "UnknownModel";

export type Conversation = readonly Pick<Message, "role" | "content">[];

/** A model, and how conversations are rendered for it. */
export interface PromptSettings {
  readonly modelHash: string;
  readonly template: TemplateChoice;
  readonly systemPrompt: string | null;
}

/**
 * Every method returns a promise; `signal` cancels it with an AbortError. Templates and tokenizers run here and nowhere else,
 * because a stranger's pattern may never end. A method that needs a model rejects with `unknownModel` before `addModel`.
 */
export interface DataApi {
  /** Brings a model, and gives the template that suits it. Rejects for a tokenizer that is not supported. */
  addModel(model: TokenizerFiles, signal?: AbortSignal): Promise<{ readonly template: TemplateChoice }>;
  /** Reads files and keeps their rows in this browser. */
  open(files: readonly File[], signal?: AbortSignal): Promise<OpenedFiles>;
  /** Reads rows from pasted text. */
  paste(name: string, text: string, signal?: AbortSignal): Promise<SourceSummary>;
  list(): Promise<SourceSummary[]>;
  delete(hash: string): Promise<void>;
  /** Reads an exam from files of rows; nothing of it is kept. */
  exam(files: readonly File[], signal?: AbortSignal): Promise<Exam>;
  /** Rows `from` to `to` (exclusive) of one source of the spec, as a list shows them. */
  heads(spec: DataSpec, source: number, from: number, to: number, signal?: AbortSignal): Promise<RowHead[]>;
  row(spec: DataSpec, source: number, row: number, view?: PreviewView, signal?: AbortSignal): Promise<PreviewRow>;
  /** Goes through every row of every source; progress comes as events. */
  inspect(spec: DataSpec, signal?: AbortSignal): Promise<DataReport>;
  /** The tokens of every usable row, and the report on them. For the engine. */
  prepare(spec: DataSpec, signal?: AbortSignal): Promise<PreparedData>;
  /** Tries a template on a short conversation. */
  tryTemplate(modelHash: string, settings: DataSettings, signal?: AbortSignal): Promise<TemplateTrial>;
  /** Questions and answers of the first usable chat rows among these, for samples. For the engine. */
  questions(
    spec: DataSpec,
    rows: readonly { readonly source: number; readonly row: number }[],
    signal?: AbortSignal,
  ): Promise<readonly { readonly prompt: string; readonly reference: string }[]>;
  /** The tokens of conversations up to the header of the next answer. For the engine. */
  prompts(settings: PromptSettings, conversations: readonly Conversation[], signal?: AbortSignal): Promise<Prompt[]>;
  /** Tokens of texts by themselves, without BOS or EOS: how long answers are. For the engine. */
  countTokens(modelHash: string, texts: readonly string[], signal?: AbortSignal): Promise<number[]>;
  /** Token ids of texts as plain text is trained on. For the engine. */
  encodeTexts(modelHash: string, texts: readonly string[], signal?: AbortSignal): Promise<Int32Array[]>;
  /** See `expressTemplate`. For exports. */
  expressTemplate(modelHash: string, trained: TrainedTemplate, signal?: AbortSignal): Promise<ExportedTemplate>;
  /** See `requireSameTemplate`. For exports. */
  requireSameTemplate(
    modelHash: string,
    trained: TrainedTemplate,
    written: WrittenTemplate,
    signal?: AbortSignal,
  ): Promise<void>;
}

export type DataEvent = {
  readonly type: "dataProgress";
  readonly task: string;
  readonly done: number;
  readonly total: number | null;
};

export type { Mapping };

/** The dataset service's contract: the calls of the page and of the engine, and its events. Plain data both ways. */

import type { HandOverRows } from "../export/handOver/rows.ts";
import type { ExportedTemplate, TrainedTemplate, WrittenTemplate } from "../export/template.ts";
import type { ExamQuestion } from "../generation/examine.ts";
import type { Prompt } from "../generation/prompt.ts";
import type { DataReport } from "../quality/report.ts";
import type { DataSettings } from "../quality/tokenize.ts";
import type { Passage } from "../records/documents/passages.ts";
import type { Message, Role, RowProblem } from "../records/example.ts";
import type { Mapping } from "../records/formats/mapping.ts";
import type { SourceSummary } from "../records/source.ts";
import type { DataSpec } from "../run/dataSpec.ts";
import type { RowEdit, SourceChoice } from "../run/source.ts";
import type { TemplateChoice } from "../templates/choice.ts";
import type { SpanProof } from "../templates/template.ts";
import type { TokenizerToWrite, WrittenTokenizer } from "../tokenizer/toGguf.ts";

/** The parts of a model that the dataset service needs: its tokenizer and its own template. */
export interface TokenizerFiles {
  readonly modelHash: string;
  readonly tokenizerJson: unknown;
  readonly tokenizerConfig: unknown;
  /** Jinja, from chat_template.jinja or tokenizer_config.json; null when the model has none. */
  readonly chatTemplate: string | null;
  readonly contextLength: number;
  /** Rows of the model's embedding; a text with a token beyond them is refused. */
  readonly vocabulary?: number;
  /** The `model_type` of `config.json`. */
  readonly modelType?: string | null;
}

/** A row in the list of rows. */
export interface RowHead {
  readonly row: number;
  /** The beginning of the row's text. */
  readonly text: string;
  readonly tokens: number;
  readonly supervised: number;
  /** Supervised tokens that truncation removes. */
  readonly lost: number;
  /** "preference": a row with chosen or rejected answers, and no stage trains on them. */
  readonly state: "used" | "excluded" | "left out" | "preference";
  /** Why it is left out. */
  readonly problem: string | null;
}

/** A message with what it carries. JSON texts are indented, with numbers as the file writes them. */
export interface PreviewMessage {
  /** Null for plain text. */
  readonly role: Role | null;
  readonly content: string;
  /** Loss weight; 0 for context. */
  readonly weight: number;
  /** JSON text of a content that is a list or an object; null where the content is a text. */
  readonly structured: string | null;
  readonly reasoning: { readonly key: string; readonly text: string } | null;
  readonly toolCalls: readonly { readonly name: string; readonly id: string | null; readonly arguments: string }[];
  /** In a tool's result: the name of the tool, where it is known. */
  readonly tool: string | null;
  /** The other fields, each with its JSON text. */
  readonly fields: readonly (readonly [key: string, text: string])[];
  /** Fields that the template does not write: "content", "reasoning_content", "tool_calls". */
  readonly dropped: readonly string[];
}

/** The description of a tool; null where it has no name. */
export interface PreviewTool {
  readonly name: string | null;
  readonly text: string;
}

/** An example as the model reads it. Offsets are UTF-16 offsets in `text`. */
export interface PreviewExample {
  /** The row's messages; plain text is one message without a role. */
  readonly messages: readonly PreviewMessage[];
  /** The tools that the row's answers may call. */
  readonly tools: readonly PreviewTool[];
  /** Which answer of its row it trains, where each answer is an example of its own. */
  readonly turn?: { readonly nth: number; readonly of: number };
  /**
   * In a preference row: which answer it is, and where it begins among the messages. The two answers of a pair follow each
   * other, the chosen one first; `paired` is false for a single answer with a label.
   */
  readonly answer?: { readonly side: "chosen" | "rejected"; readonly paired: boolean; readonly begin: number };
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
    /** Its bytes as text; a byte that is no character by itself is shown as <0xE2>. */
    readonly text: string;
    readonly start: number;
    readonly end: number;
    /** Loss weight; 0 where it is not supervised. */
    readonly weight: number;
    /** Whether it crosses a boundary of the mask, and so is not supervised. */
    readonly straddles: boolean;
    /** Whether the length limit removes it. */
    readonly cut: boolean;
  }[];
  readonly proof: SpanProof;
  readonly supervised: number;
  readonly lost: number;
  /** Why this example is left out, null when it is used. */
  readonly problem: string | null;
}

/** "training": the row as a run trains on it. "prompt": the prompt of its last answer, in which no token is supervised. */
export type PreviewView = "training" | "prompt";

export interface PreviewRow {
  readonly source: number;
  readonly row: number;
  readonly line: number;
  /** The row with its edit as indented JSON text; null where it cannot be read. */
  readonly value: string | null;
  /** Whether the user edited it. */
  readonly edited: boolean;
  /** Usually one; a tree of replies gives one for each thread. */
  readonly examples: readonly PreviewExample[];
  /** Why the row gives no example; null when it gives one. */
  readonly problem: string | null;
}

/** The new value of a row as JSON text; null for the file's own. */
export interface RowChange {
  readonly row: number;
  readonly value: string | null;
}

/** "rows": each row in its own form. "messages": each example as a chat, a text, or a prompt with two answers. */
export type RowForm = "rows" | "messages";

/** Rows as JSON Lines. */
export interface WrittenRows {
  readonly content: Blob;
  /** Number of lines. */
  readonly rows: number;
  readonly excluded: number;
  /** Rows that could not be read or converted. */
  readonly leftOut: number;
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
  /** int8 [examples]; 0 for plain text, 1 for a chat, 2 for a wanted and 3 for an unwanted answer */
  readonly kinds: Int8Array<ArrayBuffer>;
  /** int32 [examples]; index of the other answer of a pair, in both directions; −1 for every other example */
  readonly partners: Int32Array<ArrayBuffer>;
}

/** The data of a run or a budget. */
export interface PreparedData {
  readonly table: TokenTable;
  readonly report: DataReport;
  readonly sourceNames: readonly string[];
}

export interface OpenedFiles {
  readonly sources: readonly SourceSummary[];
  /** Files that cannot be read, each with the reason. */
  readonly failures: readonly { readonly name: string; readonly message: string }[];
}

/** The passages of documents, in order. */
export interface OpenedDocuments {
  readonly documents: readonly { readonly name: string; readonly passages: readonly Passage[] }[];
  /** Documents that cannot be read, each with the reason. */
  readonly failures: readonly { readonly name: string; readonly message: string }[];
}

export interface ExamItem extends ExamQuestion {
  /** The group of questions, such as "held-out tasks"; null where the row names none. */
  readonly group: string | null;
  readonly task: string | null;
}

/** Questions with known answers, and general texts whose loss shows what a model forgets. */
export interface Exam {
  readonly name: string;
  /** SHA-256 over questions and texts. */
  readonly hash: string;
  readonly questions: readonly ExamItem[];
  readonly texts: readonly string[];
  /** Rows that are neither a question nor a text, with the reason. */
  readonly problems: readonly RowProblem[];
}

/** A template rendered on a fixed short conversation, while a person writes it. */
export type TemplateTrial =
  | { readonly ok: true; readonly example: PreviewExample; readonly stop: string }
  | {
      readonly ok: false;
      readonly message: string;
      readonly place: { readonly line: number; readonly column: number } | null;
    };

/** Name of the error for a model without `addModel`; a new worker has no models. */
export const unknownModel = "UnknownModel";

/**
 * Does `call`; where the service does not know the model, adds it and does `call` once more. `addModel` returns null where
 * there is none to add.
 */
export async function withModel<T>(call: () => Promise<T>, addModel: () => Promise<unknown> | null): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const adding = error instanceof Error && error.name === unknownModel ? addModel() : null;
    if (!adding) throw error;
    await adding;
    return call();
  }
}

export type Conversation = readonly Pick<Message, "role" | "content">[];

/** A model, and how conversations are rendered for it. */
export interface PromptSettings {
  readonly modelHash: string;
  readonly template: TemplateChoice;
  readonly systemPrompt: string | null;
}

/**
 * Every method returns a promise; `signal` cancels it with an AbortError. Templates and tokenizers run only here, because a
 * stranger's pattern may never end. Before `addModel`, a method that needs the model rejects with `unknownModel`.
 */
export interface DataApi {
  /** Adds a model, and returns the template that suits it. Rejects for a tokenizer that is not supported. */
  addModel(model: TokenizerFiles, signal?: AbortSignal): Promise<{ readonly template: TemplateChoice }>;
  /** Reads files and stores their rows in this browser. */
  open(files: readonly File[], signal?: AbortSignal): Promise<OpenedFiles>;
  /** Reads rows from pasted text. */
  paste(name: string, text: string, signal?: AbortSignal): Promise<SourceSummary>;
  list(): Promise<SourceSummary[]>;
  /** Also deletes its edits. */
  delete(hash: string): Promise<void>;
  /** The edited rows of a dataset, ascending. */
  edits(hash: string): Promise<readonly RowEdit[]>;
  /** Changes rows of a dataset, all or none, and returns all its edits. Rejects for a text that is no JSON. */
  editRows(hash: string, changes: readonly RowChange[]): Promise<readonly RowEdit[]>;
  /** A line of text for each row of a source, with its edits: question and answer, or the beginning of the text. */
  rowTexts(source: SourceChoice, signal?: AbortSignal): Promise<readonly string[]>;
  /** The rows of a source as JSON Lines, with its edits, without its excluded rows. */
  writeRows(source: SourceChoice, form: RowForm, signal?: AbortSignal): Promise<WrittenRows>;
  /** Cuts documents (text, Markdown, HTML, PDF, Word) into passages, and stores nothing. */
  passages(files: readonly File[], signal?: AbortSignal): Promise<OpenedDocuments>;
  /** Reads an exam from files of rows, and stores nothing. */
  exam(files: readonly File[], signal?: AbortSignal): Promise<Exam>;
  /** Rows `from` to `to` (exclusive) of one source of the spec, for the list of rows. */
  heads(spec: DataSpec, source: number, from: number, to: number, signal?: AbortSignal): Promise<RowHead[]>;
  row(spec: DataSpec, source: number, row: number, view?: PreviewView, signal?: AbortSignal): Promise<PreviewRow>;
  /** Checks every row of every source; progress comes as events. */
  inspect(spec: DataSpec, signal?: AbortSignal): Promise<DataReport>;
  /** The tokens of every usable row, and the report on them. For the engine. */
  prepare(spec: DataSpec, signal?: AbortSignal): Promise<PreparedData>;
  /** The rows of `prepare` for other trainers. For the engine. */
  handOverRows(spec: DataSpec, signal?: AbortSignal): Promise<HandOverRows>;
  /** Renders a template on a short conversation. */
  tryTemplate(modelHash: string, settings: DataSettings, signal?: AbortSignal): Promise<TemplateTrial>;
  /** Questions of these rows with their answers, each question once; rows without one are skipped. For the engine. */
  questions(
    spec: DataSpec,
    rows: readonly { readonly source: number; readonly row: number }[],
    signal?: AbortSignal,
  ): Promise<readonly { readonly prompt: string; readonly reference: string }[]>;
  /** The tokens of conversations up to the header of the next answer. For the engine. */
  prompts(settings: PromptSettings, conversations: readonly Conversation[], signal?: AbortSignal): Promise<Prompt[]>;
  /** Token counts of texts, without BOS and EOS. For the engine. */
  countTokens(modelHash: string, texts: readonly string[], signal?: AbortSignal): Promise<number[]>;
  /** Token ids of texts by themselves, without BOS and EOS. For the engine. */
  tokensOf(modelHash: string, texts: readonly string[], signal?: AbortSignal): Promise<Int32Array[]>;
  /** Token ids of texts, rendered as plain text for training. For the engine. */
  encodeTexts(modelHash: string, texts: readonly string[], signal?: AbortSignal): Promise<Int32Array[]>;
  /** See `expressTemplate`. For exports. */
  expressTemplate(modelHash: string, trained: TrainedTemplate, signal?: AbortSignal): Promise<ExportedTemplate>;
  /** See `tokenizerToGguf`. For exports. */
  ggufTokenizer(given: TokenizerToWrite, signal?: AbortSignal): Promise<WrittenTokenizer>;
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

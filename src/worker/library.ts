/** The models at hand: opened from files, an address, or the copies that this browser keeps. */

import * as v from "valibot";
import { checkpointTensors } from "../artifacts/method.ts";
import { createTokenizer, type Tokenizer } from "../data/tokenizer/tokenizer.ts";
import { type ModelFiles, modelFromAddress, modelFromFiles, modelFromSources } from "../hub/files.ts";
import { type OpenModel, openModel } from "../hub/model.ts";
import { type LlamaConfig, readConfig } from "../models/llama.ts";
import { StorageError } from "../storage/errors.ts";
import type { Storage } from "../storage/storage.ts";
import type { TokenizerFiles } from "./dataProtocol.ts";
import type { EngineEvent, ModelSource, ModelSummary } from "./protocol.ts";

export interface LoadedModel {
  readonly summary: ModelSummary;
  readonly config: LlamaConfig;
  readonly tokenizer: Tokenizer;
  /** What the data worker needs to know of it. */
  readonly files: TokenizerFiles;
  /** A tensor as float32. */
  readonly read: OpenModel["read"];
  /** Its files as they were opened. */
  readonly opened: OpenModel;
}

export interface Library {
  openModel(source: ModelSource, signal?: AbortSignal): Promise<LoadedModel>;
  /** The model of a run or a question. Throws when it is neither open nor kept. */
  model(hash: string): Promise<LoadedModel>;
  listModels(): Promise<ModelSummary[]>;
  deleteModel(hash: string): Promise<void>;
}

const modelSummary: v.GenericSchema<unknown, ModelSummary> = v.object({
  name: v.string(),
  hash: v.string(),
  architecture: v.string(),
  parameters: v.number(),
  layers: v.number(),
  hiddenSize: v.number(),
  vocabulary: v.number(),
  contextLength: v.number(),
  chatTemplate: v.boolean(),
  byteLength: v.number(),
  stored: v.boolean(),
  notes: v.array(v.string()),
});

export function createLibrary(storage: Storage, emit: (event: EngineEvent) => void): Library {
  const models = new Map<string, LoadedModel>();
  const progress = (task: string) => (done: number, total: number | null) =>
    emit({ type: "progress", task, done, total });

  const open = (files: ModelFiles, signal: AbortSignal | undefined) =>
    openModel(files, (json) => checkpointTensors(readConfig(json)), signal ? { signal } : {});

  /** Keeps a copy under `hash`; a full disk costs the copy, not the model. Gives the reason, or null. */
  async function keep(hash: string, opened: OpenModel, summary: ModelSummary, task: string, signal?: AbortSignal) {
    try {
      const options = { onProgress: progress(task), ...(signal && { signal }) };
      await storage.models.save({ hash, name: opened.name, summary, files: opened.files }, options);
      return null;
    } catch (error) {
      if (error instanceof StorageError) return error.message;
      throw error;
    }
  }

  function describe(opened: OpenModel, hash: string, config: LlamaConfig, notes: readonly string[]): ModelSummary {
    return {
      name: opened.name,
      hash,
      architecture: config.architecture,
      parameters: opened.parameters,
      layers: config.num_hidden_layers,
      hiddenSize: config.hidden_size,
      vocabulary: config.vocab_size,
      contextLength: config.max_position_embeddings,
      chatTemplate: opened.chatTemplate !== null,
      byteLength: opened.byteLength,
      stored: true,
      notes,
    };
  }

  /** What of a model is known before its weights. Throws when tokenizer and config do not belong together. */
  function readHead(opened: OpenModel): Pick<LoadedModel, "config" | "tokenizer"> {
    const config = readConfig(opened.config);
    const tokenizer = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig);
    if (tokenizer.size > config.vocab_size) {
      throw new Error(
        `tokenizer.json has ids up to ${tokenizer.size - 1}, but config.json has a vocab_size of ${config.vocab_size}: take both from the same model.`,
      );
    }
    return { config, tokenizer };
  }

  function remember(opened: OpenModel, head: ReturnType<typeof readHead>, summary: ModelSummary): LoadedModel {
    const { tokenizerJson, tokenizerConfig, chatTemplate, read } = opened;
    const files: TokenizerFiles = {
      modelHash: summary.hash,
      tokenizerJson,
      tokenizerConfig,
      chatTemplate,
      contextLength: summary.contextLength,
    };
    const loaded = { ...head, summary, files, read, opened };
    models.set(summary.hash, loaded);
    return loaded;
  }

  async function openStored(hash: string): Promise<LoadedModel | null> {
    const entry = await storage.models.get(hash);
    const files = entry && (await storage.models.open(hash));
    if (!entry || !files) return null;
    const summary = v.safeParse(modelSummary, entry.summary);
    const opened = await open(modelFromSources(entry.name, files), undefined);
    const head = readHead(opened);
    const described = summary.success ? summary.output : describe(opened, hash, head.config, []);
    return remember(opened, head, described);
  }

  async function openNew(files: ModelFiles, signal: AbortSignal | undefined): Promise<LoadedModel> {
    let opened = await open(files, signal);
    // Tokenizer and config are checked before the weights are fetched.
    const head = readHead(opened);
    const { notes } = opened;
    const summaryUnder = (hash: string) => describe(opened, hash, head.config, notes);

    // From the network everything is fetched once, into the browser's storage, and read from there.
    const provisional = `incomplete ${files.place}`;
    const remote = files.listing === null;
    const unkept = remote
      ? await keep(provisional, opened, summaryUnder(provisional), "Fetching the model", signal)
      : null;
    const fetched = remote && unkept === null ? await storage.models.open(provisional) : null;
    try {
      if (fetched) opened = { ...(await open(modelFromSources(opened.name, fetched), signal)), name: opened.name };
      const hash = await opened.readAll({ onProgress: progress("Checking the model"), ...(signal && { signal }) });
      const summary = summaryUnder(hash);
      const refused = unkept ?? (await keep(hash, opened, summary, "Keeping a copy of the model", signal));
      if (refused === null) return remember(opened, head, summary);
      const note = `No copy is kept in this browser, so after a reload the model has to be opened again. ${refused}`;
      const unstored = { ...summary, stored: false, notes: [...notes, note] };
      return remember(opened, head, unstored);
    } finally {
      if (fetched) await storage.models.delete(provisional);
    }
  }

  return {
    async openModel(source, signal) {
      if (source.kind === "stored") return this.model(source.hash);
      const files = source.kind === "url" ? modelFromAddress(source.base, source.files) : modelFromFiles(source.files);
      return openNew({ ...files, name: source.name ?? files.name }, signal);
    },

    async model(hash) {
      const loaded = models.get(hash) ?? (await openStored(hash));
      if (loaded) return loaded;
      throw new Error("This model is not kept in this browser any more: open it from its files or its address again.");
    },

    async listModels() {
      const { entries } = await storage.models.list();
      const kept = entries.flatMap((entry) => {
        const summary = v.safeParse(modelSummary, entry.summary);
        return summary.success && summary.output.hash === entry.hash && !entry.hash.startsWith("incomplete")
          ? [summary.output]
          : [];
      });
      const open = [...models.values()].map((model) => model.summary).filter((summary) => !summary.stored);
      return [...kept, ...open];
    },

    async deleteModel(hash) {
      models.delete(hash);
      await storage.models.delete(hash);
    },
  };
}
